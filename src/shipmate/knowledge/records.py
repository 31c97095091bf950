"""Read tables of records, CSV and JSON Lines: each row becomes one block of `column: value` lines.

The scanners are our own because the standard library's do not tell where in the file a value stands.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from shipmate.knowledge.blocks import MOST_BLOCKS, MOST_RUNS, Block, BlockKind, Growing

__all__ = ["Flaw", "Records", "delimiter", "read_csv", "read_json_lines"]

DELIMITERS = ",;\t|"
LINE_END = re.compile(r"\r\n|\r|\n")
QUOTED = re.compile(r' *"((?:[^"]++|"")*+)("?)')
# A value's pieces: what stands in the file as it is shown, and what the file writes otherwise.
CSV_PIECE = re.compile(r'[^"]+|""')
JSON_PIECE = re.compile(r"[^\\]+|(?:\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.)")
# The first of these that a row has is its title.
TITLES = ("question", "title", "subject", "summary", "topic", "name")
# Who has more is no table, and would take gigabytes.
MOST_COLUMNS = 2000
LONGEST_LINE = 4 * 1024 * 1024
# A longer value stands below its column's name, so that its sentences can be quoted without it.
LONGEST_BESIDE = 80


class Flaw(NamedTuple):
    """Why a table cannot be read, and in which line."""

    line: int
    what: str
    do: str


class Records(NamedTuple):
    """The rows as text; `runs` as in `Passage`, a column's name counting as the beginning of its value."""

    text: str
    blocks: tuple[Block, ...]
    runs: tuple[tuple[int, int], ...]


class Piece(NamedTuple):
    """A part of a value: the words shown, and where they stand in the file."""

    words: str
    start: int
    end: int


class Value(NamedTuple):
    """What stands in one column of one row."""

    column: str
    pieces: Sequence[Piece]

    @property
    def words(self) -> str:
        """Return the value as it is read."""
        return "".join(piece.words for piece in self.pieces)


Row = list[Value]


def read_csv(file: str, columns: Sequence[str] = ()) -> Records | Flaw:
    """Return the rows of a table with a head; commas, semicolons, tabulators or bars stand between its cells."""
    rows = _csv_rows(file, delimiter(file))
    head = next(rows, [])
    if isinstance(head, Flaw):
        return head
    if len(head) > MOST_COLUMNS:
        return Flaw(1, f"It has more than {MOST_COLUMNS:,} columns.", "Split it into several files.")
    names = [_words(cell).strip() for cell in head]
    if missing := [column for column in columns if column not in names]:
        return Flaw(1, f"There is no column `{missing[0]}`.", f"It has these: {', '.join(f'`{n}`' for n in names)}.")
    return _records((row if isinstance(row, Flaw) else list(_named(names, row)) for row in rows), columns)


def read_json_lines(file: str, columns: Sequence[str] = ()) -> Records | Flaw:
    """Return the rows of a file that has one JSON object in each line."""
    return _records(_json_rows(file), columns)


def _records(rows: Iterator[Row | Flaw], columns: Sequence[str]) -> Records | Flaw:
    """Return the rows with the wanted columns in their order; without any, all of them in the row's."""
    order = {column: number for number, column in enumerate(columns)}
    text = _Text()
    for row in rows:
        if isinstance(row, Flaw):
            return row
        if len(row) > MOST_COLUMNS:
            return Flaw(0, f"A row has more than {MOST_COLUMNS:,} cells.", "Split it into several files.")
        if columns:
            row = sorted((value for value in row if value.column in order), key=lambda v: order[v.column])  # noqa: PLW2901
        text.add([value for value in row if value.words.strip() or len(value.pieces) > MOST_RUNS])
        if len(text.blocks) > MOST_BLOCKS or len(text.runs) > MOST_RUNS:
            break
    return text.records()


class _Text(Growing):
    """The text of a table, row by row."""

    def add(self, row: Row) -> None:
        """Append a row as a block, unless it is empty."""
        if not row:
            return
        start = self._size
        for value in row:
            self._value(value)
        self.blocks.append(Block(BlockKind.RECORD, start, self._size - 1, title=_title(row)))
        self._insert("\n")

    def records(self) -> Records:
        """Return what was added."""
        return Records(self.text(), tuple(self.blocks), tuple(self.runs))

    def _value(self, value: Value) -> None:
        words = value.words
        is_long = len(words) > LONGEST_BESIDE or "\n" in words
        self._run(value.pieces[0].start)
        self._insert(f"{value.column}:{chr(10) if is_long else ' '}")
        for piece in value.pieces:
            self._run(piece.start)
            self._insert(piece.words)
            if piece.end - piece.start != len(piece.words):
                self._run(piece.end)
        self._insert("\n")


