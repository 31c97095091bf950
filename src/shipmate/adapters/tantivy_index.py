"""The passage index on tantivy: one folder, whole commits, nothing to rebuild at start-up.

Every stem of a passage is one term of the field `text`, joined by spaces: tantivy analyses nothing itself. A source's first entry is its head and carries the fingerprint, so a commit can never disagree
with what `sources` says of it.
"""

import errno
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import msgspec
import tantivy

from shipmate.errors import Damaged, DiskFull, FolderInUse, StorageError
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.outline import packed, recall
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Hit, Passage
from shipmate.text import indexed_stems

__all__ = ["FORMAT", "TantivyIndex", "is_made", "is_outdated"]

FORMAT = "passages-4"
# What earlier versions made; the next ingest replaces it.
EARLIER = ("passages-1", "passages-2", "passages-3")
WRITER_HEAP_BYTES = 32_000_000
PROBE_BYTES = 1_000_000
PASSAGES_KEPT = 4096
# Most sources have fewer passages: they are found without being counted first.
FEW = 32
TERMS_KEPT = 16384

PASSAGE = "passage"
HEAD = "head"
# Who may see a passage: everyone, or the groups that follow the sign.
EVERYONE = "*"
GROUP = "="


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The entry that stands for a whole source."""

    source: str
    fingerprint: str
    # Of its passages.
    keys: tuple[int, ...] = ()


class Scale(NamedTuple):
    """Against what BM25 weighs: how many entries there are, removed ones too until segments merge, and their mean length."""

    entries: int
    length: float


class Explained(msgspec.Struct, frozen=True):
    """A part of why an entry has its score."""

    value: float
    description: str
    details: "tuple[Explained, ...]" = ()

    def valued(self, beginning: str) -> float:
        """Return the value of the part that is described so; 0 where there is none."""
        if self.description.startswith(beginning):
            return self.value
        return max((part.valued(beginning) for part in self.details), default=0.0)


_encode = msgspec.msgpack.Encoder().encode
_decode_passage = msgspec.msgpack.Decoder(Passage).decode
_decode_head = msgspec.msgpack.Decoder(Head).decode


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="spaces", index_option="freq")
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("source", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("audience", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("key", indexed=True)
    builder.add_bytes_field("passage", stored=True)
    builder.add_bytes_field("outline", stored=True)
    builder.add_bytes_field("head", stored=True)
    return builder.build()


SCHEMA = _schema()


@lru_cache(maxsize=TERMS_KEPT)
def _term(stem: str) -> tantivy.Query:
    return tantivy.Query.term_query(SCHEMA, "text", stem, "freq")


@lru_cache(maxsize=256)
def _seen_by(groups: frozenset[str]) -> tantivy.Query:
    """Return what matches the passages that these groups may see, and adds nothing to their scores."""
    seers = [EVERYONE, *(GROUP + group for group in sorted(groups))]
    clauses = [(tantivy.Occur.Should, tantivy.Query.term_query(SCHEMA, "audience", seer, "basic")) for seer in seers]
    return tantivy.Query.const_score_query(tantivy.Query.boolean_query(clauses), 0.0)


def _entries(source: str, fingerprint: str, passages: Sequence[Passage]) -> Iterator[tantivy.Document]:
    """Yield one entry per passage, the first of them the head; a source without passages is a head alone."""
    keys = tuple(map(passage_key, passages))
    for number, passage in enumerate(passages or [None]):
        entry = tantivy.Document()
        entry.add_text("source", source)
        if number == 0:
            entry.add_text("kind", HEAD)
            entry.add_bytes("head", _encode(Head(source, fingerprint, keys)))
        if passage is not None:
            head = " ".join((passage.title, *passage.headings))
            entry.add_text("kind", PASSAGE)
            entry.add_integer("key", keys[number])
            for seer in [GROUP + group for group in passage.audience] or [EVERYONE]:
                entry.add_text("audience", seer)
            entry.add_text("text", " ".join(indexed_stems(head, passage.text)))
            entry.add_bytes("passage", _encode(passage))
            entry.add_bytes("outline", packed(passage))
        yield entry


class Snapshot:
    """What one commit holds; it stays readable while later ones are written."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self._searcher = searcher
        self.passage_count = self._count("kind", PASSAGE)
        # Frequencies in tantivy's dictionary still count removed passages until segments are merged.
        self._is_clean = self._frequency("kind", PASSAGE) == self.passage_count
        self._is_for_everyone = self._count("audience", EVERYONE) == self.passage_count
        self._passage = lru_cache(maxsize=PASSAGES_KEPT)(self._read)
        self._with_key = lru_cache(maxsize=PASSAGES_KEPT)(self._sought)
        self._stepped = lru_cache(maxsize=TERMS_KEPT)(self._tells_instead)
        self.document_frequency = lru_cache(maxsize=TERMS_KEPT)(self._document_frequency)

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str]) -> list[Hit]:
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(_term(stem), weight * self._stepped(stem)))
            for stem, weight in terms.items()
        ]
        query = tantivy.Query.boolean_query(clauses)
        if not self._is_for_everyone:
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, _seen_by(groups))])
        found = self._searcher.search(query, limit, count=False)
        return [
            Hit(passage=self._passage(at.segment_ord, at.doc), score=score, legs={"lexical": score})
            for score, at in found.hits
        ]

    @cached_property
    def scale(self) -> Scale:
        query = tantivy.Query.term_query(SCHEMA, "kind", PASSAGE, "basic")
        found = self._searcher.search(query, 1, count=False)
        if not found.hits:
            return Scale(0, 0.0)
        at = found.hits[0][1]
        passage = _decode_passage(self._searcher.doc(at)["passage"][0])
        stem = next(iter(indexed_stems(" ".join((passage.title, *passage.headings)), passage.text)), "")
        if not stem:
            return Scale(0, 0.0)
        told = msgspec.json.decode(_term(stem).explain(self._searcher, at).to_json(), type=Explained)
        return Scale(int(told.valued("N,")), told.valued("avgdl,"))

    def _tells_instead(self, stem: str) -> float:
        """Return by what a word's weight is multiplied so that it counts what it tells, which few edits change."""
        frequency, entries = self._frequency("text", stem), self.scale.entries
        if not 0 < frequency <= entries:
            return 1.0
        return telling_by(self)[stem] / math.log(1 + (entries - frequency + 0.5) / (frequency + 0.5))

    def passages(self, source: str) -> list[Passage]:
        own = [_decode_passage(entry) for entry in self._stored("source", source, "passage")]
        return sorted(own, key=lambda passage: (passage.start, passage.end))

    def found(self, keys: Iterable[int]) -> dict[int, Passage]:
        known = ((key, self._with_key(key)) for key in keys)
        return {key: passage for key, passage in known if passage is not None}

    def sources(self) -> dict[str, str]:
        return {head.source: head.fingerprint for head in self._heads()}

    def keys(self) -> dict[str, tuple[int, ...]]:
        return {head.source: head.keys for head in self._heads()}

    def _heads(self) -> Iterator[Head]:
        return map(_decode_head, self._stored("kind", HEAD, "head"))

    def _sought(self, key: int) -> Passage | None:
        found = self._searcher.search(tantivy.Query.term_query(SCHEMA, "key", key, "basic"), 1, count=False)
        return next((self._passage(at.segment_ord, at.doc) for _, at in found.hits), None)

    def _document_frequency(self, stem: str) -> int:
        return self._frequency("text", stem) if self._is_clean else self._count("text", stem)

    def _read(self, segment: int, number: int) -> Passage:
        entry = self._searcher.doc(tantivy.DocAddress(segment, number))
        passage = _decode_passage(entry["passage"][0])
        recall(passage, entry["outline"][0])
        return passage

    def _stored(self, field: str, value: str, stored: str) -> Iterator[bytes]:
        query = tantivy.Query.term_query(SCHEMA, field, value, "basic")
        found = self._searcher.search(query, FEW, count=False)
        if len(found.hits) == FEW:
            found = self._searcher.search(query, self._count(field, value), count=False)
        entries = (self._searcher.doc(at).get_first(stored) for _, at in found.hits)
        yield from (entry for entry in entries if entry is not None)

    def _frequency(self, field: str, value: str) -> int:
        return self._searcher.doc_freq(field, value)

    def _count(self, field: str, value: str) -> int:
        option = "freq" if field == "text" else "basic"
        found = self._searcher.search(tantivy.Query.term_query(SCHEMA, field, value, option), 1, count=True)
        return int(found.count)  # type: ignore[attr-defined]


