"""The OpenAI-compatible adapter against a server that does everything a server can do wrong."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import msgspec
import pytest

from shipmate.adapters.openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from shipmate.adapters.openai_compatible.events import LINE_BYTES
from shipmate.adapters.openai_compatible.pool import Pool
from shipmate.errors import ModelGarbled, ModelTimeout, ModelUnavailable, UsageError
from shipmate.messages import Message, Role, Usage
from shipmate.testing.model_server import Behaviour, Fault, ModelServer, Stream

T = TypeVar("T")
ASKED = (Message(role=Role.SYSTEM, text="Be brief.", at=0.0), Message(role=Role.USER, text="How much is it?", at=0.0))
TOO_MANY = Fault(status=429, body='{"error": "slow down"}', headers={"Retry-After": "0"})
BROKEN = Fault(status=500, body="out of memory")


def against(*script: Behaviour, use: Callable[[ModelServer, OpenAICompatible], Awaitable[T]], **settings: object) -> T:
    """Run `use` with a server that follows the script and a model that talks to it."""

    async def run() -> T:
        async with ModelServer(*script) as server:
            given = {"base_url": server.url, "model": "tiny", "backoff_s": 0.01, **settings}
            model = OpenAICompatible(OpenAICompatibleSettings(**given), jitter=lambda: 0.0)  # type: ignore[arg-type]
            try:
                return await use(server, model)
            finally:
                await model.close()

    return asyncio.run(run())


async def answer(model: OpenAICompatible, *, deadline_s: float = 5.0) -> list[str | Usage]:
    return [part async for part in model.stream(ASKED, max_tokens=50, deadline_s=deadline_s)]


async def asked_once(server: ModelServer, model: OpenAICompatible) -> tuple[list[str | Usage], int]:
    return await answer(model), server.requests


async def failure_of(server: ModelServer, model: OpenAICompatible) -> tuple[Exception, int]:
    try:
        await answer(model)
    except (ModelUnavailable, ModelTimeout, ModelGarbled) as error:
        return error, server.requests
    raise AssertionError("it answered")


def test_the_request_says_what_the_settings_say() -> None:
    async def use(server: ModelServer, model: OpenAICompatible) -> ModelServer:
        await answer(model)
        return server

    server = against(use=use, temperature=0.3, headers={"X-Team": "support"}, max_tokens_field="max_completion_tokens")
    body = server.bodies[0]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How much is it?"},
    ]
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == ("tiny", 0.3, 50)
    assert server.headers[0]["X-Team"] == "support"
    assert "Authorization" not in server.headers[0]


def test_what_one_read_brings_is_one_piece_of_text() -> None:
    (*texts, usage), _ = against(Stream(tokens=["It"] + [" is"] * 40, at_once=True), use=asked_once)
    assert texts == ["It" + " is" * 40]
    assert isinstance(usage, Usage)
    assert usage.output_tokens == 41
    assert not usage.estimated


def test_text_that_is_cut_anywhere_between_reads_arrives_whole() -> None:
    texts = ["Zürich, ", "naïve — ", "日本語 ", "🙂"]
    (*said, _), _ = against(Stream(tokens=texts, token_every_s=0.001), use=asked_once)
    assert "".join(str(piece) for piece in said) == "".join(texts)


def test_usage_is_marked_as_an_estimate_when_the_server_does_not_count() -> None:
    (*_, usage), _ = against(Stream(tokens=["abcd"] * 8, counts=False), use=asked_once)
    assert usage == Usage(model="tiny", input_tokens=6, output_tokens=8, estimated=True)


def test_costs_come_from_the_prices_in_the_settings() -> None:
    prices = {"input_usd_per_million": 1.0, "output_usd_per_million": 10.0}
    (*_, usage), _ = against(Stream(tokens=["a", "b"]), use=asked_once, **prices)
    assert isinstance(usage, Usage)
    assert usage.cost_usd == pytest.approx((usage.input_tokens + 20) / 1e6)


@pytest.mark.parametrize("passing", [TOO_MANY, BROKEN, Fault(status=503)])
def test_a_passing_fault_is_tried_again(passing: Fault) -> None:
    (*texts, _), requests = against(passing, passing, Stream(tokens=["ok"]), use=asked_once)
    assert (texts, requests) == (["ok"], 3)


def test_a_lasting_fault_is_given_up_after_the_retries() -> None:
    error, requests = against(BROKEN, use=failure_of, retries=2)
    assert isinstance(error, ModelUnavailable)
    assert "500: out of memory" in str(error)
    assert error.do
    assert requests == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_what_trying_again_cannot_mend_is_not_tried_again(status: int) -> None:
    error, requests = against(Fault(status=status, headers={"Location": "http://127.0.0.1:9/"}), use=failure_of)
    assert isinstance(error, ModelUnavailable)
    assert error.do
    assert requests == 1


def test_a_server_that_wants_more_time_than_is_left_is_not_waited_for() -> None:
    started = time.perf_counter()
    error, requests = against(Fault(status=429, headers={"Retry-After": "30"}), use=failure_of)
    assert isinstance(error, ModelUnavailable)
    assert requests == 1
    assert time.perf_counter() - started < 4


def test_retry_after_is_honoured() -> None:
    started = time.perf_counter()
    _, requests = against(Fault(status=429, headers={"Retry-After": "0.3"}), Stream(), use=asked_once)
    assert requests == 2
    assert time.perf_counter() - started >= 0.3


def test_nothing_is_tried_again_once_a_word_was_said() -> None:
    error, requests = against(Stream(cut_after=2, token_every_s=0.02), use=failure_of)
    assert isinstance(error, ModelUnavailable)
    assert requests == 1


def test_a_stream_that_ends_without_its_end_was_broken_off() -> None:
    error, _ = against(Stream(ends=False), use=failure_of)
    assert isinstance(error, ModelUnavailable)
    assert "broke off" in str(error)


def test_a_finished_answer_needs_no_done() -> None:
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    (*texts, usage), _ = against(Stream(tokens=["ok"], then=end), use=asked_once)
    assert texts == ["ok"]
    assert isinstance(usage, Usage)


def test_comments_and_named_events_between_the_words_are_skipped() -> None:
    then = b': ping\r\nevent: x\r\ndata:{"choices":[{"delta":{"content":"!"}}]}\r\n\r\ndata: [DONE]\r\n\r\n'
    (*texts, _), _ = against(Stream(tokens=["ok"], then=then), use=asked_once)
    assert "".join(str(text) for text in texts) == "ok!"


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html><body>Bad gateway</body></html>\n",
        b"data: {not json}\n\n",
        b'data: {"choices": "none"}\n\n',
        b'data: {"foo": 1}\n\n',
        b"data: [1, 2]\n\n",
        b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b"x" * (LINE_BYTES + 100_000),
        b"\x00\x01\x02\n",
    ],
)
def test_garbage_is_called_garbage(garbage: bytes) -> None:
    error, requests = against(Stream(tokens=["ok"], then=garbage), use=failure_of)
    assert isinstance(error, ModelGarbled)
    assert error.do
    assert len(str(error)) < 1000
    assert requests == 1


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_a_page_instead_of_a_stream_is_called_garbage(kind: str) -> None:
    error, requests = against(Fault(body="<title>Welcome</title>", content_type=kind), use=failure_of)
    assert isinstance(error, ModelGarbled)
    assert "Welcome" in str(error)
    assert "base_url" in error.do
    assert requests == 1


def test_an_error_amid_the_answer_ends_it() -> None:
    then = b'data: {"error": {"message": "context window exceeded"}}\n\n'
    error, _ = against(Stream(then=then), use=failure_of)
    assert isinstance(error, ModelUnavailable)
    assert "context window exceeded" in str(error)


def test_a_silent_server_is_left_after_the_idle_timeout() -> None:
    error, requests = against(Stream(hang_after=2), use=failure_of, idle_timeout_s=0.1)
    assert isinstance(error, ModelTimeout)
    assert "idle_timeout_s" in error.do
    assert requests == 1


def test_a_slow_first_token_counts_against_the_idle_timeout() -> None:
    error, _ = against(Stream(first_token_after_s=1.0), use=failure_of, idle_timeout_s=0.1)
    assert isinstance(error, ModelTimeout)


def test_only_the_server_can_be_silent() -> None:
    """A user whose line is slow holds the pieces up, and no silence of the model's."""

    async def use(_: ModelServer, model: OpenAICompatible) -> list[str]:
        said: list[str] = []
        async for part in model.stream(ASKED, max_tokens=50, deadline_s=5.0):
            said.append(str(part))
            await asyncio.sleep(0.3 if len(said) == 1 else 0)
        return said

    said = against(Stream(token_every_s=0.02), use=use, idle_timeout_s=0.1)
    assert "".join(said[:-1]) == "".join(Stream().tokens)


