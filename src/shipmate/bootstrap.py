"""The composition root: a loaded folder becomes a running assistant. Nothing else imports adapters."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shipmate import config, layers, starting
from shipmate.adapters.folder import FolderLock, abandoned_restores, complete_restore, install_key, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.curation import CURATION
from shipmate.curator import Curator
from shipmate.errors import Damaged, FolderInUse, Missing, ModelError, Problem, ProjectError, UsageError
from shipmate.flags.exposures import availability, seen_before
from shipmate.journal import user_hash
from shipmate.knowledge import repair
from shipmate.live import FollowedLive, Live, Trial, read_live
from shipmate.messages import LOCAL, Event, Hit, Message, Question, Role, Trace
from shipmate.neighbourhood import Centre, Neighbourhood, Way
from shipmate.ports import Clock, FlagSource
from shipmate.running import Running, Shared, SystemOfRecord
from shipmate.scopes import scopes_of
from shipmate.turn import Assistant
from shipmate.versions import (
    Shelf,
    has_outdated_index,
    holds_passages,
    index_folder,
    ingest,
    ingested,
    open_version,
    opened,
)

if TYPE_CHECKING:
    from shipmate.reporting import Insight
    from shipmate.shipping.sides import Drift
    from shipmate.tickets.begin import Begun, Progress
    from shipmate.trials.house import TrialDesk
    from shipmate.upkeep import Upgrade

__all__ = [
    "House",
    "IndexState",
    "abandoned",
    "adrift",
    "backup",
    "begin_serving",
    "changes",
    "check",
    "check_store",
    "clock",
    "examine_live",
    "forget",
    "has_index",
    "has_outdated_index",
    "index_state",
    "ingest",
    "init",
    "init_from_tickets",
    "is_served",
    "load",
    "lock_stack",
    "meant_release",
    "neighbourhood",
    "open_assistant",
    "open_house",
    "public_key",
    "restore",
    "search",
    "serving",
    "state_folder",
    "trace",
    "try_embedder",
    "try_model",
    "upgrade",
    "way",
]

log = logging.getLogger(__name__)

# How long `doctor` waits for a model.
TRY_MODEL_S = 10.0


def load(folder: Path, *, despite_problems: bool = False) -> Project:
    """Read the folder's files, or what of them has no problems; a restore that was killed half-way is completed first."""
    project = config.load(folder, despite_problems=despite_problems)
    complete_restore(state_folder(project))
    return project


def clock() -> Clock:
    """Return this machine's clock."""
    return SystemClock()


def state_folder(project: Project) -> Path:
    """Return where the assistant keeps what it makes itself; never in git."""
    return project.state


def abandoned(project: Project) -> list[Path]:
    """Return what restores left beside the state when they were killed."""
    return abandoned_restores(state_folder(project))


def init(folder: Path) -> Sequence[Path]:
    """Make a new assistant; return the files written."""
    return starting.init(folder, SystemClock())


def init_from_tickets(folder: Path, tickets: Path, columns: Sequence[str], **shown: "Progress") -> "Begun":
    """Make a new assistant from drafts of past tickets; `shown` are the progress of `reading` and of `sorting`."""
    from shipmate.adapters.static_embedder import StaticEmbedder
    from shipmate.tickets.begin import begin

    return asyncio.run(begin(folder, tickets, columns, SystemClock(), StaticEmbedder(), **shown))


def check(folder: Path) -> list[Problem]:
    """Return all that is amiss in the folder's files: schema, charter lint, stack lock, adapters' settings."""
    from shipmate.evals.tally import tally_of
    from shipmate.listing import document_names

    project = load(folder)
    tally, problems = tally_of(folder)
    names = document_names(project.documents, state_folder(project), SystemClock())
    facts = layers.charter_facts(project, tally=tally, documents=names)
    problems = [
        *problems,
        *config.check(project, SystemClock(), releases=layers.releases(project), facts=facts),
        *layers.problems(project),
    ]
    problems += adrift(project)
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.code))


def adrift(project: Project) -> list[Problem]:
    """Return a warning for each pin and block whose passage the index does not hold any more."""
    if not (project.curation.pins or project.curation.blocks):
        return []
    with suppress(Damaged), opened(project) as collections:
        if holds_passages(collections):
            return list(repair.adrift(project.curation, project.source(CURATION), collections))
    return []


def lock_stack(folder: Path) -> None:
    """Freeze the stack as it is."""
    project = load(folder)
    config.lock_stack(project, SystemClock(), releases=layers.releases(project))


