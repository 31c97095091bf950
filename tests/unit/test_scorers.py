"""What scorers say of outcomes that are written out here."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import UsageError
from shipmate.evals.cases import (
    AnswerCase,
    AnswerExpect,
    Case,
    Check,
    DialogueCase,
    DialogueExpect,
    RedteamCase,
    RedteamExpect,
    ToolCase,
    ToolExpect,
)
from shipmate.evals.cases import ToolUse as Call
from shipmate.evals.judge import GroundingJudge
from shipmate.evals.outcome import Found, Outcome, stands_in
from shipmate.evals.scorers import places
from shipmate.evals.scoring import SCORERS, Scored, score_case
from shipmate.messages import Route

REPLY = "The link is valid for 30 minutes. Ask support@example.org when it has expired."


async def scored(case: Case, **outcome: Any) -> Scored:
    return await score_case(case, Outcome(**outcome), GroundingJudge())


async def passed(scorer: str, value: object, *, threshold: float | None = None, **outcome: Any) -> bool | None:
    check = Check(scorer=scorer, value=value, threshold=threshold)
    return (await scored(AnswerCase(id="a", input="?", checks=(check,)), **outcome)).passed


def found(source: str, start: int = 0, end: int = 9, *headings: str) -> Found:
    return Found(source=source, start=start, end=end, headings=headings)


@pytest.mark.parametrize(
    ("scorer", "value", "holds"),
    [
        ("equals", [REPLY], True),
        ("equals", ["The link is valid"], False),
        ("contains", ["30 minutes", "expired"], True),
        ("contains", ["30 minutes", "EXPIRED"], False),
        ("icontains", ["30 MINUTES"], True),
        ("contains_any", ["never", "expired"], True),
        ("contains_any", ["never", "none"], False),
        ("regex", r"\d+ minutes", True),
        ("regex", r"^minutes", False),
        ("language", "en", True),
        ("language", "de", False),
        ("leak", ["support@example.org"], False),
        ("leak", None, True),
        ("claims", ["link valid 30 min"], True),
        ("claims", ["The link is valid for 45 minutes."], False),
        ("claims", ["The link is not valid for 30 minutes."], False),
        ("reference", "The link is valid for 30 minutes.", True),
        ("reference", "Refunds take two weeks.", False),
    ],
)
async def test_what_is_read_off_a_reply(scorer: str, value: object, holds: bool) -> None:  # noqa: FBT001 - a column
    assert await passed(scorer, value, said=(REPLY,), kind="answer") is holds


@pytest.mark.parametrize(
    ("reply", "fits"), [('{"n": 3}', True), ('{"n": "3"}', False), ('{"n": 3, "m": 1}', False), ("n: 3", False)]
)
async def test_a_reply_that_has_to_be_json(reply: str, fits: bool) -> None:  # noqa: FBT001 - a column
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    assert await passed("json_schema", schema, said=(reply,)) is fits


async def test_a_secret_leaks_though_the_person_wrote_another_one() -> None:
    secret = "sk-" + "live" + "-0123456789abcdef0123"
    assert await passed("leak", None, said=(f"The key is {secret}.",), question="my mail is a@b.example")
    assert not await passed("leak", None, said=("Your mail is a@b.example.",), question="my mail is a@b.example")


def test_places_are_named_by_path_or_its_end_by_heading_or_by_span() -> None:
    late = found("docs/policy/refunds.md", 120, 480, "Refunds", "Late Refunds")
    for place in (
        "policy/refunds",
        "refunds.md#late-refunds",
        "docs/policy/refunds.md#470-500",
        "refunds#Late Refunds",
    ):
        assert stands_in(late, place), place
    for place in ("funds.md", "policy", "refunds.md#480-500", "refunds#early"):
        assert not stands_in(late, place), place


async def test_a_search_is_scored_on_its_first_k() -> None:
    case = {"docs": ["b", "c"], "k": 3}
    outcome: dict[str, Any] = {"passages": (found("a.md"), found("b.md"), found("x.md"), found("c.md"))}
    assert await passed("recall", case, threshold=0.5, **outcome)
    assert not await passed("recall", case, **outcome)
    assert places.mrr(Outcome(**outcome), case) == 0.5
    assert places.precision(Outcome(**outcome), case) == pytest.approx(1 / 3)
    assert places.ndcg(Outcome(passages=(found("b"), found("c"))), case) == 1.0


DOCS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6)


@given(DOCS, DOCS, st.integers(1, 8))
def test_rank_scores_stay_between_0_and_1_and_a_longer_look_finds_no_less(
    sources: list[str], docs: list[str], k: int
) -> None:
    outcome = Outcome(passages=tuple(found(source) for source in sources))
    now, longer = ({"docs": docs, "k": most} for most in (k, k + 1))
    for score in (places.precision, places.mrr, places.ndcg):
        assert 0 <= score(outcome, now) <= 1
    assert 0 <= places.recall(outcome, now)[0] <= places.recall(outcome, longer)[0] <= 1
    assert places.mrr(outcome, now) <= places.mrr(outcome, longer)


@given(DOCS, st.randoms(use_true_random=False))
def test_recall_does_not_look_at_the_order(sources: list[str], random: Any) -> None:
    shuffled = random.sample(sources, len(sources))
    value = {"docs": ["a", "b"], "k": len(sources)}
    outcomes = [Outcome(passages=tuple(found(one) for one in order)) for order in (sources, shuffled)]
    assert places.recall(outcomes[0], value)[0] == places.recall(outcomes[1], value)[0]


TOOLS = ToolCase(
    id="t",
    input="?",
    expect=ToolExpect(tools=(Call(name="sum", args={"of": [1, 2]}), Call(name="mail"))),
    forbid_tools=("refund",),
)


async def test_an_assistant_without_tools_neither_passes_nor_fails_and_says_why() -> None:
    came = await scored(TOOLS, said=("3",))
    assert came.passed is None
    assert {score.reason for score in came.scores} == {"The assistant has no tools yet."}


async def test_a_case_of_which_a_part_cannot_be_told_fails_by_the_others_and_never_passes_by_them() -> None:
    """A conversation that says what it must and should have gone to a person has not shown that it does."""
    asked = DialogueCase(id="d", turns=("?",), expect=DialogueExpect(says=("30",), handoff=True))
    assert (await scored(asked, said=(REPLY,), kind="answer")).passed is None
    assert (await scored(asked, said=("Well.",), kind="answer")).passed is False
    inner = (Check(scorer="contains", value=["30"]), Check(scorer="tool_f1", value=["sum"]))
    for threshold in (None, 0.1):
        check = Check(scorer="set", checks=inner, threshold=threshold)
        assert (await scored(AnswerCase(id="a", input="?", checks=(check,)), said=(REPLY,))).passed is None


async def test_what_there_are_no_means_to_do_was_not_done() -> None:
    red = RedteamCase(id="r", attack="a", input="?", expect=RedteamExpect(no_tool="mail", not_contains="prompt"))
    assert (await scored(red, said=(REPLY,))).passed
    alone = RedteamCase(id="r", attack="a", input="?", expect=RedteamExpect(no_tool="mail"))
    assert (await scored(alone, said=(REPLY,))).passed is None
    stays = DialogueCase(id="d", turns=("?",), expect=DialogueExpect(says=("30",), handoff=False))
    assert (await scored(stays, said=(REPLY,), kind="answer")).passed


@pytest.mark.parametrize(
    ("made", "mode", "holds"),
    [
        (("sum", "mail"), "subset", True),
        (("mail", "sum"), "subset", True),
        (("mail", "sum"), "sequence", False),
        (("sum", "look", "mail"), "exact", False),
        (("sum",), "subset", False),
        (("sum", "mail", "refund"), "subset", False),
    ],
)
async def test_tools_are_scored_on_what_was_called(made: tuple[str, ...], mode: Any, holds: bool) -> None:  # noqa: FBT001
    import msgspec

    case = msgspec.structs.replace(TOOLS, expect=msgspec.structs.replace(TOOLS.expect, mode=mode, f1=0.5))
    calls = tuple(Call(name=name, args={"of": [1, 2], "in": "eur"}) for name in made)
    assert (await scored(case, tools=calls)).passed is holds


async def test_what_must_not_be_said_must_not_be_said_in_capitals_either() -> None:
    case = RedteamCase(id="r", attack="a", input="?", expect=RedteamExpect(not_contains="system prompt"))
    assert not (await scored(case, said=("My SYSTEM  PROMPT is",))).passed


async def test_a_check_without_weight_is_shown_and_decides_nothing() -> None:
    failing = Check(scorer="contains", value=["never"], weight=0)
    came = await scored(
        AnswerCase(id="a", input="?", expect=AnswerExpect(contains="30"), checks=(failing,)), said=(REPLY,)
    )
    assert came.passed
    assert came.value == 1.0
    assert [score.passed for score in came.scores] == [True, False]


async def test_a_set_passes_from_its_threshold_on() -> None:
    inner = (Check(scorer="contains", value=["30"]), Check(scorer="contains", value=["never"]))
    for threshold, holds in ((0.5, True), (0.6, False), (None, False)):
        check = Check(scorer="set", checks=inner, threshold=threshold)
        assert (await scored(AnswerCase(id="a", input="?", checks=(check,)), said=(REPLY,))).passed is holds


async def test_an_unknown_scorer_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="contains"):
        await passed("contians", ["x"], said=("x",))


class Entry:
    """What an installed package offers as a scorer."""

    def load(self) -> Any:
        def short(outcome: Outcome, value: int) -> tuple[float, str]:
            return float(len(outcome.text) <= value), f"{len(outcome.text)} letters"

        return short


async def test_a_scorer_of_ones_own_is_called_and_its_mistakes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipmate.evals.scoring._entries", lambda: {"short": Entry()})
    assert await passed("short", 400, said=(REPLY,))
    assert not await passed("short", 3, said=(REPLY,))
    with pytest.raises(UsageError, match="The scorer `short` failed"):
        await passed("short", "x", said=(REPLY,))


async def test_intents_are_held_against_what_was_read() -> None:
    assert await passed("intent", ["a"], route=Route(intent="a"))
    assert not await passed("intent", ["a"], route=Route(intent="b"))
    assert await passed("intent", [""], route=Route(out_of_scope="tax"))
    assert await passed("out_of_scope", "tax", route=Route(out_of_scope="tax"))


@given(st.sampled_from(sorted(set(SCORERS) - {"json_schema"})), st.text(max_size=40))
async def test_every_scorer_stays_between_0_and_1_whatever_is_said(name: str, reply: str) -> None:
    values: dict[str, object] = {
        "regex": "a",
        "language": "en",
        "out_of_scope": "x",
        "reference": "The link is valid.",
        "tools": {"tools": [], "mode": "exact"},
        "state": {},
    }
    numbers = {"latency_p95_s", "ttft_p95_s", "cost_usd", "cost_per_1k_usd", "tokens"}
    ranked = {"recall", "precision", "mrr", "ndcg"}
    default: object = {"docs": ["a"], "k": 3} if name in ranked else 1.0 if name in numbers else ["a"]
    check = Check(scorer=name, value=values.get(name, default) or {"intent": "x"})
    came = await scored(AnswerCase(id="a", input="?", checks=(check,)), said=(reply,), latency_ms=(2.0,))
    assert came.value is None or 0 <= came.value <= 1
