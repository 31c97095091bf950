"""Study past tickets: which intents there are, how people ask for each, and which answers were given."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipmate.charter import FEWEST_EXAMPLES, FEWEST_INTENTS, MOST_INTENTS
from shipmate.errors import UsageError
from shipmate.messages import Record
from shipmate.ports import Embedder
from shipmate.tickets.clusters import Clusters, dense_groups, different, find_clusters, outer_bound
from shipmate.tickets.export import Export, Progress, Ticket
from shipmate.tickets.names import intent_names
from shipmate.tickets.seeds import Repeated, Seed, best_seeds, choose_examples, question_key, repeated
from shipmate.tickets.space import Space

__all__ = ["SEED", "SEEDS", "Intent", "Sorted", "Study", "sort_tickets", "study"]

# Chance is drawn from this, so that the same export gives the same draft.
SEED = 20
# Groups are found on so many tickets, then every ticket is put into one.
SAMPLED = 4000
AT_ONCE = 2000
# Of each intent, so many tickets nearest to its centre are looked at for names, examples and answers.
LOOKED_AT = 1500
# How many questions get an answer in the FAQ and in the documents.
SEEDS = 20
# People may ask for more than a charter holds: then the groups are so many, and the largest are proposed.
BEYOND = (14, 16, 18, 20, 24, 28, 32, 40)
OTHER = -1


class Intent(Record, frozen=True, kw_only=True):
    """Something that many tickets ask for."""

    name: str
    count: int
    examples: tuple[str, ...]
    seeds: tuple[Seed, ...]


class Study(Record, frozen=True, kw_only=True):
    """What the tickets of an export ask for, the most frequent first."""

    intents: tuple[Intent, ...]
    # What else is asked for, with the number of tickets: more than a charter holds.
    further: dict[str, int]
    # Tickets that fit in nowhere.
    other: int


class Sorted(Record, frozen=True, kw_only=True):
    """The tickets by what they ask for."""

    space: Space
    # Of each ticket: its group, or -1 where it fits none.
    labels: NDArray[np.intp]
    # How close it is to its group's centre.
    closeness: NDArray[np.float32]
    count: int


async def study(export: Export, embedder: Embedder, progress: Progress) -> Study:
    """Return the intents of an export.

    Raises `UsageError` where it holds too few different questions for a charter.
    """
    placed = await sort_tickets(export.tickets, embedder, progress)
    near = [_nearest(placed, group) for group in range(placed.count)]
    groups = [[export.tickets[place] for place in places] for places in near]
    names = intent_names([[ticket.question for ticket in tickets] for tickets in groups])
    examples: list[tuple[str, ...]] = []
    questions: list[list[Repeated]] = []
    for tickets in groups[:MOST_INTENTS]:
        rows = await placed.space.place([ticket.question for ticket in tickets])
        examples.append(choose_examples(tickets, rows))
        questions.append(repeated(tickets, rows))
    seeds = await best_seeds(questions, SEEDS, embedder)
    counts = np.bincount(placed.labels[placed.labels != OTHER], minlength=placed.count)
    intents = [
        Intent(name=name, count=int(count), examples=shown, seeds=answered)
        for name, count, shown, answered in zip(names, counts, examples, seeds, strict=False)
    ]
    further = {name: int(count) for name, count in zip(names[MOST_INTENTS:], counts[MOST_INTENTS:], strict=True)}
    return Study(intents=tuple(intents), further=further, other=int((placed.labels == OTHER).sum()))


async def sort_tickets(tickets: Sequence[Ticket], embedder: Embedder, progress: Progress) -> Sorted:
    """Find the groups on a sample of different tickets, and put every ticket into one, or into none."""
    texts = list({question_key(ticket.question): ticket.gist for ticket in tickets}.values())
    needed = FEWEST_INTENTS * FEWEST_EXAMPLES
    if len(texts) < needed:
        what = f"There are {len(texts)} different questions; {FEWEST_INTENTS} intents need {needed} or more."
        raise UsageError(what, do="Export a longer time, or make the folder without tickets and write the charter.")
    random = np.random.default_rng(SEED)
    drawn = random.permutation(len(texts))[:SAMPLED]
    sample = [texts[place] for place in drawn]
    space = await Space.of(sample, embedder, SEED)
    centres, bound = _groups(await space.place(sample))
    labels = np.full(len(tickets), OTHER, np.intp)
    closeness = np.zeros(len(tickets), np.float32)
    for start in range(0, len(tickets), AT_ONCE):
        progress(start, len(tickets))
        batch = slice(start, start + AT_ONCE)
        likeness = await space.place([ticket.gist for ticket in tickets[batch]]) @ centres.T
        closeness[batch] = likeness.max(axis=1)
        labels[batch] = np.where(closeness[batch] > bound, likeness.argmax(axis=1), OTHER)
    progress(len(tickets), len(tickets))
    return _by_size(Sorted(space=space, labels=labels, closeness=closeness, count=len(centres)))


def _groups(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return the centres of the groups that hold together, and how close to one a ticket must be."""
    told_apart = different(rows, FEWEST_INTENTS * FEWEST_EXAMPLES)
    found: Clusters = find_clusters(told_apart, range(FEWEST_INTENTS, MOST_INTENTS + 1), BEYOND, FEWEST_EXAMPLES, SEED)
    likeness = rows @ found.centres.T
    bound = outer_bound(likeness)
    return found.centres[dense_groups(likeness, bound, FEWEST_INTENTS, FEWEST_EXAMPLES)], bound


def _by_size(placed: Sorted) -> Sorted:
    """Return the same with the groups numbered from the largest to the smallest."""
    counts = np.bincount(placed.labels[placed.labels != OTHER], minlength=placed.count)
    number = np.empty(placed.count + 1, np.intp)
    number[np.argsort(-counts, kind="stable")] = np.arange(placed.count)
    # The last place is that of -1.
    number[OTHER] = OTHER
    return Sorted(space=placed.space, labels=number[placed.labels], closeness=placed.closeness, count=placed.count)


def _nearest(placed: Sorted, group: int) -> list[int]:
    """Return the places of a group's tickets, the nearest to its centre first."""
    places = np.flatnonzero(placed.labels == group)
    return [int(place) for place in places[np.argsort(-placed.closeness[places], kind="stable")][:LOOKED_AT]]
