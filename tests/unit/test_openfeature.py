"""Our flags through OpenFeature's own client, and other providers' flags in ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from openfeature.track import TrackingEventDetails

from shipmate.adapters.openfeature import OpenFeatureFlag, OpenFeatureSettings, ShipmateProvider
from shipmate.adapters.openfeature.source import provider_of
from shipmate.errors import UsageError
from shipmate.flags.remembered import FlagFault
from shipmate.live import Live, Trial, write_live

CANARY = Trial(run="run-1", mode="canary", candidate="v2", release="b" * 12, share=0.5, salt="s")
PILOT = Trial(run="beta-2", mode="pilot", candidate="v2", release="b" * 12, callers=("anna",))


def of(caller: str) -> EvaluationContext:
    return EvaluationContext(targeting_key=caller)


Tracked = list[tuple[str, str, dict[str, object]]]


@pytest.fixture
def tracked() -> Tracked:
    return []


@pytest.fixture
def client(tmp_path: Path, tracked: Tracked) -> Iterator[OpenFeatureClient]:
    provider = ShipmateProvider(tmp_path, tracked=lambda name, who, what: tracked.append((name, who, dict(what))))
    api.set_provider_and_wait(provider, "tests")
    yield api.get_client("tests")
    api.clear_providers()


def test_a_caller_is_told_the_arm_that_the_server_puts_them_in(tmp_path: Path, client: OpenFeatureClient) -> None:
    write_live(tmp_path, Live(release="a" * 12, trial=CANARY))
    for number in range(50):
        caller = f"device-{number}"
        is_in = CANARY.has(caller)
        details = client.get_string_details("canary", "none", of(caller))
        assert (details.value, details.variant) == (("v2", "v2") if is_in else ("control", "control"))
        assert details.reason == Reason.SPLIT
        assert details.flag_metadata == {"run": "run-1", "mode": "canary"}
        assert client.get_boolean_value("run-1", default_value=False, evaluation_context=of(caller)) is is_in
        release = "b" * 12 if is_in else "a" * 12
        assert client.get_object_value("canary", {}, of(caller)) == {
            "variant": details.variant,
            "run": "run-1",
            "release": release,
        }


def test_a_pilots_users_match_by_name_and_others_get_the_control(tmp_path: Path, client: OpenFeatureClient) -> None:
    write_live(tmp_path, Live(trial=PILOT))
    anna = client.get_boolean_details("pilot", default_value=False, evaluation_context=of("anna"))
    ben = client.get_boolean_details("pilot", default_value=False, evaluation_context=of("ben"))
    assert (anna.value, anna.reason) == (True, Reason.TARGETING_MATCH)
    assert (ben.value, ben.reason) == (False, Reason.DEFAULT)


@pytest.mark.parametrize("key", ["pilot", "beta", "beta-2"])
def test_a_pilot_is_known_by_its_flag_too(tmp_path: Path, client: OpenFeatureClient, key: str) -> None:
    write_live(tmp_path, Live(trial=PILOT))
    assert client.get_string_value(key, "none", of("anna")) == "v2"


def test_what_goes_live_shows_in_the_next_evaluation(tmp_path: Path, client: OpenFeatureClient) -> None:
    assert client.get_string_value("release", "unknown") == ""
    assert client.get_string_details("canary", "control", of("anna")).reason == Reason.DEFAULT
    write_live(tmp_path, Live(release="a" * 12, trial=PILOT, faq_only=True))
    assert client.get_string_value("release", "unknown") == "a" * 12
    assert client.get_boolean_value("faq_only", default_value=False) is True
    assert client.get_string_value("pilot", "control", of("anna")) == "v2"


def test_each_mistake_has_its_code_and_gives_the_default(tmp_path: Path, client: OpenFeatureClient) -> None:
    write_live(tmp_path, Live(trial=CANARY))
    nobody = client.get_string_details("canary", "control")
    assert (nobody.value, nobody.error_code) == ("control", ErrorCode.TARGETING_KEY_MISSING)
    unknown = client.get_boolean_details("dark_mode", default_value=True, evaluation_context=of("anna"))
    assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    for number in (
        client.get_integer_details("canary", 3, of("anna")),
        client.get_float_details("release", 0.5, of("anna")),
        client.get_boolean_details("release", default_value=True, evaluation_context=of("anna")),
        client.get_string_details("faq_only", "x", of("anna")),
    ):
        assert number.error_code == ErrorCode.TYPE_MISMATCH
        assert number.value in (3, 0.5, True, "x")
    assert client.get_integer_details("dark_mode", 3, of("anna")).error_code == ErrorCode.FLAG_NOT_FOUND


def test_what_is_tracked_is_handed_on_with_its_caller(client: OpenFeatureClient, tracked: Tracked) -> None:
    client.track("order.saved", of("anna"), TrackingEventDetails(value=12.5, attributes={"plan": "pro"}))
    client.track("order.saved")
    assert tracked == [("order.saved", "anna", {"plan": "pro", "value": 12.5})]


def test_a_damaged_file_leaves_the_flags_as_they_were(tmp_path: Path, client: OpenFeatureClient) -> None:
    write_live(tmp_path, Live(trial=PILOT))
    assert client.get_boolean_value("pilot", default_value=False, evaluation_context=of("anna")) is True
    (tmp_path / "live.json").write_text("{")
    assert client.get_boolean_value("pilot", default_value=False, evaluation_context=of("anna")) is True


def failing(_: object, __: object) -> FlagResolutionDetails[str]:
    raise ConnectionError("secret words of a server")


async def test_a_provider_that_raises_is_a_fault_without_its_words() -> None:
    flag = OpenFeatureFlag(
        InMemoryProvider({"split": InMemoryFlag("a", {"a": "a"}, context_evaluator=failing)}), "split"
    )
    with pytest.raises(FlagFault) as raised:
        await flag.value("anna")
    assert "secret" not in str(raised.value)
    await flag.close()


async def test_a_flag_that_is_off_or_missing_has_no_value() -> None:
    off = FlagResolutionDetails(value="v2", reason=Reason.DISABLED)
    provider = InMemoryProvider({"split": InMemoryFlag("v2", {"v2": "v2"}, context_evaluator=lambda *_: off)})
    flag = OpenFeatureFlag(provider, "split")
    missing = OpenFeatureFlag(InMemoryProvider({}), "split")
    assert await flag.value("anna") is None
    assert await missing.value("anna") is None
    await flag.close()
    await missing.close()


def test_a_provider_is_made_as_the_stack_names_it() -> None:
    named = "openfeature.provider.in_memory_provider:InMemoryProvider"
    made = provider_of(OpenFeatureSettings(provider=named, flag="split", options={"flags": {}}))
    assert isinstance(made, InMemoryProvider)
    for wrong in ("no_such_module:Provider", "openfeature.provider.in_memory_provider:Absent"):
        with pytest.raises(UsageError, match="is not there"):
            provider_of(OpenFeatureSettings(provider=wrong, flag="split"))
    with pytest.raises(UsageError, match="does not open"):
        provider_of(OpenFeatureSettings(provider=named, flag="split", options={"colour": "red"}))
