"""Say which release answers: promote one, take one back; a crash at any point leaves exactly one live.

What is to happen is noted before it happens. The one thing that counts is `live.json`, which changes as a whole; whoever
comes next finds by the note whether a change was made whose event the journal does not hold yet.
"""

import asyncio
from pathlib import Path

import msgspec

from shipmate import layers
from shipmate.adapters.folder import FolderLock
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults, keep_names, write_whole
from shipmate.errors import Busy, Damaged, Missing, UsageError
from shipmate.live import Live, Mode, Trial, read_live, write_live
from shipmate.messages import Event, Record
from shipmate.release import bundle
from shipmate.release.seal import broken
from shipmate.release.shelf import LOCK, RELEASES, SHELF_LOCK, found, home_of
from shipmate.shipping.shelved import brought, check_signature, is_file
from shipmate.signing import open_signer
from shipmate.versions import built_project, is_index_sound, make_index, release_library

__all__ = ["Switched", "end_trial", "make_ready", "promote", "rollback", "settle", "try_out"]

NOTE = "next.json"


class Switched(Record, frozen=True, kw_only=True):
    """What answers now, and what did before."""

    live: Live
    before: Live

    @property
    def is_news(self) -> bool:
        """Return whether anything has changed."""
        return self.live != self.before


class Note(Record, frozen=True, kw_only=True):
    """What is to be live, and what the journal is to say of it."""

    live: Live
    event: Event


def promote(project: Project, named: str, *, by: str = "", reason: str = "") -> Switched:
    """Let a release answer, which is named by its id or by the file that holds it; running servers follow at once.

    It has to be what somebody trusted has built, and its stack none that is frozen out. Raises `FolderInUse`, `Damaged`,
    `Untrusted`, `ProjectError`, `Missing`, and `UsageError` while another one is on trial; then nothing has changed.
    """
    state = project.state
    with FolderLock(state / SHELF_LOCK, "promote"):
        release = brought(project, Path(named)) if is_file(named) else found(state, named)
        _check_trial(read_live(state), release)
        check_signature(project, home_of(state, release))
        layers.check_fit(built_project(project, release), SystemClock())
        make_ready(project, release)
    with FolderLock(state / LOCK, "promote"):
        _settle(project)
        before = read_live(state)
        _check_trial(before, release)
        home_of(state, release)
        previous = before.previous if before.release == release else before.release
        live = msgspec.structs.replace(before, release=release, previous=previous, trial=None)
        event = _event("release.promoted", release, before.release, by, reason)
        return _switched(project, before, live, _with(event, run=before.trial.run) if before.trial else event)


def rollback(project: Project, *, by: str = "", reason: str = "") -> Switched:
    """Take back what was let to people last: a candidate on trial, or else the release that answers.

    What is left when a candidate goes is what answered beside it. Raises `FolderInUse`, `Missing` where there is nothing
    to go back to, `Damaged` where that is not what was built; then nothing has changed.
    """
    state = project.state
    with FolderLock(state / LOCK, "rollback"):
        _settle(project)
        before = read_live(state)
        if before.trial:
            live = msgspec.structs.replace(before, trial=None)
            event = _event("release.rolled_back", live.release, before.trial.release, by, reason)
            return _switched(project, before, live, _with(event, run=before.trial.run))
        if not before.release and not before.previous:
            raise Missing("No release was promoted, so there is nothing to go back to.", do="See `shipmate releases`.")
        if before.previous:
            make_ready(project, before.previous)
        live = msgspec.structs.replace(before, release=before.previous, previous=before.release)
        return _switched(project, before, live, _event("release.rolled_back", live.release, before.release, by, reason))


