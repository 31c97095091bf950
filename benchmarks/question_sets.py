"""Sets of documents and questions: a folder with `corpus.jsonl.gz` and `queries.jsonl.gz`."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from shipmate.answer.followup import standalone
from shipmate.messages import Message, Passage, Question, Role

__all__ = ["Judged", "QuestionSet", "Row", "Said", "Turn", "as_passage", "lines", "read_set", "read_turns"]

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    """One passage."""

    id: str
    text: str
    title: str | None = None


class Judged(msgspec.Struct, frozen=True):
    """One row of a groundedness set: a response, and whether its context bears it out (label 0) or not (1)."""

    id: str
    dataset: str
    context: str
    question: str
    response: str
    label: int


class Said(msgspec.Struct, frozen=True):
    """One utterance before a turn."""

    speaker: str
    text: str


class Turn(msgspec.Struct, frozen=True):
    """One question, its reference answer, and the ids of the passages that answer it."""

    text: str
    gold: dict[str, int] = {}
    history: tuple[Said, ...] | str = ()
    answer: str = ""
    # One of ANSWERABLE, PARTIAL, UNANSWERABLE, UNDERSPECIFIED; empty in sets without labels.
    answerability: tuple[str, ...] = ()

    @property
    def is_answerable(self) -> bool:
        """Return whether the documents answer it; without a label, whether there are passages that do."""
        return "ANSWERABLE" in self.answerability if self.answerability else bool(self.gold)

    @property
    def is_unanswerable(self) -> bool:
        """Return whether the documents say nothing of it; what is answered in part is neither."""
        return "UNANSWERABLE" in self.answerability if self.answerability else not self.gold

    def question(self) -> Question:
        """Return the turn as the assistant gets it, follow-ups rewritten."""
        history = tuple(
            Message(role=Role.USER if said.speaker == "user" else Role.ASSISTANT, text=said.text, at=0.0)
            for said in (self.history if isinstance(self.history, tuple) else ())
        )
        return Question(text=self.text, standalone=standalone(self.text, history), history=history)


class QuestionSet(msgspec.Struct, frozen=True, kw_only=True):
    """Documents with questions put to them."""

    name: str
    # By id; each passage is a document of its own.
    passages: dict[str, Passage]
    turns: tuple[Turn, ...]


def read_set(folder: Path) -> QuestionSet:
    """Read the set of a folder; gold passages that are not in it are dropped."""
    passages = {row.id: as_passage(row.id, row.text, row.title or "") for row in lines(folder / "corpus.jsonl.gz", Row)}
    turns = tuple(
        msgspec.structs.replace(turn, gold={key: grade for key, grade in turn.gold.items() if key in passages})
        for turn in read_turns(folder)
    )
    return QuestionSet(name="/".join(folder.parts[-2:]), passages=passages, turns=turns)


def read_turns(folder: Path) -> list[Turn]:
    """Read the questions alone."""
    return list(lines(folder / "queries.jsonl.gz", Turn))


def as_passage(source: str, text: str, title: str = "") -> Passage:
    """Return a text as a document of one passage."""
    return Passage(source=source, title=title, text=text, start=0, end=len(text))


def lines(file: Path, kind: type[T]) -> Iterator[T]:
    """Yield the rows of a file."""
    decoder = msgspec.json.Decoder(kind)
    with gzip.open(file) as rows:
        yield from map(decoder.decode, rows)
