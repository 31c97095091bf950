"""What other tools' suites ask for: rubrics, likeness of words, and whether what was found serves."""

from typing import Any

from shipmate.evals.judge import OFFLINE, Holds, Judge, overlap, sentences_of
from shipmate.evals.outcome import Outcome

__all__ = ["aside", "context_recall", "context_relevance", "rubric", "similar"]

NEEDS_MODEL = "Only a model can judge by a rubric: name one as the judge."


def aside(outcome: Outcome, value: Any) -> tuple[None, str]:
    """Tell nothing: this is what another tool asks for and Shipmate does not score."""
    del outcome
    name = value.get("type") if isinstance(value, dict) else value
    return None, f"`{name}` of another tool is not scored here."


async def rubric(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Tell whether all that was said is as a rubric says; the judge without a model cannot tell."""
    if judge.version == OFFLINE:
        return None, NEEDS_MODEL
    opinion = await judge.bears_out(str(value), outcome.said, outcome.question)
    return (None if opinion.holds is Holds.UNKNOWN else float(opinion.holds is Holds.SUPPORTED)), opinion.reason


def similar(outcome: Outcome, value: Any) -> float:
    """Return the share of a text's content words that the reply holds."""
    return overlap(str(value), outcome.text)


async def context_recall(outcome: Outcome, value: Any, judge: Judge) -> tuple[float | None, str]:
    """Return the share of a good answer's sentences that what was found bears out."""
    texts = [found.text for found in outcome.passages if found.text]
    opinions = [await judge.bears_out(sentence, texts, "") for sentence in sentences_of(str(value))]
    if not opinions or any(opinion.holds is Holds.UNKNOWN for opinion in opinions):
        return None, "The judge did not say."
    return sum(opinion.holds is Holds.SUPPORTED for opinion in opinions) / len(opinions), ""


def context_relevance(outcome: Outcome, value: Any) -> float:
    """Return the share of the question's content words that stand in what was found."""
    del value
    return overlap(outcome.question, "\n".join(found.text for found in outcome.passages))
