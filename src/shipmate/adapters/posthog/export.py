"""Tells a PostHog server what the journal says: each event at least once, in order, and from where it stopped."""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipmate.adapters.posthog.client import PostHogClient, PostHogError
from shipmate.adapters.posthog.events import shaped
from shipmate.disk import disk_faults
from shipmate.errors import ShipmateError
from shipmate.messages import Entry, Record
from shipmate.ports import EventLog

__all__ = ["CURSOR", "Exporter"]

log = logging.getLogger(__name__)

CURSOR = "posthog.json"
BATCH = 200
LOOK_S = 10.0
LONGEST_PAUSE_S = 300.0


class Sent(Record, frozen=True, kw_only=True):
    """How far the journal was told."""

    after: int = 0


class Exporter:
    """Reads the journal behind the turns' backs; a server that fails holds up nothing but its own copy."""

    def __init__(
        self,
        journal: EventLog,
        client: PostHogClient,
        state: Path,
        *,
        flag: str,
        without_consent: bool = False,
        look_s: float = LOOK_S,
    ) -> None:
        self._journal = journal
        self._client = client
        self._path = state / CURSOR
        self._flag = flag
        self._without_consent = without_consent
        self._look_s = look_s
        self._after = self._read()

    async def run(self) -> None:
        """Send what is new, again and again; never ends."""
        failures = 0
        while True:
            try:
                await self.send()
            except (PostHogError, ShipmateError) as error:
                if not failures:
                    log.warning("PostHog is told nothing now (%s); events are kept, and sent later.", error)
                asked_s = error.retry_after_s if isinstance(error, PostHogError) else 0.0
                await asyncio.sleep(min(max(self._look_s * 2**failures, asked_s), LONGEST_PAUSE_S))
                failures = min(failures + 1, 16)
            else:
                failures = 0
                await asyncio.sleep(self._look_s)

    async def close(self) -> None:
        """Drop the connections; idempotent."""
        await self._client.close()

    async def send(self) -> int:
        """Send all that is new; return how many events went out. Raises `PostHogError`."""
        count = 0
        while entries := await self._journal.events(self._after, BATCH):
            count += await self._deliver(entries)
            self._keep(entries[-1].seq)
        return count

    async def _deliver(self, entries: Sequence[Entry]) -> int:
        """Send the events of some entries; a batch that is refused for good is halved until the bad event is alone."""
        batch = [
            event
            for entry in entries
            if (self._without_consent or entry.event.consent) and (event := shaped(entry.event, self._flag))
        ]
        if not batch:
            return 0
        try:
            await self._client.post("/batch/", {"batch": batch})
        except PostHogError as error:
            if error.status not in {400, 413}:
                raise
            if len(entries) > 1:
                middle = len(entries) // 2
                return await self._deliver(entries[:middle]) + await self._deliver(entries[middle:])
            log.warning("PostHog refuses the event %s (%s); it is left out.", entries[0].event.event_id, error)
            return 0
        return len(batch)

    def _read(self) -> int:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Sent).after
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            # Told from the beginning: what the server has already, it counts once.
            return 0

    def _keep(self, after: int) -> None:
        self._after = after
        draft = self._path.with_suffix(".new")
        with disk_faults(self._path):
            draft.write_bytes(msgspec.json.encode(Sent(after=after)))
            os.replace(draft, self._path)  # noqa: PTH105 - one call for a file that is written often
