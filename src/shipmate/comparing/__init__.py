"""Puts versions of an assistant side by side on what was asked, and tells what an edit of documents changes in it."""