def test_the_deadline_ends_an_answer_that_keeps_coming() -> None:
    async def use(_: ModelServer, model: OpenAICompatible) -> tuple[list[str], bool]:
        said: list[str] = []
        try:
            async for part in model.stream(ASKED, max_tokens=1000, deadline_s=0.2):
                said.append(str(part))  # noqa: PERF401  # what came before the error counts
        except ModelTimeout:
            return said, True
        return said, False

    said, late = against(Stream(tokens=["x"] * 1000, token_every_s=0.01), use=use)
    assert said
    assert late


def test_closing_the_answer_drops_the_connection() -> None:
    async def use(server: ModelServer, model: OpenAICompatible) -> int:
        async with aclosing(model.stream(ASKED, max_tokens=1000, deadline_s=5.0)) as pieces:
            await anext(pieces)
        for _ in range(100):
            if server.abandoned:
                break
            await asyncio.sleep(0.01)
        return server.abandoned

    assert against(Stream(tokens=["x"] * 1000, token_every_s=0.01), use=use) == 1


def test_cancelling_the_task_drops_the_connection() -> None:
    async def use(server: ModelServer, model: OpenAICompatible) -> int:
        task = asyncio.create_task(answer(model))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        return server.abandoned

    assert against(Stream(hang_after=1), use=use) == 1


