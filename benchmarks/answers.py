"""Measure the answers that quote, with the very pieces of a turn: follow-up, search, confidence, quotes.

    python -m benchmarks.answers --data DIR [--data DIR ...] [--given-gold] [--foreign DIR ...] [--embedder NAME] [--json]
    python -m benchmarks.answers --halueval FILE [--json]

A turn's figures, in percent but for those said otherwise; several sets add "sets" and give the mean of each figure:

answered_answerable     of the ANSWERABLE turns, those whose confidence reaches the threshold
declined_unanswerable   of the UNANSWERABLE turns, and of the ANSWERABLE ones asked again with their gold passages
                        removed from the index, those whose confidence stays below it
answerable_auroc        how well the confidence separates these two kinds, 0-1
cite_hit1               of the ANSWERABLE turns, those whose first citation is of a gold passage
cite_precision3         the share of a reply's citations (three at most) that are of gold passages
oracle_share            content words of the reference (stemmed, by IDF) in the reply, divided by those in the best
                        three sentences of the gold passages; at most 100 a turn
rouge_l                 F1 of the longest common subsequence of words of reply and reference
quotes_exact            of all citations, those whose span of the source is the quote, and the sentence's own text
sentences_mean          sentences in a reply, counted as `shipmate.text` reads them; a number, not a share
cpu_ms_p50, cpu_ms_p95  CPU milliseconds of a turn that was asked before

What is said of replies is of the drafts of all ANSWERABLE turns, also of those that the threshold would decline. Turns
that are PARTIAL or UNDERSPECIFIED are left out. With --given-gold the gold passages are handed over instead of searched
for, so nothing is said of confidence. --foreign asks the questions of another set here: `foreign_declined`. --halueval:
of the rows that are labelled 0, those whose answer stands in a reply of at most two sentences to the question, the
context given as one document.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from benchmarks.answer_measures import auroc, contains, mean, oracle_share, percentile, rouge_l, sentences
from benchmarks.made_collections import Asking, embedder_named, made
from benchmarks.question_sets import Judged, QuestionSet, Turn, as_passage, read_set, read_turns
from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, confidence
from shipmate.answer.quotes.extractive import Extractive
from shipmate.knowledge.telling import Telling
from shipmate.messages import Draft, Hit, Passage, Question
from shipmate.ports import Embedder

__all__ = ["main"]

Figures = dict[str, float | None]

CONFIDENCE = ("answered_answerable", "declined_unanswerable", "answerable_auroc")
FIGURES = (
    "turns",
    *CONFIDENCE,
    "cite_hit1",
    "cite_precision3",
    "oracle_share",
    "rouge_l",
    "quotes_exact",
    "sentences_mean",
    "cpu_ms_p50",
    "cpu_ms_p95",
    "foreign_declined",
)
# A reply may begin with one of these; what it cites decides it.
DECIDED = ("Yes.", "No.", "Yes, that is so.", "No, that is not so.")
# Of a foreign set, so many questions are asked.
FOREIGN_QUESTIONS = 300


class HaluEval(Judged, frozen=True):
    """A row that may be a HaluEval question."""

    @property
    def counts(self) -> bool:
        """Return whether it is a HaluEval question with its right answer."""
        return self.dataset == "halueval_qa" and self.label == 0

    @property
    def passage(self) -> Passage:
        """Return the context as a document."""
        return as_passage(self.id, self.context)


class Assistant:
    """What a turn does with a question, over documents of its own."""

    def __init__(self, passages: Iterable[Passage], folder: Path, embedder: Embedder | None) -> None:
        documents = [(passage.source, passage.source, [passage]) for passage in passages]
        self.collection = made(folder, documents, embedder)
        self._asking = Asking(self.collection, embedder=embedder)
        self._open()

    def _open(self) -> None:
        self._asking.renew()
        self.statistics = self._asking.search.statistics
        self._extractive = Extractive(self.statistics)

    def close(self) -> None:
        """Give back what is open."""
        self._asking.close()

    def find(self, question: Question) -> list[Hit]:
        """Search as a turn does."""
        return self._asking.passages(question)

    def sure(self, question: Question, hits: Sequence[Hit]) -> float:
        """Return the confidence."""
        return confidence(question, hits, self.statistics)

    def draft(self, question: Question, hits: Sequence[Hit], *, max_sentences: int = 4) -> Draft:
        """Quote."""
        sure = self.sure(question, hits)
        return self._extractive.draft(question, hits, confidence=sure, max_sentences=max_sentences)

    @contextmanager
    def without(self, passages: Sequence[Passage]) -> Iterator[None]:
        """Do without some documents for a while."""
        self.collection.index.write([], [passage.source for passage in passages])
        self._open()
        try:
            yield
        finally:
            self.collection.index.write([(passage.source, passage.source, [passage]) for passage in passages], [])
            self._open()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A draft for a turn, and what it took."""

    turn: Turn
    draft: Draft
    cpu_ms: float

    @property
    def text(self) -> str:
        """Return what the user would read."""
        return " ".join(sentence.text for sentence in self.draft.sentences)

    @property
    def cited(self) -> list[bool]:
        """Return for each citation, in order, whether it is of a gold passage."""
        citations = dict.fromkeys(
            (citation.source, citation.start, citation.end)
            for sentence in self.draft.sentences
            for citation in sentence.citations
        )
        return [source in self.turn.gold for source, _, _ in citations]