def try_out(project: Project, trial: Trial, event: Event) -> Switched:
    """Let a release answer those whom a trial puts beside the others; running servers follow at once.

    Its id may be written by its beginning. Raises as `promote` does, and `Busy` while another trial runs; then nothing
    has changed.
    """
    state = project.state
    with FolderLock(state / LOCK, "trial"):
        _settle(project)
        before = read_live(state)
        if before.trial:
            what = f"A {before.trial.mode} runs already (run {before.trial.run})."
            raise Busy(what, do="One trial at a time: wait for its end, or end it.")
        release = found(state, trial.release)
        if release == before.release:
            do = "Build the candidate and name it: `shipmate build`."
            raise UsageError(f"The release {release} is live already.", do=do)
        check_signature(project, home_of(state, release))
        layers.check_fit(built_project(project, release), SystemClock())
        make_ready(project, release)
        live = msgspec.structs.replace(before, trial=msgspec.structs.replace(trial, release=release))
        return _switched(project, before, live, msgspec.structs.replace(event, release=release))


def end_trial(project: Project, mode: Mode, event: Event) -> Switched:
    """Answer everybody as those who are in no trial; `event` is told of the run that ends.

    Raises `FolderInUse`, and `Missing` where no trial of this mode runs; then nothing has changed.
    """
    with FolderLock(project.state / LOCK, "trial"):
        _settle(project)
        before = read_live(project.state)
        if before.trial is None or before.trial.mode != mode:
            raise Missing(f"No {mode} runs.", do=f"Begin one: `shipmate {mode} start`.")
        live = msgspec.structs.replace(before, trial=None)
        ended = msgspec.structs.replace(event, flag_key=before.trial.run, release=before.trial.release)
        return _switched(project, before, live, ended)


def settle(project: Project) -> None:
    """Finish what was interrupted: the journal holds an event of every release that came to be live."""
    if (project.state / RELEASES / NOTE).exists():
        with FolderLock(project.state / LOCK, "serve"):
            _settle(project)


def make_ready(project: Project, release: str) -> None:
    """See that a release can answer: it is what was built, and so is its index; raise `Damaged` where it is not."""
    home = home_of(project.state, release)
    if wrong := list(bundle.faults(home, release)):
        do = "Bring it anew from its file, or build it again."
        raise Damaged(f"The release {release} is not what was built: {'; '.join(wrong)}.", do=do)
    # An index is made here, or made anew: nobody else's signature is asked for.
    own = open_signer(project.state).public
    if any(broken(home, release, (own,))) or not is_index_sound(release_library(project.state, release)):
        make_index(home, built_project(project, release), release)


def _check_trial(live: Live, release: str) -> None:
    """Raise `UsageError` while another release is on trial."""
    if live.trial and live.trial.release != release:
        what = f"The release {live.trial.release} is on trial (run {live.trial.run})."
        raise UsageError(what, do="Wait for its verdict, or take it back: `shipmate rollback`.")


def _event(name: str, release: str, previous: str, by: str, reason: str) -> Event:
    clock = SystemClock()
    said = {"release": release, "previous": previous, "by": by, "reason": reason}
    return Event(name=name, ts=clock.now(), event_id=clock.new_id(), release=release, data=dict(said))


def _with(event: Event, **more: object) -> Event:
    return msgspec.structs.replace(event, data={**event.data, **more})


def _switched(project: Project, before: Live, live: Live, event: Event) -> Switched:
    if live != before:
        path = project.state / RELEASES / NOTE
        with disk_faults(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(path, msgspec.json.encode(Note(live=live, event=event)))
        write_live(project.state, live)
        _recorded(project, event)
        _forget(path)
    return Switched(live=live, before=before)


def _settle(project: Project) -> None:
    path = project.state / RELEASES / NOTE
    try:
        note = msgspec.json.decode(path.read_bytes(), type=Note)
    except FileNotFoundError:
        return
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        do = f"Delete it: {project.state / 'live.json'} says what is live."
        raise Damaged(f"{path} does not read back: {error}", do=do) from error
    if read_live(project.state) == note.live:
        _recorded(project, note.event)
    _forget(path)


def _forget(path: Path) -> None:
    with disk_faults(path):
        path.unlink(missing_ok=True)
        keep_names(path.parent)


def _recorded(project: Project, event: Event) -> None:
    async def record() -> None:
        store = layers.open_store(project)
        try:
            await store.record((event,))
        finally:
            await store.close()

    asyncio.run(record())
