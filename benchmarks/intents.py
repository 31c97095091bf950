"""Measure the router: which intent a message means, and whether it means any.

    python -m benchmarks.intents --data DIR [--shots N] [--intents K --same-domain] [--embedder NAME] [--json]

DIR holds train.jsonl.gz, test.jsonl.gz, and where there are such oos_test.jsonl.gz and domains.jsonl.gz. The examples
are drawn at random from train, --shots of each intent; an intent's name is what it is called in DIR. Each seed draws
anew.

--intents K --same-domain   of each domain, K intents drawn at random; the domain's others are out of scope
otherwise                   all intents; what is out of scope stands in oos_test
--embedder NAME             `static` (default), `none`, or the folder of an ONNX encoder

Percent: `accuracy` is the share of the messages in scope whose intent is the best of all, `routed_right` of those that
get their intent and are not held for out of scope, `false_oos` of those held for out of scope, `oos_found` the share of
the messages out of scope that are. `oos_auroc` (0-1) is how well the confidence parts the two, `ece` (0-1) the expected
calibration error of the confidence in ten steps, in and out of scope counted as equally frequent: how far the
confidence lies from the share of messages that are in scope and right. `learn_ms` and `route_ms` are CPU time of the
first message, which learns from the examples, and of a message after it, embedding included.
"""

import argparse
import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.answer_measures import auroc, mean
from benchmarks.question_sets import lines
from shipmate.adapters.onnx import OnnxEmbedder
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.ports import Embedder
from shipmate.router import Reading, Router, Topic

__all__ = ["main"]

STEPS = 10


class Asked(msgspec.Struct, frozen=True):
    """A message, and what it means."""

    text: str
    intent: str


class Domain(msgspec.Struct, frozen=True):
    """Intents of one matter."""

    domain: str
    intents: tuple[str, ...]


class Drawing(NamedTuple):
    """How trials are drawn."""

    shots: int
    seeds: int
    # So many of each domain; 0: all.
    intents: int
    same_domain: bool


class Trial(NamedTuple):
    """One drawing of examples, and the messages to read."""

    intents: tuple[Topic, ...]
    inside: Sequence[Asked]
    outside: Sequence[Asked]


class Outcome(NamedTuple):
    """What the router said in one trial."""

    inside: list[tuple[Reading, bool]]
    outside: list[Reading]
    learn_ms: float
    route_ms: float


def trials(folder: Path, drawing: Drawing) -> Iterator[Trial]:
    """Yield the trials of a set."""
    known = _by_intent(folder / "train.jsonl.gz")
    asked = _by_intent(folder / "test.jsonl.gz")
    outside = folder / "oos_test.jsonl.gz"
    strangers = list(lines(outside, Asked)) if outside.exists() else []
    domains = [tuple(sorted(known))]
    if drawing.same_domain:
        domains = [tuple(sorted(domain.intents)) for domain in lines(folder / "domains.jsonl.gz", Domain)]
    for seed in range(drawing.seeds):
        for names in domains:
            rng = random.Random(f"{seed} {' '.join(names)}")
            chosen = rng.sample(names, drawing.intents) if drawing.intents else list(names)
            rest = [message for name in names if name not in chosen for message in asked[name]]
            yield Trial(
                intents=tuple(_drawn(name, known[name], drawing.shots, rng) for name in chosen),
                inside=[message for name in chosen for message in asked[name]],
                outside=rest if drawing.same_domain else strangers,
            )


def _by_intent(file: Path) -> dict[str, list[Asked]]:
    found = defaultdict(list)
    for message in lines(file, Asked):
        found[message.intent].append(message)
    return found


def _drawn(name: str, known: Sequence[Asked], shots: int, rng: random.Random) -> Topic:
    return Topic(name=name, examples=tuple(message.text for message in rng.sample(known, min(shots, len(known)))))


async def _outcome(trial: Trial, embedder: Embedder | None) -> Outcome:
    router = Router(trial.intents, (), embedder)
    messages = [*trial.inside, *trial.outside]
    started_s = time.process_time()
    await router.read(messages[0].text)
    learned_s = time.process_time()
    readings = [await router.read(message.text) for message in messages]
    read_s = time.process_time()
    count = len(trial.inside)
    return Outcome(
        inside=[
            (reading, reading.topic == message.intent)
            for reading, message in zip(readings[:count], trial.inside, strict=True)
        ],
        outside=readings[count:],
        learn_ms=1000 * (learned_s - started_s),
        route_ms=1000 * (read_s - learned_s) / len(messages),
    )


def _figures(outcome: Outcome) -> dict[str, float]:
    inside, outside = outcome.inside, outcome.outside
    return {
        "accuracy": 100 * mean([is_right for _, is_right in inside]),
        "oos_auroc": auroc([reading.confidence for reading, _ in inside], [reading.confidence for reading in outside]),
        "routed_right": 100 * mean([is_right and reading.is_in_scope for reading, is_right in inside]),
        "false_oos": 100 * mean([not reading.is_in_scope for reading, _ in inside]),
        "oos_found": 100 * mean([not reading.is_in_scope for reading in outside]),
        "learn_ms": outcome.learn_ms,
        "route_ms": outcome.route_ms,
    }


def _calibration_error(outcomes: Sequence[Outcome]) -> float:
    """Return how far the confidence lies from the share of messages that are in scope and right."""
    inside = [own for outcome in outcomes for own in outcome.inside]
    outside = [(reading, False) for outcome in outcomes for reading in outcome.outside]
    steps: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for messages in (inside, outside):
        for reading, is_right in messages:
            step = min(STEPS - 1, int(STEPS * reading.confidence))
            steps[step].append((1 / len(messages), reading.confidence - is_right))
    total = sum(weight for own in steps.values() for weight, _ in own)
    return sum(abs(sum(weight * excess for weight, excess in own)) for own in steps.values()) / total


async def measure(folder: Path, embedder: Embedder | None, drawing: Drawing) -> dict[str, float]:
    """Return the figures of one set, each the mean over the trials."""
    outcomes = [await _outcome(trial, embedder) for trial in trials(folder, drawing)]
    figures = [_figures(outcome) for outcome in outcomes]
    means = {name: mean([own[name] for own in figures]) for name in figures[0]}
    return {"trials": len(outcomes), **means, "ece": _calibration_error(outcomes)}


def _rounded(name: str, value: float) -> float:
    """Give percentages one decimal, the others three."""
    return round(value, 1 if name in {"accuracy", "routed_right", "false_oos", "oos_found"} else 3)


def _embedder(name: str) -> Embedder | None:
    if name == "none":
        return None
    return StaticEmbedder() if name == "static" else OnnxEmbedder(Path(name))


def main() -> None:
    """Print the figures of one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--intents", type=int, default=0)
    parser.add_argument("--same-domain", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--embedder", default="static")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    drawing = Drawing(chosen.shots, chosen.seeds, chosen.intents, chosen.same_domain)
    figures = asyncio.run(measure(chosen.data, _embedder(chosen.embedder), drawing))
    shown = {name: _rounded(name, value) for name, value in figures.items()}
    if chosen.json:
        print(msgspec.json.encode(shown).decode())
    else:
        print("\n".join(f"{name:14}{value}" for name, value in shown.items()))


if __name__ == "__main__":
    main()
