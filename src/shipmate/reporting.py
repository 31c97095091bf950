"""Composition of what reports on the work: it reads the journal of a folder."""

__all__: list[str] = []