def _title(row: Row) -> str:
    titles = {value.column.lower(): value.words for value in reversed(row)}
    return next((" ".join(titles[name].split()) for name in TITLES if name in titles), "")


def _words(pieces: Sequence[Piece]) -> str:
    return "".join(piece.words for piece in pieces)


def _named(names: Sequence[str], cells: Sequence[Sequence[Piece]]) -> Iterator[Value]:
    for number, pieces in enumerate(cells):
        name = names[number] if number < len(names) else ""
        yield Value(name or f"column {number + 1}", pieces)


def delimiter(file: str) -> str:
    """Return the sign between cells: the one that the head has most of, outside quotes."""
    end = LINE_END.search(file)
    head = re.sub(r'"[^"]*+"', "", file[: end.start() if end else len(file)])
    return max(DELIMITERS, key=head.count)


def _csv_rows(file: str, delimiter: str) -> Iterator[list[list[Piece]] | Flaw]:
    cell_end = re.compile(rf"[{re.escape(delimiter)}\r\n]")
    at = 0
    row: list[list[Piece]] = []
    while at < len(file) or row:
        quoted = QUOTED.match(file, at)
        if quoted and not quoted[2]:
            line = len(LINE_END.findall(file, 0, at)) + 1
            yield Flaw(line, "The quotation mark that opens here is never closed.", "Close it, or take it out.")
            return
        if quoted:
            row.append(_pieces(file, *quoted.span(1), CSV_PIECE, lambda _: '"'))
            at = quoted.end()
        found = cell_end.search(file, at)
        stop = found.start() if found else len(file)
        if not quoted:
            row.append([_stripped(file, at, stop)])
        at = stop
        if file.startswith(delimiter, at) and len(row) <= MOST_COLUMNS:
            at += 1
            continue
        yield row
        row = []
        end = LINE_END.match(file, at)
        at = end.end() if end else len(file)


def _stripped(file: str, start: int, end: int) -> Piece:
    words = file[start:end]
    start += len(words) - len(words.lstrip())
    words = words.strip()
    return Piece(words, start, start + len(words))


def _pieces(file: str, start: int, end: int, pattern: re.Pattern[str], meaning: Callable[[str], str]) -> list[Piece]:
    """Return what stands between two places in the file, told apart into what is verbatim and what is not."""
    return [
        Piece(meaning(found[0]) if found[0][0] in '\\"' else found[0], *found.span())
        for found in islice(pattern.finditer(file, start, end), MOST_RUNS + 1)
    ] or [Piece("", start, start)]


def _json_rows(file: str) -> Iterator[Row | Flaw]:
    start = 0
    line = 0
    while start < len(file):
        line += 1
        end = file.find("\n", start)
        end = end if end >= 0 else len(file)
        if end - start > LONGEST_LINE:
            yield Flaw(line, f"This line has more than {LONGEST_LINE:,} letters.", "Split what stands in it.")
            return
        if file[start:end].strip():
            try:
                yield list(islice(_json_row(file, start, end), MOST_COLUMNS + 1))
            except (ValueError, RecursionError):
                yield Flaw(line, "This line is no JSON object.", "Write one object with its keys in each line.")
                return
        start = end + 1


def _json_row(file: str, start: int, end: int) -> Iterator[Value]:
    """Yield the values of the object that stands in a line, texts as they read and others as they stand."""
    decoder = json.JSONDecoder()
    row = file[start:end]
    json.loads(row)
    if not row.lstrip().startswith("{"):
        raise ValueError(row)
    at = _past(row, row.index("{") + 1)
    while row[at] != "}":
        column, at = decoder.raw_decode(row, at)
        at = _past(row, row.index(":", at) + 1)
        value, stop = decoder.raw_decode(row, at)
        if isinstance(value, str):
            yield Value(column, _pieces(file, start + at + 1, start + stop - 1, JSON_PIECE, _unescaped))
        elif value is not None:
            yield Value(column, [Piece(row[at:stop], start + at, start + stop)])
        at = _past(row, stop)
        if row[at] == ",":
            at = _past(row, at + 1)


def _past(row: str, at: int) -> int:
    """Return where the next sign stands that is no white space."""
    while row[at] in " \t\r\n":
        at += 1
    return at


def _unescaped(escape: str) -> str:
    words: str = json.loads(f'"{escape}"')
    return words.encode("utf-16", "replace").decode("utf-16") if not words.isascii() else words
