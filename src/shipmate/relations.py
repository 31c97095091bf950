"""What people declare of things and how they hang together: `relations.yml` as a record, and its lines as relations."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from shipmate.errors import Problem
from shipmate.messages import Statement
from shipmate.shape import Section
from shipmate.yaml_source import KeyPath, Source

__all__ = ["RELATIONS", "RelationsFile", "declared", "statements", "undeclared"]

RELATIONS = "relations.yml"
# A subject in quotes, or capitalised words; a relation in small letters; and what it leads to.
DECLARED = re.compile(
    r"(?P<subject>\"[^\"]+\"|\S+(?: [A-Z0-9]\S*)*) (?P<relation>[a-z][\w-]*(?: [a-z][\w-]*)*) (?P<object>.+)"
)
LONGEST_LINE = 300
SHOWN = 60
MOST_LINES = 10_000
FORM = (
    "Write a thing, what it does in small letters, and another thing: `Contract requires Signature`. "
    'A name of several small words stands in quotes: `"night shift" belongs_to Plan`.'
)


class RelationsFile(Section, frozen=True, kw_only=True):
    """How things hang together, as people know it. Everyone who may ask may see it."""

    version: Literal[1] = 1
    relations: Annotated[
        tuple[str, ...],
        Meta(
            description="One relation a line, such as `Contract requires Signature`; names of several small words "
            "stand in quotes."
        ),
    ] = ()


def declared(line: str) -> Statement | None:
    """Return what a line such as `Contract requires Signature` declares; names of several words stand in quotes."""
    match = DECLARED.fullmatch(line.strip()) if len(line) <= LONGEST_LINE else None
    if not match:
        return None
    return Statement(match["subject"].strip('"'), match["relation"].replace(" ", "_"), match["object"].strip('"'))


def statements(lines: Sequence[str], source: Source, path: KeyPath) -> tuple[Statement, ...]:
    """Return what the lines at `path` of a file declare, each once, with the number of its line in the file."""
    found: dict[Statement, int] = {}
    for number, line in enumerate(lines[:MOST_LINES]):
        statement = declared(line)
        if statement:
            found.setdefault(statement, source.line((*path, number)))
    return tuple(Statement(own.subject, own.relation, own.object, line) for own, line in found.items())


def undeclared(lines: Sequence[str], source: Source, path: KeyPath) -> Iterator[Problem]:
    """Yield the lines at `path` of a file that declare nothing."""
    for number, line in enumerate(lines[:MOST_LINES]):
        if declared(line) is None:
            what = f"This is no relation: `{textwrap.shorten(line, SHOWN, placeholder='…')}`."
            yield source.problem((*path, number), what, FORM)
    if len(lines) > MOST_LINES:
        what = f"There are more than {MOST_LINES:,} relations."
        yield source.problem(
            (*path, MOST_LINES), what, "Write them into the front matter of the documents they are of."
        )
