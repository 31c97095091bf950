"""Where what past replies cited still stands in the documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shipmate.messages import Citation, Passage

__all__ = ["Standing"]


@dataclass(slots=True)
class Source:
    """A document that was cited."""

    # Under which it was read; empty for one that is not there.
    fingerprint: str = ""
    is_unread: bool = True
    # The passages with each quote that was found in it then.
    passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    # Which episodes cite what of it.
    quotes: dict[str, set[str]] = field(default_factory=dict)


class Standing:
    """The quotes of past replies, held against one commit of the index after the other."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def watch(self, issue_id: str, citations: Iterable[Citation]) -> None:
        """Ask after the citations of an episode; until their documents are read, they do not stand."""
        for citation in citations:
            source = self._sources.setdefault(citation.source, Source())
            source.quotes.setdefault(issue_id, set()).add(citation.quote)
            source.is_unread |= citation.quote not in source.passages

    def let_go(self, issue_id: str, citations: Iterable[Citation]) -> None:
        """Forget the citations of an episode."""
        for name in {citation.source for citation in citations}:
            source = self._sources[name]
            del source.quotes[issue_id]
            left = set().union(*source.quotes.values())
            source.passages = {quote: passages for quote, passages in source.passages.items() if quote in left}
            if not source.quotes:
                del self._sources[name]

    def changed(self, fingerprints: Mapping[str, str], *, all_of_them: bool = False) -> set[str]:
        """Let nothing stand in documents that are not as they were read; return the episodes that cite them."""
        touched: set[str] = set()
        for name, source in self._sources.items():
            now = fingerprints.get(name, "")
            if source.fingerprint != now or all_of_them:
                source.fingerprint = now
                source.is_unread = True
                source.passages = {}
                touched.update(source.quotes)
        return touched

    def unread(self) -> list[str]:
        """Return the documents that have to be read."""
        return [name for name, source in self._sources.items() if source.is_unread]

    def read(self, name: str, passages: Sequence[Passage]) -> set[str]:
        """Hold the quotes against a document as `changed` has met it last; return the episodes that cite it."""
        source = self._sources[name]
        source.is_unread = False
        quotes = set().union(*source.quotes.values())
        found = {quote: tuple(passage for passage in passages if quote in passage.text) for quote in quotes}
        source.passages = {quote: holding for quote, holding in found.items() if holding}
        return set(source.quotes)

    def passages(self, citation: Citation) -> tuple[Passage, ...]:
        """Return the passages with a quote; none where it does not stand."""
        source = self._sources.get(citation.source)
        return source.passages.get(citation.quote, ()) if source else ()
