"""Read an export of tickets row by row: CSV with any of the usual delimiters, or one JSON object in a line."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from shipmate.errors import Missing, Problem, ProjectError, UsageError
from shipmate.knowledge.records import delimiter
from shipmate.messages import Record
from shipmate.tickets.columns import Columns, Row, find_columns
from shipmate.tickets.masks import mask
from shipmate.tickets.wording import asked, is_small_talk, plain

__all__ = ["MOST_TICKETS", "Export", "Progress", "Ticket", "read_export"]

# What is done, and of how much.
Progress = Callable[[int, int], None]

TABLES = {".csv", ".tsv", ".tab", ".txt"}
LINES = {".jsonl", ".ndjson", ".jl"}
# Later rows are not read, which is said.
MOST_TICKETS = 200_000
LONGEST_LINE = LARGEST_CELL = 4 * 1024 * 1024
# The rows by which columns are told.
LOOKED_AT = 500
# Of a longer message or answer, the beginning is kept.
QUESTION_LETTERS, BODY_LETTERS, ANSWER_LETTERS = 300, 4000, 6000
TOLD_EVERY = 1000
CLOSE = "Close the quotation mark, or write it twice where it is meant as a sign."
# A line that no table holds: when it comes out as a row of its own, no quotation mark was left open.
END = "\x1eend of the table\x1e"


class Ticket(Record, frozen=True, kw_only=True):
    """One past ticket; question and gist are masked, the answer is as it was written."""

    # Where it begins in the file.
    line: int
    question: str
    # What it is compared by.
    gist: str
    answer: str
    # The names in its row.
    people: tuple[str, ...]


class Export(Record, frozen=True, kw_only=True):
    """The tickets of a file, and what was left out."""

    file: str
    columns: Columns
    tickets: tuple[Ticket, ...]
    rows: int
    # Rows without a question, and those with a greeting or thanks only.
    empty: int
    small_talk: int
    first_created: str
    last_created: str
    # Whether the file goes on after the rows that were read.
    is_cut: bool


def read_export(path: Path, chosen: Mapping[str, str], progress: Progress) -> Export:
    """Read the tickets of a file; `chosen` names columns by their role.

    Raises `UsageError` where no column is a question, `ProjectError` with the line of what does not read.
    """
    rows = _rows(path, progress)
    first = list(islice(rows, LOOKED_AT))
    if not first:
        raise UsageError(f"{path} holds no tickets.", do="Export them with a line of column names, and one row each.")
    columns = find_columns(str(path), [row for _, row in first], chosen)
    read = 0
    tickets: list[Ticket] = []
    empty = small_talk = 0
    days: list[str] = []
    is_cut = False
    for line, row in chain(first, rows):
        if read == MOST_TICKETS:
            is_cut = True
            break
        read += 1
        ticket = _ticket(line, row, columns)
        if not row.get(columns.question, "").strip() and not row.get(columns.body, "").strip():
            empty += 1
        elif is_small_talk(ticket.question):
            small_talk += 1
        else:
            tickets.append(ticket)
        if day := row.get(columns.created, "").strip()[:32]:
            days = [min(day, *days), max(day, *days)] if days else [day, day]
    return Export(
        file=str(path),
        columns=columns,
        tickets=tuple(tickets),
        rows=read,
        empty=empty,
        small_talk=small_talk,
        first_created=days[0] if days else "",
        last_created=days[-1] if days else "",
        is_cut=is_cut,
    )


def _ticket(line: int, row: Row, columns: Columns) -> Ticket:
    people = tuple(filter(None, (row.get(name, "").strip()[:80] for name in columns.people)))
    subject = plain(row.get(columns.question, "")[:QUESTION_LETTERS])
    body = plain(row.get(columns.body, "")[:BODY_LETTERS]) if columns.body else ""
    question, gist = asked(subject, body)
    return Ticket(
        line=line,
        question=mask(question[:QUESTION_LETTERS], people),
        gist=mask(gist, people),
        answer=row.get(columns.answer, "")[:ANSWER_LETTERS] if columns.answer else "",
        people=people,
    )


def _rows(path: Path, progress: Progress) -> Iterator[tuple[int, Row]]:
    """Yield each row with the line in which it begins."""
    kind = path.suffix.lower()
    if kind not in TABLES | LINES:
        known = ", ".join(sorted(TABLES | LINES))
        raise UsageError(
            f"{path} is no export that is read here.", do=f"Export a file with one of these ends: {known}."
        )
    if not path.is_file():
        raise Missing(f"There is no file {path}.", do="Name an export of tickets, such as tickets.csv.")
    lines = _lines(path, progress)
    return _table_rows(path, lines) if kind in TABLES else _object_rows(path, lines)


def _lines(path: Path, progress: Progress) -> Iterator[str]:
    """Yield the lines as they end in the file; one that is too long or no UTF-8 is an error with its number."""
    size = path.stat().st_size
    done = 0
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            done += len(line)
            if len(line) > LONGEST_LINE:
                raise _unreadable(path, number, f"This line is longer than {LONGEST_LINE:,} bytes.", "Split the file.")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                do = "Save the file with the encoding UTF-8 (in a spreadsheet: “CSV UTF-8”)."
                raise _unreadable(path, number, "This is not UTF-8.", do) from error
            if number % TOLD_EVERY == 0:
                progress(done, size)
    progress(size, size)


def _table_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    head = next((line for line in lines if line.strip()), "")
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(chain([head], lines, [END]), delimiter=delimiter(head))
    names: list[str] = []
    begins = 1
    try:
        for cells in reader:
            if cells == [END]:
                return
            if cells and cells[-1].endswith(END):
                raise _unreadable(path, begins, "A quotation mark in the row that begins here is never closed.", CLOSE)
            if not names:
                names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
            elif any(cells):
                yield begins, _named(names, cells)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _unreadable(path, begins, f"The row that begins here does not read: {error}.", CLOSE) from error


def _named(names: list[str], cells: list[str]) -> Row:
    """Return a row by the names of its columns; of several columns with one name, the last that holds something."""
    row = dict.fromkeys(names, "")
    for name, cell in zip(names, cells, strict=False):
        row[name] = cell if cell.strip() else row[name]
    return row


def _object_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise _unreadable(
                path, number, "This line is no JSON object.", "Write one object with its keys in each line."
            )
        yield number, dict(_flat(row))


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield what an object says, also two levels deep, as in `fields.summary`; lists are left out."""
    for name, value in row.items():
        if isinstance(value, str):
            yield above + name, value
        elif isinstance(value, dict) and above.count(".") < 2:
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, int | float):
            yield above + name, str(value)


def _unreadable(path: Path, line: int, what: str, do: str) -> ProjectError:
    return ProjectError([Problem(file=str(path), line=line, what=what, do=do)])
