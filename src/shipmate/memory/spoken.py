"""A lexical index of what was said: a turn is also found by what was said around it.

A turn's own words count three times, those of the turns beside it twice, those of the next ones once: an answer rarely
repeats its question. How common a word is, is counted among the turns that may be seen, and among no others.
"""

import math
from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipmate.text import stems, words

__all__ = ["Found", "Mask", "Spoken", "SpokenIndex"]

# How often a turn's own words count, those of the turns beside it, and those of the next ones.
AROUND = (3, 2, 1)
# Rows without a turn, which keep threads apart.
GAP = 2
# BM25: how soon repeating a word stops to matter, and how much a long turn is held back.
K1, B = 2.0, 0.75
# Next to 1 for the best: for a turn of the speaker whom the question names, and against a turn that itself asks.
NAMED, ASKS = 0.3, 0.1
# A word counts at most so often in one turn, and so many different words of one question are looked for.
COUNTED = 255
SOUGHT = 64
# Rows are closed up when there are so many for each that holds a turn.
SPREAD_OUT = 4
NOWHERE, NOBODY = -1, -1

Numbers = NDArray[np.float32]
Mask = NDArray[np.bool_]
# By stem: the rows in which it was said, and how often in each.
Postings = dict[str, tuple["array[int]", "array[int]"]]


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """One turn of a thread."""

    text: str
    # Whom a question may name, in one word.
    speaker: str = ""
    # When, in words, such as 28 November 2026.
    day: str = ""


class Found(NamedTuple):
    """A turn that was found."""

    thread: str
    # Its number in the thread, from 0.
    place: int
    # 1 for the best, before what speaks for a turn or against it beside its words.
    score: float


