"""What every format reads and gives: rows of a file, cases, and notes on what only stands aside."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import field

from shipmate.errors import Problem
from shipmate.evals.cases import KINDS, Case
from shipmate.messages import Record

__all__ = ["OWN", "Exported", "Imported", "Row", "as_case", "case_fields", "named", "note", "unlike_defaults"]

# Under which Shipmate keeps in other tools' metadata what they have no words for.
OWN = "shipmate"
LONGEST_ID = 80


class Row(NamedTuple):
    """One test of a file, and the line that it begins in; 0: not known."""

    line: int
    data: Any
    # The lines of what it holds, by path from the test.
    lines: Mapping[tuple[str | int, ...], int] = {}

    def at(self, *path: str | int) -> int:
        """Return the line of something in it, or of the nearest around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line) if path else self.line


class Imported(Record, frozen=True, kw_only=True):
    """The cases of a file, and what of it Shipmate does not score: it stands aside in their metadata."""

    cases: tuple[Case, ...]
    notes: tuple[Problem, ...] = ()


class Exported(Record, frozen=True, kw_only=True):
    """Cases in another tool's form, and what it cannot score."""

    # The files by name.
    files: dict[str, str] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()


def note(file: str, line: int, what: str, do: str = "It is kept, and an export gives it back.") -> Problem:
    """Say what stands aside."""
    return Problem(file=file, line=line, what=what, do=do, warning=True)


def named(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield an id for each row of a wish and of what to make one from: its own where it is free and fit, else a new one."""
    taken: set[str] = set()
    for number, (wish, words) in enumerate(rows, 1):
        stem = wish.strip() or "-".join(re.findall(r"\w+", words.casefold())[:6]) or f"case-{number}"
        stem = re.sub(r"[\x00-\x1f\x7f]", " ", stem)[:LONGEST_ID].strip() or f"case-{number}"
        name, again = stem, 2
        while name in taken:
            name, again = f"{stem}-{again}", again + 1
        taken.add(name)
        yield name


def unlike_defaults(record: msgspec.Struct) -> dict[str, Any]:
    """Return a record's fields that are not as they are by default, as plain values."""
    plain = msgspec.to_builtins(record)
    bare: dict[str, Any] = {}
    for about in msgspec.structs.fields(record):
        value = getattr(record, about.name)
        default = about.default_factory() if about.default_factory is not msgspec.NODEFAULT else about.default
        if default is msgspec.NODEFAULT or value != default:
            bare[about.encode_name] = _pruned(value, plain[about.encode_name])
    return bare


def _pruned(value: Any, plain: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return unlike_defaults(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_pruned(one, its) for one, its in zip(value, plain, strict=True)]
    return plain


def case_fields(case: Case) -> dict[str, Any]:
    """Return a case as it stands in a file."""
    return {"id": case.id, "kind": case.kind, **unlike_defaults(case)}


def as_case(fields: Mapping[str, Any]) -> Case:
    """Return the case of such fields; raise `msgspec.ValidationError` where they are none."""
    kind = KINDS.get(str(fields.get("kind")))
    if kind is None:
        raise msgspec.ValidationError(f"`{fields.get('kind')}` is no kind of case")
    return msgspec.convert(
        {name: value for name, value in fields.items() if name != "kind"} | {"kind": fields["kind"]}, kind
    )
