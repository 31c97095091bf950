"""A pilot from its file to its exit report, on a folder with a built release and its own journal."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from shipmate import bootstrap
from shipmate.cli.app import app
from shipmate.config import Project
from shipmate.errors import Busy, Missing, ShipmateError, UsageError
from shipmate.live import Trial, read_live
from shipmate.messages import Ask, Finished
from shipmate.shipping.build import build
from shipmate.shipping.switch import rollback, try_out
from shipmate.trials.pilot import begun_pilot

PILOT = "version: 1\nusers: [local, anna]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bootstrap.init(tmp_path)
    bootstrap.ingest(bootstrap.load(tmp_path), progress=lambda _: None)
    (tmp_path / "pilot.yml").write_text(PILOT)
    return tmp_path


@pytest.fixture
def release(folder: Path) -> str:
    return build(bootstrap.load(folder)).release


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def asked(folder: Path, caller: str = "local") -> str:
    """Ask what is live, as a server does; return the release that answered."""

    async def ask() -> str:
        async with bootstrap.open_house(bootstrap.load(folder)) as house:
            events = [event async for event in house.assistant.turn(Ask(text="How do I add documents?", caller=caller))]
        finished = events[-1]
        assert isinstance(finished, Finished)
        return finished.reply.release

    return asyncio.run(ask())


def journal(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / ".shipmate" / "shipmate.db") as database:
        rows = database.execute("SELECT event FROM events ORDER BY seq").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_a_pilot_answers_its_users_with_the_release_and_ends_with_a_report(folder: Path, release: str) -> None:
    where = str(folder)
    begun = json.loads(run("pilot", "start", where, "--release", release[:8], "--by", "kim", "--json"))
    assert begun["trial"]["release"] == release
    assert begun["trial"]["callers"] == ["local", "anna"]
    assert asked(folder) == release
    assert asked(folder, "ben") != release
    status = json.loads(run("pilot", "status", where, "--json"))
    assert (status["named"], status["seen"], status["turns"]) == (2, 1, 1)
    run("pilot", "stop", where, "--reason", "seen enough")
    assert read_live(folder / ".shipmate").trial is None
    assert asked(folder) != release
    report = json.loads(run("pilot", "report", where, "--json"))
    assert (report["release"], report["named"], report["seen"], report["turns"]) == (release, 2, 1, 1)
    assert {finding["standing"] for finding in report["findings"]} == {"not shown"}, "one user shows nothing"
    text, page = run("pilot", "report", where), run("pilot", "report", where, "--markdown")
    assert "NOT SHOWN" in text
    assert "| target | promised | standing |" in page


def test_the_journal_tells_of_a_pilot_without_the_names_of_its_users(folder: Path, release: str) -> None:
    run("pilot", "start", str(folder), "--release", release)
    run("pilot", "stop", str(folder))
    told = [event for event in journal(folder) if event["name"].startswith("pilot.")]
    assert [event["name"] for event in told] == ["pilot.started", "pilot.stopped"]
    assert told[0]["flag_key"] == told[1]["flag_key"]
    assert told[0]["data"]["users"] == 2
    assert "anna" not in json.dumps(told)


def test_two_trials_do_not_run_at_once(folder: Path, release: str) -> None:
    run("pilot", "start", str(folder), "--release", release)
    before = read_live(folder / ".shipmate")
    with pytest.raises(Busy, match="runs already"):
        CliRunner().invoke(app, ["pilot", "start", str(folder), "--release", release], catch_exceptions=False)
    assert read_live(folder / ".shipmate") == before
    rollback(bootstrap.load(folder))
    assert read_live(folder / ".shipmate").trial is None


def test_a_pilot_of_what_is_live_or_not_there_is_refused(folder: Path, release: str) -> None:
    run("promote", release, str(folder))
    refused: list[tuple[list[str], type[ShipmateError]]] = [
        (["--release", release], UsageError),
        (["--release", "f" * 12], Missing),
        ([], UsageError),
    ]
    for options, error in refused:
        with pytest.raises(error):
            CliRunner().invoke(app, ["pilot", "start", str(folder), *options], catch_exceptions=False)
    assert read_live(folder / ".shipmate").trial is None


@pytest.mark.parametrize("command", ["status", "stop", "report"])
def test_without_a_pilot_there_is_nothing_to_show_or_stop(folder: Path, command: str) -> None:
    with pytest.raises(Missing, match="pilot"):
        CliRunner().invoke(app, ["pilot", command, str(folder)], catch_exceptions=False)


def test_stopping_a_pilot_leaves_a_canary_alone(folder: Path, release: str) -> None:
    project = bootstrap.load(folder)
    _, event = begun_pilot(project, release=release)
    try_out(project, Trial(run="run-1", mode="canary", candidate="v2", release=release, share=0.05, salt="s"), event)
    with pytest.raises(Missing, match="No pilot runs"):
        CliRunner().invoke(app, ["pilot", "stop", str(folder)], catch_exceptions=False)
    assert read_live(folder / ".shipmate").trial is not None


def test_a_pilot_that_should_be_over_is_not_begun(folder: Path, release: str) -> None:
    (folder / "pilot.yml").write_text(f"{PILOT}until: 2020-01-31\n")
    with pytest.raises(UsageError, match="2020-01-31"):
        begun_pilot(bootstrap.load(folder), release=release)


def test_no_file_no_pilot(folder: Path) -> None:
    (folder / "pilot.yml").unlink()
    with pytest.raises(Missing, match=r"pilot\.yml"):
        begun_pilot(bootstrap.load(folder), release="a" * 12)


def test_the_check_holds_the_file_against_the_charters_promise(folder: Path) -> None:
    (folder / "charter.yml").write_text("version: 1\npilot: {users: 3, flag: beta}\n")
    problems = [one for one in bootstrap.check(folder) if one.file == "pilot.yml"]
    assert all(one.warning for one in problems)
    assert any("2 users are named" in one.what and one.line == 2 for one in problems)
    assert any("`pilot`, and the charter's is `beta`" in one.what for one in problems)


@pytest.mark.parametrize(
    "content",
    [
        "version: 1\n",
        "version: 1\nusers: []\n",
        "version: 1\nusers: [anna, anna]\n",
        "version: 1\nusers: ['']\n",
        "version: 1\nusers:\n" + "".join(f"  - user-{n}\n" for n in range(1001)),
        "version: 1\nusers: [anna]\ncandidate: control\n",
        "version: 1\nusers: [anna]\nflag: Not A Flag\n",
        "version: 1\nusers: [anna]\nuntil: soon\n",
        "version: 1\nusers: [anna]\nusres: [ben]\n",
        "users: [anna]\n",
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_line(folder: Path, content: str) -> None:
    (folder / "pilot.yml").write_text(content)
    with pytest.raises(ShipmateError, match=r"pilot\.yml"):
        bootstrap.load(folder)


def test_pilot_yml_changes_no_release(folder: Path) -> None:
    """Who tries it is no part of what is tried: the same folder with other users is the same release."""
    before: Project = bootstrap.load(folder)
    (folder / "pilot.yml").write_text("version: 1\nusers: [ben]\n")
    after = bootstrap.load(folder)
    assert before.digest == after.digest
    assert msgspec.structs.replace(after, pilot=before.pilot, files=before.files) == before


def test_each_command_is_there() -> None:
    group = app.commands["pilot"]
    assert isinstance(group, click.Group)
    assert set(group.commands) == {"start", "status", "report", "stop"}
