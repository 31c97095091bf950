"""The graph's leg of a search: the pages that a question names, and those to which they lead."""

import math
from collections.abc import Mapping, Sequence

from shipmate.knowledge.graph.cues import pointed, reading, sought
from shipmate.knowledge.graph.view import View
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit, Led

__all__ = ["DEPTH", "MOST_ANCHORS", "seek"]

# Beside the names, a walk begins at the first hit; ten hits would only echo the lexical leg.
SEED_WEIGHT = 5.0
# So many passages of the walk are kept.
DEPTH = 20
# So many passages are read for cues, and counted as pages that the question names.
MOST_ANCHORS = 4
UNNAMED_ANCHOR = 0.8
# How the walk, the cues and the names make one score, 0-1.
WALKED, CUED, NAMED = 2 / 7, 3 / 7, 2 / 7


def seek(question: str, hits: Sequence[Hit], view: View) -> Led:
    """Return the passages to which the question's names and its best hits lead.

    It walks from the names and the first hit, then reads the pages that the question names for its other words:
    beside them stands the name of the page that is meant.
    """
    network = view.network
    rows = view.rows([passage_key(hit.passage) for hit in hits])
    known = [(row, hit) for row, hit in zip(rows, hits, strict=True) if row >= 0]
    (names,) = view.names([question])
    walked = _walked(view, [entity for _, entity in names], [row for row, _ in known[:1]])
    named = _named(view, [entity for _, entity in names])
    anchors = [(row, hit, named[row]) for row, hit in known if row in named][:MOST_ANCHORS]
    trust = named.get(known[0][0], 0.0) if known else 0.0
    if not anchors and known:
        anchors = [(*known[0], UNNAMED_ANCHOR)]
    terms = sought(question, frozenset(word for name, _ in names for word in name.words))
    cued: dict[int, float] = {}
    for row, hit, weight in anchors:
        for page, score in _cued(view, row, hit.passage.text, terms).items():
            cued[page] = max(cued.get(page, 0.0), weight * score)
    scores = {
        int(network.passages[row]): WALKED * walked.get(row, 0.0)
        + CUED * cued.get(row, 0.0)
        + NAMED * named.get(row, 0.0)
        for row in sorted({*walked, *cued, *named})
    }
    return Led(scores, trust)


def _walked(view: View, entities: Sequence[int], first: Sequence[int]) -> dict[int, float]:
    """Return where a walk from the names and the first hit is, by the passage's number; 1 for the most visited."""
    seeds = dict.fromkeys(first, SEED_WEIGHT)
    places, masses = view.walk({entity: float(view.idf[entity]) for entity in entities}, seeds)
    if not len(places):
        return {}
    best = (-masses).argsort(kind="stable")[:DEPTH]
    return {int(places[at]): math.sqrt(masses[at] / masses[best[0]]) for at in best}


def _named(view: View, entities: Sequence[int]) -> dict[int, float]:
    """Return the passages that are about what the question names; a name of many pages says little of each."""
    named: dict[int, float] = {}
    for entity in entities:
        pages = view.pages(entity)
        for row in pages:
            named[row] = max(named.get(row, 0.0), 1 / len(pages))
    return named


def _cued(view: View, anchor: int, text: str, terms: Mapping[str, float]) -> dict[int, float]:
    """Return the pages whose names stand in a passage beside what the question looks for, but not its own page."""
    cues = reading(text).cues(terms)
    cued: dict[int, float] = {}
    for spot in view.spots(text) if cues else ():
        if anchor not in spot.pages:
            cue = pointed(cues, spot.first, spot.length, spot.sentence) / math.sqrt(len(spot.pages))
            for row, worth in spot.pages.items():
                cued[row] = max(cued.get(row, 0.0), cue * worth)
    return cued
