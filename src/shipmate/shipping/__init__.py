"""Composition of what builds, examines, promotes and takes back releases."""
