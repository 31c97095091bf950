"""Suites are run on assistants that are written here: what is cached, tried again, bounded, and what is an error."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import ModelUnavailable, UsageError
from shipmate.evals.cache import Cache
from shipmate.evals.cases import (
    AnswerCase,
    AnswerExpect,
    Case,
    Check,
    DialogueCase,
    DialogueExpect,
    DialogueUser,
    PerfCase,
    PerfExpect,
    PerfInputs,
)
from shipmate.evals.judge import OFFLINE, GroundingJudge
from shipmate.evals.outcome import Outcome
from shipmate.evals.player import ModelUser
from shipmate.evals.results import CaseResult, Run, Status, Try, pass_hat
from shipmate.evals.runner import Asking, NextMessage, Runner, Settings
from shipmate.evals.suite import suite_of
from shipmate.messages import Usage
from shipmate.testing.clock import TickingClock
from shipmate.testing.scripted_model import ScriptedModel


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipmate.evals.runner.BACKOFF_S", 0.0)


class Made:
    """An assistant that answers with what a function makes of the message and of how often it was asked."""

    release = "dev-made"
    index_sha = "index"

    def __init__(self, said: Callable[[str, int], str], *, model: str = "made", sha: str = "one") -> None:
        self.model, self.sha = model, sha
        self.asked: list[str] = []
        self.running = self.most_running = 0
        self._said = said

    async def converse(self, next_message: NextMessage, asking: Asking) -> Outcome:
        del asking
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        said: list[tuple[str, str]] = []
        try:
            await asyncio.sleep(0)
            while (text := await next_message(said)) is not None:
                self.asked.append(text)
                said.append((text, self._said(text, len(self.asked))))
        finally:
            self.running -= 1
        replies = tuple(reply for _, reply in said)
        return Outcome(
            question=said[-1][0] if said else "",
            said=replies,
            kind="answer",
            usage=Usage(cost_usd=0.001),
            latency_ms=(5.0,) * len(replies),
            ttft_ms=(1.0,) * len(replies),
        )

    async def find(self, text: str, limit: int, asking: Asking) -> Outcome:
        raise NotImplementedError

    async def read(self, text: str) -> Outcome:
        raise NotImplementedError


def case(number: int, contains: str = "yes", **more: Any) -> AnswerCase:
    return AnswerCase(id=f"case-{number}", input=f"question {number}", expect=AnswerExpect(contains=contains), **more)


async def run(assistant: Made, *cases: Case, cache: Path | None = None, user: Any = None, **settings: Any) -> Run:
    kept = Cache(Outcome, cache)
    runner = Runner(assistant, {OFFLINE: GroundingJudge()}, TickingClock(), cache=kept, user=user)
    return await runner.run(suite_of("made", cases), Settings(**settings))


async def test_what_was_asked_before_is_not_asked_again_and_so_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    cache = tmp_path / "outcomes.txt"

    def interrupted(_: str, asked: int) -> str:
        if asked > 2:
            raise RuntimeError("Ctrl-C")
        return "yes"

    with pytest.raises(ExceptionGroup):
        await run(Made(interrupted), *map(case, range(5)), cache=cache, parallel=1)
    assistant = Made(lambda *_: "yes")
    result = await run(assistant, *map(case, range(5)), cache=cache)
    assert len(assistant.asked) == 3
    assert result.counts["pass"] == 5


@pytest.mark.parametrize("changed", ["sha", "epochs", "seed", "question"])
async def test_what_the_answer_depends_on_is_asked_anew(tmp_path: Path, changed: str) -> None:
    cache = tmp_path / "outcomes.txt"
    await run(Made(lambda *_: "yes"), case(1), cache=cache)
    assistant = Made(lambda *_: "yes", sha="two" if changed == "sha" else "one")
    asked = case(2) if changed == "question" else case(1)
    await run(
        assistant,
        asked,
        cache=cache,
        epochs=2 if changed == "epochs" else 1,
        seed=1 if changed == "seed" else 0,
    )
    assert len(assistant.asked) == 1


async def test_another_expectation_is_scored_on_what_was_said_before(tmp_path: Path) -> None:
    cache = tmp_path / "outcomes.txt"
    await run(Made(lambda *_: "yes"), case(1), cache=cache)
    assistant = Made(lambda *_: "never asked")
    result = await run(assistant, case(1, contains="no"), cache=cache)
    assert assistant.asked == []
    assert result.counts["fail"] == 1


async def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: Path) -> None:
    cache = tmp_path / "outcomes.txt"
    await run(Made(lambda *_: "yes"), case(1), case(2), cache=cache)
    cache.write_bytes(cache.read_bytes()[:-9])
    assistant = Made(lambda *_: "yes")
    await run(assistant, case(1), case(2), cache=cache)
    assert len(assistant.asked) == 1


async def test_a_server_that_is_down_for_a_moment_is_no_failure() -> None:
    def recovers(_: str, asked: int) -> str:
        if asked == 1:
            raise ModelUnavailable("down")
        return "yes"

    assert (await run(Made(recovers), case(1))).counts["pass"] == 1


async def test_a_server_that_stays_down_is_an_error_and_the_run_says_nothing() -> None:
    def down(text: str, _: int) -> str:
        if text == "question 1":
            raise ModelUnavailable("down")
        return "yes"

    result = await run(Made(down), *map(case, range(3)))
    assert result.counts == {"pass": 2, "fail": 0, "error": 1, "unsupported": 0}
    assert not result.is_sound


async def test_a_case_that_takes_too_long_is_given_up_as_an_error() -> None:
    class Slow(Made):
        async def converse(self, next_message: NextMessage, asking: Asking) -> Outcome:
            await asyncio.sleep(30)
            return await super().converse(next_message, asking)

    result = await run(Slow(lambda *_: "yes"), case(1), timeout_s=0.02)
    assert result.counts["error"] == 1


async def test_no_more_run_at_a_time_than_was_said() -> None:
    assistant = Made(lambda *_: "yes")
    await run(assistant, *map(case, range(40)), parallel=3)
    assert 1 < assistant.most_running <= 3


async def test_where_quotes_answer_every_try_comes_out_alike_and_one_is_made() -> None:
    assistant = Made(lambda *_: "yes", model="")
    await run(assistant, case(1, epochs=5), epochs=7)
    assert len(assistant.asked) == 1


async def test_a_dialogue_is_scored_on_its_end_and_not_on_the_way() -> None:
    talk = DialogueCase(id="talk", turns=("a", "b"), expect=DialogueExpect(says=("Reply to A", "reply to b")))
    assert (await run(Made(lambda text, _: f"reply to {text}"), talk)).counts["pass"] == 1


PLAYED = DialogueCase(id="talk", user=DialogueUser(goal="cancel"), max_turns=3, expect=DialogueExpect(says=("ok",)))


async def test_a_person_that_nobody_plays_is_not_told_of() -> None:
    assert (await run(Made(lambda *_: "ok"), PLAYED)).counts["unsupported"] == 1


@pytest.mark.parametrize(("script", "messages"), [(["please cancel"], 3), (["[done]"], 0)])
async def test_a_model_plays_the_person_until_it_is_done_or_has_written_often_enough(
    script: list[str], messages: int
) -> None:
    assistant = Made(lambda *_: "ok")
    await run(assistant, PLAYED, user=ModelUser(ScriptedModel(script)))
    assert len(assistant.asked) == messages


async def test_time_is_measured_each_time_and_over_all_questions(tmp_path: Path) -> None:
    perf = PerfCase(
        id="p", inputs=PerfInputs(texts=("a", "b")), expect=PerfExpect(latency_p95_s=1.0, cost_per_1k_usd=1)
    )
    for _ in range(2):
        assistant = Made(lambda *_: "yes")
        result = await run(assistant, perf, cache=tmp_path / "outcomes.txt")
        assert assistant.asked == ["a", "b"]
        assert result.counts["pass"] == 1


async def test_an_unknown_judge_and_an_unknown_scorer_are_refused_before_anything_is_asked() -> None:
    assistant = Made(lambda *_: "yes")
    for wrong in (case(1, judge="judge/groundednes@1"), case(1, checks=(Check(scorer="contians", value=["x"]),))):
        with pytest.raises(UsageError, match="Did you mean"):
            await run(assistant, wrong)
    assert assistant.asked == []


def tried(passes: list[bool]) -> CaseResult:
    tries = tuple(
        Try(epoch=n, status=Status.PASS if passed else Status.FAIL, value=float(passed))
        for n, passed in enumerate(passes)
    )
    return CaseResult(case_id="x", kind="answer", cluster="x", tries=tries)


@given(st.lists(st.booleans(), min_size=2, max_size=8))
def test_that_all_of_more_tries_pass_is_never_more_likely(passes: list[bool]) -> None:
    shares = [pass_hat([tried(passes)], k) for k in range(1, len(passes) + 1)]
    told = [share for share in shares if share is not None]
    assert told == sorted(told, reverse=True)
    assert told[0] == pytest.approx(sum(passes) / len(passes))
    assert told[-1] == float(all(passes))


def test_results_read_back_as_they_were_written() -> None:
    result = tried([True, False])
    assert msgspec.json.decode(msgspec.json.encode(result), type=CaseResult) == result
