"""Exports of tickets as helpdesks write them, and as they are when something went wrong."""

import json
from pathlib import Path

import pytest

from shipmate.errors import Missing, ProjectError, UsageError
from shipmate.tickets.columns import chosen_columns
from shipmate.tickets.export import Export, read_export

ANSWER = "Open the settings and press the red button twice."


def read(path: Path, text: str | bytes, *columns: str) -> Export:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_export(path, chosen_columns(columns), lambda _done, _total: None)


@pytest.mark.parametrize(
    ("head", "row", "taken"),
    [
        # As Zendesk, Freshdesk, Jira and Intercom name them, and as a German helpdesk does.
        (
            "Id,Subject,Description,Requester,Created at,Latest comment",
            f"1,Gate stuck,The gate is stuck,Ann,2026-01-02,{ANSWER}",
            ("Subject", "Description", "Latest comment", "Created at"),
        ),
        (
            "Ticket ID,Subject,Status,Created time,Resolution Notes",
            f"1,Gate stuck,Closed,2026-01-02,{ANSWER}",
            ("Subject", "", "Resolution Notes", "Created time"),
        ),
        (
            "Issue key,Summary,Resolution,Created,Description,Comment,Comment",
            f"G-1,Gate stuck,Done,02/Jan/26,The gate is stuck,,{ANSWER}",
            ("Summary", "Description", "Comment", "Created"),
        ),
        (
            "conversation_id;created_at;first_message;agent_reply",
            f"1;2026-01-02;The gate is stuck;{ANSWER}",
            ("", "first_message", "agent_reply", "created_at"),
        ),
        (
            "Nummer;Betreff;Beschreibung;Lösung;Erstellt am",
            f"1;Tor klemmt;Das Tor klemmt;{ANSWER};2026-01-02",
            ("Betreff", "Beschreibung", "Lösung", "Erstellt am"),
        ),
    ],
)
def test_columns_are_known_by_the_names_that_helpdesks_give_them(
    tmp_path: Path, head: str, row: str, taken: tuple[str, ...]
) -> None:
    export = read(tmp_path / "t.csv", f"{head}\n{row}\n")
    columns = export.columns
    assert (columns.question, columns.body, columns.answer, columns.created) == taken
    assert export.tickets[0].answer == ANSWER


def test_objects_in_lines_are_read_with_their_inner_keys(tmp_path: Path) -> None:
    row = {"key": "G-1", "fields": {"summary": "Der Türöffner 🚪 klemmt", "resolution": ANSWER, "labels": ["x"]}}
    export = read(tmp_path / "t.jsonl", json.dumps(row) + "\n\n")
    assert (export.columns.question, export.columns.answer) == ("fields.summary", "fields.resolution")
    assert export.tickets[0].question == "Der Türöffner 🚪 klemmt"


def test_named_columns_go_before_what_is_found(tmp_path: Path) -> None:
    text = f"Subject,Matter,Outcome\nTicket,Gate stuck,{ANSWER}\n"
    export = read(tmp_path / "t.csv", text, "question=Matter", "answer=Outcome")
    assert (export.tickets[0].question, export.tickets[0].answer) == ("Gate stuck", ANSWER)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("Id,Colour\n1,red\n", (), "`Id`, `Colour`"),
        ("Subject\nGate stuck\n", ("question=Matter",), "no column `Matter`"),
        ("Subject\nGate stuck\n", ("qestion=Subject",), "Did you mean `question`?"),
        ("Subject\nGate stuck\n", ("Subject",), "question=Subject"),
        ("Subject\n", (), "holds no tickets"),
        ("", (), "holds no tickets"),
    ],
)
def test_what_cannot_be_read_names_what_is_there_and_what_to_do(
    tmp_path: Path, text: str, columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path / "t.csv", text, *columns)
    assert said in str(refused.value)
    assert refused.value.do


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("t.csv", 'Subject\nfine\n"open\nnever\n', 3, "never closed"),
        ("t.csv", b"Subject\nfine\nT\xfcr\n", 3, "UTF-8"),
        ("t.jsonl", '{"subject": "fine"}\n[1]\n', 2, "no JSON object"),
        ("t.jsonl", '{"subject": "fine"}\n' + "[" * 100_000 + "\n", 2, "no JSON object"),
        ("t.csv", b"Subject\n" + b"x" * (5 * 1024 * 1024), 2, "longer than"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, name: str, text: str | bytes, line: int, said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        read(tmp_path / name, text)
    (problem,) = refused.value.problems
    assert problem.line == line
    assert said in problem.what


def test_other_files_are_refused_with_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv"):
        read(tmp_path / "t.xlsx", "x")
    with pytest.raises(Missing):
        read_export(tmp_path / "none.csv", {}, lambda _done, _total: None)


def test_greetings_and_empty_rows_are_set_aside_and_counted(tmp_path: Path) -> None:
    export = read(tmp_path / "t.csv", 'Subject,Description\nHello,Thanks!\n,"  "\nGate stuck,\n')
    assert (export.rows, export.small_talk, export.empty, len(export.tickets)) == (3, 1, 1, 1)


@pytest.mark.parametrize(
    ("subject", "body", "question"),
    [
        ("Re: [Ticket 12] Gate is stuck", "x", "Gate is stuck"),
        ("Help", "Hi team,\n\nThe gate is stuck again. Can you open it?\n\nThanks,\nAnn", "Can you open it?"),
        ("", "<p>Hello,</p><p>the gate &amp; the door are stuck</p>", "the gate & the door are stuck"),
        ("", "The gate is stuck.\n\nOn Monday Tom wrote:\n> open it", "The gate is stuck."),
    ],
)
def test_a_tickets_question_is_said_without_what_surrounds_it(
    tmp_path: Path, subject: str, body: str, question: str
) -> None:
    row = json.dumps({"subject": subject, "body": body})
    export = read(tmp_path / "t.jsonl", f"{row}\n")
    assert export.tickets[0].question == question


@pytest.mark.parametrize("column", ["Kunde", "Melder", "Prénom", "Cliente", "Solicitante"])
def test_columns_of_names_are_known_in_the_languages_whose_subjects_are(tmp_path: Path, column: str) -> None:
    export = read(tmp_path / "tickets.csv", f"Betreff,{column},Antwort\nTor klemmt,Ann Lee,{ANSWER}\n")
    assert export.columns.people == (column,)
