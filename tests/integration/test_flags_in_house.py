"""A house whose flags come from a server: arms, faults and exports, from the folder to the journal and back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.config import Project
from shipmate.live import Live, Trial, write_live
from shipmate.messages import Ask, Event, Finished
from shipmate.shipping.build import build
from shipmate.testing.posthog_server import PostHogServer

STACK = "version: 1\nflags: {{adapter: posthog, url: '{url}', flag: split, wait_s: 5, without_consent: true}}\n"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostHogServer]:
    monkeypatch.setenv("POSTHOG_PROJECT_KEY", "phc_test")
    async with PostHogServer({"split": lambda _: "v2"}) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: PostHogServer) -> Project:
    bootstrap.init(tmp_path)
    (tmp_path / "stack.yml").write_text(STACK.format(url=server.url))
    project = bootstrap.load(tmp_path)
    bootstrap.ingest(project, progress=lambda _: None)
    return project


def on_trial(project: Project) -> str:
    release = build(project).release
    trial = Trial(run="run-1", mode="canary", candidate="v2", release=release, share=0.0, salt="s")
    write_live(project.state, Live(trial=trial))
    return release


async def answered(house: bootstrap.House, caller: str) -> str:
    """Return the release that answered somebody."""
    ask = Ask(text="How do I add documents?", caller=caller)
    events = [event async for event in house.assistant.turn(ask)]
    finished = events[-1]
    assert isinstance(finished, Finished)
    return finished.reply.release


async def journal(house: bootstrap.House, name: str) -> list[Event]:
    return [event for _, event in await house.store.events(0, 1000) if event.name == name]


async def test_the_server_decides_who_is_in_the_candidate_and_hears_of_exposures(
    project: Project, server: PostHogServer
) -> None:
    release = await asyncio.to_thread(on_trial, project)
    async with bootstrap.open_house(project) as house:
        assert await answered(house, "anna") == release
        (exposure,) = await journal(house, "flag.exposure")
        assert (exposure.variant, exposure.flag_key) == ("v2", "run-1")
    # What is new is sent when a server starts, and every few seconds from then on.
    async with bootstrap.open_house(project), asyncio.timeout(20):
        while not server.events:  # noqa: ASYNC110 - the server is another's
            await asyncio.sleep(0.02)
    sent = [event for event in server.events.values() if event["event"] == "$feature_flag_called"]
    assert [event["distinct_id"] for event in sent] == [exposure.user_hash]
    assert "anna" not in str(server.events)
    assert "anna" not in str(server.asked)


async def test_whoever_is_new_while_the_server_is_down_is_answered_and_counts_nowhere(
    project: Project, server: PostHogServer
) -> None:
    release = await asyncio.to_thread(on_trial, project)
    async with bootstrap.open_house(project) as house:
        server.is_down = True
        assert await answered(house, "ben") != release
        assert await journal(house, "flag.exposure") == []
        (turn,) = await journal(house, "assistant.turn.completed")
        assert (turn.variant, turn.flag_key) == ("", "")
        (fault,) = await journal(house, "flag.source")
        assert fault.data == {"source": "posthog", "available": False, "reason": "HTTP 503"}


async def test_after_a_restart_with_the_server_down_everybody_stays_where_they_were(
    project: Project, server: PostHogServer
) -> None:
    release = await asyncio.to_thread(on_trial, project)
    async with bootstrap.open_house(project, shared=False) as house:
        assert await answered(house, "anna") == release
    server.is_down = True
    async with bootstrap.open_house(project, shared=False) as house:
        assert await answered(house, "anna") == release
        assert await answered(house, "ben") != release