def is_made(folder: Path) -> bool:
    """Tell whether a folder holds an index of this version; nothing is written."""
    return (folder / FORMAT / "meta.json").exists()


def is_outdated(folder: Path) -> bool:
    """Tell whether a folder holds an earlier version's index, which the next ingest replaces."""
    return any((folder / earlier).exists() for earlier in EARLIER)


class TantivyIndex:
    """A `PassageIndex` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FORMAT
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(SCHEMA, str(self._folder))
        except OSError as error:
            raise self._refused(error) from error
        except ValueError as error:
            raise self._damaged(error) from error
        self._index.register_tokenizer("spaces", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        self._index.config_reader("manual")
        self._commit: tuple[int, int] | None = None
        self._open_commit()

    @property
    def statistics(self) -> Snapshot:
        """Return the statistics of the commit that is being read."""
        return self._snapshot

    @property
    def scale(self) -> Scale:
        """Return against what the commit that is being read weighs its words."""
        return self._snapshot.scale

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages by BM25 that these groups may see, best first; no term is read as query syntax.

        A word weighs what `telling_by` says, not what BM25 would: that moves with every edit.
        """
        return self._snapshot.search(terms, limit, groups) if terms and limit > 0 else []

    def passages(self, source: str) -> list[Passage]:
        """Return the passages of one source in document order."""
        return self._snapshot.passages(source)

    def found(self, keys: Iterable[int]) -> dict[int, Passage]:
        """Return the passages with these keys, as far as they are there."""
        return self._snapshot.found(keys)

    def sources(self) -> dict[str, str]:
        """Return the fingerprint of each source."""
        return self._snapshot.sources()

    def keys(self) -> dict[str, tuple[int, ...]]:
        """Return the keys of each source's passages."""
        return self._snapshot.keys()

    def refresh(self) -> bool:
        """Read from the newest commit, also another process's; return whether there was a newer one.

        An index that was deleted together with the folder it was made in holds nothing any more.
        """
        if not self._folder.parent.exists():
            is_news = self._commit is not None
            if is_news:
                self._snapshot = Snapshot(tantivy.Index(SCHEMA).searcher())
                self._commit = None
            return is_news
        if self._commit_on_disk() in {self._commit, None}:
            return False
        self._open_commit()
        return True

    def write(self, replaced: Iterable[tuple[str, str, Sequence[Passage]]], removed: Iterable[str]) -> None:
        """Replace and remove sources in one commit; after a failure the last commit stands."""
        writer = self._writer()
        try:
            for source in removed:
                writer.delete_documents_by_term("source", source)
            for source, fingerprint, passages in replaced:
                writer.delete_documents_by_term("source", source)
                for entry in _entries(source, fingerprint, passages):
                    writer.add_document(entry)
            writer.commit()
        except BaseException as error:
            refused = self._refused(error) if isinstance(error, ValueError | OSError) else None
            with suppress(ValueError):
                writer.rollback()
            self._close(writer)
            self._sweep()
            if refused is None:
                raise
            raise refused from error
        self._close(writer)
        self._open_commit()
        for earlier in EARLIER:
            shutil.rmtree(self._folder.with_name(earlier), ignore_errors=True)

    def _writer(self) -> tantivy.IndexWriter:
        try:
            return self._index.writer(WRITER_HEAP_BYTES, num_threads=1)
        except ValueError as error:
            if "LockBusy" in str(error):
                raise FolderInUse(
                    f"Another process writes to {self._folder}.", do="Wait until its `shipmate ingest` has ended."
                ) from error
            raise self._refused(error) from error

    @staticmethod
    def _close(writer: tantivy.IndexWriter) -> None:
        """Let merges finish, which would be thrown away otherwise, and give back the lock, now and not some time."""
        with suppress(ValueError):
            writer.wait_merging_threads()

    def _sweep(self) -> None:
        """Delete what a broken write left; the files of the last commit stay."""
        with suppress(ValueError, FolderInUse, StorageError):
            writer = self._writer()
            writer.garbage_collect_files()
            self._close(writer)

    def _refused(self, error: Exception) -> StorageError:
        if "No space left" in str(error) or self._is_full():
            return DiskFull(
                f"No space is left for the search index in {self._folder}.",
                do="Free some space and run `shipmate ingest` again: it goes on where it stopped.",
            )
        return StorageError(
            f"The search index in {self._folder} cannot be written: {error}.",
            do="Check the folder's permissions, then run `shipmate ingest` again.",
        )

    def _is_full(self) -> bool:
        """Try it: when tantivy's writing thread dies of a full disk, its error does not say so."""
        try:
            with TemporaryFile(dir=self._folder) as probe:
                probe.write(bytes(PROBE_BYTES))
        except OSError as error:
            return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        return False

    def _damaged(self, error: Exception) -> Damaged:
        return Damaged(
            f"The search index in {self._folder} does not open: {error}.",
            do=f"Delete {self._folder} and run `shipmate ingest`: it is made from your documents alone.",
        )

    def _commit_on_disk(self) -> tuple[int, int] | None:
        """Return what tells the newest commit from others, or nothing while somebody rebuilds the folder."""
        try:
            stat = (self._folder / "meta.json").stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def _open_commit(self) -> None:
        # The mark is taken first: a commit that comes between is then seen by the next refresh.
        self._commit = self._commit_on_disk()
        try:
            self._index.reload()
            self._snapshot = Snapshot(self._index.searcher())
        except ValueError as error:
            raise self._damaged(error) from error
