"""How often the judge that needs no model is right: `python -m benchmarks.judge --data DIR [--json]`.

DIR holds `groundedness/dev.jsonl` and `mtragun/*/`, as the README there describes. Three things are measured, each as
sensitivity (of what is bad, the share that is flagged) and specificity (of what is good, the share that is not), with
Wilson's 95 % intervals.

groundedness  people's labels: does a response hold what its context does not bear out? A response is flagged when one
              of its sentences is not borne out: the scorer `grounded`.
claims        each sentence of a reference answer that people wrote from some passages, held against those passages
              (good) and against the passages of another question of the same domain (bad): the scorer `claims`.
reference     the same with whole answers and the scorer `reference`, the passages being the reply.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.question_sets import QuestionSet, read_set
from shipmate.evals.calibration import Calibration, Label, Told, flags, measured
from shipmate.evals.judge import OFFLINE, SAME, GroundingJudge, Holds, sentences_of
from shipmate.evals.outcome import Outcome
from shipmate.evals.scorers.judged import reference

__all__ = ["main"]

# How far away the other question stands in its set: a neighbour may belong to the same conversation.
AWAY = 37


class Row(Label, frozen=True, kw_only=True):
    """A labelled response, and which set it comes from."""

    dataset: str


class Answered(NamedTuple):
    """A reference answer with passages: its own, or those of another question."""

    answer: str
    passages: Sequence[str]
    is_foreign: bool


def labelled(file: Path) -> list[Row]:
    """Return the rows that people have labelled."""
    return [msgspec.json.decode(line, type=Row) for line in file.read_bytes().splitlines() if line.strip()]


async def groundedness(rows: Sequence[Row]) -> dict[str, Calibration]:
    """Return the rates over all rows, and those of each set."""
    judge = GroundingJudge()
    told = [(row.dataset, bool(row.label), bool(await flags(judge, row))) for row in rows]
    sets = sorted({dataset for dataset, _, _ in told})
    found = {"all": measured(OFFLINE, [Told(bad, flag) for _, bad, flag in told])}
    for name in sets:
        found[name] = measured(OFFLINE, [Told(bad, flag) for dataset, bad, flag in told if dataset == name])
    return found


async def claims(sets: Sequence[QuestionSet]) -> Calibration:
    """Return how well single sentences of reference answers are told from those of other questions."""
    judge = GroundingJudge()
    told = []
    for pair in (pair for one in sets for pair in _answered(one)):
        for sentence in sentences_of(pair.answer):
            opinion = await judge.bears_out(sentence, pair.passages, "")
            told.append(Told(pair.is_foreign, opinion.holds is not Holds.SUPPORTED))
    return measured(OFFLINE, told)


async def references(sets: Sequence[QuestionSet]) -> Calibration:
    """Return how well passages that an answer was written from are told from those of other questions."""
    judge = GroundingJudge()
    told = []
    for pair in (pair for one in sets for pair in _answered(one)):
        value, _ = await reference(Outcome(said=("\n\n".join(pair.passages),)), pair.answer, judge)
        told.append(Told(pair.is_foreign, (value or 0.0) < SAME))
    return measured(OFFLINE, told)


def _answered(questions: QuestionSet) -> Iterator[Answered]:
    """Yield each answer that people wrote from passages, once with those and once with another question's."""
    turns = [turn for turn in questions.turns if turn.is_answerable and turn.gold and turn.answer]
    texts = [[questions.passages[key].text for key in turn.gold] for turn in turns]
    for n, turn in enumerate(turns):
        yield Answered(turn.answer, texts[n], is_foreign=False)
        other = (n + AWAY) % len(turns)
        if not turns[other].gold.keys() & turn.gold.keys():
            yield Answered(turn.answer, texts[other], is_foreign=True)


async def measure(rows: Sequence[Row], sets: Sequence[QuestionSet]) -> dict[str, Calibration]:
    """Return all rates, by what was measured."""
    found = {f"groundedness {name}": rate for name, rate in (await groundedness(rows)).items()}
    return {**found, "claims": await claims(sets), "reference": await references(sets)}


def _plain(found: Calibration) -> dict[str, object]:
    shares = {name: getattr(found, name) for name in ("sensitivity", "specificity", "precision")}
    return {
        "n": found.labels,
        **{
            name: {"estimate": round(share.estimate, 4), "low": round(share.low, 4), "high": round(share.high, 4)}
            for name, share in shares.items()
        },
        "kappa": found.kappa,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with groundedness/ and mtragun/")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    sets = [read_set(folder) for folder in sorted((asked.data / "mtragun").iterdir()) if folder.is_dir()]
    found = asyncio.run(measure(labelled(asked.data / "groundedness" / "dev.jsonl"), sets))
    if asked.json:
        print(json.dumps({"judge": OFFLINE, **{name: _plain(rate) for name, rate in found.items()}}))
        return
    print(
        f"{OFFLINE}\n\n| measured on | n | sensitivity | specificity | precision of a flag |\n| --- | --- | --- | --- | --- |"
    )
    for name, rate in found.items():
        shares = " | ".join(
            f"{s.estimate:.3f} [{s.low:.3f}, {s.high:.3f}]"
            for s in (rate.sensitivity, rate.specificity, rate.precision)
        )
        print(f"| {name} | {rate.labels} | {shares} |")


if __name__ == "__main__":
    main()
