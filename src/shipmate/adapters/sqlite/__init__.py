"""The system of record on SQLite: one file, one writer, nothing to install."""
