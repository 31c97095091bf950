"""Measure what recall of past conversations does for answers, with the very pieces of a turn.

    python -m benchmarks.memory_lift --data DIR [--data DIR ...] [--past NAME] [--json]

Each set is split by conversation: when a turn is asked, nothing of its own conversation can be recalled, but for
`topic`. The others are resolved past conversations of other callers, all may see all, and the product's own `Memory`
recalls from them. What they hold:

--past reference  (default) each conversation's judged turn, if ANSWERABLE: its question, its reference answer, and
                  citations of its gold passages. More than a deployment has: there, nobody marks the right passages
--past earlier    the turns before the judged one: the user's words, what the agent replied, and a citation of the
                  passage among those found that holds most of the reply's words, if it holds half of them
--past topic      as `earlier`, with the earlier turns of the same conversation, as if another caller had led it until
                  there. The judged turn itself is never in memory
--past repeated   of sets that have each question in two forms, the other form of the very question, answered by its
                  gold passages: what recall is worth when everybody asks what was asked and solved before. A ceiling

For each set and figure: without memory, with it, the difference in points with its 95 % interval (10,000 paired
bootstrap samples of turns), and the lift in percent of the figure without. `recalled` is the share of turns to which
something was recalled, `changed` of those whose reply became another one; `likeness` the mean of the best example's.
The figures are those of `benchmarks.answers`, over ANSWERABLE turns.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.answer_measures import content, mean, oracle_share, rouge_l
from benchmarks.answers import Assistant, Reply
from benchmarks.made_collections import embedder_named
from benchmarks.question_sets import QuestionSet, Turn, lines, read_set
from benchmarks.retrieval import Asked
from shipmate.knowledge.telling import Telling, telling_by
from shipmate.memory.favour import favoured
from shipmate.memory.recall import Memory
from shipmate.messages import Citation, Episode, Exchange, Hit, Passage, Question, Recalled, ReplyKind
from shipmate.testing.clock import TickingClock

__all__ = ["difference", "main"]

PASTS = ("reference", "earlier", "topic", "repeated")
FIGURES = ("oracle_share", "cite_hit1", "rouge_l")
SAMPLES, SEED = 10_000, 7
# A passage that holds so much of an agent's reply is what it stands on.
HELD = 0.5


class Past:
    """Episodes that have long been at rest."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._episodes = {episode.issue_id: episode for episode in episodes}

    async def rested(self, *, since: float, until: float, limit: int) -> list[str]:
        """Return the ids of all of them."""
        del since, until
        return list(self._episodes)[:limit]

    async def episodes(self, issue_ids: Sequence[str]) -> list[Episode]:
        """Return these episodes."""
        return [self._episodes[issue_id] for issue_id in issue_ids]

    async def erasures(self) -> int:
        """Return that nobody was forgotten."""
        return 0

    async def erase(self, whom: str) -> int:
        """Forget nobody."""
        del whom
        return 0


class Compared(msgspec.Struct, frozen=True):
    """A turn asked without memory and with it."""

    turn: Turn
    without: Reply
    recalling: Reply
    recalled: tuple[Recalled, ...]


def measure(folder: Path, past: str) -> dict[str, object]:
    """Return the figures of one set."""
    questions = read_set(folder)
    field = "last_turn" if past == "repeated" else "text"
    forms = [row.form(field) for row in lines(folder / "queries.jsonl.gz", Asked)]
    with tempfile.TemporaryDirectory() as place, ExitStack() as files:
        embedder = embedder_named("static")
        assistant = files.enter_context(closing(Assistant(questions.passages.values(), Path(place), embedder)))
        memory = _memory(assistant, list(_episodes(assistant, questions, past)))
        compared = [
            _ask(assistant, memory, str(number), turn, form)
            for number, (turn, form) in enumerate(zip(questions.turns, forms, strict=True))
            if turn.is_answerable
        ]
        return _figures(questions, compared, Telling(assistant.statistics))


def _memory(assistant: Assistant, episodes: Sequence[Episode]) -> Memory:
    memory = Memory(Past(episodes), TickingClock(), lambda _: frozenset())
    asyncio.run(memory.refresh([assistant.collection.index]))
    return memory


def _episodes(assistant: Assistant, questions: QuestionSet, past: str) -> Iterator[Episode]:
    for place, turn in enumerate(questions.turns):
        if past in ("reference", "repeated"):
            exchanges = [_judged(questions, turn)] if turn.is_answerable else []
        else:
            exchanges = list(_earlier(assistant, turn))
        for number, exchange in enumerate(exchanges):
            name = f"{place}-{number}"
            # Of another caller's conversation each, if also the asking one's earlier turns may be recalled.
            conversation_id = name if past in ("topic", "repeated") else str(place)
            yield Episode(issue_id=name, conversation_id=conversation_id, caller=name, exchanges=(exchange,))