def has_index(project: Project) -> bool:
    """Return whether documents were ingested."""
    with opened(project) as collections:
        return holds_passages(collections)


def changes(folder: Path) -> Iterator[bool]:
    """Yield at once, and from then on whenever documents or the folder's files have changed.

    What is yielded says whether websites are to be visited. Raises `ProjectError` when the folder has problems at first.
    """
    from shipmate import listing

    return listing.changes(lambda: load(folder).documents, lambda: config.watched(folder), SystemClock())


class IndexState(NamedTuple):
    """What an index holds, and how many documents are out of step with it."""

    passages: int
    sources: int
    stale: int
    # It was made by an earlier version, and holds nothing for this one.
    is_outdated: bool


def index_state(project: Project) -> IndexState:
    """Compare the index with the documents, reading none of them and writing nothing."""
    from shipmate.knowledge.documents import File
    from shipmate.listing import listings

    with opened(project) as collections:
        sources = {source for collection in collections for source in collection.index.sources()}
        passages = sum(collection.index.statistics.passage_count for collection in collections)
    found = listings(project.documents, state_folder(project), SystemClock(), visits=False)
    entries = [entry for listing in found for entry in listing.entries]
    files = [entry for entry in entries if isinstance(entry, File)]
    here = {entry.source for entry in entries}
    marker = max((path.stat().st_mtime for path in index_folder(project).rglob("meta.json")), default=0.0)
    changed = sum(file.source in sources and file.path.stat().st_mtime > marker for file in files)
    return IndexState(
        passages=passages,
        sources=len(sources),
        stale=changed + len(here ^ sources),
        is_outdated=not passages and has_outdated_index(project.folder),
    )


async def try_embedder(project: Project) -> tuple[str, str, int]:
    """Embed one word; return the embedder's name (empty: there is none), what went wrong, and how many passages lack a vector.

    A model that a hub has is not fetched: what is not here yet is said.
    """
    settings = layers.embedder_settings(project)
    fetched = {"onnx", "sentence_transformers"}
    if project.stack.layer("embedder").adapter in fetched and not layers.kept_folder(project, settings).is_dir():
        return settings.model, f"The embedder {settings.model} is no folder here, and was not fetched yet.", 0
    embedder = await layers.open_embedder(project)
    if embedder is None:
        return "", "", 0
    try:
        await embedder.embed(["hello"])
        with opened(project, embedder) as collections:
            return embedder.name, "", sum(collection.lacking for collection in collections)
    except (ModelError, UsageError, Damaged) as error:
        return embedder.name, error.what, 0
    finally:
        await embedder.close()


async def try_model(project: Project) -> tuple[str, str]:
    """Ask the model for one word; return its name (empty: none is configured) and what went wrong."""
    model = layers.open_model(project)
    if model is None:
        return "", ""
    try:
        hello = Message(role=Role.USER, text="Say hello.", at=0.0)
        async for _ in model.stream([hello], max_tokens=4, deadline_s=TRY_MODEL_S):
            pass
    except ModelError as error:
        return model.name, error.what
    finally:
        await model.close()
    return model.name, ""


def public_key(project: Project) -> str:
    """Return the key by which others tell what was signed here; it is made where there is none."""
    from shipmate.signing import open_signer

    make_state(state_folder(project))
    return open_signer(state_folder(project)).public


def is_served(project: Project) -> bool:
    """Return whether somebody serves the folder now."""
    try:
        with FolderLock(state_folder(project) / "serve.lock", "", is_shared=True):
            return False
    except FolderInUse:
        return True


def serving(project: Project) -> FolderLock:
    """Hold the folder as its one server while a `with` block runs; raise `FolderInUse` while there is another.

    Raises `ProjectError` at once where a layer was changed while the stack is frozen, and nobody answers for it.
    """
    found = config.check_stack_lock(project, SystemClock(), releases=layers.releases(project))
    if changed := [problem for problem in found if not problem.warning]:
        raise ProjectError(changed)
    for problem in found:
        log.warning("%s:%d: %s %s", problem.file, problem.line, problem.what, problem.do)
    return FolderLock(state_folder(project) / "serve.lock", "serve")


def meant_release(project: Project, written: str) -> str:
    """Return the id of the release that is meant, who may have been named by its beginning; nothing for the folder."""
    from shipmate.release.shelf import found

    return found(state_folder(project), written) if written else ""


