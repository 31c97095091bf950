"""Measure how well past tickets become intents: labelled texts are made into an export, and an assistant into drafts of it.

    python -m benchmarks.tickets --data DIR [--intents 10] [--noise 100] [--first-seed 0] [--seeds 5] [--json]

DIR is a set of intents (`train.jsonl.gz`, `oos_train.jsonl.gz`) or of dialogues with guidelines for agents
(`abcd_sample.json.gz`, `guidelines.json.gz`). Of a set of intents, each seed draws so many at random with all of their
texts, so many texts out of scope as noise, and our own greetings and thanks; the answer to each is one of our own for
its intent. Of dialogues, a ticket is what the customer says first and the agent's last telling answer, and each case of
the guidelines with what agents are to do; the flows are the true intents, and the seed shuffles the rows.

Each export goes through `shipmate init --from-tickets` and `shipmate check`.

nmi        normalised mutual information of groups and true intents; tickets that were set aside are a group of their own
purity     share of the tickets of proposed intents, noise among them, that are of their group's most frequent true intent
covered    share of the true intents' tickets that were put into a proposed intent
set_aside  share of the noise that was put into none
intents    how many were proposed
problems   what `check` says of the drafts, warnings left out
cpu_s      of reading, sorting and drafting
"""

import argparse
import asyncio
import csv
import gzip
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.answer_measures import mean
from benchmarks.question_sets import lines
from shipmate import bootstrap
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.tickets.export import read_export
from shipmate.tickets.study import OTHER, sort_tickets

__all__ = ["main", "mutual_information", "purity"]

GREETINGS = ("Hello", "Thank you so much!", "Hi there", "Thanks, bye", "Good morning")
NOISE = ""
# Of the export, below the columns' names; no text of these sets holds a line break.
FIRST_LINE = 2


class Labelled(msgspec.Struct, frozen=True):
    """A text with its true intent."""

    text: str
    intent: str = NOISE


class Row(NamedTuple):
    """A ticket with its true intent, which the export does not hold."""

    question: str
    body: str
    answer: str
    intent: str


def mutual_information(found: Sequence[object], true: Sequence[object]) -> float:
    """Return how much groups and labels tell of each other, divided by the mean of their entropies, 0-1."""
    total = len(true)
    groups, labels, both = Counter(found), Counter(true), Counter(zip(found, true, strict=True))
    shared = sum(n / total * log(n * total / (groups[group] * labels[label])) for (group, label), n in both.items())
    entropies = [-sum(n / total * log(n / total) for n in counts.values()) for counts in (groups, labels)]
    return 2 * shared / sum(entropies) if sum(entropies) else 1.0


def purity(found: Sequence[object], true: Sequence[object]) -> float:
    """Return the share of items whose label is the most frequent one in their group."""
    both = Counter(zip(found, true, strict=True))
    return sum(max(n for (group, _), n in both.items() if group == one) for one in set(found)) / len(true)


def intent_rows(folder: Path, intents: int, noise: int, seed: int) -> list[Row]:
    """Return the tickets of some intents drawn at random, and noise."""
    texts = list(lines(folder / "train.jsonl.gz", Labelled))
    drawn = random.Random(seed).sample(sorted({text.intent for text in texts}), intents)
    strange = [row.text for row in lines(folder / "oos_train.jsonl.gz", Labelled)][:noise]
    asked = [Row(text.text, "", f"This is how it is done: {text.intent}.", text.intent) for text in texts]
    return [
        *(row for row in asked if row.intent in drawn),
        *(Row(text, "", "", NOISE) for text in strange),
        *(Row(text, "", "", NOISE) for text in GREETINGS),
    ]