def test_a_whole_answer_leaves_the_connection_for_the_next_one() -> None:
    async def use(server: ModelServer, model: OpenAICompatible) -> set[str]:
        for _ in range(3):
            await answer(model)
        return server.clients

    assert len(against(use=use)) == 1


def test_nobody_at_the_address_is_said_with_the_address() -> None:
    async def run() -> None:
        settings = OpenAICompatibleSettings(base_url="http://127.0.0.1:9/v1", model="tiny", retries=1, backoff_s=0.01)
        model = OpenAICompatible(settings)
        with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9"):
            await answer(model)
        await model.close()

    asyncio.run(run())


def test_the_key_is_read_only_from_the_variable_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-asked-for")
    monkeypatch.setenv("TEAM_KEY", "sk-team")

    async def use(server: ModelServer, model: OpenAICompatible) -> dict[str, str]:
        await answer(model)
        return server.headers[0]

    assert "Authorization" not in against(use=use)
    assert against(use=use, api_key_env="TEAM_KEY")["Authorization"] == "Bearer sk-team"


def test_a_named_key_that_is_not_set_is_said_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_KEY", raising=False)
    settings = OpenAICompatibleSettings(base_url="http://127.0.0.1:9/v1", model="tiny", api_key_env="TEAM_KEY")
    with pytest.raises(UsageError, match="TEAM_KEY") as error:
        OpenAICompatible(settings)
    assert error.value.do == "export TEAM_KEY=..."


def test_no_error_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", "sk-secret-123")
    fault = Fault(status=401, body="Incorrect API key provided: sk-secret-123")
    error, _ = against(fault, use=failure_of, api_key_env="TEAM_KEY")
    assert "sk-secret-123" not in str(error)
    assert "TEAM_KEY" in str(error)


def test_no_error_shows_the_password_of_the_address() -> None:
    async def use(server: ModelServer, _: OpenAICompatible) -> tuple[list[str], dict[str, str]]:
        shown = []
        for address in (server.url.replace("://", "://ada:s3cr3t@"), "http://ada:s3cr3t@127.0.0.1:9/v1"):
            settings = OpenAICompatibleSettings(base_url=address, model="tiny", retries=0)
            model = OpenAICompatible(settings)
            error, _requests = await failure_of(server, model)
            shown.append(str(error))
            await model.close()
        return shown, server.headers[0]

    shown, headers = against(BROKEN, use=use)
    assert all("127.0.0.1" in text and "ada" not in text and "s3cr3t" not in text for text in shown)
    assert headers["Authorization"] == "Basic YWRhOnMzY3IzdA=="


@pytest.mark.parametrize(
    "address",
    [
        "https://here/v1?version=2",
        "https://here/v1#top",
        "https://here?version=2",
        "https://ada:se/cret@here/v1",
        "https://ada:se#cret@here/v1",
        "https:///v1",
        "here/v1",
    ],
)
def test_an_address_to_which_no_path_can_be_added_is_refused(address: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"base_url": address, "model": "tiny"}, OpenAICompatibleSettings)
    with pytest.raises(ValueError, match=r"no host|a query or a fragment|Port"):
        Pool(address, {}, connect_timeout_s=1)
