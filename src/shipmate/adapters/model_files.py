"""What models in files share: which files are fetched, what tells a model from another, how much of a text is read."""

import hashlib
from pathlib import Path
from typing import NamedTuple

__all__ = ["Files", "fingerprint", "readable"]

DIGESTED_BYTES = 1 << 20
# No token is longer, as a rule.
TOKEN_CHARACTERS = 16


class Files(NamedTuple):
    """Which files of a model a hub is asked for."""

    # Of Shipmate: what opens them.
    extra: str
    needed: tuple[str, ...]
    # The first that the hub has is taken.
    model: tuple[str, ...]
    welcome: tuple[str, ...]


def fingerprint(model: Path, *others: Path) -> str:
    """Return eight digits that change with the model: of a large file, both ends and the size are looked at."""
    size = model.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with model.open("rb") as file:
        digest.update(file.read(DIGESTED_BYTES))
        file.seek(-min(DIGESTED_BYTES, size), 2)
        digest.update(file.read())
    for other in others:
        digest.update(other.read_bytes())
    return digest.hexdigest()[:8]


def readable(text: str, longest_tokens: int) -> str:
    """Return as much of a text as is read, without halves of surrogate pairs."""
    return text[: TOKEN_CHARACTERS * longest_tokens].encode("utf-8", "replace").decode()