def examine_live(project: Project) -> tuple[str, list[str]]:
    """Return which release is live, and what of it is not as it was built; no release where the folder itself answers."""
    from shipmate.shipping.shelved import examine

    release = read_live(state_folder(project)).release
    return examine(project, release) if release else ("", [])


def begin_serving(project: Project) -> "Drift | None":
    """Finish what an interrupted promotion left; return how the folder differs from the release that is live, if one is."""
    from shipmate.shipping.sides import drift
    from shipmate.shipping.switch import settle

    settle(project)
    return drift(project)


def backup(folder: Path, archive: Path) -> None:
    """Save what the assistant in `folder` remembers, though its files may have problems; also while it serves."""
    from shipmate import upkeep

    upkeep.backup(_state_below(folder), archive)


def restore(folder: Path, archive: Path) -> Path | None:
    """Put a backup in the place of the present state; return where that is kept."""
    from shipmate import upkeep

    return upkeep.restore(archive, _state_below(folder))


def upgrade(folder: Path, *, dry_run: bool = False) -> "Upgrade":
    """Bring the state of an earlier version to this one, after a backup."""
    from shipmate import upkeep

    return upkeep.upgrade(_state_below(folder), dry_run=dry_run)


def _state_below(folder: Path) -> Path:
    if not folder.is_dir():
        raise Missing(f"There is no folder {folder}.", do="Name an assistant's folder.")
    complete_restore(folder / config.STATE)
    return folder / config.STATE


def check_store(project: Project) -> "Upgrade":
    """Read every page of the database and return what an upgrade would do; raise `Damaged`, `SchemaTooNew`."""
    from shipmate.adapters.sqlite.snapshot import check_integrity

    path = state_folder(project) / "shipmate.db"
    if path.exists():
        check_integrity(path)
    return upgrade(project.folder, dry_run=True)


async def search(project: Project, words: str, limit: int, *, release: str = "") -> list[Hit]:
    """Return the passages that a question finds, in a built release or in the folder as it is."""
    groups = _groups(project, shared=False).get(LOCAL, frozenset())
    async with open_version(project, release, has_model=False) as version:
        question = Question(text=words, standalone=words)
        scope = scopes_of(version.under(project.curation)).of(groups)
        return await scope.search.passages(question, limit, groups)


def neighbourhood(project: Project, name: str, most_entities: int) -> Neighbourhood:
    """Return what stands around a name, as far as who sits at this machine may see it."""
    from shipmate.knowledge.graph.around import around

    groups = _groups(project, shared=False).get(LOCAL, frozenset())
    with ingested(project, None) as collections:
        return around(
            repair.unblocked(collections, project.curation), Centre(name=name), groups, most_entities=most_entities
        )


def way(project: Project, name: str, other: str) -> Way:
    """Return how one name leads to another, as far as who sits at this machine may see it."""
    from shipmate.knowledge.graph import around

    groups = _groups(project, shared=False).get(LOCAL, frozenset())
    with ingested(project, None) as collections:
        return around.way(repair.unblocked(collections, project.curation), name, other, groups)


async def trace(project: Project, turn_id: str, caller: str) -> Trace:
    """Return why a turn ended as it did."""
    with _using(project):
        store = layers.open_store(project)
        try:
            return await store.trace(turn_id, caller)
        finally:
            await store.close()


async def forget(project: Project, whom: str) -> int:
    """Erase a caller's conversations, or the one of that id; return how many. Raises `Missing` where there is none."""
    with _using(project):
        store = layers.open_store(project)
        try:
            conversations = await store.erase(whom)
            if not conversations:
                raise Missing(f"Nothing is kept of {whom!r}.", do="Name a caller, or the id of a conversation.")
            now = SystemClock()
            erased = Event(
                name="assistant.erased", ts=now.now(), event_id=now.new_id(), data={"conversations": conversations}
            )
            await store.record((erased,))
            return conversations
        finally:
            await store.close()


@dataclass(frozen=True, kw_only=True)
class House:
    """An opened assistant, and what looks after it."""

    assistant: Assistant
    curator: Curator
    store: SystemOfRecord
    # Of a house that follows what is live.
    trials: "TrialDesk | None" = None
    # Of one that serves.
    insight: "Insight | None" = None


@asynccontextmanager
async def open_assistant(
    project: Project, *, clock: Clock | None = None, shared: bool = True, release: str = ""
) -> AsyncIterator[Assistant]:
    """Open a release, or the folder as it is, and give it back at the end; raises what `open_house` raises."""
    async with open_house(project, clock=clock, shared=shared, release=release) as house:
        yield house.assistant


