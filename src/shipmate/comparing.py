"""Composition of what puts two versions side by side, and of what an edit changes in past answers."""

__all__: list[str] = []
