"""What people see of the graph, as records: names, the passages that hold them together, and where each thing is said."""

from typing import NamedTuple

from shipmate.messages import Record

__all__ = [
    "Centre",
    "Edge",
    "Entity",
    "Leg",
    "Mention",
    "Near",
    "Neighbourhood",
    "Place",
    "Relation",
    "Stated",
    "Step",
    "Way",
    "Where",
]


class Place(NamedTuple):
    """Where a passage stands."""

    source: str
    # Of a declaration, both are the number of its line.
    start: int
    end: int


class Edge(NamedTuple):
    """That a passage names an entity, and how."""

    passage: int
    # Such as "mentions", "titled", "links_to".
    kind: str
    entity: int
    # How telling the entity is: the rarer, the more.
    weight: float
    # As the passage's document writes it.
    name: str = ""


class Stated(NamedTuple):
    """A typed relation, and the passage that says so."""

    subject: str
    relation: str
    object: str
    passage: int


class Step(NamedTuple):
    """From an entity, through a passage that names both, to the next one."""

    passage: int
    entity: int
    # As the passage's document writes it; filled in by who knows.
    name: str = ""
    weight: float = 0.0


class Centre(Record, frozen=True, kw_only=True):
    """What to look around at: the answer of a turn, a name, or a place in a document."""

    turn_id: str = ""
    name: str = ""
    source: str = ""
    start: int = 0
    end: int = 0


class Where(Record, frozen=True, kw_only=True):
    """The place that says something."""

    source: str
    title: str
    # Offsets of characters in the source file; of what is declared, 0.
    start: int = 0
    end: int = 0
    # Of what people declare, the line; else 0.
    line: int = 0
    # The sentence, heading or line that says it.
    quote: str


class Near(Record, frozen=True, kw_only=True):
    """A passage of the neighbourhood, or a declared relation."""

    # From 1, as mentions refer to it.
    number: int
    headings: tuple[str, ...] = ()
    text: str
    # What is looked for stands at `text[start:end]` for these; the same twice where nothing is.
    marked: tuple[int, int] = (0, 0)
    # How it names what the neighbourhood is around: "mentions", "titled", "links_to"; "cited" where an answer quotes it.
    kinds: tuple[str, ...] = ()
    where: Where


class Mention(Record, frozen=True, kw_only=True):
    """That a passage names something: how, and in which words."""

    # The passage's number.
    passage: int
    # Such as "mentions", "titled", "links_to".
    kinds: tuple[str, ...]
    where: Where


class Entity(Record, frozen=True, kw_only=True):
    """Something that passages name."""

    name: str
    mentions: tuple[Mention, ...]


class Relation(Record, frozen=True, kw_only=True):
    """How one thing hangs together with another, and where that is said."""

    subject: str
    relation: str
    object: str
    where: Where


class Neighbourhood(Record, frozen=True, kw_only=True):
    """What stands around an answer, a name or a passage, as far as the caller may see it."""

    centre: Centre
    # The question that was answered, the name as the documents write it, or the document's title.
    about: str
    passages: tuple[Near, ...]
    # What else the passages name; those that join most come first.
    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]


class Leg(Record, frozen=True, kw_only=True):
    """One step of a way: a passage or declaration names both."""

    start: str
    end: str
    where: Where


class Way(Record, frozen=True, kw_only=True):
    """How one name leads to another; no legs where no way is short enough to mean something."""

    legs: tuple[Leg, ...]
