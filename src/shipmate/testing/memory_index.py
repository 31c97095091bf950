"""A passage index that lives and dies with its process: for tests, and for a first look."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit, Passage
from shipmate.text import indexed_stems

__all__ = ["Commits", "MemoryIndex"]

K1 = 1.2
B = 0.75

Entry = tuple[str, tuple[Passage, ...]]


class Commit:
    """One state of the index; never changed."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = entries
        self._passages = [passage for _, passages in entries.values() for passage in passages]
        self.by_key = {passage_key(passage): passage for passage in self._passages}
        self._places: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._lengths = []
        for number, passage in enumerate(self._passages):
            found = indexed_stems(" ".join((passage.title, *passage.headings)), passage.text)
            self._lengths.append(len(found))
            for stem, count in Counter(found).items():
                self._places[stem][number] = count

    @property
    def passage_count(self) -> int:
        """Return the number of passages."""
        return len(self._passages)

    def document_frequency(self, stem: str) -> int:
        """Return the number of passages that hold the stem."""
        return len(self._places.get(stem, ()))

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str]) -> list[Hit]:
        """Return the best passages by BM25 that these groups may see, best first."""
        scores: defaultdict[int, float] = defaultdict(float)
        mean_length = sum(self._lengths) / max(len(self._lengths), 1)
        for stem, weight in terms.items():
            found = self.document_frequency(stem)
            idf = math.log(1 + (self.passage_count - found + 0.5) / (found + 0.5))
            for number, count in self._places.get(stem, {}).items():
                if not self._passages[number].is_for(groups):
                    continue
                softened = count + K1 * (1 - B + B * self._lengths[number] / mean_length)
                scores[number] += weight * idf * count * (K1 + 1) / softened
        best = sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))[: max(limit, 0)]
        return [Hit(passage=self._passages[number], score=score, legs={"lexical": score}) for number, score in best]


class Commits:
    """What several indexes share, as processes share a folder."""

    def __init__(self) -> None:
        self.newest = Commit({})


class MemoryIndex:
    """A `PassageIndex` in dictionaries."""

    def __init__(self, commits: Commits | None = None) -> None:
        self._commits = commits or Commits()
        self._commit = self._commits.newest

    @property
    def statistics(self) -> Commit:
        """Return the statistics of the commit that is being read."""
        return self._commit

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages by BM25 that these groups may see, best first."""
        return self._commit.search(terms, limit, groups)

    def passages(self, source: str) -> list[Passage]:
        """Return the passages of one source in document order."""
        _, passages = self._commit.entries.get(source, ("", ()))
        return sorted(passages, key=lambda passage: (passage.start, passage.end))

    def sources(self) -> dict[str, str]:
        """Return the fingerprint of each source."""
        return {source: fingerprint for source, (fingerprint, _) in self._commit.entries.items()}

    def found(self, keys: Iterable[int]) -> dict[int, Passage]:
        """Return the passages with these keys, as far as they are there."""
        known = self._commit.by_key
        return {key: known[key] for key in keys if key in known}

    def keys(self) -> dict[str, tuple[int, ...]]:
        """Return the keys of each source's passages."""
        return {source: tuple(map(passage_key, own)) for source, (_, own) in self._commit.entries.items()}

    def write(self, replaced: Iterable[tuple[str, str, Sequence[Passage]]], removed: Iterable[str]) -> None:
        """Replace and remove sources in one commit."""
        entries = dict(self._commits.newest.entries)
        for source in removed:
            entries.pop(source, None)
        for source, fingerprint, passages in replaced:
            entries[source] = (fingerprint, tuple(passages))
        self._commits.newest = Commit(entries)
        self.refresh()

    def refresh(self) -> bool:
        """Read from the newest commit; return whether there was a newer one."""
        is_newer = self._commit is not self._commits.newest
        self._commit = self._commits.newest
        return is_newer
