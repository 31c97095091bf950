"""A trial's callers are answered by its candidate, all others by the control, and what is live is followed while serving."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from shipmate import bootstrap, config, layers
from shipmate.adapters.folder import make_state
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.adapters.system_clock import SystemClock
from shipmate.answer import phrases
from shipmate.config import FaqEntry, Project
from shipmate.errors import Missing
from shipmate.flags.hashed import HashFlags
from shipmate.live import FollowedLive, Live, Trial, write_live
from shipmate.messages import Ask, Event, Finished, Reply, ReplyKind
from shipmate.running import Running, Shared
from shipmate.scopes import Version
from shipmate.turn import Assistant
from shipmate.versions import Shelf, open_version

OTHER = "b" * 12
PILOT = Trial(run="run1", mode="pilot", candidate="v2", release=OTHER, callers=("ada",))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    bootstrap.init(tmp_path)
    project = bootstrap.load(tmp_path)
    bootstrap.ingest(project, progress=lambda _: None)
    return project


@asynccontextmanager
async def opening(project: Project, release: str) -> AsyncIterator[Version]:
    """Open the folder as it is, or `OTHER`, whose FAQ answers another question."""
    async with open_version(project) as version:
        if not release:
            yield version
        elif release == OTHER:
            faq = (FaqEntry(question="Who are you?", answer="The other one."),)
            other = msgspec.structs.replace(version.project, faq=faq)
            yield Version(project=other, collections=version.collections, release=release)
        else:
            raise Missing("There is no such release.", do="Build it.")


@asynccontextmanager
async def running(project: Project) -> AsyncIterator[tuple[Assistant, SqliteStore]]:
    make_state(project.state)
    shelf = Shelf(partial(opening, project))
    store = layers.open_store(project)
    shared = Shared(
        project=project, clock=SystemClock(), key=b"key", groups={}, is_public=False, store=store, flags=HashFlags()
    )
    followed = FollowedLive(project.state)
    house = Running(shared, shelf)
    assistant = await house.begin(followed.live)
    following = asyncio.create_task(house.follow_live(followed))
    try:
        yield assistant, store
    finally:
        following.cancel()
        await shelf.close()
        await store.close()


async def reply(assistant: Assistant, caller: str, text: str = "Who are you?") -> Reply:
    events = [event async for event in assistant.turn(Ask(text=text, caller=caller))]
    assert isinstance(events[-1], Finished)
    return events[-1].reply


async def eventually(assistant: Assistant, caller: str, release: str) -> Reply:
    """Ask until this release answers."""
    async with asyncio.timeout(5):
        while (said := await reply(assistant, caller)).release != release:  # noqa: ASYNC110 - a file is followed
            await asyncio.sleep(0.02)
    return said


async def journal(store: SqliteStore, name: str) -> list[Event]:
    return [entry.event for entry in await store.events(0, 1000) if entry.event.name == name]


async def test_the_callers_of_a_pilot_are_answered_by_its_release_and_nobody_else(project: Project) -> None:
    write_live(project.state, Live(trial=PILOT))
    async with running(project) as (assistant, store):
        ada, eve = await reply(assistant, "ada"), await reply(assistant, "eve")
        await reply(assistant, "ada")
        assert (ada.text, ada.release) == ("The other one.", OTHER)
        assert eve.text != ada.text
        assert eve.release.startswith("dev-")
        turns = await journal(store, "assistant.turn.completed")
        assert [(turn.variant, turn.flag_key) for turn in turns] == [
            ("v2", "run1"),
            ("control", "run1"),
            ("v2", "run1"),
        ]
        assert [turn.release for turn in turns] == [OTHER, eve.release, OTHER]
        exposures = await journal(store, "flag.exposure")
        assert [event.variant for event in exposures] == ["v2", "control"]


async def test_a_promoted_release_answers_without_a_restart_and_so_does_the_one_before_it(project: Project) -> None:
    async with running(project) as (assistant, _):
        before = await reply(assistant, "ada")
        write_live(project.state, Live(release=OTHER))
        assert (await eventually(assistant, "ada", OTHER)).text == "The other one."
        write_live(project.state, Live(previous=OTHER))
        assert (await eventually(assistant, "ada", before.release)).text == before.text


async def test_outside_of_a_trial_no_event_names_an_arm(project: Project) -> None:
    async with running(project) as (assistant, store):
        await reply(assistant, "ada")
        (turn,) = await journal(store, "assistant.turn.completed")
        assert (turn.variant, turn.flag_key) == ("", "")
        assert await journal(store, "flag.exposure") == []


async def test_a_candidate_that_does_not_open_is_in_no_trial_and_the_control_answers(project: Project) -> None:
    write_live(project.state, Live(trial=msgspec.structs.replace(PILOT, release="c" * 12)))
    async with running(project) as (assistant, _):
        assert (await reply(assistant, "ada")).release.startswith("dev-")


async def test_a_release_that_does_not_open_leaves_what_answers(project: Project) -> None:
    async with running(project) as (assistant, _):
        before = await reply(assistant, "ada")
        write_live(project.state, Live(release="c" * 12))
        await asyncio.sleep(0.5)
        assert (await reply(assistant, "ada")).release == before.release
        write_live(project.state, Live(release=OTHER))
        await eventually(assistant, "ada", OTHER)


async def test_the_kill_switch_leaves_nothing_but_the_faq(project: Project) -> None:
    write_live(project.state, Live(faq_only=True))
    (entry,) = config.load(project.folder).faq[:1]
    async with running(project) as (assistant, _):
        verbatim = await reply(assistant, "ada", entry.asked[0])
        other = await reply(assistant, "ada", "How is the index made when documents change?")
        assert (verbatim.kind, verbatim.text) == (ReplyKind.ANSWER, entry.answer)
        assert (other.kind, other.text, other.citations) == (ReplyKind.FALLBACK, phrases.FAQ_ONLY, ())


async def test_what_the_faq_alone_answers_counts_in_no_arm(project: Project) -> None:
    write_live(project.state, Live(trial=PILOT, faq_only=True))
    async with running(project) as (assistant, store):
        await reply(assistant, "ada")
        (turn,) = await journal(store, "assistant.turn.completed")
        assert (turn.variant, turn.flag_key) == ("", "")


async def test_versions_are_closed_once_nothing_answers_from_them(project: Project) -> None:
    closed = []

    @asynccontextmanager
    async def watched(release: str) -> AsyncIterator[Version]:
        yield Version(project=project, collections=(), release=release)
        closed.append(release)

    shelf = Shelf(watched)
    first = await shelf.take("a")
    assert await shelf.take("a") is first
    await shelf.take("b")
    await shelf.keep({"b"})
    assert closed == []
    await shelf.keep({"b"})
    assert closed == ["a"]
    await shelf.close()
    assert closed == ["a", "b"]
