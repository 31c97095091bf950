"""Look around in the graph: what stands beside an entity, and how one leads to another."""

from collections.abc import Sequence

import numpy as np

from shipmate.knowledge.graph.edges import EdgeKind
from shipmate.knowledge.graph.network import Keys, neighbours_of
from shipmate.knowledge.graph.view import View
from shipmate.neighbourhood import Edge, Step

__all__ = ["named_in", "naming", "path_between", "related"]

# A way that is longer says nothing to a person.
MOST_STEPS = 6


def named_in(view: View, passages: Sequence[int]) -> list[Edge]:
    """Return how these passages name their entities, as far as both may be seen."""
    network = view.network
    rows = [row for row in map(network.row, passages) if row >= 0 and view.sees(row)]
    return [
        edge
        for row in rows
        for at in range(network.passage_starts[row], network.passage_starts[row + 1])
        if (edge := _edge(view, row, int(network.passage_entity[at]), int(network.passage_kind[at])))
    ]


def naming(view: View, key: int) -> list[Edge]:
    """Return how an entity is named, passage by passage, as far as they may be seen."""
    network = view.network
    entity = view.entity(key)
    if entity < 0:
        return []
    return [
        edge
        for at in range(network.entity_starts[entity], network.entity_starts[entity + 1])
        if (edge := _edge(view, int(network.entity_passage[at]), entity, int(network.entity_kind[at])))
    ]


def _edge(view: View, row: int, entity: int, kind: int) -> Edge | None:
    if not view.counts(row, entity, kind):
        return None
    network = view.network
    weight = float(view.idf[entity])
    return Edge(int(network.passages[row]), EdgeKind(kind).name.lower(), int(network.entities[entity]), weight)


def related(view: View, key: int, limit: int) -> list[Step]:
    """Return the entities in the passages that name this one: those named in most, the telling ones before others."""
    network = view.network
    entity = view.entity(key)
    if entity < 0:
        return []
    passages = view.passages_of(np.array([entity]))[0]
    edges, whose = neighbours_of(network.passage_starts, passages)
    others = network.passage_entity[edges]
    weights = np.bincount(others, view.idf[others], len(network.entities))
    weights[entity] = 0.0
    best = np.argsort(-weights, kind="stable")[:limit]
    first = {int(other): int(passages[at]) for other, at in zip(others[::-1], whose[::-1], strict=True)}
    return [
        Step(int(network.passages[first[int(other)]]), int(network.entities[other]), weight=float(weights[other]))
        for other in best
        if weights[other] > 0
    ]


def path_between(view: View, key: int, goal_key: int) -> list[Step]:
    """Return the entities on a shortest way, each with the passage that leads to it; the same way every time."""
    network = view.network
    start, goal = view.entity(key), view.entity(goal_key)
    if start < 0 or goal < 0:
        return []
    came_from: dict[int, tuple[int, int]] = {start: (-1, -1)}
    frontier: Keys = np.array([start])
    for _ in range(MOST_STEPS):
        if goal in came_from or not len(frontier):
            break
        passages, by = view.passages_of(frontier)
        edges, whose = neighbours_of(network.passage_starts, passages)
        reached = network.passage_entity[edges]
        before = frontier[by][whose]
        through = passages[whose]
        is_new = (view.idf[reached] > 0) & ~np.isin(reached, np.fromiter(came_from, np.int64))
        ways = zip(reached[is_new].tolist(), before[is_new].tolist(), through[is_new].tolist(), strict=True)
        for entity, earlier, passage in ways:
            came_from.setdefault(entity, (earlier, passage))
        frontier = np.unique(reached[is_new]).astype(np.int64)
    return _traced(view, came_from, goal) if goal in came_from else []


def _traced(view: View, came_from: dict[int, tuple[int, int]], goal: int) -> list[Step]:
    steps = []
    at = goal
    while came_from[at][0] >= 0:
        earlier, passage = came_from[at]
        steps.append(Step(int(view.network.passages[passage]), int(view.network.entities[at])))
        at = earlier
    return steps[::-1]
