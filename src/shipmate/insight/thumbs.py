"""How often thumbs are taken of a turn: saying the same again is no news, and changing one's mind has an end."""

from typing import NamedTuple

from shipmate.errors import RateLimited

__all__ = ["Thumbs"]

# So often in an hour somebody may change their mind of one turn.
CHANGES = 10
SPAN_S = 3600.0
# Of so many turns the last word is remembered, those forgotten first of which nobody has said anything for longest.
TURNS = 20_000


class Said(NamedTuple):
    """The last word on a turn, and how often it was changed since when."""

    value: int
    reason: str
    changes: int
    since: float


class Thumbs:
    """What was last said of each turn."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def __len__(self) -> int:
        return len(self._said)

    def is_news(self, turn_id: str, value: int, reason: str, now: float) -> bool:
        """Return whether this was not the last word already; raise `RateLimited` when it was changed too often."""
        last = self._said.pop(turn_id, None)
        changes, since = (0, now) if last is None or now - last.since >= SPAN_S else (last.changes, last.since)
        is_news = last is None or (last.value, last.reason) != (value, reason)
        if last and is_news and changes >= CHANGES:
            self._said[turn_id] = last
            what = "These thumbs were changed too often."
            left_s = SPAN_S - (now - since)
            raise RateLimited(what, do="Change them in an hour.", retry_after_s=left_s)
        self._said[turn_id] = Said(value, reason, changes + is_news, since)
        if len(self._said) > TURNS:
            del self._said[next(iter(self._said))]
        return is_news
