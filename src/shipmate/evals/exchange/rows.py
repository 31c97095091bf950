"""Reads a file of tests, each with its line: YAML, JSON, JSON Lines or CSV."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipmate.disk import disk_faults
from shipmate.errors import Problem, ProjectError, UsageError
from shipmate.evals.exchange.records import Row
from shipmate.yaml_source import MAX_BYTES, KeyPath, parse

__all__ = ["LARGEST_BYTES", "LISTS", "document", "rows"]

LARGEST_BYTES = 16 * MAX_BYTES
MOST_COLUMNS = 1000
# Under which a file holds its tests when it is no list itself.
LISTS = ("tests", "samples", "goldens", "tasks", "examples", "data")


def rows(path: Path) -> list[Row]:
    """Return the tests of a file; raise `ProjectError` where it does not read, `UsageError` for an ending not known."""
    whole = document(path)
    if path.suffix in {".yml", ".yaml"} or not isinstance(whole.data, list):
        return list(_listed(whole, path))
    return whole.data


def document(path: Path) -> Row:
    """Return a whole file: its values and their lines; of JSON, JSON Lines and CSV a list of rows."""
    text = _text(path)
    match path.suffix:
        case ".yml" | ".yaml":
            source = parse(path.name, text.encode())
            if source.problems:
                raise ProjectError(source.problems)
            return Row(1, source.data, source.lines)
        case ".json":
            return Row(1, _json(path, text))
        case ".jsonl" | ".ndjson":
            return Row(1, list(_json_lines(path, text)))
        case ".csv" | ".tsv":
            return Row(1, list(_table(path, text)))
    raise UsageError(f"{path.name} is in no form that is read.", do="Give it as .yaml, .json, .jsonl or .csv.")


def _text(path: Path) -> str:
    with disk_faults(path), path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise _unreadable(path, 0, f"The file is larger than {LARGEST_BYTES} bytes.", "Divide it into several.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, line, "The file is not UTF-8 text.", "Save it as UTF-8.") from error


def _listed(whole: Row, path: Path) -> Iterator[Row]:
    """Yield the tests of a YAML file, or of a JSON object that holds them under a name."""
    data: Any = whole.data
    prefix: KeyPath = ()
    if isinstance(data, dict):
        name = next((name for name in LISTS if isinstance(data.get(name), list)), "")
        if not name:
            raise _unreadable(path, 0, "The file holds no list of tests.", f"Put them below `{LISTS[0]}:`.")
        data, prefix = data[name], (name,)
    if not isinstance(data, list):
        raise _unreadable(path, 0, "The file holds no list of tests.", f"Put them below `{LISTS[0]}:`.")
    for number, test in enumerate(data):
        own: KeyPath = (*prefix, number)
        lines = {
            at[len(own) :]: line for at, line in whole.lines.items() if at[: len(own)] == own and len(at) > len(own)
        }
        yield Row(whole.lines.get(own, 0), test, lines)


def _json(path: Path, text: str) -> Any:
    """Return an array as rows with their lines, anything else as it is."""
    try:
        if not text.lstrip().startswith("["):
            return json.loads(text)
        decoder = json.JSONDecoder()
        found: list[Row] = []
        at = text.index("[") + 1
        while True:
            while text[at : at + 1].isspace() or text[at : at + 1] == ",":
                at += 1
            if text[at : at + 1] in {"]", ""}:
                return found
            line = text.count("\n", 0, at) + 1
            value, at = decoder.raw_decode(text, at)
            found.append(Row(line, value))
    except json.JSONDecodeError as error:
        raise _unreadable(path, error.lineno, f"This is not valid JSON: {error.msg}.", "Mend it.") from error
    except RecursionError as error:
        raise _unreadable(path, 0, "Values are nested too deep.", "Write it flatter.") from error


def _json_lines(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield Row(number, json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
            raise _unreadable(path, number, f"This line is not valid JSON: {error}.", "Mend it.") from error


def _table(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True
    )
    line = 2
    try:
        if len(reader.fieldnames or ()) > MOST_COLUMNS:
            raise _unreadable(path, 1, f"The table has more than {MOST_COLUMNS} columns.", "Leave some out.")
        for record in reader:
            if None in record or None in record.values():
                raise _unreadable(
                    path, line, "The row has not as many cells as the head.", "Put cells with commas in quotes."
                )
            yield Row(line, record)
            line = reader.line_num + 1
    except csv.Error as error:
        raise _unreadable(path, line, f"The table does not read: {error}.", "Close every quote.") from error


def _unreadable(path: Path, line: int, what: str, do: str) -> ProjectError:
    return ProjectError([Problem(file=path.name, line=line, what=what, do=do)])
