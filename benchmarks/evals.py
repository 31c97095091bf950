"""How fast cases are run: `python -m benchmarks.evals [--cases 1000] [--json]`.

Cases are made from the demo's own documents: each heading is asked for, as an answer that cites its document, as a
retrieval and as an intent, until there are enough. They are run on the demo with its embedded answerer, first with an
empty cache and then from the cache. CPU seconds are those of the whole process, reading and opening included.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from shipmate import bootstrap
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.evals.cache import Cache
from shipmate.evals.cases import (
    AnswerCase,
    AnswerExpect,
    Case,
    IntentCase,
    IntentExpect,
    RetrievalCase,
    RetrievalExpect,
)
from shipmate.evals.judge import OFFLINE, GroundingJudge
from shipmate.evals.outcome import Outcome
from shipmate.evals.results import Run
from shipmate.evals.runner import Runner, Settings
from shipmate.evals.suite import Suite, suite_of
from shipmate.rehearsing.stage import open_rehearsal

__all__ = ["main", "suite_made"]

DEMO = Path(__file__).parents[1] / "examples" / "shipmate-help"
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FORMS = ("{}", "How about: {}?", "What do the documents say about {}?", "Tell me about {}", "{}, please explain")


def suite_made(folder: Path, cases: int) -> Suite:
    """Return so many cases that the demo's documents ask for."""
    return suite_of("made", list(islice(_made(folder), cases)))


def _made(folder: Path) -> Iterator[Case]:
    headings = [
        (file.name, heading)
        for file in sorted((folder / "knowledge").glob("*.md"))
        for heading in HEADING.findall(file.read_text(encoding="utf-8"))
    ]
    number = 0
    while True:
        for source, heading in headings:
            number += 1
            form = FORMS[number // len(headings) % len(FORMS)]
            # Each case is another one: nothing comes from a cache of the answerer.
            asked = f"{form.format(heading)} ({number})"
            name = f"made-{number:05}"
            expect = AnswerExpect(cites=(source,), claims=(heading,), grounded=True)
            yield AnswerCase(id=f"{name}-a", input=asked, expect=expect)
            yield RetrievalCase(id=f"{name}-r", input=asked, expect=RetrievalExpect(docs=(source,)))
            yield IntentCase(id=f"{name}-i", input=asked, expect=IntentExpect(not_=("nothing",)))


async def _run(project: Project, suite: Suite, cache: Path) -> Run:
    async with open_rehearsal(project) as subject:
        runner = Runner(subject, {OFFLINE: GroundingJudge()}, SystemClock(), cache=Cache(Outcome, cache))
        return await runner.run(suite, Settings())


def _timed(project: Project, suite: Suite, cache: Path) -> tuple[Run, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run = asyncio.run(_run(project, suite, cache))
    return run, time.perf_counter() - wall, time.process_time() - cpu


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000, help="how many")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    project = bootstrap.load(DEMO)
    bootstrap.ingest(project, visits=False, progress=lambda _: None)
    suite = suite_made(DEMO, asked.cases)
    with tempfile.TemporaryDirectory() as folder:
        run, wall_s, cpu_s = _timed(project, suite, Path(folder) / "outcomes.txt")
        _, again_wall_s, again_cpu_s = _timed(project, suite, Path(folder) / "outcomes.txt")
    kinds = sorted({result.kind for result in run.results})
    figures = {
        "cases": len(run.results),
        "kinds": {kind: sum(result.kind == kind for result in run.results) for kind in kinds},
        "errors": run.counts["error"],
        "wall_s": round(wall_s, 2),
        "cpu_s": round(cpu_s, 2),
        "cpu_ms_per_case": round(1000 * cpu_s / len(run.results), 3),
        "cached_wall_s": round(again_wall_s, 2),
        "cached_cpu_s": round(again_cpu_s, 2),
    }
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:18} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
