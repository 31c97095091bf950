"""Measure the serving path against other libraries and the floor, all alternated in one run on this machine.

The first passages of the set become a folder of Markdown files, one each, which Shipmate reads and serves as its users
would have it; the peers search a tantivy index of the same passages. The fake model quotes what stands in its prompt.
Servers have one core, load and model another. CPU is the scheduler's time of a server; "per core" is one over that.
Only questions are asked whose passages give the model enough to say and which Shipmate does not decline, so that all
servers do the same work. Errors, and answers with less than 90 % of the model's words, are failures and are printed.
"""

import argparse
import asyncio
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks.serving.corpus import Corpus, plain_sentences, read_corpus
from benchmarks.serving.environments import PEERS, versions_of
from benchmarks.serving.load import exchange_once
from benchmarks.serving.measures import bars
from benchmarks.serving.peers.passages import Passages
from benchmarks.serving.processes import LOAD_CORE, SERVER_CORE
from benchmarks.serving.report import table
from benchmarks.serving.rounds import MEASURES, SATURATED, Plan, Rounds
from benchmarks.serving.servers import ECHO, EMBEDDED, MODELLED, Servers, door, running

QUICK = Plan(rounds=1, warm_s=1.0, closed_s=1.0, open_s=2.5, pairs=3, pair_s=0.5, cold_starts=1, traced=20)


class Kind(msgspec.Struct, frozen=True):
    kind: str


async def measure(data: Path, plan: Plan, measures: Sequence[str]) -> dict[str, Any]:
    """Carry out the measures and return everything that is printed."""
    corpus = read_corpus(data)
    wanted = {name for measure in measures for name in MEASURES[measure]}
    names = [name for name in (ECHO, EMBEDDED, MODELLED, *PEERS) if name in wanted]
    load_before = os.getloadavg()
    with running(data, corpus, names) as servers:
        own = [name for name in names if name in (EMBEDDED, MODELLED)]
        before_s = {name: servers[name].cpu_s() for name in own}
        questions, left_out = await answerable(servers, corpus, own)
        rounds = Rounds(servers, plan, questions)
        for name in own:
            rounds.note_first_time(name, servers[name].cpu_s() - before_s[name], len(corpus.questions))
        await rounds.warm(names)
        for measure in measures:
            started = time.monotonic()
            await rounds.run(measure)
            print(f"{measure}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        rounds.note_memory(names)
    return {
        **results(rounds, names),
        "questions": {"asked": len(questions), "left_out": dict(left_out)},
        "machine": f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; servers on core {SERVER_CORE}, load on core {LOAD_CORE}",
        "load_average": {"before": load_before, "after": os.getloadavg()},
    }


async def answerable(servers: Servers, corpus: Corpus, own: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """Return the questions that give every server the same work, and why the others are left out.

    Asks each question of the set once.
    """
    passages = Passages(servers.index)
    asked = []
    left_out: Counter[str] = Counter()
    for question in corpus.questions:
        said = plain_sentences("\n".join(passage.text for passage in passages.search(question)))
        kinds = [await kind_of(servers[name].port, question) for name in own]
        reason = next((f"Shipmate's reply: {kind}" for kind in kinds if kind != "answer"), "")
        if sum(len(sentence.split()) for sentence in said) < SATURATED.tokens:
            reason = "the passages say too little"
        if reason:
            left_out[reason] += 1
        else:
            asked.append(question)
    return asked, left_out


async def kind_of(port: int, question: str) -> str:
    status, body = await exchange_once(port, door(port).request(question, streamed=False))
    return msgspec.json.decode(body, type=Kind).kind if status == HTTPStatus.OK else f"status {status}"


def results(rounds: Rounds, names: Sequence[str]) -> dict[str, Any]:
    """Return figures, bars and failures in the shape that is printed."""
    figures = {name: with_rate(rounds.figures(name)) for name in names}
    peers = {name: figures[name] for name in names if name in PEERS}
    echo, embedded, modelled = (figures.get(name, {}) for name in (ECHO, EMBEDDED, MODELLED))
    return {
        "echo": echo,
        "shipmate": {"embedded": embedded, "upstream": modelled},
        "peers": {name: {**peer, "versions": versions_of(name)} for name, peer in peers.items()},
        "bars": {name: msgspec.to_builtins(bar) for name, bar in bars(echo, embedded, modelled, peers).items()},
        "steps_us": rounds.steps_us,
        "answers": {name: rounds.answers[name] for name in names},
        "errors": {name: dict(+failures) for name, failures in rounds.failures.items() if +failures},
    }


def with_rate(figures: dict[str, float]) -> dict[str, float]:
    """Add turns per second and core."""
    if "turn_cpu_us" in figures:
        figures["turns_per_s_per_core"] = 1e6 / figures["turn_cpu_us"]
    return figures


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl.gz and queries.jsonl.gz")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="one short round of each measure")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="these measures alone")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    run = measure(arguments.data, QUICK if arguments.quick else Plan(), arguments.only)
    result = asyncio.Runner(loop_factory=uvloop.new_event_loop).run(run)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
    else:
        print(table(result))


if __name__ == "__main__":
    main()
