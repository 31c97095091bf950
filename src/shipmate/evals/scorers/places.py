"""What a search found, and what a reply cites, against the documents that were wanted."""

from collections.abc import Sequence
from math import log2
from typing import Any

from shipmate.evals.outcome import Found, Outcome, stands_in

__all__ = ["citation_precision", "citation_recall", "mrr", "ndcg", "precision", "recall"]


def recall(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Return the share of the wanted documents among the first k passages."""
    docs, first = _wanted(outcome, value)
    return _covered(first, docs), _told("finds", first)


def precision(outcome: Outcome, value: Any) -> float:
    """Return the share of the first k passages that are of a wanted document; nothing found is 0."""
    docs, first = _wanted(outcome, value)
    return sum(_is_of(found, docs) for found in first) / len(first) if first else 0.0


def mrr(outcome: Outcome, value: Any) -> float:
    """Return one divided by the place of the first passage that is of a wanted document."""
    docs, first = _wanted(outcome, value)
    return next((1 / place for place, found in enumerate(first, 1) if _is_of(found, docs)), 0.0)


def ndcg(outcome: Outcome, value: Any) -> float:
    """Return the discounted gain of wanted documents, each counted where it comes first, by that of the best order."""
    docs, first = _wanted(outcome, value)
    places = [next((n for n, found in enumerate(first, 1) if stands_in(found, doc)), 0) for doc in docs]
    # Two wanted places of one passage stand on one rank: the best order may do that too, so no gain is above 1.
    best = sum(1 / log2(1 + place) for place in range(1, min(len(docs), max(len(first), 1)) + 1))
    return min(1.0, sum(1 / log2(1 + place) for place in places if place) / best)


def citation_recall(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Return the share of these places that are cited."""
    return _covered(outcome.citations, value), _told("cites", outcome.citations)


def citation_precision(outcome: Outcome, value: Any) -> float:
    """Return the share of the citations that are of these places; no citation is 0."""
    cited = outcome.citations
    return sum(_is_of(found, value) for found in cited) / len(cited) if cited else 0.0


def _wanted(outcome: Outcome, value: Any) -> tuple[Sequence[str], Sequence[Found]]:
    return value["docs"], outcome.passages[: value["k"]]


def _covered(found: Sequence[Found], docs: Sequence[str]) -> float:
    return sum(any(stands_in(one, doc) for one in found) for doc in docs) / len(docs) if docs else 1.0


def _is_of(found: Found, docs: Sequence[str]) -> bool:
    return any(stands_in(found, doc) for doc in docs)


def _told(verb: str, found: Sequence[Found]) -> str:
    return f"It {verb} {', '.join(dict.fromkeys(one.source for one in found)) or 'nothing'}."