def measure(
    questions: QuestionSet, *, given_gold: bool, embedder: Embedder | None, foreign: Sequence[Turn] = ()
) -> Figures:
    """Return the figures of one set."""
    answerable = [turn for turn in questions.turns if turn.is_answerable]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as files:
        assistant = files.enter_context(closing(Assistant(questions.passages.values(), Path(folder), embedder)))
        replies = [_reply(assistant, questions, turn, given_gold=given_gold) for turn in answerable]
        figures = _quality(questions, replies, Telling(assistant.statistics))
        if foreign:
            figures["foreign_declined"] = _percent([_sure(assistant, turn) < ANSWER_THRESHOLD for turn in foreign])
        if not given_gold:
            figures |= _confidence(assistant, questions, answerable)
    return {name: figures.get(name) for name in FIGURES if name in figures or name in CONFIDENCE}


def _reply(assistant: Assistant, questions: QuestionSet, turn: Turn, *, given_gold: bool) -> Reply:
    """Ask twice, and take the time of the second turn: the first one meets cold caches."""
    for _ in range(2):
        started_ns = time.process_time_ns()
        question = turn.question()
        hits = (
            [Hit(passage=questions.passages[key], score=1.0) for key in turn.gold]
            if given_gold
            else assistant.find(question)
        )
        draft = assistant.draft(question, hits)
        cpu_ms = (time.process_time_ns() - started_ns) / 1e6
    return Reply(turn=turn, draft=draft, cpu_ms=cpu_ms)


def _sure(assistant: Assistant, turn: Turn) -> float:
    question = turn.question()
    return assistant.sure(question, assistant.find(question))


def _quality(questions: QuestionSet, replies: Sequence[Reply], telling: Telling) -> Figures:
    """Return what the drafts are worth, whatever the confidence."""
    passages = questions.passages
    exact = [
        citation.quote == passages[citation.source].text[citation.start : citation.end]
        and sentence.text in (citation.quote, *DECIDED)
        for reply in replies
        for sentence in reply.draft.sentences
        for citation in sentence.citations
    ]
    shares = [
        oracle_share(reply.text, reply.turn.answer, (passages[key].text for key in reply.turn.gold), telling)
        for reply in replies
    ]
    cpu_ms = [reply.cpu_ms for reply in replies]
    return {
        "turns": len(replies),
        "cite_hit1": _percent([bool(reply.cited) and reply.cited[0] for reply in replies]),
        "cite_precision3": _percent([mean(reply.cited) for reply in replies]),
        "oracle_share": _percent(shares),
        "rouge_l": _percent([rouge_l(reply.text, reply.turn.answer) for reply in replies]),
        "quotes_exact": _percent(exact),
        "sentences_mean": mean([sum(len(sentences(s.text)) for s in r.draft.sentences) for r in replies]),
        "cpu_ms_p50": percentile(cpu_ms, 0.5),
        "cpu_ms_p95": percentile(cpu_ms, 0.95),
    }


