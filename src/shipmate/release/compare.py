"""Two versions side by side: the same past questions asked of both, and what differs, counted with its certainty."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shipmate.messages import Record
from shipmate.release.replay import Answered, Past
from shipmate.statistics.intervals import Interval, wilson
from shipmate.statistics.paired import mcnemar
from shipmate.text import stems

__all__ = [
    "AT_ONCE",
    "Comparison",
    "GroundedJudge",
    "Judge",
    "Pair",
    "Side",
    "Summary",
    "Tally",
    "Verdict",
    "replay",
    "summary",
]

Verdict = Literal["a", "b", "same", "untold"]
AT_ONCE = 4
# Two overlaps with a reference that are no further apart tell nothing.
ALIKE = 0.1


class Judge(Protocol):
    """Says which of two answers is better."""

    @property
    def name(self) -> str:
        """Return who judges, as the report names them."""

    async def prefers(self, past: Past, a: Answered, b: Answered) -> Verdict:
        """Return the better one, shown in both orders; `untold` when it cannot be told."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the versions that are compared."""

    name: str
    answer: Callable[[Past], Awaitable[Answered]]


class Pair(Record, frozen=True, kw_only=True):
    """A question and what both versions answer."""

    past: Past
    a: Answered
    b: Answered
    verdict: Verdict

    @property
    def is_changed(self) -> bool:
        """Tell whether a reader sees a difference."""
        return self.a.says() != self.b.says()


class Comparison(Record, frozen=True, kw_only=True):
    """What was found of the questions that were replayed."""

    a: str
    b: str
    judge: str
    pairs: tuple[Pair, ...]
    # How many there were to replay: more than there are pairs, when it was stopped.
    questions: int

    @property
    def is_whole(self) -> bool:
        """Tell whether all questions were replayed."""
        return len(self.pairs) == self.questions


class Tally(Record, frozen=True, kw_only=True):
    """Where two versions differ in one respect: a p-value says how likely so uneven a count is if they are alike."""

    only_a: int
    only_b: int
    # McNemar's exact test, two-sided.
    p: float


class Spent(Record, frozen=True, kw_only=True):
    """What one version used for the questions."""

    cost_usd: float
    input_tokens: int
    output_tokens: int
    # Wall time of search and draft, of questions asked side by side: it compares the two, and promises nothing.
    p50_ms: float
    p95_ms: float
    # Replies that a fallback had to mend, and claims without a span among those made.
    faults: int
    unsupported: int
    claims: int


class Summary(Record, frozen=True, kw_only=True):
    """A comparison in figures, each with how many questions it rests on."""

    questions: int
    changed: int
    # The share that changes, with its 95 % interval by Wilson.
    changed_share: Interval
    # Questions that only one of the two answers: the other abstains.
    answered: Tally
    # Questions on which the judge prefers one, and of how many it said anything.
    preferred: Tally
    judged: int
    a: Spent
    b: Spent
    # Changed ones whose words may not be shown.
    unshown: int


class GroundedJudge:
    """The judge that needs no model: claims without a span, then the overlap with a reference, where there is one."""

    name = "grounding and reference overlap"

    async def prefers(self, past: Past, a: Answered, b: Answered) -> Verdict:
        """Return the better one; without a reference nobody can tell whether to abstain was right."""
        if a.says() == b.says():
            return "same"
        if a.is_answer and b.is_answer and bool(a.unsupported) != bool(b.unsupported):
            return "b" if a.unsupported else "a"
        if not past.reference:
            return "untold"
        gain = overlap(b.text, past.reference) - overlap(a.text, past.reference)
        if abs(gain) <= ALIKE:
            return "same"
        return "b" if gain > 0 else "a"


def overlap(text: str, reference: str) -> float:
    """Return how far two texts say the same: the F1 of their content words' stems, 0-1."""
    said, wanted = set(stems(text)), set(stems(reference))
    shared = len(said & wanted)
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


async def replay(
    questions: Sequence[Past],
    version_a: Side,
    version_b: Side,
    *,
    judge: Judge | None = None,
    at_once: int = AT_ONCE,
    stop: asyncio.Event | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Ask both versions all questions, at most `at_once` at a time; once `stop` is set, return what is done by then.

    Which version is asked first alternates, so that neither finds what the other has warmed up.
    """
    judging = judge or GroundedJudge()
    done: dict[int, Pair] = {}
    waiting = deque(enumerate(questions))

    async def work() -> None:
        while waiting:
            number, past = waiting.popleft()
            first, second = (version_a, version_b) if number % 2 == 0 else (version_b, version_a)
            answers = [await first.answer(past), await second.answer(past)]
            a, b = answers if number % 2 == 0 else answers[::-1]
            done[number] = Pair(past=past, a=a, b=b, verdict=await judging.prefers(past, a, b))
            told(len(done), len(questions))
            # Others are answered in between.
            await asyncio.sleep(0)

    await _until(stop, [work() for _ in range(min(at_once, len(questions)))])
    return Comparison(
        a=version_a.name,
        b=version_b.name,
        judge=judging.name,
        pairs=tuple(done[number] for number in sorted(done)),
        questions=len(questions),
    )


async def _until(stop: asyncio.Event | None, jobs: Sequence[Awaitable[None]]) -> None:
    """Do the jobs side by side until all are done, one fails, or `stop` is set."""
    working = asyncio.gather(*jobs)
    stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def summary(comparison: Comparison) -> Summary:
    """Return a comparison in figures."""
    pairs = comparison.pairs
    changed = [pair for pair in pairs if pair.is_changed]
    return Summary(
        questions=len(pairs),
        changed=len(changed),
        changed_share=wilson(len(changed), len(pairs)),
        answered=_tally(
            sum(pair.a.is_answer and not pair.b.is_answer for pair in pairs),
            sum(pair.b.is_answer and not pair.a.is_answer for pair in pairs),
        ),
        preferred=_tally(*(sum(pair.verdict == side for pair in pairs) for side in ("a", "b"))),
        judged=sum(pair.verdict != "untold" for pair in pairs),
        a=_spent([pair.a for pair in pairs]),
        b=_spent([pair.b for pair in pairs]),
        unshown=sum(not pair.past.may_be_shown for pair in changed),
    )


def _tally(only_a: int, only_b: int) -> Tally:
    return Tally(only_a=only_a, only_b=only_b, p=mcnemar(only_b, only_a))


def _spent(answers: Sequence[Answered]) -> Spent:
    latencies = sorted(answer.latency_ms for answer in answers)
    return Spent(
        cost_usd=sum(answer.usage.cost_usd for answer in answers),
        input_tokens=sum(answer.usage.input_tokens for answer in answers),
        output_tokens=sum(answer.usage.output_tokens for answer in answers),
        p50_ms=_quantile(latencies, 0.5),
        p95_ms=_quantile(latencies, 0.95),
        faults=sum(bool(answer.fault) for answer in answers),
        unsupported=sum(answer.unsupported for answer in answers),
        claims=sum(answer.claims for answer in answers),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share does not exceed; 0 of nothing."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0
