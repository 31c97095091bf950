"""A file's values as a record: every key known, every value of its kind, all problems at once."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from shipmate.errors import Problem, ProjectError
from shipmate.messages import Record
from shipmate.yaml_source import MOST_PROBLEMS, KeyPath, Source

__all__ = ["AdapterChoice", "Section", "did_you_mean", "fit"]

T = TypeVar("T", bound=msgspec.Struct)
# What serves a layer: its adapter's name, or that name with settings beside it.
AdapterChoice = str | Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"required": ["adapter"]})]
QUOTED_CHARS = 40
# From here on a word is taken for a slip of the pen; "question" and "version" are no such pair.
LIKENESS = 0.7
WORDS: dict[type[inspect.Type], tuple[str, ...]] = {
    inspect.StrType: ("text",),
    inspect.BoolType: ("true or false",),
    inspect.DateType: ("a date such as 2027-03-31",),
    inspect.VarTupleType: ("a list: each item in its own line, after `- `",),
    inspect.StructType: ("keys with values, each in its own line as `key: value`",),
    inspect.DictType: ("keys with values, each in its own line as `key: value`",),
}


class Section(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in a user's file: its keys are the fields, and other keys are mistakes."""


def fit(source: Source, record: type[T], data: Any, *, path: KeyPath = ()) -> T:
    """Make a record of `data`, which stands at `path` of the source.

    Raises `ProjectError` with every problem, the source's own included; after a hundred it says that there are more.
    """
    fitting = _Fitting(source)
    with suppress(_TooManyError):
        made: T = fitting.value(data, record, path)
        if not source.problems and not fitting.problems:
            return made
    raise ProjectError([*source.problems, *fitting.problems])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return what to do about a word that is not known: the nearest one that is, or all of them."""
    names = sorted(known)
    if not names:
        return "There is nothing to set here: take it away."
    near = get_close_matches(word, names, n=1, cutoff=LIKENESS)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known here: {', '.join(f'`{name}`' for name in names)}."


class _TooManyError(Exception):
    pass


class _Fitting:
    """Goes through the values and the record's annotations side by side."""

    def __init__(self, source: Source) -> None:
        self.problems: list[Problem] = []
        self._source = source

    def value(self, data: Any, kind: Any, path: KeyPath) -> Any:
        """Return the value as its kind, or None after a problem was noted."""
        bare = _bare(kind, data)
        if _is_record(bare) and isinstance(data, dict):
            return self._record(data, bare, path)
        if get_origin(bare) is tuple and isinstance(data, list):
            item = get_args(bare)[0]
            return tuple(self.value(element, item, (*path, n)) for n, element in enumerate(data))
        if get_origin(bare) is dict and isinstance(data, dict):
            item = get_args(bare)[1]
            return {key: self.value(element, item, (*path, key)) for key, element in data.items()}
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError:
            return self._mismatch(data, kind, path)

    def _record(self, data: dict[str, Any], record: type[msgspec.Struct], path: KeyPath) -> Any:
        noted = len(self.problems)
        fields = _fields(record)
        values = {}
        for key, value in data.items():
            if key not in fields:
                self._note((*path, key), f"`{key}` is not known in {_place(path)}.", did_you_mean(key, fields))
            elif value is not None or fields[key].required or _takes_none(fields[key].type):
                values[fields[key].name] = self.value(value, fields[key].type, (*path, key))
        for key, field in fields.items():
            if field.required and key not in data:
                self._note(
                    path, f"`{key}` is missing in {_place(path)}.", f"Add `{key}: ` with {_expected(field.type)}."
                )
        return None if len(self.problems) > noted else record(**values)

    def _mismatch(self, data: Any, kind: Any, path: KeyPath) -> None:
        bare = _bare(kind, data)
        do = f"Write {_expected(kind)}."
        if get_origin(bare) is Literal and {type(data), *map(type, get_args(bare))} == {str}:
            do = did_you_mean(data, get_args(bare))
        elif _expected(kind) == "text" and isinstance(data, bool | int | float):
            do = "Write text: put it in quotes."
        self._note(path, f"{_named(path)} is {_described(data)}.", do)

    def _note(self, path: KeyPath, what: str, do: str) -> None:
        self.problems.append(self._source.problem(path, what[0].upper() + what[1:], do))
        if len(self.problems) == MOST_PROBLEMS:
            self.problems.append(
                self._source.problem(path, "There are more problems from here on.", "Mend these first.")
            )
            raise _TooManyError


@cache
def _fields(record: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(record)}


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _bare(kind: Any, data: Any) -> Any:
    """Return the annotation without its notes, and of a union the member that the value looks like."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0], data)
    if get_origin(kind) in (Union, UnionType):
        members = [_bare(member, data) for member in get_args(kind) if member is not NoneType]
        alike = [member for member in members if _is_mapping(member) == isinstance(data, dict)]
        return (alike or members)[0]
    return kind


def _takes_none(kind: Any) -> bool:
    return NoneType in get_args(get_args(kind)[0] if get_origin(kind) is Annotated else kind)


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) is dict or _is_record(kind)


def _expected(kind: Any) -> str:
    """Say in words what an annotation takes."""
    return " or ".join(dict.fromkeys(_words(inspect.type_info(kind))))


def _words(kind: inspect.Type, examples: Iterable[str] = ()) -> Iterator[str]:
    match kind:
        case inspect.Metadata():
            yield from _words(kind.type, (kind.extra_json_schema or {}).get("examples", ()))
        case inspect.UnionType():
            for member in kind.types:
                yield from _words(member, examples)
        case inspect.StrType() if examples:
            yield "text such as " + ", ".join(f"`{example}`" for example in examples)
        case inspect.StrType() if kind.pattern:
            yield f"text of the form {kind.pattern}"
        case inspect.IntType() | inspect.FloatType():
            yield _number_words(kind)
        case inspect.LiteralType():
            yield "one of " + ", ".join(f"`{value}`" for value in kind.values)
        case _:
            yield from WORDS.get(type(kind), ())


def _number_words(kind: inspect.IntType | inspect.FloatType) -> str:
    noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    if kind.ge is not None and kind.le is not None:
        return f"{noun} from {kind.ge} to {kind.le}"
    if kind.ge is not None:
        return f"{noun}, at least {kind.ge}"
    return f"{noun} above {kind.gt}" if kind.gt is not None else noun


def _described(data: Any) -> str:
    """Say in words what stands there."""
    match data:
        case None:
            return "empty"
        case bool():
            return "true" if data else "false"
        case int() | float():
            return f"the number {data}"
        case str():
            return f"the text '{data[:QUOTED_CHARS]}{'…' if len(data) > QUOTED_CHARS else ''}'"
        case list():
            return "a list"
        case _:
            return "a mapping of keys to values"


def _named(path: KeyPath) -> str:
    """Name a value by its keys: lines tell which item of a list is meant."""
    keys = [key for key in path if isinstance(key, str)]
    if not keys:
        return "the file's content"
    name = f"`{'.'.join(keys)}`"
    return f"an item of {name}" if isinstance(path[-1], int) else name


def _place(path: KeyPath) -> str:
    return _named(path) if path else "this file"
