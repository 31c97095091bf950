"""Measure whether `shipmate impact` finds all past answers that an edit changes, and how much sooner than asking all again.

    python -m benchmarks.impact [--data DIR] [--exactness] [--documents N] [--questions N] [--edits N] [--seed N]
                                [--kept FILE] [--json]

Random edits of a collection that is made as an ingest makes it: a sentence inserted, deleted or changed, a document
added, removed or renamed, another heading, another title or audience as front matter gives them. Each begins from the
same state. Past questions are those of DIR, filled up with stretches of its documents' sentences; without --data, the
pages of this repository are taken. --exactness makes many edits of a small collection; else few of a large one show the
speed. What each edit has shown is kept in FILE, a line each, and what stands there is not tried again.

missed, extra   answers that a full re-run finds changed and `impact` does not, and the other way round, over all edits
changed         answers that change, a mean for each edit
asked_again     the share of the questions that `impact` asked again
speedup         CPU time of the full re-run by that of `impact`, both over the collection as the edit has left it, in
                alternating order, with a 95 % interval by bootstrap over the edits
record_ms       CPU milliseconds a question to answer it once and note what the answer stands on, before any edit
unproven        the share of the questions of which nothing is proven: each edit asks them again
"""

import argparse
import asyncio
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from benchmarks.made_collections import embedder_named, follow, made, opened
from benchmarks.question_sets import Row, lines
from shipmate.answer import draft
from shipmate.answer.faq import Faq
from shipmate.knowledge.blocks import Document
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.markdown import markdown_blocks
from shipmate.knowledge.search import Search
from shipmate.messages import Passage, Question
from shipmate.ports import Embedder
from shipmate.release.impact.effect import impact, recorded
from shipmate.release.impact.ledger import Ledger
from shipmate.release.impact.record import Recorder
from shipmate.release.replay import Past, Player
from shipmate.router import Router
from shipmate.turn import Scope, Scopes

__all__ = ["main"]

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
SENTENCE = re.compile(r"(?<=[.!?])\s+")
OPENINGS = ("How does", "What is", "When can", "Where do I find", "")
STAFF = ("staff",)
DRAWS = 2000


class Edit(NamedTuple):
    """What is written to the collection, and which documents that touches."""

    kind: str
    replaced: Sequence[tuple[str, str, Sequence[Passage]]]
    removed: Sequence[str]

    @property
    def sources(self) -> list[str]:
        """Return the documents that are touched."""
        return [*(source for source, _, _ in self.replaced), *self.removed]


class Asked(msgspec.Struct, frozen=True):
    """A question of a set."""

    text: str


class Size(NamedTuple):
    """How many of each."""

    documents: int
    questions: int
    edits: int


# To see the speed, and to see that nothing is missed.
LARGE, MANY = Size(9000, 2000, 40), Size(800, 60, 1000)
TOLD_EVERY = 20


