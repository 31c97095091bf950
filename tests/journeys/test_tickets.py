"""A folder that begins from past tickets, as people make it."""

import csv
from pathlib import Path

import pytest

from tests.journeys.process import Terminal, shipmate
from tests.unit.test_ticket_study import ASKED, THINGS


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Id", "Subject", "Description", "Requester", "Created at", "Resolution notes"])
        number = 0
        for thing, answer in THINGS.items():
            for question in ASKED:
                number += 1
                body = f"Hello team,\n{question.format(thing)} My mail is ann{number}@mail.example, card 4111 1111 1111 1111."
                told = f"Hello Ann, {answer} Let me know if it fails.\nRegards,\nTom"
                table.writerow([number, question.format(thing), body, "Ann Lee", f"2026-01-{number % 28 + 1:02}", told])
        table.writerow([99, "Thanks", "Thank you!", "Ann Lee", "2026-01-01", ""])
    return path


def test_tickets_become_an_assistant_that_answers_and_passes_its_check(tickets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my desk"
    made = shipmate("init", "--from-tickets", tickets, folder)
    assert made.code == 0, made.err
    assert "the question from `Subject`; more of it from `Description`; the answer from `Resolution notes`" in made.out
    assert "1 with greetings or thanks only" in made.out
    assert f"shipmate check '{folder}'" in made.out
    assert shipmate("check", folder).code == 0
    asked = shipmate("ask", "I lost my door badge", folder)
    assert THINGS["door badge"] in asked.out
    written = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in {".yml", ".md"})
    assert "mail.example" not in written
    assert "4111" not in written
    assert "Ann" not in written
    for line in made.out.splitlines():
        if line.startswith("  charter.yml:"):
            number = int(line.split(":")[1])
            assert "# ?" in (folder / "charter.yml").read_text(encoding="utf-8").splitlines()[number - 1]


def test_nothing_is_written_over_and_nothing_is_written_when_the_export_does_not_read(
    tickets: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "faq.yml").write_text("mine")
    again = shipmate("init", "--from-tickets", tickets, folder)
    assert again.code == 2
    assert "exists already" in again.err
    assert [path.name for path in folder.iterdir()] == ["faq.yml"]
    broken = tmp_path / "broken.csv"
    broken.write_text('Subject\n"open\n')
    refused = shipmate("init", "--from-tickets", broken, tmp_path / "other")
    assert refused.code == 3
    assert "broken.csv:2" in refused.err
    assert not (tmp_path / "other").exists()


def test_an_export_without_a_question_names_its_columns_and_the_option(tmp_path: Path) -> None:
    export = tmp_path / "odd.csv"
    export.write_text("Id,Colour\n1,red\n")
    refused = shipmate("init", "--from-tickets", export, tmp_path / "desk")
    assert refused.code == 2
    assert "`Id`, `Colour`" in refused.err
    assert "--columns question=NAME" in refused.err


def test_a_folder_or_tickets_must_be_named(tmp_path: Path) -> None:
    assert shipmate("init", cwd=tmp_path).code == 2
    assert shipmate("init", "--columns", "question=A", "desk", cwd=tmp_path).code == 2
    assert not list(tmp_path.iterdir())


def test_a_terminal_shows_how_far_it_is(tickets: Path, tmp_path: Path) -> None:
    with Terminal("init", "--from-tickets", tickets, tmp_path / "desk") as terminal:
        assert terminal.ended() == 0
        assert "Sorting tickets" in terminal.text
