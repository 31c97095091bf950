"""Look around in the graph: what stands beside an entity, and how one leads to another."""

from typing import NamedTuple

import numpy as np

from shipmate.knowledge.graph.network import Keys, neighbours_of
from shipmate.knowledge.graph.view import View

__all__ = ["Stated", "Step", "path_between", "related"]

# A way that is longer says nothing to a person.
MOST_STEPS = 6


class Step(NamedTuple):
    """From an entity, through a passage that names both, to the next one."""

    passage: int
    entity: int
    # As the passage's document writes it; filled in by who knows.
    name: str = ""
    weight: float = 0.0


class Stated(NamedTuple):
    """A typed relation, and the passage that says so."""

    subject: str
    relation: str
    object: str
    passage: int


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
