"""A user's YAML file as plain values, with the line of each: YAML 1.2 scalars, no tags, no aliases, bounded."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

import yaml

from shipmate.errors import Problem
from shipmate.messages import Record

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MOST_PROBLEMS", "TWICE", "KeyPath", "Source", "parse"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_DIGITS = 15
MOST_PROBLEMS = 100
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NULL = re.compile(r"|~|null|Null|NULL")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# What YAML does not allow in a file, and what no text of ours may hold although an escape can write it.
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
UNUSABLE = re.compile("[\x00\ud800-\udfff]")

HINTS = {
    "mapping values are not allowed": "Put text that holds `: ` in quotes, and check the indentation.",
    "cannot start any token": "Put text that begins with @, % or a back-tick in quotes.",
    "quoted scalar": "Close the quote that was opened here.",
    "flow sequence": "Close the list with `]`, and put a comma between its items.",
    "flow mapping": "Close the mapping with `}`, and put a comma between its entries.",
}
INDENTATION = "Check the indentation: what belongs together begins in the same column, and a key ends with `: `."

# What is to be done about a key that stands twice in one mapping; the first counts.
TWICE = "Keep one of the two."

KeyPath = tuple[str | int, ...]


class Source(Record, frozen=True, kw_only=True):
    """One file's values, the line of each, and what was wrong on the way."""

    # Path relative to the assistant's folder.
    file: str
    data: Any
    lines: dict[KeyPath, int]
    problems: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int:
        """Return the line of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def problem(self, path: KeyPath, what: str, do: str, *, code: str = "", warning: bool = False) -> Problem:
        """Say what is wrong with the value at `path`."""
        return Problem(file=self.file, line=self.line(path), what=what, do=do, code=code, warning=warning)


def parse(file: str, content: bytes) -> Source:
    """Read a file's bytes; never raises: what is wrong stands in `problems`, and then `data` may be None."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable(file, line, "The file is not UTF-8 text.", "Save it with the encoding UTF-8.")
    unprintable = UNPRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        what = f"The control character U+{ord(unprintable[0]):04X} cannot stand in a YAML file."
        return _unreadable(file, line, what, "Take it out.")
    builder = _Builder(file, text)
    try:
        data = builder.document()
    except yaml.MarkedYAMLError as error:
        return _invalid(file, text, error)
    except _TooDeepError as error:
        what = f"Values are nested more than {MAX_DEPTH} deep."
        return _unreadable(file, error.line, what, "Write it flatter: no file of ours needs that many levels.")
    return Source(file=file, data=data, lines=builder.lines, problems=tuple(builder.problems[:MOST_PROBLEMS]))


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Builds the values from the parser's events, so that nothing is expanded and depth is known before it is used."""

    def __init__(self, file: str, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self._file = file
        self._events: Iterator[Any] = yaml.parse(text, Loader=LOADER)

    def document(self) -> Any:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), ())
        next(self._events)
        end = next(self._events)
        if not isinstance(end, yaml.StreamEndEvent):
            self._complain(end, "A second document begins here.", "Keep one document in the file: take `---` out.")
        return data

    def _value(self, event: Any, path: KeyPath) -> Any:
        line = _line(event)
        if len(path) > MAX_DEPTH:
            raise _TooDeepError(line)
        self.lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, f"The alias `*{event.anchor}` is not followed.", "Write the value out.")
            return None
        if event.tag is not None:
            self._complain(event, f"The tag `{event.tag}` is not used here.", "Write the plain value without a tag.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._complain(event, "A key is no plain text.", "Write `key: value`.")
                self._value(event, (*path, ""))
                self._value(next(self._events), (*path, ""))
                continue
            key = _usable(event.value)
            if key in entries:
                first = self.lines[*path, key]
                what = f"`{key}` stands here again; it first stands in line {first}."
                self._complain(event, what, TWICE)
            self.lines.setdefault((*path, key), _line(event))
            entries.setdefault(key, self._value(next(self._events), (*path, key)))
        return entries

    def _scalar(self, event: Any) -> Any:
        text = _usable(event.value)
        if text != event.value:
            self._complain(event, "The text holds an escaped NUL or half a surrogate pair.", "Take the escape out.")
        if event.style:
            return text
        if NULL.fullmatch(text):
            return None
        if TRUE.fullmatch(text) or FALSE.fullmatch(text):
            return text[0] in "tT"
        if INTEGER.fullmatch(text) or DECIMAL.fullmatch(text):
            return self._number(event, text)
        return text

    def _number(self, event: Any, text: str) -> int | float | None:
        whole = INTEGER.fullmatch(text) is not None
        if whole and len(text) <= MAX_DIGITS:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if not whole and isfinite(float(text)):
            return float(text)
        self._complain(event, f"The number {text[:MAX_DIGITS]}… is too large.", "Put it in quotes if it is a name.")
        return None

    def _complain(self, event: Any, what: str, do: str) -> None:
        self.problems.append(Problem(file=self._file, line=_line(event), what=what, do=do))


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _usable(text: str) -> str:
    return UNUSABLE.sub("\ufffd", text)


def _unreadable(file: str, line: int, what: str, do: str) -> Source:
    return Source(file=file, data=None, lines={}, problems=(Problem(file=file, line=line, what=what, do=do),))


def _invalid(file: str, text: str, error: yaml.MarkedYAMLError) -> Source:
    """Say in the user's terms what the parser did not understand."""
    rows = text.splitlines() or [""]
    row = min(error.problem_mark.line if error.problem_mark else 0, len(rows) - 1)
    indent = rows[row][: len(rows[row]) - len(rows[row].lstrip())]
    if "\t" in indent:
        return _unreadable(file, row + 1, "A tab indents this line, which YAML forbids.", "Indent with spaces.")
    said = f"{error.context or ''} {error.problem or ''}".strip()
    do = next((hint for fragment, hint in HINTS.items() if fragment in said), INDENTATION)
    return _unreadable(file, row + 1, f"This is not valid YAML: {said}.", do)