@asynccontextmanager
async def open_house(
    project: Project, *, clock: Clock | None = None, shared: bool = True, release: str | None = None
) -> AsyncIterator[House]:
    """Open an assistant, and beside it what looks after it.

    It answers from a built release, with an empty one from the folder as it is, and without one from what is live,
    now and later. Who does not share it may ask as often and as fast as they like. A newer commit of the index is
    adopted within `FOLLOW_S`. Raises `NoIndex` before documents were ingested, and `ProjectError` where settings do not
    fit.
    """
    async with AsyncExitStack() as held:
        held.enter_context(_using(project))
        followed = FollowedLive(state_folder(project)) if release is None else None
        live = followed.live if followed else Live(release=release or "")
        shelf = Shelf(partial(open_version, project))
        held.push_async_callback(shelf.close)
        await shelf.take(live.release)
        store = layers.open_store(project)
        held.push_async_callback(store.close)
        clock, key = clock or SystemClock(), install_key(state_folder(project))
        flags = await _open_flags(project, clock, store, partial(user_hash, key), live.trial)
        held.push_async_callback(flags.close)
        common = Shared(
            project=project,
            clock=clock,
            key=key,
            groups=_groups(project, shared=shared),
            is_public=shared,
            store=store,
            flags=flags,
        )
        running = Running(common, shelf)
        assistant = await running.begin(live)
        await held.enter_async_context(_beside(running.follow()))
        if followed:
            await held.enter_async_context(_beside(running.follow_live(followed)))
        trials = insight = None
        if followed and shared:
            trials, insight = await held.enter_async_context(_looked_after(common, shelf))
        yield House(assistant=assistant, curator=running.curator, store=store, trials=trials, insight=insight)


@asynccontextmanager
async def _looked_after(shared: Shared, shelf: Shelf) -> "AsyncIterator[tuple[TrialDesk, Insight]]":
    """Keep trials, read the journal, and tell a flag service of it, beside an assistant that serves."""
    from shipmate.release.canary.keeper import Keeper
    from shipmate.reporting import Insight, test_callers
    from shipmate.trials.house import HouseActs, TrialDesk

    project, store = shared.project, shared.store
    known = {user_hash(shared.key, caller): own for caller, own in shared.groups.items()}
    acts = HouseActs(project, store, partial(_promote, project), version=shelf.take, groups=known)
    keeper = Keeper(store, acts, shared.clock, internal=test_callers(project))
    insight = Insight(project, store, shared.clock)
    async with AsyncExitStack() as held:
        await held.enter_async_context(_beside(keeper.keep(), insight.follow()))
        if exporter := layers.open_exporter(project, store):
            held.push_async_callback(exporter.close)
            await held.enter_async_context(_beside(exporter.run()))
        yield TrialDesk(project, keeper, store), insight


async def _open_flags(
    project: Project, clock: Clock, store: SystemOfRecord, name_of: Callable[[str], str], trial: Trial | None
) -> FlagSource:
    """Open what says who is in which arm; the journal hears when it fails, and tells it whom it has seen where."""
    adapter = project.stack.layer("flags").adapter

    def told(what: str) -> None:
        event = availability(adapter, what, ts=clock.now(), event_id=clock.new_id())
        asyncio.ensure_future(store.record((event,))).add_done_callback(_complain)

    flags = layers.open_flags(project, clock, name_of=name_of, told=told)
    if trial and adapter != "hash":
        flags.recall(trial.run, await seen_before(store, trial.run))
    return flags


def _complain(commit: asyncio.Future[None]) -> None:
    if not commit.cancelled() and (error := commit.exception()):
        log.error("What befell the flags could not be kept: %s", error)


def _promote(project: Project, release: str, reason: str) -> None:
    from shipmate.shipping.switch import promote

    promote(project, release, by="canary", reason=reason)


@asynccontextmanager
async def _beside(*endless: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do this beside a `with` block, and stop when it ends."""
    tasks = [asyncio.create_task(one) for one in endless]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def _groups(project: Project, *, shared: bool) -> dict[str, frozenset[str]]:
    """Return the groups of each caller; a server cannot know that somebody sits at this machine."""
    listed = {caller: frozenset(groups) for caller, groups in project.stack.groups.items()}
    return {caller: groups for caller, groups in listed.items() if not (shared and caller == LOCAL)}


def _using(project: Project) -> FolderLock:
    """Keep restore and upgrade away from a store that is open; everybody else may have it open too."""
    return FolderLock(state_folder(project) / "state.lock", "", is_shared=True)
