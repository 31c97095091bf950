"""`canary.yml`: the variants on trial, and the rules by which one of them is promoted or taken back."""

__all__: list[str] = []
