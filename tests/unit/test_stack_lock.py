"""A frozen stack stays as it is, or somebody answers for the change."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from shipmate import bootstrap, config
from shipmate.errors import Problem, ProjectError, StorageError
from shipmate.stack import Lock
from shipmate.testing.clock import TickingClock

FROZEN = "version: 1\nmodel: extractive\nfrozen_until: 2027-03-31\n"
SWAPPED = "version: 1\nmodel:\n  adapter: openai_compatible\n  base_url: http://here/v1\nfrozen_until: 2027-03-31\n"
RELEASES = {"index": "tantivy 0.25.1"}


@pytest.fixture
def clock() -> TickingClock:
    return at("2026-12-01")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    return tmp_path


def at(day: str) -> TickingClock:
    return TickingClock(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def lock(folder: Path, stack: str, clock: TickingClock) -> None:
    (folder / "stack.yml").write_text(stack)
    config.lock_stack(config.load(folder), clock, releases=RELEASES)


def found(folder: Path, stack: str, clock: TickingClock, releases: dict[str, str] | None = None) -> list[Problem]:
    (folder / "stack.yml").write_text(stack)
    return config.check_stack_lock(config.load(folder), clock, releases=releases or RELEASES)


def test_what_was_locked_has_no_problems(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    assert found(folder, FROZEN, clock) == []
    assert found(folder, FROZEN.replace("extractive", "{adapter: extractive}"), clock) == []
    assert found(folder, f"{FROZEN}server: {{port: 9000}}\n", clock) == []


def test_a_layer_that_was_swapped_while_frozen_is_named_with_old_and_new(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    [problem] = found(folder, SWAPPED, clock)
    assert (problem.file, problem.line, problem.code, problem.warning) == ("stack.yml", 2, "C060", False)
    assert problem.what == (
        "`model` is frozen until 2027-03-31 as `extractive`, and is now `openai_compatible` (base_url: http://here/v1)."
    )
    assert problem.do.startswith("Put it back, wait until 2027-03-31, or add `freeze_exception:`")


def test_a_setting_of_a_frozen_layer_is_part_of_it(folder: Path, clock: TickingClock) -> None:
    lock(folder, f"{FROZEN}store: {{adapter: sqlite, durable: normal}}\n", clock)
    [problem] = found(folder, f"{FROZEN}store: {{adapter: sqlite, durable: full}}\n", clock)
    assert "`store`" in problem.what


def test_a_freeze_cannot_be_lifted_by_taking_its_date_away(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    problems = found(folder, "version: 1\nmodel: other\n", clock)
    assert [problem.what.split("`")[1] for problem in problems] == ["model", "frozen_until"]
    assert not any(problem.warning for problem in problems)


def test_a_freeze_can_be_made_longer(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    longer = FROZEN.replace("2027-03-31", "2027-06-30")
    assert found(folder, longer, clock) == []
    lock(folder, longer, clock)
    assert [problem.warning for problem in found(folder, SWAPPED, at("2027-06-29"))] == [False, False]


def test_a_frozen_stack_is_not_locked_anew(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    before = (folder / "stack.lock").read_bytes()
    with pytest.raises(ProjectError, match="is frozen until"):
        lock(folder, SWAPPED, clock)
    assert (folder / "stack.lock").read_bytes() == before


def test_somebody_can_answer_for_a_change(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    excused = f"{SWAPPED}freeze_exception: {{owner: Ada, reason: outage, expires: 2026-12-24}}\n"
    [problem] = found(folder, excused, clock)
    assert problem.warning
    assert "Ada answers for it until 2026-12-24" in problem.do
    [problem] = found(folder, excused, at("2026-12-25"))
    assert not problem.warning
    lock(folder, excused, clock)
    assert found(folder, excused, at("2026-12-25")) == []


def test_a_freeze_ends_on_its_day(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    assert [problem.warning for problem in found(folder, SWAPPED, at("2027-03-30"))] == [False]
    assert [problem.warning for problem in found(folder, SWAPPED, at("2027-03-31"))] == [True]
    lock(folder, SWAPPED, at("2027-03-31"))
    assert found(folder, SWAPPED, at("2027-03-31")) == []


def test_the_charter_can_freeze_the_stack_too(folder: Path, clock: TickingClock) -> None:
    (folder / "charter.yml").write_text("version: 1\nstack: {frozen_until: 2027-06-30}\n")
    lock(folder, FROZEN, clock)
    [problem] = found(folder, SWAPPED, at("2027-06-29"))
    assert "frozen until 2027-06-30" in problem.what


def test_a_freeze_without_a_lock_is_a_warning(folder: Path, clock: TickingClock) -> None:
    [problem] = found(folder, FROZEN, clock)
    assert problem.warning
    assert "stack.lock is missing" in problem.what


def test_nothing_is_asked_of_a_stack_that_is_not_frozen(folder: Path, clock: TickingClock) -> None:
    assert found(folder, "version: 1\n", clock) == []
    assert config.check_stack_lock(config.load(folder), clock, releases={}) == []


def test_other_software_behind_the_same_adapter_is_a_warning(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    [problem] = found(folder, FROZEN, clock, {"index": "tantivy 0.26.0"})
    assert problem.warning
    assert "tantivy 0.25.1" in problem.what
    assert "tantivy 0.26.0" in problem.what


@pytest.mark.parametrize("day", ["2026-12-01", "2027-04-01"])
def test_a_release_that_was_locked_for_a_layer_without_one_is_nobodys_concern(
    folder: Path, clock: TickingClock, day: str
) -> None:
    """Such a lock names the library that spoke to the model's server."""
    (folder / "stack.yml").write_text(SWAPPED)
    config.lock_stack(config.load(folder), clock, releases={**RELEASES, "model": "aiohttp 3.13.2"})
    assert found(folder, SWAPPED, at(day)) == []


