"""Flags and events over the wire, with a server that behaves as PostHog's does, on its bad days too."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from shipmate.adapters.posthog import Exporter, PostHogClient, PostHogFlag
from shipmate.adapters.posthog.client import PostHogError
from shipmate.flags.remembered import FlagFault
from shipmate.messages import Entry, Event
from shipmate.testing.posthog_server import PostHogServer

SECRET = "my bank account"


@pytest.fixture
async def server() -> AsyncIterator[PostHogServer]:
    async with PostHogServer({"split": lambda user: "v2" if user == "anna" else "control"}) as running:
        yield running


@pytest.fixture
async def client(server: PostHogServer) -> AsyncIterator[PostHogClient]:
    opened = PostHogClient(server.url, server.key, timeout_s=0.3)
    yield opened
    await opened.close()


async def test_a_flag_is_asked_for_by_the_users_name_and_nothing_else(
    server: PostHogServer, client: PostHogClient
) -> None:
    assert await PostHogFlag(client, "split").value("anna") == "v2"
    assert server.asked == [
        {"api_key": "phc_test", "distinct_id": "anna", "flag_keys_to_evaluate": ["split"], "geoip_disable": True}
    ]


async def test_a_flag_that_the_project_does_not_have_has_no_value(client: PostHogClient) -> None:
    assert await PostHogFlag(client, "other").value("anna") is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (2.0, "timeout"),
        ((503, {}), "HTTP 503"),
        ((401, {}), "HTTP 401"),
        ((302, {"Location": "http://127.0.0.1:1/"}), "HTTP 302"),
        ((0, {}), "ServerDisconnectedError"),
        ("<html>", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"flags": {"split": 7}}', "does not read"),
        ('{"flags": {}, "errorsWhileComputingFlags": true}', "could not compute"),
        ('{"flags": {"split": {"key": "split", "enabled": false, "failed": true}}}', "could not compute"),
    ],
)
async def test_each_fault_of_the_server_is_one_fault_of_the_flag(
    server: PostHogServer, client: PostHogClient, fault: tuple[int, dict[str, str]] | float | str, said: str
) -> None:
    server.faults.append(fault)
    flag = PostHogFlag(client, "split")
    with pytest.raises(FlagFault, match=said):
        await flag.value("anna")
    assert await flag.value("anna") == "v2", "the next question is answered"


async def test_a_limit_says_how_long_to_wait(server: PostHogServer, client: PostHogClient) -> None:
    server.faults.append((429, {"Retry-After": "30"}))
    with pytest.raises(FlagFault) as raised:
        await PostHogFlag(client, "split").value("anna")
    assert raised.value.retry_after_s == 30


async def test_a_quota_that_is_used_up_is_a_fault_and_not_a_flag_that_is_off(
    server: PostHogServer, client: PostHogClient
) -> None:
    server.is_limited = True
    with pytest.raises(FlagFault, match="quota"):
        await PostHogFlag(client, "split").value("anna")


async def test_nobody_who_listens_there_is_a_fault() -> None:
    client = PostHogClient("http://127.0.0.1:1", "phc_test")
    with pytest.raises(FlagFault):
        await PostHogFlag(client, "split").value("anna")
    await client.close()


class Log:
    """A journal in memory."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.entries = [Entry(seq=number, event=event) for number, event in enumerate(events, 1)]

    async def events(self, after: int, limit: int) -> Sequence[Entry]:
        return [entry for entry in self.entries if entry.seq > after][:limit]

    async def record(self, events: Sequence[Event]) -> None:
        raise AssertionError(f"an exporter only reads, and does not write {events}")


def event(number: int, name: str = "flag.exposure", consent: str = "c1", **data: object) -> Event:
    return Event(
        name=name,
        ts=1_700_000_000.5,
        event_id=f"E{number}",
        conversation_id="C1",
        issue_id="I1",
        turn_id=f"T{number}",
        user_hash="u" * 24,
        lang="en",
        release="r" * 12,
        variant="v2",
        flag_key="run-1",
        charter_sha="c" * 12,
        index_sha="i" * 12,
        model="m",
        consent=consent,
        data=data,
    )


TURN: dict[str, object] = {
    "intent": "reset_password",
    "kind": "answer",
    "ttft_ms": 120.0,
    "latency_ms": 850.0,
    "tokens_in": 900,
    "tokens_out": 80,
    "cost_usd": 0.0004,
    "faulty": False,
    "citations": ["secret/path.md#1-2"],
}


def exporter(log: Log, client: PostHogClient, state: Path, **settings: bool) -> Exporter:
    return Exporter(log, client, state, flag="split", look_s=0.01, **settings)


