"""What was said before decides between passages, and leads to none."""

import asyncio
from pathlib import Path

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.conversation import faint_terms
from shipmate.knowledge.search import Search
from shipmate.messages import Message, Passage, Question, Role


def said(role: Role, text: str) -> Message:
    return Message(role=role, text=text, at=0.0)


def page(source: str, text: str) -> tuple[str, str, list[Passage]]:
    return source, "1", [Passage(source=source, title="", text=text, start=0, end=len(text))]


def test_of_two_passages_that_answer_alike_the_one_about_the_conversation_comes_first(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path)
    index.write([page("boat", "The deposit for a boat is 50."), page("tent", "The deposit for a tent is 20.")], ())
    for topic in ("boat", "tent"):
        history = (said(Role.USER, f"Can I rent a {topic}?"), said(Role.ASSISTANT, f"Yes, a {topic} can be rented."))
        question = Question(text="What is the deposit?", standalone="What is the deposit?", history=history)
        assert asyncio.run(Search(Collection(index=index)).passages(question))[0].passage.source == topic


def test_a_question_without_content_finds_nothing_whatever_was_said_before(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path)
    index.write([page("boat", "The deposit for a boat is 50.")], ())
    history = (said(Role.USER, "Can I rent a boat?"),)
    assert (
        asyncio.run(
            Search(Collection(index=index)).passages(Question(text="and so?", standalone="and so?", history=history))
        )
        == []
    )


def test_only_the_most_telling_words_of_a_long_reply_are_taken() -> None:
    reply = "rare " + " ".join(f"word{number}" for number in range(100))
    terms = faint_terms([said(Role.ASSISTANT, reply)], lambda stem: 9.0 if stem == "rare" else 1.0)
    assert "rare" in terms
    assert len(terms) == 12
