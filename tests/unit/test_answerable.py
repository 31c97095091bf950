"""It is known when the documents do not answer."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, confidence, signals
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.search import Search
from shipmate.messages import Hit, Passage, Question
from shipmate.text import stems

DOCUMENTS = {
    "Opening hours": "The harbour office is open from 8 to 18 on weekdays. On Sundays it is closed.",
    "Berths": "A berth for a boat of up to ten metres costs 30 euros a night. Larger boats pay 45 euros.",
    "Fuel": "The fuel dock sells diesel and petrol. Fill your tank before you leave the harbour.",
    "Storm warnings": "When a storm is expected, a red flag is raised. Boats then stay at their berth.",
    "Dogs": "Dogs are welcome on the piers when they are on a lead. They may not swim in the basin.",
    "Waste": "Put glass, paper and oil into the marked containers. Oil never goes into the water.",
    "Fishing": "You may fish from the north pier with a licence. A licence costs 12 euros at the office.",
    "Repairs": "The boat yard repairs hulls and engines. Ask for a date at least a week ahead.",
}
PASSAGES = [
    Passage(source=f"{title}.md", title=title, headings=(title,), text=text, start=0, end=len(text))
    for title, text in DOCUMENTS.items()
]


class Words:
    """How common words are in some passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passage_count = len(passages)
        self._counts = Counter(stem for passage in passages for stem in set(stems(f"{passage.title} {passage.text}")))

    def document_frequency(self, stem: str) -> int:
        return self._counts[stem]


WORDS = Words(PASSAGES)


def found(text: str, passages: Sequence[Passage] = PASSAGES) -> list[Hit]:
    """Return the passages that share words with the text, most shared words first."""
    asked = set(stems(text))
    hits = [Hit(passage=p, score=2.0 * len(asked & set(stems(f"{p.title} {p.text}")))) for p in passages]
    return sorted((hit for hit in hits if hit.score), key=lambda hit: -hit.score)


def sure(text: str, passages: Sequence[Passage] = PASSAGES) -> float:
    return confidence(Question(text=text, standalone=text), found(text, passages), WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "What are the opening hours of the harbour office?",
        "What does a berth cost for one night?",
        "Do you sell diesel?",
        "Are dogs welcome on the piers?",
        "storm warnings",
        "How much is a fishing licence?",
    ],
)
def test_a_question_that_the_documents_answer_is_answered(text: str) -> None:
    assert sure(text) >= ANSWER_THRESHOLD


@pytest.mark.parametrize(
    "text",
    [
        "Who won the chess championship of 1972?",
        "Which enzymes break down lactose in adult mammals?",
        "How do I open a savings account at a bank in Geneva?",
        "Does vitamin D deficiency raise the risk of asthma in children?",
        "Was the director of the film born in the same country as its composer?",
    ],
)
def test_a_question_about_something_else_is_declined(text: str) -> None:
    assert sure(text) < ANSWER_THRESHOLD


def test_a_question_is_less_sure_when_the_passage_that_answers_it_is_gone() -> None:
    others = [passage for passage in PASSAGES if passage.title != "Berths"]
    text = "What does a berth for a boat cost?"
    assert sure(text, others) < sure(text)


def test_a_rare_name_that_stands_nowhere_makes_it_less_sure() -> None:
    assert sure("What does a berth cost in Rotterdam?") < sure("What does a berth cost?")


def test_nothing_found_is_no_answer() -> None:
    assert confidence(Question(text="harbour", standalone="harbour"), [], WORDS) == 0.0


def test_a_question_without_content_words_is_not_answerable() -> None:
    assert confidence(Question(text="why is it so?", standalone="why is it so?"), found("harbour"), WORDS) == 0.0


def test_a_follow_up_is_judged_by_its_standalone_form() -> None:
    hits = found("What does a berth cost?")
    follow_up = Question(text="What does it cost?", standalone="What does it cost? (berth)")
    assert signals(follow_up, hits, WORDS) == signals(Question(text="", standalone="cost berth"), hits, WORDS)


