"""Bring an index up to date with where documents come from: read what is new or changed, forget what is gone."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec
from msgspec.structs import replace

from shipmate.errors import Problem
from shipmate.knowledge.chunk import CHUNKING, chunk
from shipmate.knowledge.documents import LARGEST_BYTES, Entry, Listing
from shipmate.knowledge.formats import parse
from shipmate.knowledge.parser_process import ParserProcess
from shipmate.messages import Passage

__all__ = ["IngestProgress", "IngestReport", "ingest", "together", "visiting"]

# What is read at most before it is committed: it bounds memory, and what an interrupted run has to read again.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_DOCUMENTS = 2000

COUNTED = ("added", "changed", "unchanged", "removed", "passages", "read_bytes")

Replacement = tuple[str, str, Sequence[Passage]]


class Target(Protocol):
    """What an ingest writes to: a `PassageIndex`, or what takes note for one."""

    def sources(self) -> Mapping[str, str]:
        """Return the fingerprint under which each source was indexed."""

    def write(self, replaced: Iterable[Replacement], removed: Iterable[str]) -> None:
        """Replace sources (name, fingerprint, passages) and remove others, all in one commit."""


class IngestProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an ingest is; told before each file and once at the end."""

    # What is being done.
    step: str = "Reading documents"
    # The document that is read next; empty at the end.
    source: str
    done: int
    total: int
    done_bytes: int
    total_bytes: int


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an ingest did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    # Passages of the documents that were added or changed.
    passages: int = 0
    read_bytes: int = 0
    # What was not read, and why; a folder without documents is named here too.
    skipped: tuple[Problem, ...] = ()
    # As what places were read that have states, such as commits: by the beginning of their documents' names.
    states: dict[str, str] = {}

    @property
    def documents(self) -> int:
        """Return how many documents the index now holds."""
        return self.added + self.changed + self.unchanged

    @property
    def reasons(self) -> dict[str, int]:
        """Return how many were skipped for which reason, the most frequent first."""
        return dict(Counter(problem.reason or "other" for problem in self.skipped).most_common())


def ingest(
    listings: Sequence[Listing],
    index: Target,
    *,
    progress: Callable[[IngestProgress], None] = lambda _: None,
    largest_bytes: int = LARGEST_BYTES,
) -> IngestReport:
    """Make the index hold the listed documents as they are now, and nothing else.

    It commits in batches: an interrupted run loses the last batch at most, and the next one goes on from there.
    Raises `DiskFull` and `FolderInUse` as the index does.
    """
    with ParserProcess() as parsers:
        return _Ingest(listings, index, parsers, progress, largest_bytes).run()


def together(reports: Sequence[IngestReport]) -> IngestReport:
    """Return one report of what was done to several collections."""
    counts = {name: sum(getattr(report, name) for report in reports) for name in COUNTED}
    skipped = tuple(problem for report in reports for problem in report.skipped)
    states = {place: state for report in reports for place, state in report.states.items()}
    return IngestReport(skipped=skipped, states=states, **counts)


def visiting(page: str, done: int, total: int) -> IngestProgress:
    """Return how far a visit to a website is, whose pages' sizes nobody knows before."""
    return IngestProgress(
        step="Visiting websites", source=page, done=done, total=total, done_bytes=done, total_bytes=total
    )


class _Ingest:
    """One run: walks over the documents, keeping what is to be written until a batch is full."""

    def __init__(
        self,
        listings: Sequence[Listing],
        index: Target,
        parsers: ParserProcess,
        progress: Callable[[IngestProgress], None],
        largest_bytes: int,
    ) -> None:
        self._entries = [entry for listing in listings for entry in listing.entries]
        self._index = index
        self._parsers = parsers
        self._progress = progress
        self._largest_bytes = largest_bytes
        self._known = dict(index.sources())
        self._present: set[str] = set()
        self._batch: list[Replacement] = []
        self._batch_bytes = 0
        self._report = IngestReport(
            skipped=tuple(problem for listing in listings for problem in listing.skipped),
            states={listing.place: listing.state for listing in listings if listing.state},
        )

    def run(self) -> IngestReport:
        entries = self._entries
        total_bytes = sum(entry.size_bytes for entry in entries)
        done_bytes = 0
        for done, entry in enumerate(entries):
            self._tell(entry.source, done, done_bytes, total_bytes)
            self._take(entry)
            done_bytes += entry.size_bytes
            if self._batch_bytes >= BATCH_BYTES or len(self._batch) >= BATCH_DOCUMENTS:
                self._commit(removed=())
        self._commit(removed=sorted(self._known.keys() - self._present))
        self._tell("", len(entries), total_bytes, total_bytes)
        return self._report

    def _take(self, entry: Entry) -> None:
        """Put a document's passages into the batch, unless the index has them already."""
        source = entry.source
        if source in self._present:
            do = "Rename one of the two."
            self._skip(entry.problem(f"Another document is called {source} already.", do, reason="same name"))
            return
        if entry.stamp and self._is_known(source, _fingerprint(entry, entry.stamp)):
            return
        data = entry.read(self._largest_bytes)
        if isinstance(data, Problem):
            self._skip(data)
            return
        fingerprint = _fingerprint(entry, entry.stamp or blake2b(data, digest_size=16).hexdigest())
        if self._is_known(source, fingerprint):
            return
        document = parse(entry, data, self._parsers)
        if isinstance(document, Problem):
            self._skip(document)
            return
        for note in document.notes:
            self._skip(note)
        passages = chunk(document)
        self._present.add(source)
        self._batch.append((source, fingerprint, passages))
        self._batch_bytes += len(data)
        is_new = source not in self._known
        self._count(added=is_new, changed=not is_new, passages=len(passages), read_bytes=len(data))

    def _is_known(self, source: str, fingerprint: str) -> bool:
        """Tell whether the index holds the document as it is; then count it."""
        if self._known.get(source) != fingerprint:
            return False
        self._present.add(source)
        self._count(unchanged=1)
        return True

    def _commit(self, *, removed: Sequence[str]) -> None:
        if self._batch or removed:
            self._index.write(self._batch, removed)
            self._count(removed=len(removed))
        self._batch = []
        self._batch_bytes = 0

    def _skip(self, problem: Problem) -> None:
        self._report = replace(self._report, skipped=(*self._report.skipped, problem))

    def _count(self, **more: int) -> None:
        self._report = replace(self._report, **{name: getattr(self._report, name) + n for name, n in more.items()})

    def _tell(self, source: str, done: int, done_bytes: int, total_bytes: int) -> None:
        self._progress(
            IngestProgress(
                source=source,
                done=done,
                total=len(self._entries),
                done_bytes=done_bytes,
                total_bytes=total_bytes,
            )
        )


def _fingerprint(entry: Entry, content: str) -> str:
    """Return what is another as soon as the document would be cut or shown in another way."""
    read_as = [entry.audience, entry.columns]
    return f"{CHUNKING}-{content}" + (f"-{msgspec.json.encode(read_as).decode()}" if any(read_as) else "")