def _judged(questions: QuestionSet, turn: Turn) -> Exchange:
    passages = [questions.passages[key] for key in turn.gold]
    return _exchange(turn.question(), turn.answer or " ".join(passage.text for passage in passages), passages)


def _earlier(assistant: Assistant, turn: Turn) -> Iterator[Exchange]:
    """Yield the turns before the judged one whose reply stands on a passage that the search finds."""
    said = turn.history if isinstance(turn.history, tuple) else ()
    for number, (asked, reply) in enumerate(pairwise(said)):
        if asked.speaker == "user" != reply.speaker:
            question = Turn(text=asked.text, history=said[:number]).question()
            words = content(reply.text)
            shares = [(len(words & content(hit.passage.text)), hit.passage) for hit in assistant.find(question)]
            share, passage = max(shares, key=lambda own: own[0], default=(0, None))
            if passage and share >= HELD * len(words) > 0:
                yield _exchange(question, reply.text, [passage])


def _exchange(question: Question, reply: str, passages: Sequence[Passage]) -> Exchange:
    cited = [Citation(source=p.source, title=p.title, quote=p.text, start=p.start, end=p.end) for p in passages]
    return Exchange(
        at=0.0,
        text=question.text,
        question=question.standalone,
        reply=reply,
        kind=ReplyKind.ANSWER,
        citations=tuple(cited),
    )


def _ask(assistant: Assistant, memory: Memory, conversation_id: str, turn: Turn, question: Question) -> Compared:
    hits = assistant.find(question)
    recalled = memory.recall(question.standalone, conversation_id, frozenset(), telling_by(assistant.statistics))
    return Compared(
        turn=turn,
        without=_reply(assistant, turn, question, hits),
        recalling=_reply(assistant, turn, question, favoured(hits, recalled)),
        recalled=recalled,
    )


def _reply(assistant: Assistant, turn: Turn, question: Question, hits: Sequence[Hit]) -> Reply:
    return Reply(turn=turn, draft=assistant.draft(question, hits), cpu_ms=0.0)


def _figures(questions: QuestionSet, compared: Sequence[Compared], telling: Telling) -> dict[str, object]:
    without = _quality(questions, [own.without for own in compared], telling)
    recalling = _quality(questions, [own.recalling for own in compared], telling)
    best = [own.recalled[0].likeness for own in compared if own.recalled]
    known = FIGURES if any(own.turn.answer for own in compared) else ("cite_hit1",)
    return {
        "turns": len(compared),
        "recalled": _percent([bool(own.recalled) for own in compared]),
        "changed": _percent([own.without.text != own.recalling.text for own in compared]),
        "likeness": round(mean(best), 3) if best else None,
        **{name: difference(without[name], recalling[name]) for name in known},
    }


def _quality(questions: QuestionSet, replies: Sequence[Reply], telling: Telling) -> dict[str, list[float]]:
    return {
        "oracle_share": [
            oracle_share(
                reply.text, reply.turn.answer, (questions.passages[key].text for key in reply.turn.gold), telling
            )
            for reply in replies
        ],
        "cite_hit1": [float(bool(reply.cited) and reply.cited[0]) for reply in replies],
        "rouge_l": [rouge_l(reply.text, reply.turn.answer) for reply in replies],
    }


def difference(without: Sequence[float], recalling: Sequence[float]) -> dict[str, object]:
    """Return both means in percent, and their difference with its interval."""
    differences = np.array(recalling) - np.array(without)
    samples = np.random.default_rng(SEED).integers(0, len(differences), (SAMPLES, len(differences)))
    low, high = np.percentile(differences[samples].mean(axis=1), [2.5, 97.5])
    before = mean(without)
    return {
        "without": _percent(without),
        "with": _percent(recalling),
        "points": round(100 * float(differences.mean()), 1),
        "interval": [round(100 * float(low), 1), round(100 * float(high), 1)],
        "lift_percent": round(100 * float(differences.mean()) / before, 1) if before else None,
    }


def _percent(values: Sequence[float]) -> float:
    return round(100 * mean(values), 1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a folder with corpus and queries")
    parser.add_argument("--past", choices=PASTS, default="reference", help="what past conversations hold")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    sets = {"/".join(folder.parts[-2:]): measure(folder, asked.past) for folder in asked.data}
    result = {"past": asked.past, "sets": sets}
    if asked.json:
        print(msgspec.json.encode(result).decode())
        return
    for name, figures in sets.items():
        print(name)
        for figure, value in figures.items():
            print(f"  {figure:14}", value)


if __name__ == "__main__":
    main()