def test_a_models_client_is_not_locked(folder: Path) -> None:
    (folder / "stack.yml").write_text(SWAPPED)
    bootstrap.lock_stack(folder)
    layers = json.loads((folder / "stack.lock").read_bytes())["layers"]
    assert {name for name, layer in layers.items() if layer["release"]} == {"index"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda _: b"",
        lambda _: b"\xff\xfe\x00",
        lambda _: b"[" * 100_000,
        lambda data: data.replace(b"extractive", b"openai_compatible"),
        lambda data: data.replace(b"2027-03-31", b"2026-03-31"),
        lambda data: data.replace(b'"index"', b'"other"'),
        lambda data: json.dumps({**json.loads(data), "layers": {}}).encode(),
        lambda data: data.replace(b'"version": 1', b'"version": 9'),
    ],
)
def test_a_lock_that_was_spoiled_is_noticed(folder: Path, clock: TickingClock, spoil: object) -> None:
    lock(folder, FROZEN, clock)
    path = folder / "stack.lock"
    assert callable(spoil)
    path.write_bytes(spoil(path.read_bytes()))
    [problem] = found(folder, FROZEN, clock)
    assert (problem.file, problem.warning) == ("stack.lock", False)
    assert problem.do


def test_a_lock_that_cannot_be_written_leaves_the_old_one(folder: Path, clock: TickingClock) -> None:
    lock(folder, "version: 1\n", clock)
    before = (folder / "stack.lock").read_bytes()
    (folder / "stack.lock.new").mkdir()
    with pytest.raises(StorageError, match="could not be written"):
        lock(folder, "version: 1\nmodel: other\n", clock)
    assert (folder / "stack.lock").read_bytes() == before


def test_check_reports_charter_and_lock_together(folder: Path, clock: TickingClock) -> None:
    lock(folder, FROZEN, clock)
    (folder / "stack.yml").write_text(SWAPPED)
    (folder / "charter.yml").write_text("version: 1\n")
    problems = config.check(config.load(folder), clock, releases=RELEASES)
    assert {problem.file for problem in problems} == {"charter.yml", "stack.yml"}
    assert problems == sorted(problems, key=lambda problem: (problem.file, problem.line))


def test_a_lock_from_before_a_layer_could_be_chosen_still_reads(folder: Path, clock: TickingClock) -> None:
    """It holds what there was: to choose something else for that layer is a change."""
    lock(folder, FROZEN, clock)
    path = folder / "stack.lock"
    earlier = msgspec.json.decode(path.read_bytes(), type=Lock)
    layers = {name: layer for name, layer in earlier.layers.items() if name not in {"embedder", "reranker"}}
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(earlier, layers=layers).sealed()))
    assert found(folder, FROZEN, clock) == []
    [problem] = found(folder, f"{FROZEN}reranker: {{adapter: cross_encoder, model: here}}\n", clock)
    assert "`reranker` is frozen until 2027-03-31 as `light`" in problem.what
