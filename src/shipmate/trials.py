"""Composition of what tries a variant on live traffic: pilot and canary."""

__all__: list[str] = []
