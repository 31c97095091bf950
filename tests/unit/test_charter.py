"""The charter's records: everything has a default but what names things."""

from datetime import date

import msgspec
import pytest

from shipmate.charter import METRICS, Charter, Intent, Slo
from shipmate.errors import ProjectError
from shipmate.shape import fit
from shipmate.yaml_source import parse


def charter_of(text: str) -> Charter:
    source = parse("charter.yml", text.encode())
    return fit(source, Charter, source.data)


def test_a_charter_may_begin_with_its_version_alone() -> None:
    assert charter_of("version: 1") == Charter()


def test_values_are_read_as_what_they_are() -> None:
    charter = charter_of(
        "version: 1\ngoal: {target: 1, by: 2027-03-31}\nintents: [{id: a, risk: high}]\npilot: {users: 7}"
    )
    assert (charter.goal.target, charter.goal.by) == (1.0, date(2027, 3, 31))
    assert charter.intents == (Intent(id="a", risk="high"),)
    assert charter.pilot.users == 7


def test_promises_of_operation_have_the_usual_values() -> None:
    slo = Slo(ftr=0.7, hallucination_rate=0.012, latency_p95_s=2.5, cost_per_1k_usd=0.25, uptime=0.9995)
    assert charter_of("version: 1").slo == slo


def test_every_promise_of_operation_is_a_metric() -> None:
    assert set(Slo.__struct_fields__) <= METRICS.keys()


@pytest.mark.parametrize("intent", ["{id: ''}", "{id: Two Words}", "{id: a, examples: ['']}", "{examples: [a]}", "a"])
def test_what_names_things_has_to_be_there(intent: str) -> None:
    with pytest.raises(ProjectError):
        charter_of(f"version: 1\nintents: [{intent}]")


def test_a_charter_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Charter().name = "other"  # type: ignore[misc]


def test_a_charter_reads_back_from_its_own_json() -> None:
    charter = charter_of(
        "version: 1\nlanguages: [en, no]\nintents: [{id: a, examples: [x, y]}]\ngoal: {by: 2027-03-31}"
    )
    assert msgspec.json.decode(msgspec.json.encode(charter), type=Charter) == charter