async def test_each_event_has_the_form_that_posthog_knows(
    server: PostHogServer, client: PostHogClient, tmp_path: Path
) -> None:
    log = Log(
        [
            event(1),
            event(2, "assistant.turn.completed", "c1", **TURN),
            event(3, "assistant.issue.matured", ftr_label=1, rule=5, kind="confirmed", window="fast"),
            event(4, "assistant.feedback", value=-1),
        ]
    )
    assert await exporter(log, client, tmp_path).send() == 4
    sent = {made["event"]: made for made in server.events.values()}
    exposure = sent["$feature_flag_called"]
    assert exposure["distinct_id"] == "u" * 24
    assert exposure["timestamp"] == "2023-11-14T22:13:20.500000+00:00"
    assert exposure["properties"]["$feature_flag"] == "split"
    assert exposure["properties"]["$feature_flag_response"] == "v2"
    generation = sent["$ai_generation"]["properties"]
    assert {key: value for key, value in generation.items() if key.startswith("$ai")} == {
        "$ai_trace_id": "T2",
        "$ai_session_id": "C1",
        "$ai_model": "m",
        "$ai_latency": 0.85,
        "$ai_time_to_first_token": 0.12,
        "$ai_input_tokens": 900,
        "$ai_output_tokens": 80,
        "$ai_total_cost_usd": 0.0004,
        "$ai_is_error": False,
    }
    assert sent["assistant.issue.matured"]["properties"]["ftr_label"] == 1
    assert sent["assistant.feedback"]["properties"]["value"] == -1
    for made in sent.values():
        assert made["properties"]["$feature/split"] == "v2"
        assert made["properties"]["$process_person_profile"] is False


async def test_no_words_leave_the_house(server: PostHogServer, client: PostHogClient, tmp_path: Path) -> None:
    """Only fields that are named go out: what a later version writes beside them stays."""
    names = (
        "assistant.turn.completed",
        "assistant.issue.matured",
        "assistant.feedback",
        "flag.exposure",
        "assistant.new",
    )
    log = Log([event(n, name, text=SECRET, reason=SECRET, citations=[SECRET]) for n, name in enumerate(names)])
    assert await exporter(log, client, tmp_path).send() == 4
    assert SECRET not in json.dumps(list(server.events.values()))


async def test_only_consented_events_go_out_unless_the_stack_says_otherwise(
    server: PostHogServer, client: PostHogClient, tmp_path: Path
) -> None:
    log = Log([event(1), event(2, consent="")])
    assert await exporter(log, client, tmp_path).send() == 1
    (tmp_path / "posthog.json").unlink()
    assert await exporter(log, client, tmp_path, without_consent=True).send() == 2
    assert len(server.events) == 2


async def test_after_a_restart_it_goes_on_where_it_stopped(
    server: PostHogServer, client: PostHogClient, tmp_path: Path
) -> None:
    log = Log([event(number) for number in range(450)])
    assert await exporter(log, client, tmp_path).send() == 450
    assert server.batches == [200, 200, 50]
    log.entries.append(Entry(seq=451, event=event(451)))
    assert await exporter(log, client, tmp_path).send() == 1


async def test_a_crash_before_the_cursor_is_kept_sends_twice_and_counts_once(
    server: PostHogServer, client: PostHogClient, tmp_path: Path
) -> None:
    log = Log([event(number) for number in range(10)])
    await exporter(log, client, tmp_path).send()
    (tmp_path / "posthog.json").unlink()
    await exporter(log, client, tmp_path).send()
    assert server.batches == [10, 10]
    assert len(server.events) == 10


@pytest.mark.parametrize("fault", [(429, {"Retry-After": "0"}), (503, {}), (0, {}), 1.0])
async def test_a_server_that_fails_for_a_while_loses_nothing(
    server: PostHogServer, client: PostHogClient, tmp_path: Path, fault: tuple[int, dict[str, str]] | float
) -> None:
    server.faults.extend([fault, fault])
    log = Log([event(number) for number in range(10)])
    running = asyncio.create_task(exporter(log, client, tmp_path).run())
    async with asyncio.timeout(10):
        while len(server.events) < 10:  # noqa: ASYNC110 - the server is another's
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_event_that_is_refused_for_good_holds_up_no_other(
    server: PostHogServer, client: PostHogClient, tmp_path: Path
) -> None:
    server.refuses = '"T7"'
    log = Log([event(number) for number in range(40)])
    assert await exporter(log, client, tmp_path).send() == 39
    assert len(server.events) == 39


async def test_a_wrong_key_sends_nothing_and_keeps_the_place(server: PostHogServer, tmp_path: Path) -> None:
    client = PostHogClient(server.url, "phc_other")
    with pytest.raises(PostHogError, match="401"):
        await exporter(Log([event(1)]), client, tmp_path).send()
    await client.close()
    assert not (tmp_path / "posthog.json").exists()