class SpokenIndex:
    """Threads of turns, in memory; what is removed is gone from it without a trace."""

    def __init__(self) -> None:
        self._said: Postings = {}
        self._days: Postings = {}
        # Each thread's first row and its turns, and its name by that row.
        self._threads: dict[str, tuple[int, Sequence[Spoken]]] = {}
        self._names: dict[int, str] = {}
        self._speakers: dict[str, int] = {}
        # Of each row: its thread's first row, its words with those around it, its speaker, whether it asks.
        self._thread = array("i", [NOWHERE] * GAP)
        self._length = array("f", [0.0] * GAP)
        self._speaker = array("i", [NOBODY] * GAP)
        self._asks = array("b", [0] * GAP)
        self._turns = 0

    def __len__(self) -> int:
        return self._turns

    def add(self, name: str, turns: Sequence[Spoken]) -> None:
        """Take in a thread under a new name."""
        first = len(self._thread)
        counts = [self._post(row, turn) for row, turn in enumerate(turns, start=first)]
        padded = [*[0] * GAP, *(said for said, _ in counts), *[0] * GAP]
        for place, (turn, (_, days)) in enumerate(zip(turns, counts, strict=True), start=GAP):
            self._thread.append(first)
            around = sum(weight * (padded[place - by] + padded[place + by]) for by, weight in enumerate(AROUND[1:], 1))
            self._length.append(AROUND[0] * padded[place] + around + days)
            self._speaker.append(self._speakers.setdefault(turn.speaker.lower(), len(self._speakers)))
            self._asks.append(turn.text.rstrip().endswith("?"))
        self._thread.extend([NOWHERE] * GAP)
        self._length.extend([0.0] * GAP)
        self._speaker.extend([NOBODY] * GAP)
        self._asks.extend([0] * GAP)
        self._threads[name] = (first, turns)
        self._names[first] = name
        self._turns += len(turns)

    def remove(self, name: str) -> None:
        """Let a thread go."""
        first, turns = self._threads.pop(name)
        del self._names[first]
        end = first + len(turns)
        for postings, keys in (
            (self._said, {key for turn in turns for key in stems(turn.text)}),
            (self._days, {key for turn in turns for key in stems(turn.day)}),
        ):
            for key in keys:
                _drop(postings, key, first, end)
        for row in range(first, end):
            self._thread[row] = NOWHERE
        self._turns -= len(turns)
        if len(self._thread) > SPREAD_OUT * (self._turns + GAP * (len(self._threads) + 1)):
            self._close_up()

    def stems(self) -> frozenset[str]:
        """Return all that may be looked for with success."""
        return frozenset(self._said).union(self._days)

    def mask(self, names: Collection[str]) -> Mask:
        """Return the rows of these threads; it holds until the next change."""
        rows = np.zeros(len(self._thread), np.bool_)
        for name in names:
            first, turns = self._threads[name]
            rows[first : first + len(turns)] = True
        return rows

    def search(self, question: str, limit: int, seen: Mask | None = None) -> list[Found]:
        """Return the turns that have most to do with a question, best first, of those rows that may be `seen`.

        Of equals, those of the thread with the higher name come first: of names that sort by time, the newest.
        """
        thread = np.frombuffer(self._thread, np.int32)
        live = thread != NOWHERE if seen is None else seen
        scores = self._scores(question, live)
        best = float(scores.max(initial=0.0))
        if not best:
            return []
        scores /= best
        touched = scores > 0
        scores[touched & np.frombuffer(self._asks, np.bool_)] -= ASKS
        speakers = np.frombuffer(self._speaker, np.int32)
        for name in _named(question).intersection(self._speakers):
            scores[touched & (speakers == self._speakers[name])] += NAMED
        found = [
            Found(self._names[first := int(thread[row])], row - first, float(scores[row]))
            for row in _highest(scores, limit)
        ]
        found.sort(key=attrgetter("thread"), reverse=True)
        found.sort(key=attrgetter("score"), reverse=True)
        return found[:limit]

    def _scores(self, question: str, seen: Mask) -> Numbers:
        """Return the BM25 score of each row."""
        keys = [key for key in dict.fromkeys(stems(question)) if key in self._said or key in self._days][:SOUGHT]
        lengths = np.frombuffer(self._length, np.float32)
        of_seen = lengths[seen]
        if not keys or not len(of_seen):
            return np.zeros(len(seen), np.float32)
        often = self._weighed(keys)
        often *= seen
        telling = [_telling(len(of_seen), holding) for holding in np.count_nonzero(often, axis=1).tolist()]
        held_back = lengths * (K1 * B / of_seen.mean())
        held_back += K1 * (1 - B)
        often /= often + held_back
        often *= np.array(telling, np.float32)[:, None]
        # Row by row: what is not seen must not change a rounding either.
        scores: Numbers = often.sum(axis=0)
        return scores

    def _weighed(self, keys: Sequence[str]) -> Numbers:
        """Return, for each stem, how often it was said in each row and around it."""
        said = np.zeros((len(keys), len(self._thread)), np.float32)
        for counts, key in zip(said, keys, strict=True):
            if key in self._said:
                rows, often = self._said[key]
                counts[np.frombuffer(rows, np.int32)] = np.frombuffer(often, np.uint8)
        weighed = said * AROUND[0]
        for distance, weight in enumerate(AROUND[1:], start=1):
            part = said * weight
            weighed[:, distance:] += part[:, :-distance]
            weighed[:, :-distance] += part[:, distance:]
        for counts, key in zip(weighed, keys, strict=True):
            if key in self._days:
                counts[np.frombuffer(self._days[key][0], np.int32)] += 1
        return weighed

    def _post(self, row: int, turn: Spoken) -> tuple[int, int]:
        """Note the words of a turn; return how many it has, and its day."""
        said, day = stems(turn.text), stems(turn.day)
        for postings, found in ((self._said, said), (self._days, day)):
            for key, count in Counter(found).items():
                rows, counts = postings.setdefault(key, (array("i"), array("B")))
                rows.append(row)
                counts.append(min(count, COUNTED))
        return len(said), len(day)

    def _close_up(self) -> None:
        """Move the threads together, over the rows of those that are gone."""
        came_from = [0] * GAP
        moved = np.zeros(len(self._thread), np.int32)
        names = {}
        for old, name in sorted(self._names.items()):
            turns = self._threads[name][1]
            first = len(came_from)
            moved[old : old + len(turns)] = np.arange(first, first + len(turns))
            came_from += [*range(old, old + len(turns)), *[0] * GAP]
            names[first] = name
            self._threads[name] = (first, turns)
        self._names = names
        for postings in (self._said, self._days):
            for key, (rows, counts) in postings.items():
                postings[key] = (array("i", moved[np.frombuffer(rows, np.int32)].tobytes()), counts)
        self._thread = array("i", [NOWHERE] * len(came_from))
        for first, name in names.items():
            for row in range(first, first + len(self._threads[name][1])):
                self._thread[row] = first
        self._length = _picked(self._length, came_from)
        self._speaker = _picked(self._speaker, came_from)
        self._asks = _picked(self._asks, came_from)


def _picked(column: "array[Any]", rows: Sequence[int]) -> "array[Any]":
    return array(column.typecode, np.array(column)[rows].tobytes())


def _drop(postings: Postings, key: str, first: int, end: int) -> None:
    """Take the rows from `first` to before `end` out of a stem's posting."""
    rows, counts = postings[key]
    held = np.frombuffer(rows, np.int32)
    kept = (held < first) | (held >= end)
    if kept.any():
        postings[key] = (
            array("i", held[kept].tobytes()),
            array("B", np.frombuffer(counts, np.uint8)[kept].tobytes()),
        )
    else:
        del postings[key]


def _telling(count: int, holding: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))


def _named(question: str) -> set[str]:
    """Return the words of a question as a speaker's name may stand there."""
    return {word.lower().replace("’", "'").removesuffix("'s") for word in words(question)}


def _highest(scores: Numbers, limit: int) -> list[int]:
    """Return the rows with the highest scores above 0, and all that are level with the last of them."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > limit:
        bound = np.partition(scores[rows], -limit)[-limit]
        rows = rows[scores[rows] >= bound]
    return [int(row) for row in rows]
