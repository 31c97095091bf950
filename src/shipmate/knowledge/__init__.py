"""From a folder of documents to the passages that a question needs."""