def dialogue_rows(folder: Path) -> list[Row]:
    """Return the tickets of dialogues, and the cases of the guidelines."""
    rows: list[Row] = []
    for dialogue in json.loads(gzip.decompress((folder / "abcd_sample.json.gz").read_bytes())):
        said = [text for speaker, text in dialogue["original"] if speaker == "customer"]
        told = [text for speaker, text in dialogue["original"] if speaker == "agent"]
        flow = dialogue["scenario"]["flow"]
        rows.append(Row("", " ".join(said[:3]), max(told, key=len), flow))
    for flow, guide in json.loads(gzip.decompress((folder / "guidelines.json.gz").read_bytes())).items():
        label = flow.lower().replace(" ", "_").replace("-", "_")
        for case, steps in guide["subflows"].items():
            first, last = steps["instructions"][0], steps["instructions"][-1]
            done = " ".join(action["text"] for action in steps["actions"])
            if "FAQ" in case:
                rows += [Row(f"{case}: {asked}", "", done, label) for asked in last.split(", ")]
            else:
                rows.append(Row(case, first, done, label))
    return rows


def measure(rows: list[Row], seed: int, folder: Path) -> dict[str, float]:
    """Draft an assistant from the rows, and compare its groups with the true intents."""
    rows = random.Random(seed).sample(rows, len(rows))
    export = folder / "tickets.csv"
    with export.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Subject", "Description", "Resolution notes"])
        table.writerows(row[:3] for row in rows)
    began = time.process_time()
    begun = bootstrap.init_from_tickets(folder / "assistant", export, [], reading=_quiet, sorting=_quiet)
    cpu_s = time.process_time() - began
    problems = bootstrap.check(folder / "assistant")
    tickets = read_export(export, {}, _quiet).tickets
    labels = asyncio.run(sort_tickets(tickets, StaticEmbedder(), _quiet)).labels
    group = dict.fromkeys(range(FIRST_LINE, FIRST_LINE + len(rows)), OTHER)
    group |= {ticket.line: int(label) for ticket, label in zip(tickets, labels, strict=True)}
    found = list(zip(group.values(), (row.intent for row in rows), strict=True))
    true = [(at, intent) for at, intent in found if intent != NOISE]
    proposed = range(len(begun.study.intents))
    put = [(at, intent) for at, intent in found if at in proposed]
    strange = [at for at, intent in found if intent == NOISE]
    return {
        "nmi": 100 * mutual_information(*zip(*true, strict=True)),
        "purity": 100 * purity(*zip(*put, strict=True)),
        "covered": 100 * mean([at in proposed for at, _ in true]),
        **({"set_aside": 100 * mean([at not in proposed for at in strange])} if strange else {}),
        "intents": len(begun.study.intents),
        "problems": sum(not problem.warning for problem in problems),
        "cpu_s": cpu_s,
    }


def main() -> None:
    """Print the figures of each seed and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--intents", type=int, default=10)
    parser.add_argument("--noise", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    runs: dict[int, dict[str, float]] = {}
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        is_intents = (chosen.data / "train.jsonl.gz").exists()
        rows = (
            intent_rows(chosen.data, chosen.intents, chosen.noise, seed) if is_intents else dialogue_rows(chosen.data)
        )
        with tempfile.TemporaryDirectory() as folder:
            runs[seed] = measure(rows, seed, Path(folder))
    report = {
        "set": chosen.data.name,
        "tickets": len(rows),
        "mean": {name: round(mean([run[name] for run in runs.values()]), 1) for name in next(iter(runs.values()))},
        "seeds": {seed: {name: round(value, 1) for name, value in run.items()} for seed, run in runs.items()},
    }
    if chosen.json:
        print(json.dumps(report))
        return
    print(f"{report['set']}, {report['tickets']} tickets, mean of {len(runs)} seeds: {report['mean']}")
    for seed, run in runs.items():
        print(f"  seed {seed}: " + ", ".join(f"{name} {value:.1f}" for name, value in run.items()))


def _quiet(_done: int, _total: int) -> None:
    """Show nothing."""


if __name__ == "__main__":
    main()
