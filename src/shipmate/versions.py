"""Opens what answers: one version of an assistant, with its collections and models."""

__all__: list[str] = []
