"""Bring an index up to date with folders of documents: read what is new or changed, forget what is gone."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from shipmate.config import DocumentFolder
from shipmate.errors import Problem
from shipmate.knowledge.chunk import CHUNKING, chunk
from shipmate.knowledge.documents import LARGEST_BYTES, File, list_files, parse, read
from shipmate.messages import Passage
from shipmate.ports import PassageIndex

__all__ = ["IngestProgress", "IngestReport", "ingest"]

# What is read at most before it is committed: it bounds memory, and what an interrupted run has to read again.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_DOCUMENTS = 2000

Replacement = tuple[str, str, Sequence[Passage]]


class IngestProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an ingest is; told before each file and once at the end."""

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

    @property
    def documents(self) -> int:
        """Return how many documents the index now holds."""
        return self.added + self.changed + self.unchanged


def ingest(
    folders: Sequence[DocumentFolder],
    index: PassageIndex,
    *,
    progress: Callable[[IngestProgress], None] = lambda _: None,
    largest_bytes: int = LARGEST_BYTES,
) -> IngestReport:
    """Make the index hold the folders' documents as they are now, and nothing else.

    It commits in batches: an interrupted run loses the last batch at most, and the next one goes on from there.
    Raises `UsageError` when there is no such folder, `DiskFull` and `FolderInUse` as the index does.
    """
    return _Ingest(folders, index, progress, largest_bytes).run()


class _Ingest:
    """One run: walks over the files, keeping what is to be written until a batch is full."""

    def __init__(
        self,
        folders: Sequence[DocumentFolder],
        index: PassageIndex,
        progress: Callable[[IngestProgress], None],
        largest_bytes: int,
    ) -> None:
        listings = [list_files(folder, largest_bytes=largest_bytes) for folder in folders]
        self._files = [file for listing in listings for file in listing.files]
        self._index = index
        self._progress = progress
        self._largest_bytes = largest_bytes
        self._known = dict(index.sources())
        self._present: set[str] = set()
        self._batch: list[Replacement] = []
        self._batch_bytes = 0
        self._report = IngestReport(skipped=tuple(problem for listing in listings for problem in listing.skipped))

    def run(self) -> IngestReport:
        files = self._files
        total_bytes = sum(file.size_bytes for file in files)
        done_bytes = 0
        for done, file in enumerate(files):
            self._tell(file.source, done, done_bytes, total_bytes)
            self._take(file)
            done_bytes += file.size_bytes
            if self._batch_bytes >= BATCH_BYTES or len(self._batch) >= BATCH_DOCUMENTS:
                self._commit(removed=())
        self._commit(removed=sorted(self._known.keys() - self._present))
        self._tell("", len(files), total_bytes, total_bytes)
        return self._report

    def _take(self, file: File) -> None:
        """Put a file's passages into the batch, unless the index has them already."""
        data = read(file, largest_bytes=self._largest_bytes)
        if isinstance(data, Problem):
            self._skip(data)
            return
        fingerprint = f"{CHUNKING}-{blake2b(data, digest_size=16).hexdigest()}"
        if self._known.get(file.source) == fingerprint:
            self._present.add(file.source)
            self._count(unchanged=1)
            return
        document = parse(file, data)
        if isinstance(document, Problem):
            self._skip(document)
            return
        passages = chunk(document)
        self._present.add(file.source)
        self._batch.append((file.source, fingerprint, passages))
        self._batch_bytes += len(data)
        is_new = file.source not in self._known
        self._count(added=is_new, changed=not is_new, passages=len(passages), read_bytes=len(data))

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
                total=len(self._files),
                done_bytes=done_bytes,
                total_bytes=total_bytes,
            )
        )
