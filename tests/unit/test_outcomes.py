"""Outcomes that a team brings along: all of a file or nothing, each bad row by its line, none of them twice."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import ProjectError
from shipmate.insight.outcomes import BroughtOutcome, outcome_events, parsed

HEAD = "name,value,at,id\n"
GOOD = "order_saved,1,2026-11-28T09:00:00Z,o1\n"


def faults(name: str, text: str) -> list[tuple[int, str]]:
    with pytest.raises(ProjectError) as raised:
        parsed(name, text.encode())
    return [(problem.line, problem.what) for problem in raised.value.problems]


def test_csv_and_json_lines_say_the_same() -> None:
    row: dict[str, Any] = {"name": "order_saved", "value": 1, "at": "2026-11-28T09:00:00Z", "id": "o1"}
    assert parsed("a.csv", (HEAD + GOOD).encode()) == parsed("a.jsonl", json.dumps(row).encode() + b"\n\n")
    assert parsed("a.csv", b"\xef\xbb\xbf" + (HEAD + GOOD).encode()) == [BroughtOutcome(**row)]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("Order Saved,1,2026-11-28T09:00:00Z,o1", "name"),
        ("order_saved,many,2026-11-28T09:00:00Z,o1", "value"),
        ("order_saved,nan,2026-11-28T09:00:00Z,o1", "value"),
        ("order_saved,1,yesterday,o1", "at"),
        ("order_saved,1,2026-11-28T09:00:00,o1", "offset"),
        ("order_saved,1,28.11.2026 09:00,o1", "at"),
        ("order_saved,1,0001-01-01T00:00:00+14:00,o1", "at"),
        ('order_saved,"1,5",2026-11-28T09:00:00Z,o1', "value"),
        ("order_saved,1", "fields"),
        (f"order_saved,1,2026-11-28T09:00:00Z,{'x' * 200}", "longer"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_nothing_is_taken(row: str, named: str) -> None:
    found = faults("a.csv", HEAD + GOOD + row + "\n" + GOOD)
    assert [line for line, _ in found] == [3]
    assert named in found[0][1]


def test_every_bad_row_is_named_and_a_file_without_rows_is_none() -> None:
    assert [line for line, _ in faults("a.csv", HEAD + "x\n" + GOOD + "y\n")] == [2, 4]
    assert [line for line, _ in faults("a.jsonl", '{"name": 3}\n[]\n{bad\n')] == [1, 2, 3]
    assert faults("a.csv", HEAD) == [(0, "There are no rows.")]
    assert faults("a.csv", "name,value\norder_saved,1\n")[0][0] == 2


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheet_may_part_the_fields_in_its_own_way(mark: str) -> None:
    text = (HEAD + GOOD).replace(",", mark).replace("\n", "\r\n")
    assert parsed("a.csv", text.encode()) == parsed("a.csv", (HEAD + GOOD).encode())


def test_where_semicolons_part_the_fields_a_comma_is_the_decimal_mark() -> None:
    row = b"name;value;at\norder_saved;-12,50;2026-11-28T10:00:00+01:00\n"
    assert parsed("a.csv", row)[0].value == -12.5


def test_an_outcome_is_known_by_its_id_or_else_by_all_its_fields() -> None:
    one = BroughtOutcome(name="order_saved", value=1, at="2026-11-28T09:00:00Z", id="o1")
    ids = [
        event.event_id
        for event in outcome_events(
            [
                one,
                BroughtOutcome(name="order_saved", value=2, at="2026-11-29T09:00:00Z", id="o1"),
                BroughtOutcome(name="order_saved", value=1, at="2026-11-28T09:00:00Z"),
                BroughtOutcome(name="order_saved", value=2, at="2026-11-28T09:00:00Z"),
            ],
            now=0.0,
        )
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.jsonl"]))
def test_whatever_comes_is_taken_or_refused(content: bytes, name: str) -> None:
    refused = False
    try:
        found = parsed(name, content)
    except ProjectError as error:
        refused, found = bool(error.problems), []
    assert refused or found
