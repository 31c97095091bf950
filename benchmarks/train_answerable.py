"""Fit the formula of `shipmate.answer.quotes.answerable`, and tell how it does on the set that it was not fitted on.

    python -m benchmarks.train_answerable --data DIR

A turn that the documents answer is asked twice: of the whole index, and without the passages that answer it. The
weights that this prints are rounded into the module by hand.
"""

import argparse
import gzip
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from benchmarks.made_collections import Asking, embedder_named, made
from shipmate.answer.followup import standalone
from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, Signals, confidence, signals
from shipmate.messages import Message, Passage, Question, Role

__all__ = ["main"]

T = TypeVar("T")

TRAINED_ON = ("mtragun/govt", "mtragun/ibmcloud")
FOREIGN = ("scifact", "2wiki")
FOREIGN_QUESTIONS = 300
HITS = 8
ROUNDS = 3000
RATE = 1.0


class Row(msgspec.Struct, frozen=True):
    """One passage."""

    id: str
    text: str
    title: str | None = None

    def passage(self) -> Passage:
        """Return it as a document of one passage."""
        return Passage(source=self.id, title=self.title or "", text=self.text, start=0, end=len(self.text))


class Said(msgspec.Struct, frozen=True):
    """One utterance before a turn."""

    speaker: str
    text: str


class Turn(msgspec.Struct, frozen=True):
    """One question, and the ids of the passages that answer it."""

    text: str
    gold: dict[str, int]
    history: tuple[Said, ...] = ()
    answerability: tuple[str, ...] = ()

    def question(self) -> Question:
        """Return the turn as the assistant gets it."""
        roles = {"user": Role.USER, "agent": Role.ASSISTANT}
        history = tuple(Message(role=roles[said.speaker], text=said.text, at=0.0) for said in self.history)
        return Question(text=self.text, standalone=standalone(self.text, history), history=history)


class Example(NamedTuple):
    """A question with what was found for it."""

    answerable: bool
    signals: Signals
    confidence: float


class Weights(NamedTuple):
    """The formula's constants."""

    spread: float = 0.0
    likeness: float = 0.0
    agreement: float = 0.0
    offset: float = 0.0

    def score(self, example: Example) -> float:
        """Return the formula's value before it is squeezed into 0-1."""
        return sum([weight * value for weight, value in zip(self, (*example.signals, 1.0), strict=True)])

    def __str__(self) -> str:
        return ", ".join(f"{name} {weight:.2f}" for name, weight in self._asdict().items())


class Documents:
    """A set of documents that questions are put to."""

    def __init__(self, passages: Iterator[Passage], folder: Path) -> None:
        embedder = embedder_named("static")
        documents = [(passage.source, passage.source, [passage]) for passage in passages]
        self._asking = Asking(made(folder, documents, embedder), embedder=embedder)

    def ask(self, question: Question, *, answerable: bool, without: Sequence[str] = ()) -> Example:
        """Read the signals of a question, as if the documents lacked some passages."""
        found = self._asking.passages(question, HITS + len(without))
        hits = [hit for hit in found if hit.passage.source not in without][:HITS]
        statistics = self._asking.search.statistics
        return Example(answerable, signals(question, hits, statistics), confidence(question, hits, statistics))


def main() -> None:
    """Print what the shipped formula is worth, and the weights that a fit would give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the sets")
    data: Path = parser.parse_args().data
    foreign = [turn.question() for name in FOREIGN for turn in _lines(data / name, "queries", Turn, FOREIGN_QUESTIONS)]
    sets: dict[str, list[Example]] = {}
    for name in TRAINED_ON:
        with tempfile.TemporaryDirectory() as folder:
            documents = Documents((row.passage() for row in _lines(data / name, "corpus", Row)), Path(folder))
            sets[name] = list(_examples(documents, _lines(data / name, "queries", Turn)))
            strangers = [documents.ask(question, answerable=False) for question in foreign]
        print(f"{name}: {_worth(sets[name], strangers)}")
    for name, examples in sets.items():
        weights = fit(examples)
        for other in sets.keys() - {name}:
            print(f"fitted on {name}: {weights}; AUROC on {other} {auroc(sets[other], weights.score):.3f}")
    print(f"fitted on all: {fit([example for examples in sets.values() for example in examples])}")


def fit(examples: Sequence[Example]) -> Weights:
    """Return the logistic weights by gradient descent; questions with and without an answer count alike."""
    answerable = sum(example.answerable for example in examples)
    share = {True: 0.5 / answerable, False: 0.5 / (len(examples) - answerable)}
    weights = Weights()
    for _ in range(ROUNDS):
        slope = [0.0] * len(weights)
        for example in examples:
            error = 1 / (1 + math.exp(-weights.score(example))) - example.answerable
            for at, value in enumerate((*example.signals, 1.0)):
                slope[at] += share[example.answerable] * error * value
        weights = Weights(*(weight - RATE * step for weight, step in zip(weights, slope, strict=True)))
    return weights


def auroc(examples: Sequence[Example], score: Callable[[Example], float]) -> float:
    """Return how often an answerable question scores above one that is not; a tie counts half."""
    high = [score(example) for example in examples if example.answerable]
    low = [score(example) for example in examples if not example.answerable]
    return sum((h > o) + (h == o) / 2 for h in high for o in low) / (len(high) * len(low))


def _worth(own: Sequence[Example], foreign: Sequence[Example]) -> str:
    answered = [example.confidence >= ANSWER_THRESHOLD for example in own if example.answerable]
    declined = [example.confidence < ANSWER_THRESHOLD for example in own if not example.answerable]
    strangers = [example.confidence < ANSWER_THRESHOLD for example in foreign]
    return (
        f"AUROC {auroc(own, lambda example: example.confidence):.3f}, answered {_percent(answered)} of own answerable, "
        f"declined {_percent(declined)} of own others and {_percent(strangers)} of foreign ones"
    )


def _percent(outcomes: Sequence[bool]) -> str:
    return f"{100 * sum(outcomes) / len(outcomes):.1f} % ({len(outcomes)})"


def _examples(documents: Documents, turns: Iterator[Turn]) -> Iterator[Example]:
    for turn in turns:
        question = turn.question()
        if turn.answerability == ("ANSWERABLE",):
            yield documents.ask(question, answerable=True)
            yield documents.ask(question, answerable=False, without=tuple(turn.gold))
        elif turn.answerability == ("UNANSWERABLE",):
            yield documents.ask(question, answerable=False)


def _lines(folder: Path, name: str, kind: type[T], limit: int | None = None) -> Iterator[T]:
    decoder = msgspec.json.Decoder(kind)
    with gzip.open(folder / f"{name}.jsonl.gz") as lines:
        for number, line in enumerate(lines):
            if number == limit:
                return
            yield decoder.decode(line)


if __name__ == "__main__":
    main()