class Trial(NamedTuple):
    """What one edit has shown."""

    kind: str
    missed: int
    extra: int
    changed: int
    asked_again: int
    impact_s: float
    full_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.impact", description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--exactness", action="store_true")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--questions", type=int)
    parser.add_argument("--edits", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    usual = MANY if chosen.exactness else LARGE
    size = Size(chosen.documents or usual.documents, chosen.questions or usual.questions, chosen.edits or usual.edits)
    figures = measure(chosen.data, size, chosen.seed, chosen.kept)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{name:12} {value}" for name, value in figures.items()))


def measure(data: Path | None, size: Size, seed: int, kept: Path | None = None) -> dict[str, object]:
    """Return the figures of one collection; `kept` is the file with what earlier edits have shown, if any."""
    rows = list(lines(data / "corpus.jsonl.gz", Row))[: size.documents] if data else _own_pages()
    rng = random.Random(seed)
    embedder = embedder_named("static")
    past = _questions(data, rows, size.questions, rng)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        before = made(base, [(row.id, row.id, _passages(row)) for row in rows], embedder)
        started = time.process_time()
        recorder = Recorder(_player(before, embedder), [before], embedder, is_plain=True)
        evidence = asyncio.run(recorded(past, recorder))
        record_s = time.process_time() - started
        ledger = Ledger(evidence, before)
        trials = _kept(kept)[: size.edits]
        for number in range(len(trials), size.edits):
            edit = _edit(rows, random.Random(f"{seed} {number}"))
            trial = _tried(edit, before, base, Path(folder) / "edited", ledger, embedder, is_odd=number % 2 == 1)
            trials.append(trial)
            _keep(trial, kept)
            if len(trials) % TOLD_EVERY == 0:
                _tell(trials, len(past))
    ratio, low, high = _speedup(trials, np.random.default_rng(seed))
    edits = size.edits
    asked = edits * len(past)
    return {
        "passages": before.index.statistics.passage_count,
        "questions": len(past),
        "edits": edits,
        "missed": sum(trial.missed for trial in trials),
        "extra": sum(trial.extra for trial in trials),
        "changed": sum(trial.changed for trial in trials) / edits,
        "asked_again": round(sum(trial.asked_again for trial in trials) / asked, 4),
        "speedup": [round(ratio, 2), round(low, 2), round(high, 2)],
        "impact_ms": round(1000 * sum(trial.impact_s for trial in trials) / edits, 1),
        "full_ms": round(1000 * sum(trial.full_s for trial in trials) / edits, 1),
        "record_ms": round(1000 * record_s / len(past), 2),
        "unproven": round(sum(one.radius < 0 for one in evidence) / len(past), 4),
    }


def _kept(file: Path | None) -> list[Trial]:
    if file is None or not file.exists():
        return []
    return [msgspec.json.decode(line, type=Trial) for line in file.read_bytes().splitlines()]


def _keep(trial: Trial, file: Path | None) -> None:
    if file is not None:
        with file.open("ab") as held:
            held.write(msgspec.json.encode(trial) + b"\n")


def _tell(trials: Sequence[Trial], questions: int) -> None:
    """Say how far it is, for a run is long."""
    spent = [sum(trial.full_s for trial in trials), sum(trial.impact_s for trial in trials)]
    print(
        f"{len(trials)} edits: missed {sum(trial.missed for trial in trials)},"
        f" extra {sum(trial.extra for trial in trials)}, changed {sum(trial.changed for trial in trials)},"
        f" asked again {sum(trial.asked_again for trial in trials) / questions / len(trials):.1%},"
        f" speedup {spent[0] / spent[1]:.1f}",
        file=sys.stderr,
        flush=True,
    )


def _own_pages() -> list[Row]:
    files = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
    return [Row(str(file.relative_to(ROOT)), file.read_text("utf-8"), file.stem) for file in files]


def _passages(row: Row, audience: tuple[str, ...] = ()) -> list[Passage]:
    document = Document(
        source=row.id, title=row.title or row.id, text=row.text, blocks=markdown_blocks(row.text), audience=audience
    )
    return chunk(document)


def _questions(data: Path | None, rows: Sequence[Row], count: int, rng: random.Random) -> list[Past]:
    texts = [asked.text for asked in lines(data / "queries.jsonl.gz", Asked)][:count] if data else []
    telling = [row for row in rows if len(row.text.split()) > len(OPENINGS) + 12]
    while len(texts) < count:
        words = re.findall(r"\w+", rng.choice(telling).text)
        if len(words) > 12:
            start = rng.randrange(len(words) - 8)
            texts.append(f"{rng.choice(OPENINGS)} {' '.join(words[start : start + rng.randrange(3, 8)])}?".strip())
    return [Past(id=str(at), question=Question(text=text, standalone=text)) for at, text in enumerate(texts)]


def _player(collection: Collection, embedder: Embedder | None) -> Player:
    def scope(seen: Sequence[Collection]) -> Scope:
        search = Search(*seen, embedder=embedder)
        drafter = draft.Drafter(faq=Faq([]), statistics=search.statistics, model=None, prompt="", limits=draft.Limits())
        return Scope(search=search, drafter=drafter, release="")

    return Player(Scopes([collection], scope), Router([], []), time.perf_counter)


def _edit(rows: Sequence[Row], rng: random.Random) -> Edit:
    row, donor, other = rng.choice(rows), rng.choice(rows), rng.choice(rows)
    said, borrowed = SENTENCE.split(row.text), rng.choice(SENTENCE.split(donor.text))
    at = rng.randrange(len(said))
    title = row.title or row.id
    edits: dict[str, Callable[[], tuple[list[Row], list[str]]]] = {
        "insert": lambda: ([_with(row, [*said[:at], borrowed, *said[at:]])], []),
        "delete": lambda: ([_with(row, [*said[:at], *said[at + 1 :]] or ["Nothing."])], []),
        "change": lambda: ([_with(row, [*said[:at], borrowed, *said[at + 1 :]])], []),
        "add": lambda: ([Row("added.md", f"{other.text[:2000]} {borrowed}", f"About {other.title}")], []),
        "remove": lambda: ([], [row.id]),
        "rename": lambda: ([Row(f"renamed-{row.id}", row.text, row.title)], [row.id]),
        "heading": lambda: ([_with(row, [f"# {borrowed}\n\n{row.text}"])], []),
        "title": lambda: ([Row(row.id, row.text, f"{title} {borrowed.split(' ')[0]}")], []),
        "audience": lambda: ([row], []),
    }
    kind = rng.choice(list(edits))
    new, removed = edits[kind]()
    audience = STAFF if kind == "audience" else ()
    return Edit(kind, [(one.id, f"{kind} edit", _passages(one, audience)) for one in new], removed)


def _with(row: Row, said: Sequence[str]) -> Row:
    return Row(row.id, " ".join(said), row.title)


def _tried(  # noqa: PLR0917 - a benchmark keeps nothing between its edits
    edit: Edit, before: Collection, base: Path, home: Path, ledger: Ledger, embedder: Embedder | None, *, is_odd: bool
) -> Trial:
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(base, home)
    written = opened(home, embedder)
    written.index.write(edit.replaced, edit.removed)
    follow(written, embedder)
    written.close()

    def incremental() -> tuple[set[str], int]:
        after = opened(home, embedder)
        found = asyncio.run(impact(ledger, before, after, edit.sources, _player(after, embedder)))
        after.close()
        return {moved.past.id for moved in found.moved}, found.asked_again

    async def all_again(player: Player) -> set[str]:
        found = set()
        for one in ledger.evidence:
            if (await player.answer(one.past)).says() != one.answered.says():
                found.add(one.past.id)
        return found

    def whole() -> set[str]:
        after = opened(home, embedder)
        found = asyncio.run(all_again(_player(after, embedder)))
        after.close()
        return found

    spent: dict[str, float] = {}

    def timed(name: str, run: Callable[[], T]) -> T:
        started = time.process_time()
        result = run()
        spent[name] = time.process_time() - started
        return result

    if is_odd:
        wanted = timed("full", whole)
        told, asked_again = timed("impact", incremental)
    else:
        told, asked_again = timed("impact", incremental)
        wanted = timed("full", whole)
    missed, extra = len(wanted - told), len(told - wanted)
    return Trial(edit.kind, missed, extra, len(wanted), asked_again, spent["impact"], spent["full"])


def _speedup(trials: Sequence[Trial], rng: np.random.Generator) -> tuple[float, float, float]:
    spent = np.array([[trial.full_s, trial.impact_s] for trial in trials])
    drawn = spent[rng.integers(len(spent), size=(DRAWS, len(spent)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    whole = spent.sum(axis=0)
    return float(whole[0] / whole[1]), float(low), float(high)


if __name__ == "__main__":
    main()
