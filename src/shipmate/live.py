"""What is live: the one release that answers, and what is on trial beside it."""

__all__: list[str] = []
