"""The property graph of the documents: what they name, and how one passage leads to another."""
