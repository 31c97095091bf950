"""What is live: the one release that answers, and what is on trial beside it; one small file, written whole or not at all."""

import hashlib
import logging
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shipmate.disk import disk_faults, glance, write_whole
from shipmate.errors import Damaged
from shipmate.messages import Record

__all__ = ["BUCKETS", "LIVE", "FaqOnly", "FollowedLive", "Live", "Mode", "Trial", "bucket", "read_live", "write_live"]

log = logging.getLogger(__name__)

LIVE = "live.json"
BUCKETS = 10_000
Mode = Literal["canary", "pilot", "shadow"]


class Trial(Record, frozen=True, kw_only=True):
    """A candidate beside the control, and who gets to see it."""

    # Of this run alone; also the flag that exposures name.
    run: str
    mode: Mode
    # The arms' names, as events carry them.
    control: str = "control"
    candidate: str
    # The built release that the candidate is.
    release: str
    # Who is in the candidate: this share of all callers, by `bucket(salt, caller)`; in a pilot, the callers by name.
    share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    # Of this run, and never used again.
    salt: str = ""
    callers: tuple[str, ...] = ()

    def has(self, caller: str) -> bool:
        """Return whether a caller is answered by the candidate: the same as before at every share that is no smaller."""
        match self.mode:
            case "canary":
                return bucket(self.salt, caller) < round(self.share * BUCKETS)
            case "pilot":
                return caller in self.callers
            case "shadow":
                return False


class Live(Record, frozen=True, kw_only=True):
    """Which release answers; an empty one is the folder as it is."""

    version: Literal[1] = 1
    release: str = ""
    # What `rollback` goes back to.
    previous: str = ""
    trial: Trial | None = None
    # The kill switch: nothing but the FAQ answers.
    faq_only: bool = False


class FaqOnly(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kill switch, as somebody wants it."""

    on: bool


class FollowedLive:
    """What is live now: a glance at the file each time, and a reading when it has changed."""

    def __init__(self, state: Path) -> None:
        self.live = read_live(state)
        self._state = state
        self._path = str(state / LIVE)
        self._seen = glance(self._path)

    def changed(self) -> bool:
        """Return whether something else is live now; a damaged file changes nothing, and the log says so."""
        seen = glance(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            live = read_live(self._state)
        except Damaged as error:
            log.warning("What answers stays as it was: %s", error.what)
            return False
        if live == self.live:
            return False
        self.live = live
        return True


def bucket(salt: str, unit: str) -> int:
    """Return the bucket of somebody, from 0 to `BUCKETS` - 1: the same each time, and another one under each salt."""
    return int.from_bytes(hashlib.sha256(f"{salt}{unit}".encode()).digest(), "big") % BUCKETS


def read_live(state: Path) -> Live:
    """Return what is live; without a file, the folder as it is. Raises `Damaged`."""
    path = state / LIVE
    with disk_faults(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Live()
    try:
        return msgspec.json.decode(content, type=Live)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        what = f"{path} does not say which release is live: {error}"
        do = "mend it, or delete it: then the folder as it is answers, until you promote a release again"
        raise Damaged(what, do=do) from error


def write_live(state: Path, live: Live) -> None:
    """Make this live: when it returns, it survives a power cut; until then, what was live before is."""
    path = state / LIVE
    with disk_faults(path):
        write_whole(path, msgspec.json.format(msgspec.json.encode(live), indent=2) + b"\n")
