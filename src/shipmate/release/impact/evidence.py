"""What one answer stands on: all that an edit would have to touch, or to move far enough, before another one is given."""

import math
from collections.abc import Mapping

from shipmate.messages import Hit, Led, Record
from shipmate.release.replay import Answered, Past

__all__ = ["ALWAYS", "NEVER", "SURE", "Doubt", "Evidence", "Lexical", "Nearness", "Round"]

# The radius of an answer that no edit of documents changes, and of one that is asked again after each.
ALWAYS, NEVER = math.inf, -1.0


class Lexical(Record, frozen=True, kw_only=True):
    """What the words looked for, and when a passage would be among what they find."""

    # With their weights.
    terms: Mapping[str, float] = {}
    # The score that a new passage has to reach; 0 where any that holds a word is found.
    least: float = 0.0


class Nearness(Record, frozen=True, kw_only=True):
    """How near a passage has to be to the question's vector before it counts."""

    vector: tuple[float, ...] = ()
    least: float = 2.0


class Doubt(Record, frozen=True, kw_only=True):
    """How far the confidence is from the threshold, and what moves it.

    It is a sum of a part that is sure, one that moves at most by `spread` times the drift, and the root of `together`,
    which moves at most by `sway` times the drift, and by `noise` in any case.
    """

    margin: float
    spread: float
    together: float
    sway: float
    noise: float


# Of an answer that has no say on it.
SURE = Doubt(margin=math.inf, spread=0.0, together=0.0, sway=0.0, noise=0.0)


class Round(Record, frozen=True, kw_only=True):
    """One round of a walk: the entities from which it went on, with what each brought along an edge of weight 1."""

    shares: Mapping[int, float]
    # So much a passage has to hold before the walk goes on from it, or keeps it.
    least: float


class Evidence(Record, frozen=True, kw_only=True):
    """A past question, what it was answered, and what that stands on."""

    past: Past
    answered: Answered
    # `NEVER` where nothing proves that it stands.
    radius: float = ALWAYS
    # Each gap that has to stay wide: its width, how far its slope may be off, what that leaves out, and the slope.
    gaps: tuple[tuple[float, ...], ...] = ()
    lexical: Lexical = Lexical()
    near: Nearness = Nearness()
    doubt: Doubt | None = None
    # The keys of the passages that it has seen: found, near, led to or walked from.
    passages: frozenset[int] = frozenset()
    # Those from which walks went on, and their rounds.
    leading: frozenset[int] = frozenset()
    rounds: tuple[Round, ...] = ()
    # The hits from which the graph was searched, and where it led.
    closely: tuple[Hit, ...] = ()
    led: Led = Led({}, 0.0)
    # The keys of all names that the question, and what it reads, may mean.
    names: frozenset[int] = frozenset()
    # The stems whose telling was asked for.
    stems: frozenset[str] = frozenset()
