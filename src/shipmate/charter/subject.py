"""What the charter's rules look at, and what they find."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import field

from shipmate.charter.records import Charter, Intent
from shipmate.messages import Record
from shipmate.yaml_source import KeyPath

__all__ = ["Facts", "Finding", "Likeness", "Subject", "Tally", "intents"]


class Likeness(NamedTuple):
    """How alike texts are."""

    # The likeness of each text to each, from -1 to 1.
    table: Callable[[Sequence[str]], Sequence[Sequence[float]]]
    # Whatever is less alike than this tells nothing.
    close: float
    # It is wrong too often to stop a release.
    is_rough: bool = False


class Tally(Record, frozen=True, kw_only=True):
    """What an assistant's eval cases are about."""

    # How many there are of each intent, and in each language; those without one are in the charter's first.
    intents: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    # Topics that a case has refused, and rules by which a case expects a person.
    refused: Collection[str] = ()
    handed_off: Collection[str] = ()


class Facts(Record, frozen=True, kw_only=True):
    """What is known of an assistant beyond its files; None: nobody looked."""

    tally: Tally | None = None
    # The names of its documents.
    documents: Collection[str] | None = None
    # The names of the tools that it can call.
    tools: Collection[str] | None = None
    # By the product's embedder, or `BY_LETTERS` where it is not at hand.
    likeness: Likeness | None = None
    # A release is built: that there are no cases at all is then an error.
    is_release: bool = False


class Subject(Record, frozen=True, kw_only=True):
    """What the rules look at: a charter in its surroundings."""

    charter: Charter
    today: date
    # Skills of the reviewers; None: no roster is known.
    skills: Collection[str] | None = None
    # Regions in which the assistant runs; empty: it is not deployed.
    deployed: Collection[str] = ()
    facts: Facts = Facts()


class Finding(NamedTuple):
    """Where a rule is broken, how, and what to do."""

    path: KeyPath
    what: str
    do: str
    # It does not stop a release, though others of its rule do.
    is_mild: bool = False


def intents(subject: Subject) -> Iterator[tuple[KeyPath, Intent]]:
    """Yield each intent with its place in the file."""
    for number, intent in enumerate(subject.charter.intents):
        yield ("intents", number), intent
