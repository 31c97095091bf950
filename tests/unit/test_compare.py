"""What a comparison says: both sides asked the same, differences counted with their certainty, a stop keeps what is done."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.messages import Citation, Question, ReplyKind
from shipmate.release.compare import Comparison, GroundedJudge, Side, overlap, replay, summary
from shipmate.release.replay import Answered, Past


def past(number: int, *, may_be_shown: bool = True, reference: str = "") -> Past:
    question = Question(text=f"{number}?", standalone=f"{number}?")
    return Past(id=str(number), question=question, may_be_shown=may_be_shown, reference=reference)


def answer(
    text: str, *, kind: ReplyKind = ReplyKind.ANSWER, start: int = 0, claims: int = 0, unsupported: int = 0
) -> Answered:
    cited = (Citation(source="a.md", title="A", quote=text, start=start, end=start + len(text)),) if text else ()
    return Answered(kind=kind, text=text, citations=cited, claims=claims, unsupported=unsupported)


def side(name: str, *answers: Answered) -> Side:
    async def answered(asked: Past) -> Answered:
        await asyncio.sleep(0)
        return answers[int(asked.id) % len(answers)]

    return Side(name=name, answer=answered)


NONE = answer("", kind=ReplyKind.REFUSE)


async def compared(a: Side, b: Side, count: int = 6) -> Comparison:
    return await replay([past(number) for number in range(count)], a, b)


async def test_equal_versions_differ_in_nothing() -> None:
    found = await compared(side("now", answer("yes"), NONE), side("then", answer("yes"), NONE))
    figures = summary(found)
    assert (figures.questions, figures.changed, figures.preferred.only_a, figures.preferred.only_b) == (6, 0, 0, 0)
    assert figures.answered.p == 1.0


async def test_each_pair_holds_the_answer_of_its_side_whoever_was_asked_first() -> None:
    found = await compared(side("now", answer("a")), side("then", answer("b")))
    assert [(pair.a.text, pair.b.text, pair.past.id) for pair in found.pairs] == [
        ("a", "b", str(number)) for number in range(6)
    ]


async def test_abstentions_are_counted_pair_by_pair() -> None:
    """Six questions that only one side answers are told by McNemar's exact test: 2 / 2**6."""
    figures = summary(await compared(side("now", NONE), side("then", answer("b"))))
    assert (figures.answered.only_a, figures.answered.only_b, figures.answered.p) == (0, 6, 2 / 2**6)
    assert figures.judged == 0, "without a reference nobody can tell whether to abstain was right"


async def test_a_place_further_down_the_document_is_no_change() -> None:
    figures = summary(await compared(side("now", answer("a", start=0)), side("then", answer("a", start=40))))
    assert figures.changed == 0


async def test_a_stop_keeps_what_is_done() -> None:
    stop = asyncio.Event()

    def told(done: int, _total: int) -> None:
        if done == 3:
            stop.set()

    questions = [past(number) for number in range(50)]
    found = await replay(questions, side("now", NONE), side("then", NONE), at_once=1, stop=stop, told=told)
    assert not found.is_whole
    assert 3 <= len(found.pairs) < 50
    assert found.questions == 50


async def test_no_more_are_asked_at_once_than_allowed() -> None:
    running = most = 0

    async def answered(_: Past) -> Answered:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return NONE

    questions = [past(number) for number in range(20)]
    await replay(questions, Side(name="a", answer=answered), Side(name="b", answer=answered), at_once=3)
    assert most == 3


async def test_a_failing_version_fails_the_comparison() -> None:
    async def broken(_: Past) -> Answered:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await replay([past(1)], side("now", NONE), Side(name="b", answer=broken))


async def test_the_judge_prefers_what_comes_nearer_to_the_reference() -> None:
    judge = GroundedJudge()
    asked = past(1, reference="Roses are pruned in March.")
    near, far = answer("Prune roses in March."), answer("Tulips are planted in October.")
    assert await judge.prefers(asked, near, far) == "a"
    assert await judge.prefers(asked, far, near) == "b"
    assert await judge.prefers(asked, near, near) == "same"


async def test_the_judge_prefers_what_stands_on_its_spans() -> None:
    judge = GroundedJudge()
    bare = answer("Roses bite.", claims=1, unsupported=1)
    assert await judge.prefers(past(1), answer("Roses grow.", claims=1), bare) == "a"
    assert await judge.prefers(past(1), bare, answer("Roses grow.", claims=1)) == "b"


@given(st.text(), st.text())
def test_an_overlap_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0.0 <= overlap(one, other) <= 1.0
    assert overlap(one, other) == overlap(other, one)