def _confidence(assistant: Assistant, questions: QuestionSet, answerable: Sequence[Turn]) -> Figures:
    """Return how the confidence tells turns apart; the index loses gold passages on the way, and gets them back."""
    sure = [_sure(assistant, turn) for turn in answerable]
    unsure = [_sure(assistant, turn) for turn in questions.turns if turn.is_unanswerable]
    for turn in answerable:
        with assistant.without([questions.passages[key] for key in turn.gold]):
            unsure.append(_sure(assistant, turn))
    return {
        "answered_answerable": _percent([value >= ANSWER_THRESHOLD for value in sure]),
        "declined_unanswerable": _percent([value < ANSWER_THRESHOLD for value in unsure]),
        "answerable_auroc": auroc(sure, unsure),
    }


def halueval(file: Path, embedder: Embedder | None) -> Figures:
    """Return how often a short reply to a HaluEval question holds its answer."""
    rows = [row for row in map(msgspec.json.Decoder(HaluEval).decode, file.read_bytes().splitlines()) if row.counts]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as files:
        assistant = files.enter_context(closing(Assistant((row.passage for row in rows), Path(folder), embedder)))
        held = [contains(_short_reply(assistant, row), row.response) for row in rows]
    return {"halueval_rows": len(rows), "halueval_contains": _percent(held)}


def _short_reply(assistant: Assistant, row: HaluEval) -> str:
    question = Question(text=row.question, standalone=row.question)
    draft = assistant.draft(question, [Hit(passage=row.passage, score=1.0)], max_sentences=2)
    return " ".join(sentence.text for sentence in draft.sentences)


def _percent(outcomes: Sequence[float]) -> float:
    return 100 * mean(outcomes)


def _over_all(results: dict[str, Figures]) -> dict[str, object]:
    """Return a set's figures; of several sets, the means with each set's own beside them."""
    if len(results) == 1:
        return dict(next(iter(results.values())))
    together: dict[str, object] = {}
    for name in next(iter(results.values())):
        known = [value for figures in results.values() if (value := figures[name]) is not None]
        together[name] = (sum(known) if name == "turns" else mean(known)) if known else None
    return {**together, "sets": results}


def _show(result: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(_rounded(result)).decode())
        return
    sets = result.pop("sets", {})
    columns = {"mean" if sets else "": result, **(sets if isinstance(sets, dict) else {})}
    print(f"{'':22}" + "".join(f"{name:>20}" for name in columns))
    for name in result:
        cells = ("-" if column.get(name) is None else f"{column[name]:.3f}" for column in columns.values())
        print(f"{name:22}" + "".join(f"{cell:>20}" for cell in cells))


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder with corpus and queries")
    parser.add_argument("--given-gold", action="store_true", help="hand over the gold passages instead of searching")
    parser.add_argument(
        "--foreign", type=Path, action="append", default=[], help="a set whose questions are not answered"
    )
    parser.add_argument("--halueval", type=Path, help="a file of groundedness rows")
    parser.add_argument("--embedder", default="static", help="`static`, `none`, or the folder of an ONNX encoder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    if not asked.data and not asked.halueval:
        parser.error("name a set: --data DIR, or --halueval FILE")
    embedder = embedder_named(asked.embedder)
    result: dict[str, object] = {}
    if asked.data:
        foreign = [turn for folder in asked.foreign for turn in read_turns(folder)[:FOREIGN_QUESTIONS]]
        sets = [read_set(folder) for folder in asked.data]
        result = _over_all(
            {one.name: measure(one, given_gold=asked.given_gold, embedder=embedder, foreign=foreign) for one in sets}
        )
    if asked.halueval:
        result |= halueval(asked.halueval, embedder)
    _show(result, as_json=asked.json)


if __name__ == "__main__":
    main()
