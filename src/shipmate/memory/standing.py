"""Whether what past replies cited still stands in the documents, and who may see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shipmate.messages import Citation, Passage

__all__ = ["Audiences", "Standing"]

# The groups that each passage with a quote is for; of one that everyone may see, none.
Audiences = frozenset[tuple[str, ...]]


@dataclass(slots=True)
class Source:
    """A document that was cited."""

    # Under which it was read; None: it has changed since, and nothing stands in it until it is read.
    fingerprint: str | None = None
    # Of each quote that stands in it.
    audiences: dict[str, Audiences] = field(default_factory=dict)
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
            if citation.quote not in source.audiences:
                source.fingerprint = None

    def let_go(self, issue_id: str, citations: Iterable[Citation]) -> None:
        """Forget the citations of an episode."""
        for name in {citation.source for citation in citations}:
            source = self._sources[name]
            del source.quotes[issue_id]
            left = set().union(*source.quotes.values())
            source.audiences = {quote: groups for quote, groups in source.audiences.items() if quote in left}
            if not source.quotes:
                del self._sources[name]

    def changed(self, fingerprints: Mapping[str, str]) -> set[str]:
        """Let nothing stand in documents that are not as they were read; return the episodes that cite them."""
        touched: set[str] = set()
        for name, source in self._sources.items():
            if source.fingerprint is not None and source.fingerprint != fingerprints.get(name, ""):
                source.fingerprint = None
                source.audiences = {}
                touched.update(source.quotes)
        return touched

    def unread(self) -> list[str]:
        """Return the documents that have to be read."""
        return [name for name, source in self._sources.items() if source.fingerprint is None]

    def read(self, name: str, fingerprint: str, passages: Sequence[Passage]) -> set[str]:
        """Hold the quotes against a document as it is now; return the episodes that cite it.

        The fingerprint of one that is gone is empty.
        """
        source = self._sources.get(name)
        if source is None:
            return set()
        source.fingerprint = fingerprint
        quotes = set().union(*source.quotes.values())
        found = {quote: frozenset(p.audience for p in passages if quote in p.text) for quote in quotes}
        source.audiences = {quote: audiences for quote, audiences in found.items() if audiences}
        return set(source.quotes)

    def audiences(self, citation: Citation) -> Audiences | None:
        """Return whom the passages with a quote are for; None where it does not stand."""
        source = self._sources.get(citation.source)
        return source.audiences.get(citation.quote) if source else None