def test_a_heading_that_asks_the_same_is_as_near_as_can_be() -> None:
    likeness = signals(Question(text="", standalone="Storm warnings?"), found("storm warnings"), WORDS).likeness
    assert likeness == pytest.approx(1.0)


def test_passages_that_score_alike_do_not_stand_out() -> None:
    question = Question(text="", standalone="berth cost")
    alike = [Hit(passage=passage, score=3.0) for passage in PASSAGES]
    apart = [Hit(passage=passage, score=3.0 / (rank + 1)) for rank, passage in enumerate(PASSAGES)]
    assert signals(question, alike, WORDS).spread == pytest.approx(0.0)
    assert signals(question, apart, WORDS).spread > 0.1


def test_the_lexical_score_counts_where_a_hit_has_several() -> None:
    question = Question(text="", standalone="berth cost")
    hits = [Hit(passage=p, score=0.5, legs={"lexical": 3.0 / (n + 1), "dense": 0.9}) for n, p in enumerate(PASSAGES)]
    lexical = [Hit(passage=p, score=3.0 / (n + 1)) for n, p in enumerate(PASSAGES)]
    assert signals(question, hits, WORDS)._replace(agreement=0.0) == signals(question, lexical, WORDS)


def judged(likenesses: Sequence[float]) -> list[Hit]:
    """Return passages whose lexical scores fall, with these likenesses."""
    scored = zip(PASSAGES, likenesses, strict=False)
    return [Hit(passage=p, score=1.0, legs={"lexical": 8.0 - n, "dense": near}) for n, (p, near) in enumerate(scored)]


def agreement(hits: Sequence[Hit]) -> float:
    return signals(Question(text="", standalone="harbour office"), hits, WORDS).agreement


def test_words_and_vectors_that_prefer_the_same_passages_speak_for_an_answer() -> None:
    question = Question(text="", standalone="harbour office")
    agreeing, arguing = judged([0.8, 0.5, 0.3, 0.2]), judged([0.2, 0.3, 0.5, 0.8])
    assert agreement(agreeing) > 0 > agreement(arguing)
    assert confidence(question, agreeing, WORDS) > confidence(question, arguing, WORDS)


@pytest.mark.parametrize("hits", [found("harbour office"), judged([0.7]), judged([0.4, 0.4, 0.4])])
def test_without_vectors_or_where_they_tell_nothing_apart_nothing_agrees(hits: list[Hit]) -> None:
    assert agreement(hits) == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.floats(0.0, 0.5), min_size=2, max_size=8), st.floats(-0.5, 0.5))
def test_it_does_not_matter_whether_an_embedder_finds_all_texts_alike(near: list[float], more: float) -> None:
    assert agreement(judged([one + more for one in near])) == pytest.approx(agreement(judged(near)), abs=1e-6)


@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.sampled_from(PASSAGES), st.floats(0, 1000)), max_size=12),
)
def test_confidence_lies_between_0_and_1(text: str, scored: list[tuple[Passage, float]]) -> None:
    hits = [Hit(passage=passage, score=score) for passage, score in sorted(scored, key=lambda pair: -pair[1])]
    assert 0.0 <= confidence(Question(text=text, standalone=text), hits, WORDS) <= 1.0


def test_a_folder_with_one_short_document_answers_what_stands_in_it_and_nothing_else(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path)
    text = (
        "Backups are kept for 30 days by the administrator. Refunds are possible within 14 days of purchase. "
        "The Pro plan costs 99 euros a month."
    )
    index.write([("terms.md", "1", [Passage(source="terms.md", title="Terms", text=text, start=0, end=len(text))])], ())
    search = Search(Collection(index=index))

    def sure(question: str) -> float:
        asked = Question(text=question, standalone=question)
        return confidence(asked, asyncio.run(search.passages(asked)), index.statistics)

    answered = (
        "How long are backups kept?",
        "When can I get a refund?",
        "Who keeps the backups?",
        "Is there a Pro plan?",
    )
    declined = ("What is the capital of France?", "How do I bake bread?", "Who won the world cup?")
    assert all(sure(question) >= ANSWER_THRESHOLD for question in answered)
    assert all(sure(question) < ANSWER_THRESHOLD for question in declined)
