"""Of the tickets of one intent: the examples that show it best, and the questions that come again with their answers."""

from collections.abc import Sequence

import numpy as np

from shipmate.messages import Record
from shipmate.ports import Embedder
from shipmate.text import fold, words
from shipmate.tickets.export import Ticket
from shipmate.tickets.masks import MASK, mask
from shipmate.tickets.space import Matrix
from shipmate.tickets.wording import replied

__all__ = ["EXAMPLES", "Repeated", "Seed", "best_seeds", "choose_examples", "question_key", "repeated"]

EXAMPLES = 8
# An example has so many words; a longer one is said in passing, a shorter one says too little.
EXAMPLE_WORDS = range(3, 21)
# Examples come from so many tickets nearest to the centre, and shall not repeat each other.
NEAREST = 200
SAME_EXAMPLE = 0.9
# How much it counts that an example is unlike those before it.
UNLIKE_WEIGHT = 0.3
# Questions so alike are one question asked again.
SAME_QUESTION = 0.75
# How many wordings of one question are kept, and of all that have one answer.
WORDINGS, MOST_WORDINGS = 2, 6
# Answers so alike are one answer.
SAME_ANSWER = 0.9
# Of an intent, so many questions are looked at for answers.
QUESTIONS_TRIED = 60
# An answer has so many words to stand for itself; one that fits a chat, without a mask, goes before a longer one.
FEWEST_WORDS, MOST_WORDS = 5, 120
# So many answers to one question are compared.
ANSWERS_COMPARED = 30


class Repeated(Record, frozen=True, kw_only=True):
    """A question with the tickets that ask it, the most typical first."""

    tickets: tuple[Ticket, ...]

    @property
    def count(self) -> int:
        """Return how often it was asked."""
        return len(self.tickets)


class Seed(Record, frozen=True, kw_only=True):
    """A question that came again, in the words of several tickets, and the answer that stands for all that were given."""

    questions: tuple[str, ...]
    answer: str
    count: int
    # Where the answer stands in the export.
    line: int


def choose_examples(tickets: Sequence[Ticket], rows: Matrix) -> tuple[str, ...]:
    """Return short questions near the middle that differ from each other; tickets come the nearest first.

    Those without a mask go first; where too few are short, longer ones are taken.
    """
    first: dict[str, int] = {}
    for place, ticket in enumerate(tickets):
        first.setdefault(question_key(ticket.question), place)
    places = sorted(first.values())
    good = [place for place in places if _is_example(tickets[place].question)][:NEAREST]
    chosen = _unlike(good, rows)
    for place in places:
        if len(chosen) >= min(EXAMPLES, len(places)):
            break
        if place not in chosen:
            chosen.append(place)
    return tuple(tickets[place].question for place in chosen)


def _is_example(question: str) -> bool:
    return len(words(question)) in EXAMPLE_WORDS and not MASK.search(question)


def _unlike(places: Sequence[int], rows: Matrix) -> list[int]:
    """Return the examples' places: near the middle, and each unlike those before it."""
    if not places:
        return []
    here = rows[list(places)]
    middle = here.mean(axis=0)
    near = here @ (middle / max(float(np.linalg.norm(middle)), 1e-9))
    chosen: list[int] = []
    likeness = np.zeros(len(places), np.float32)
    worth = near.copy()
    while len(chosen) < EXAMPLES and (best := int(worth.argmax())) is not None and worth[best] > -np.inf:
        chosen.append(best)
        likeness = np.maximum(likeness, here @ here[best])
        worth = np.where(likeness >= SAME_EXAMPLE, -np.inf, near - UNLIKE_WEIGHT * likeness)
        worth[chosen] = -np.inf
    return [places[number] for number in chosen]


