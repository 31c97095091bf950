"""What knows of an assistant's work, over a journal in memory: the real reading, without another process."""

import asyncio
from collections.abc import Sequence

from shipmate.insight.outcomes import BroughtOutcome, outcome_events
from shipmate.insight.reading import Reading, read
from shipmate.insight.report import Report
from shipmate.journal import Journal
from shipmate.messages import Event
from shipmate.testing.memory_store import MemoryStore
from tests.integration.fake_assistant import FakeAssistant


class MemoryInsight:
    """Keeps what it is told in a journal in memory; the turns are the fake assistant's."""

    def __init__(self, assistant: FakeAssistant, events: Sequence[Event] = (), now: float = 1_800_000_000.0) -> None:
        self.assistant = assistant
        self.store = MemoryStore()
        self.journal = Journal(clock=assistant.clock, key=b"k" * 32)
        self.events = list(events)
        self.now = now
        self._known: set[str] = set()
        self._news = asyncio.Event()

    async def feedback(self, turn_id: str, caller: str, *, value: int, reason: str = "") -> None:
        trace = await self.assistant.trace(turn_id, caller)
        self.events.append(self.journal.feedback(trace, caller, value=value, reason=reason))

    async def bring(self, outcomes: Sequence[BroughtOutcome]) -> tuple[int, int]:
        new = [event for event in outcome_events(outcomes, self.now) if event.event_id not in self._known]
        self._known |= {event.event_id for event in new}
        self.events += new
        return len(new), len(outcomes) - len(new)

    async def report(self, days: float | None) -> Report:
        store = MemoryStore()
        await store.record(self.events)
        since = self.now - days * 86_400 if days else 0.0
        return await read(store, Reading(now=self.now, since=since, usd_per_h=0.01), since=since)

    async def record(self, name: str, data: dict[str, object], release: str = "") -> None:
        clock = self.assistant.clock
        self.events.append(Event(name=name, ts=clock.now(), event_id=clock.new_id(), release=release, data=data))
        self._news.set()

    async def told(self, name: str, times: int) -> None:
        """Return when the server has noted so many events of a name."""
        while [event.name for event in self.events].count(name) < times:
            self._news.clear()
            await self._news.wait()
