"""Name a passage, or a name, by 64 bits: the same ones in every index and in every run."""

from functools import lru_cache
from hashlib import blake2b

from shipmate.messages import Passage

__all__ = ["KEY_BYTES", "passage_key", "text_key"]

KEY_BYTES = 8
KEYS_KEPT = 4096


@lru_cache(maxsize=KEYS_KEPT)
def passage_key(passage: Passage) -> int:
    """Return the key of a passage: of where it stands, of all it says, and of who may see it.

    So whatever is kept under a key is kept of one passage as it is: once that changes, the key does.
    """
    seers = "\1".join(passage.audience)
    return text_key(f"{passage.source}\0{passage.start}\0{passage.end}\0{seers}\0{passage.in_full}")


def text_key(text: str) -> int:
    """Return the key of a text, as SQLite and numpy hold it: 64 bits with a sign."""
    # Half of a surrogate pair, which a careless reader lets through, has a key too.
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
    return int.from_bytes(digest, "little", signed=True)
