"""Composition of what tries changes before anybody sees them: evaluations, comparison, impact."""

__all__: list[str] = []
