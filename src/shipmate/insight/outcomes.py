"""Business outcomes that a team brings along: from a CSV or JSON Lines file, or a door, all of them or none."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated

import msgspec
from msgspec import Meta

from shipmate.errors import Problem, ProjectError
from shipmate.messages import Event, Record

__all__ = ["MOST_ROWS", "OUTCOME", "BroughtOutcome", "checked", "outcome_events", "parsed"]

OUTCOME = "assistant.outcome"
NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
# What parts the fields of a CSV file: spreadsheets write semicolons where a comma is the decimal mark.
MARKS = ",;\t"
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
MOST_ROWS = 100_000
MOST_PROBLEMS = 100
ID_CHARS = 128
ID_BYTES = 13
Id = Annotated[str, Meta(extra_json_schema={"maxLength": ID_CHARS})]


class BroughtOutcome(Record, frozen=True, kw_only=True):
    """One outcome, as a team brings it."""

    # Such as order_saved or ticket_avoided.
    name: Annotated[str, Meta(extra_json_schema={"pattern": f"^{NAME.pattern}$"})]
    # 1 and 0 for yes and no, or any amount.
    value: float
    # ISO 8601, with its offset from UTC.
    at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    # What tells it from every other one: brought twice, it counts once. Default: all other fields together.
    id: Id = ""
    conversation_id: Id = ""
    turn_id: Id = ""


def parsed(name: str, content: bytes) -> list[BroughtOutcome]:
    """Return the rows of a file; raise `ProjectError` with every bad one by its line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProjectError(
            [Problem(file=name, line=line, what="The file is not UTF-8 text.", do="Save it so.")]
        ) from error
    rows = _json_lines(text) if name.lower().endswith((".jsonl", ".ndjson")) else _csv(text)
    return checked(name, rows)


def checked(file: str, rows: Iterable[tuple[int, object]]) -> list[BroughtOutcome]:
    """Return rows, each given with its line, as outcomes; raise `ProjectError` with every bad one."""
    good: list[BroughtOutcome] = []
    problems: list[Problem] = []
    for line, row in rows:
        if len(good) >= MOST_ROWS:
            problems.append(
                Problem(file=file, line=line, what=f"There are over {MOST_ROWS:,} rows.", do="Split the file.")
            )
            break
        try:
            own = msgspec.convert(row, BroughtOutcome, strict=False) if not isinstance(row, str) else None
            what = row if own is None else _fault(own)
        except msgspec.ValidationError as error:
            own, what = None, f"The row does not fit: {error}."
        if own is not None and not what:
            good.append(own)
        else:
            problems.append(Problem(file=file, line=line, what=str(what), do="Mend it, and import the file again."))
        if len(problems) >= MOST_PROBLEMS:
            break
    if not good and not problems:
        problems.append(Problem(file=file, line=0, what="There are no rows.", do="Begin with name,value,at."))
    if problems:
        raise ProjectError(problems)
    return good


def outcome_events(outcomes: Sequence[BroughtOutcome], now: float) -> list[Event]:
    """Return the journal's events of outcomes that are brought at `now`: under the same ids every time.

    When an outcome happened stands in the event: the journal's own times ascend, and who looks for the last days in it
    relies on that.
    """
    return [_event(outcome, now) for outcome in outcomes]


def _event(outcome: BroughtOutcome, now: float) -> Event:
    said = [outcome.name, outcome.id] if outcome.id else msgspec.structs.astuple(outcome)
    outcome_id = hashlib.blake2b(msgspec.json.encode(said), digest_size=ID_BYTES).hexdigest()
    return Event(
        name=OUTCOME,
        ts=now,
        event_id=outcome_id,
        conversation_id=outcome.conversation_id,
        turn_id=outcome.turn_id,
        data={
            "outcome": outcome.name,
            "value": outcome.value,
            "outcome_id": outcome_id,
            "at": _time(outcome.at).timestamp(),
        },
    )


def _csv(text: str) -> Iterator[tuple[int, object]]:
    head = text.partition("\n")[0]
    mark = max(MARKS, key=head.count)
    reader = csv.DictReader(io.StringIO(text), restkey="", restval=None, delimiter=mark)
    try:
        for row in reader:
            if "" in row or None in row.values():
                yield (
                    reader.line_num,
                    f"The row has not as many fields as the head, which has {len(reader.fieldnames or ())}.",
                )
            else:
                own = {key.strip(): value.strip() for key, value in row.items()}
                if mark == ";" and DECIMAL_COMMA.fullmatch(own.get("value", "")):
                    own["value"] = own["value"].replace(",", ".")
                yield reader.line_num, own
    except csv.Error as error:
        yield reader.line_num, f"The row is no CSV: {error}."


def _json_lines(text: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield number, msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            yield number, f"The line is no JSON: {error}."


def _fault(outcome: BroughtOutcome) -> str:
    """Return what is wrong with an outcome; empty when nothing is."""
    if not NAME.fullmatch(outcome.name):
        return f"`name` is {outcome.name!r}; small letters, digits and _ are needed, such as order_saved."
    if not isfinite(outcome.value):
        return f"`value` is {outcome.value}, which is no amount."
    try:
        at = _time(outcome.at)
    except (ValueError, OverflowError):
        return f"`at` is {outcome.at!r}; a time such as 2026-11-28T09:30:00Z is needed."
    if at.tzinfo is None:
        return f"`at` is {outcome.at!r}, without its offset from UTC: end it with Z, or +01:00."
    if max(map(len, (outcome.id, outcome.conversation_id, outcome.turn_id))) > ID_CHARS:
        return f"An id is longer than {ID_CHARS} characters."
    return ""


def _time(at: str) -> datetime:
    found = datetime.fromisoformat(at)
    return found.astimezone(UTC) if found.tzinfo else found
