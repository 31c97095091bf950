"""Composition of what builds, promotes and takes back releases."""

__all__: list[str] = []
