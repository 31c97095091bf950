"""Cases that are drafted from the conversations of an assistant."""

from collections.abc import AsyncIterator
from pathlib import Path

from shipmate import layers
from shipmate.config import Project
from shipmate.errors import Missing
from shipmate.evals import suite as suites
from shipmate.evals.propose import Proposed, bad_turns, propose, write_proposed
from shipmate.evals.suite import Suite
from shipmate.messages import Event
from shipmate.ports import EventLog
from shipmate.tickets.masks import mask

__all__ = ["propose_cases"]

# So many events are read at a time, and so many questions are looked back on.
EVENTS = 5_000
QUESTIONS = 20_000
NOBODY = ""


async def propose_cases(project: Project) -> tuple[Proposed, Path | None]:
    """Draft cases from what went badly, and write them where they do not count yet; nothing where there are none."""
    store = layers.open_store(project)
    try:
        bad = bad_turns([event async for event in _events(store)])
        # As nobody, so that only what was asked with consent may be shown.
        asked = await store.asked(QUESTIONS, NOBODY)
    finally:
        await store.close()
    proposed = propose(bad, asked, _suite(project), mask)
    return proposed, write_proposed(project.folder, proposed) if proposed.cases else None


def _suite(project: Project) -> Suite | None:
    try:
        return suites.read(project.folder)
    except Missing:
        return None


async def _events(log: EventLog) -> AsyncIterator[Event]:
    after = 0
    while entries := await log.events(after, EVENTS):
        for entry in entries:
            yield entry.event
        after = entries[-1].seq
