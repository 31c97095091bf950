"""Signatures of releases and verdicts: who may say that something was built or decided here."""

__all__: list[str] = []
