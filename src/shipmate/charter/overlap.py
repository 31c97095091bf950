"""Whether the intents' examples can be told apart: for each example, which other one is most like it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import sqrt
from typing import NamedTuple

from shipmate.charter.records import MOST_INTENTS
from shipmate.charter.subject import Finding, Likeness, Subject, intents
from shipmate.text import fold
from shipmate.yaml_source import KeyPath

__all__ = ["BY_LETTERS", "intents_are_apart", "intents_are_well_apart"]

# From these shares of two intents' examples on that are most like one of the other's.
TOO_MUCH = 0.3
MUCH = 0.1
LETTERS = 3
# Of each intent, so many examples are compared; a charter with more intents than twice the most is no charter yet.
MOST_EXAMPLES = 50
MOST_COMPARED = 2 * MOST_INTENTS


class Example(NamedTuple):
    """One of an intent's examples."""

    path: KeyPath
    intent: str
    text: str


class Near(NamedTuple):
    """An example, and the one of another intent that is most like it."""

    example: Example
    other: Example
    likeness: float


def intents_are_apart(subject: Subject) -> Iterator[Finding]:
    """Find two intents where 30 % of the examples are most like one of the other's."""
    yield from _overlaps(subject, lambda share: share >= TOO_MUCH)


def intents_are_well_apart(subject: Subject) -> Iterator[Finding]:
    """Find two intents where 10 % of the examples are most like one of the other's."""
    yield from _overlaps(subject, lambda share: MUCH <= share < TOO_MUCH)


def _overlaps(subject: Subject, counts: Callable[[float], bool]) -> Iterator[Finding]:
    likeness = subject.facts.likeness
    if likeness is None or len(subject.charter.intents) > MOST_COMPARED:
        return
    examples = _examples(subject)
    sizes = Counter(example.intent for example in examples)
    crossed: dict[frozenset[str], list[Near]] = defaultdict(list)
    for near in _nearest(examples, likeness):
        crossed[frozenset((near.example.intent, near.other.intent))].append(near)
    for pair in combinations(sizes, 2):
        found = crossed[frozenset(pair)]
        share = len(found) / (sizes[pair[0]] + sizes[pair[1]])
        if found and counts(share):
            worst = max(found, key=lambda near: near.likeness)
            yield _finding(pair, share, worst)._replace(is_mild=likeness.is_rough)


def _finding(pair: tuple[str, str], share: float, worst: Near) -> Finding:
    what = (
        f"The intents `{pair[0]}` and `{pair[1]}` overlap: {share:.0%} of their examples are most like one of the "
        f"other's, such as {_quoted(worst.example.text)} and {_quoted(worst.other.text)}."
    )
    return Finding(worst.example.path, what, "Merge the two, or write examples that tell them apart.")


def _quoted(text: str) -> str:
    shown = 60
    return f"“{text if len(text) <= shown else text[:shown] + '…'}”"


def _examples(subject: Subject) -> list[Example]:
    """Return what is compared; the same words twice in one intent count once."""
    found: dict[tuple[str, str], Example] = {}
    for path, intent in intents(subject):
        for number, text in enumerate(intent.examples[:MOST_EXAMPLES]):
            found.setdefault(
                (intent.id, fold(text).strip()), Example((*path, "examples", number), intent.id, text.strip())
            )
    return list(found.values())


def _nearest(examples: Sequence[Example], likeness: Likeness) -> Iterator[Near]:
    """Yield the examples whose nearest neighbour is another intent's."""
    table = likeness.table([example.text for example in examples])
    for place, (example, row) in enumerate(zip(examples, table, strict=True)):
        others = [other for other in range(len(examples)) if other != place]
        best = max(others, key=lambda other: row[other], default=place)
        if row[best] > likeness.close and examples[best].intent != example.intent:
            yield Near(example, examples[best], row[best])


def _by_letters(texts: Sequence[str]) -> list[list[float]]:
    """Return the cosine of the runs of three letters of each text and each."""
    counted = [_runs(text) for text in texts]
    holders: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, runs in enumerate(counted):
        length = sqrt(sum(count * count for count in runs.values())) or 1.0
        for run, count in runs.items():
            holders[run].append((place, count / length))
    table = [[0.0] * len(texts) for _ in texts]
    for held in holders.values():
        for place, weight in held:
            row = table[place]
            for other, its_weight in held:
                row[other] += weight * its_weight
    return table


def _runs(text: str) -> Counter[str]:
    padded = f" {' '.join(fold(text).split())} "
    return Counter(padded[start : start + LETTERS] for start in range(len(padded) - LETTERS + 1))


BY_LETTERS = Likeness(table=_by_letters, close=0.25, is_rough=True)
