"""The edges of the graph: what kinds there are, and what each is worth on a walk."""

from enum import IntEnum

import msgspec

from shipmate.messages import Statement

__all__ = ["OWNING", "WEIGHTS", "EdgeKind", "Extract"]


class EdgeKind(IntEnum):
    """How a passage and an entity belong together; the numbers are kept in the store."""

    # The passage says the name.
    MENTIONS = 1
    # The name stands within a longer one: it counts only where something is called so.
    MENTIONS_WITHIN = 2
    # The passage is of a document with this title;
    TITLED = 3
    # or, for short: without its bracket, or in part.
    TITLED_IN_SHORT = 4
    HEADED = 5
    # The passage is of the document at this place.
    LOCATED = 6
    LINKS_TO = 7
    DEFINES = 8
    # The entity is the object of something that the passage states.
    STATES = 9
    # Somebody declared something of the entity.
    DECLARES = 10
    SHOWS_SYMBOL = 11


# An entity that has one of these is one, however rarely it is named: there is a place that is about it.
OWNING = (
    EdgeKind.TITLED,
    EdgeKind.TITLED_IN_SHORT,
    EdgeKind.HEADED,
    EdgeKind.LOCATED,
    EdgeKind.DEFINES,
    EdgeKind.DECLARES,
)
# From a name, most of a walk goes to the page that is about it.
WEIGHTS = {
    EdgeKind.MENTIONS: 1.0,
    EdgeKind.MENTIONS_WITHIN: 1.0,
    EdgeKind.TITLED: 4.0,
    EdgeKind.TITLED_IN_SHORT: 2.0,
    EdgeKind.HEADED: 1.0,
    EdgeKind.LOCATED: 4.0,
    EdgeKind.LINKS_TO: 1.0,
    EdgeKind.DEFINES: 2.0,
    EdgeKind.STATES: 1.0,
    EdgeKind.DECLARES: 2.0,
    EdgeKind.SHOWS_SYMBOL: 1.0,
}


class Extract(msgspec.Struct, frozen=True):
    """What one passage adds to the graph."""

    # The keys of entities by kind, each once.
    edges: dict[EdgeKind, set[int]]
    # How entities are written, by key.
    names: dict[int, str]
    statements: tuple[Statement, ...]