def repeated(tickets: Sequence[Ticket], rows: Matrix) -> list[Repeated]:
    """Return the questions that were asked, those asked most often first; tickets come the nearest to the centre first."""
    open_places = np.ones(len(tickets), np.bool_)
    found: list[Repeated] = []
    for leader in range(len(tickets)):
        if not open_places[leader]:
            continue
        likeness = rows @ rows[leader]
        same = np.flatnonzero(open_places & (likeness >= SAME_QUESTION))
        same = same if leader in same else np.append(same, leader)
        open_places[same] = False
        typical = same[np.argsort(-(rows[same] @ rows[same].mean(axis=0)), kind="stable")]
        found.append(Repeated(tickets=tuple(tickets[place] for place in typical)))
    return sorted(found, key=lambda question: -question.count)


async def best_seeds(questions: Sequence[Sequence[Repeated]], count: int, embedder: Embedder) -> list[tuple[Seed, ...]]:
    """Return for each intent its questions that came most often and have an answer: one each, then the most often asked.

    No more than `count` in all.
    """
    seeds = [await _answered(repeated_questions, count, embedder) for repeated_questions in questions]
    ranked = [
        (place > 0, -seed.count, number, place) for number, of in enumerate(seeds) for place, seed in enumerate(of)
    ]
    kept = {(number, place) for _, _, number, place in sorted(ranked)[:count]}
    return [tuple(seed for place, seed in enumerate(of) if (number, place) in kept) for number, of in enumerate(seeds)]


async def _answered(questions: Sequence[Repeated], most: int, embedder: Embedder) -> list[Seed]:
    """Return the first questions that have an answer, those with the same answer as one."""
    seeds: list[Seed] = []
    rows: list[Matrix] = []
    for question in questions[:QUESTIONS_TRIED]:
        seed = await _seed(question, embedder)
        if seed is None:
            continue
        (row,) = await embedder.embed([seed.answer])
        same = next((place for place, other in enumerate(rows) if float(other @ row) >= SAME_ANSWER), None)
        if same is not None:
            seeds[same] = _joined(seeds[same], seed)
        elif len(seeds) < most:
            seeds.append(seed)
            rows.append(row)
    return sorted(seeds, key=lambda seed: -seed.count)


def _joined(seed: Seed, other: Seed) -> Seed:
    return Seed(
        questions=(*seed.questions, *other.questions)[:MOST_WORDINGS],
        answer=seed.answer,
        count=seed.count + other.count,
        line=seed.line,
    )


async def _seed(question: Repeated, embedder: Embedder) -> Seed | None:
    """Return a question with its most typical wordings and answer; those without a mask go first."""
    answer = await _answer(question.tickets, embedder)
    if answer is None:
        return None
    wordings = {question_key(ticket.question): ticket.question for ticket in reversed(question.tickets)}
    typical = list(reversed(wordings.values()))
    asked = [wording for wording in typical if not MASK.search(wording)] or typical
    return Seed(questions=tuple(asked[:WORDINGS]), answer=answer[0], count=question.count, line=answer[1])


async def _answer(tickets: Sequence[Ticket], embedder: Embedder) -> tuple[str, int] | None:
    """Return the answer that is most like all that were given, and its line; one without a mask goes first."""
    given = [ticket for ticket in tickets if ticket.answer.strip()][:ANSWERS_COMPARED]
    written = [(mask(replied(ticket.answer), ticket.people), ticket.line) for ticket in given]
    fitting = [answer for answer in written if len(answer[0].split()) >= FEWEST_WORDS]
    if not fitting:
        return None
    rows = await embedder.embed([answer for answer, _ in fitting])
    typical = [int(place) for place in np.argsort(-(rows @ rows.mean(axis=0)), kind="stable")]
    ordered = sorted(typical, key=lambda place: _is_flawed(fitting[place][0]))
    return fitting[ordered[0]]


def question_key(question: str) -> str:
    """Return what is the same for two questions that differ in signs and capitals alone."""
    return " ".join(fold(word) for word in words(question))


def _is_flawed(answer: str) -> bool:
    return len(answer.split()) > MOST_WORDS or MASK.search(answer) is not None
