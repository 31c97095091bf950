"""What a judge has to tell: whether a reply says what it should, and nothing that its passages do not."""

from collections.abc import Sequence
from typing import Any

from shipmate.evals.judge import Holds, Judge, Opinion, overlap, sentences_of
from shipmate.evals.outcome import Outcome

__all__ = ["claims", "grounded", "reference", "said_claims"]


async def claims(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Return the share of these claims that the last reply makes; 0 when it contradicts one."""
    return await _coverage(list(value), [outcome.text], judge)


async def said_claims(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Return the share of these claims that were made in the whole conversation; 0 when one was contradicted."""
    return await _coverage(list(value), outcome.said, judge)


async def grounded(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Return the share of the reply's sentences that what was found bears out; a reply that says nothing is 1."""
    del value
    texts = [found.text for found in (*outcome.citations, *outcome.passages) if found.text]
    said = sentences_of(outcome.text) if outcome.kind != "refuse" else []
    opinions = [await judge.bears_out(sentence, texts, outcome.question) for sentence in said]
    return _share(said, opinions)


async def reference(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Return how much of a good answer the reply holds: its claims by the judge, and its words; 0 when contradicted.

    The mean of both. By words alone, "is" and "is not" are alike; by claims alone, a long answer is all or nothing.
    """
    said = sentences_of(str(value))
    opinions = [await judge.bears_out(sentence, [outcome.text], outcome.question) for sentence in said]
    share, reason = _share(said, opinions)
    if share is None or any(opinion.holds is Holds.CONTRADICTED for opinion in opinions):
        return (None if share is None else 0.0), reason
    return (share + overlap(str(value), outcome.text)) / 2, reason


async def _coverage(wanted: Sequence[str], texts: Sequence[str], judge: Judge) -> tuple[float | None, str]:
    # The judge is not told the question: it would lend its words to a reply that does not say them.
    opinions = [await judge.bears_out(claim, texts, "") for claim in wanted]
    share, reason = _share(wanted, opinions)
    contradicted = any(opinion.holds is Holds.CONTRADICTED for opinion in opinions)
    return (0.0 if contradicted and share is not None else share), reason


def _share(said: Sequence[str], opinions: Sequence[Opinion]) -> tuple[float | None, str]:
    """Return the share that is supported; nothing can be told where the judge did not say."""
    if any(opinion.holds is Holds.UNKNOWN for opinion in opinions):
        return None, "The judge did not say."
    failed = [
        f"“{text.strip()}” is {opinion.holds}: {opinion.reason}"
        for text, opinion in zip(said, opinions, strict=True)
        if opinion.holds is not Holds.SUPPORTED
    ]
    return (1 - len(failed) / len(said) if said else 1.0), " ".join(failed)
