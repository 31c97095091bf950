"""`canary.yml`: what teams have is read as it is, and what cannot be meant is said with its line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate import config
from shipmate.config import load
from shipmate.errors import Problem, ProjectError
from shipmate.testing.clock import TickingClock
from shipmate.trial import Canary, CanaryFile, Ramp, Variant, fraction, ramp, seconds, split

CLOCK = TickingClock(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
PAIR = 'variants:\n- name: control\n- name: v2\n  prompt: "Cite sources."\n'
# As teams write it who know nothing of Shipmate.
BARE = """\
model: my-org/some-model
variants:
  - name: control
    prompt: "You are kind."
  - name: v2
    prompt: "You are exact."
traffic_split: 95/5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    return tmp_path


def problems_of(folder: Path, text: str) -> Sequence[Problem]:
    (folder / "canary.yml").write_text(text)
    try:
        project = load(folder)
    except ProjectError as error:
        return error.problems
    return config.check(project, CLOCK, releases={})


def test_a_bare_file_of_another_tool_is_read_with_the_defaults(folder: Path) -> None:
    (folder / "canary.yml").write_text(BARE)
    file = load(folder).canary
    assert file is not None
    assert (file.control.prompt, file.candidate.name, file.canary) == ("You are kind.", "v2", Canary())
    assert not [problem for problem in problems_of(folder, BARE) if not problem.warning]


def test_without_a_prompt_of_the_folder_the_controls_is_the_one_that_answers(folder: Path) -> None:
    (folder / "canary.yml").write_text(BARE)
    assert load(folder).prompt == "You are kind."
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_text("You are brief.")
    assert load(folder).prompt == "You are brief."
    said = [problem for problem in problems_of(folder, BARE) if "control" in problem.what]
    assert [(problem.line, problem.warning) for problem in said] == [(3, True)]


def test_what_is_on_trial_does_not_change_what_the_control_is_called(folder: Path) -> None:
    """Otherwise writing a candidate down would itself be a new release of the control."""
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_text("You are brief.")
    before = load(folder).digest
    (folder / "prompts" / "v2.md").write_text("You are exact.")
    (folder / "canary.yml").write_text("variants:\n- name: control\n- {name: v2, prompt: prompts/v2.md}\n")
    project = load(folder)
    assert project.digest == before
    assert project.canary is not None
    assert project.canary.candidate.prompt == "You are exact."


@pytest.mark.parametrize(
    "written", ["95/5", "95 / 5", "95%/5%", "[95, 5]", '["95%", "5%"]', '"5%"', '"95.0/5.0"', '["95", 5]']
)
def test_a_split_is_read_in_each_of_its_forms(folder: Path, written: str) -> None:
    (folder / "canary.yml").write_text(f"{PAIR}traffic_split: {written}\n")
    file = load(folder).canary
    assert file is not None
    assert split(file.traffic_split) == (95, 5)
    assert ramp(file)[0] == Ramp(share=0.05, hold_s=86_400, is_watch=True)


@given(st.integers(1, 9_999).map(lambda part: part / 100))
def test_the_ramp_begins_with_the_split_and_rises(part: float) -> None:
    file = CanaryFile(
        variants=(Variant(name="control"), Variant(name="v2", prompt="x")), traffic_split=(100 - part, part)
    )
    shares = [step.share for step in ramp(file)]
    assert shares[0] == pytest.approx(part / 100)
    assert shares == sorted(shares)
    assert [step.hold_s > 0 for step in ramp(file)] == [True] * (len(shares) - 1) + [False]


def test_units_are_read() -> None:
    assert [fraction(written) for written in ("5%", "1.5pp", "0.6pp", "100%")] == [0.05, 0.015, 0.006, 1]
    assert [seconds(written) for written in ("24h", "2.5s", "2d", "250ms", "5m")] == [86400, 2.5, 172800, 0.25, 300]


STEPS = "canary:\n  steps:\n"
FAULTS = {
    "a split that does not add up": (f"{PAIR}traffic_split: 90/5\n", 5, "adds up to 95", "`95/5`"),
    "a split that is none": (f"{PAIR}traffic_split: most\n", 5, "traffic_split", "95/5"),
    "a split of three": (f"{PAIR}traffic_split: 90/5/5\n", 5, "90/5/5", "95/5"),
    "a split with nothing for the candidate": (f"{PAIR}traffic_split: 100/0\n", 5, "0 %", "both"),
    "three variants": (f"{PAIR}- name: v3\n  prompt: x\n", 5, "There are 3 variants", "one candidate"),
    "one variant": ("variants:\n- name: control\n", 1, "one variant", "candidate"),
    "no variants": ("variants: []\n", 1, "no variants", "control"),
    "two of one name": ("variants:\n- name: v\n- name: v\n  prompt: x\n", 3, "the name `v`", "of its own"),
    "the control in second place": (
        "variants:\n- name: v2\n  prompt: x\n- name: control\n",
        4,
        "stands second",
        "first",
    ),
    "a candidate that changes nothing": ("variants:\n- name: control\n- name: v2\n", 3, "nothing", "Give it"),
    "an empty prompt": ("variants:\n- name: control\n- name: v2\n  prompt: ' '\n", 4, "is empty", "Write"),
    "a placeholder": (
        "variants:\n- name: control\n- name: v2\n  prompt: 'Use {{ context }}.'\n",
        4,
        "`{{ context }}`",
        "Take it out",
    ),
    "a prompt that is not there": (
        "variants:\n- name: control\n- name: v2\n  prompt: prompts/v2.md\n",
        4,
        "There is no file `prompts/v2.md`",
        "another",
    ),
    "a prompt elsewhere": (
        "variants:\n- name: control\n- name: v2\n  prompt: ../v2.md\n",
        4,
        "outside of the assistant's folder",
        "inside",
    ),
    "a layer without an adapter": (
        "variants:\n- name: control\n- name: v2\n  model: {model: x}\n",
        4,
        "names no adapter",
        "adapter",
    ),
    "a release that is changed": (
        "variants:\n- name: control\n- name: v2\n  release: r1\n  prompt: x\n",
        5,
        "would change it",
        "one of the two",
    ),
    "an unknown metric": (
        f"{PAIR}canary:\n  primary:\n    metric: ftr_fest\n",
        7,
        "canary.primary.metric",
        "Did you mean `ftr_fast`?",
    ),
    "an unknown harm": (
        f"{PAIR}canary:\n  harm:\n    events: [eror]\n",
        7,
        "canary.harm.events",
        "Did you mean `error`?",
    ),
    "a harm that stands twice": (f"{PAIR}canary:\n  harm:\n    events: [error, error]\n", 7, "again", "once"),
    "an unknown guardrail": (
        f"{PAIR}canary:\n  guardrails:\n    latency: {{max: 2s}}\n",
        7,
        "`latency` is not known",
        "latency_p95",
    ),
    "an unknown key": (f"{PAIR}trafic_split: 95/5\n", 5, "`trafic_split` is not known", "traffic_split"),
    "a share without its unit": (f"{PAIR}{STEPS}  - {{share: 5, until: decided}}\n", 7, "number 5", "`5%`"),
    "shares that fall": (
        f"{PAIR}{STEPS}  - {{share: 5%, hold: 1h}}\n  - {{share: 4%, until: decided}}\n",
        8,
        "share is 4%",
        "rise",
    ),
    "a last step with an end": (f"{PAIR}{STEPS}  - {{share: 5%, hold: 1h}}\n", 7, "has an end", "until: decided"),
    "a first step without one": (
        f"{PAIR}{STEPS}  - {{share: 5%}}\n  - {{share: 9%, until: decided}}\n",
        7,
        "no end",
        "hold",
    ),
    "a last step that only watches": (
        f"{PAIR}{STEPS}  - {{share: 5%, until: decided, mode: harm}}\n",
        7,
        "decides nothing",
        "mode: harm",
    ),
    "a split beside another first step": (
        f"{PAIR}traffic_split: 90/10\n{STEPS}  - {{share: 5%, until: decided}}\n",
        8,
        "10 %",
        "same",
    ),
    "to ship what was not shown": (
        f"{PAIR}canary:\n  on_inconclusive: promote\n",
        6,
        "on_inconclusive",
        "`hold`",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_meant_is_said_with_its_line_and_what_to_do(folder: Path, fault: str) -> None:
    text, line, what, do = FAULTS[fault]
    found = problems_of(folder, text)
    (problem,) = [problem for problem in found if what in problem.what]
    assert (problem.file, problem.line, problem.warning) == ("canary.yml", line, False)
    assert do in problem.do


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"Kindly.\n\xff\n", 2, "not UTF-8"),
        (b"Kindly.\nand\0\n", 2, "a NUL"),
        (b"  \n", 1, "is empty"),
        (b"Kindly.\n\nUse ${question} here\n", 3, "`${question}`"),
    ],
)
def test_what_is_wrong_with_a_prompts_file_is_said_with_its_line(
    folder: Path, content: bytes, line: int, what: str
) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "v2.md").write_bytes(content)
    (problem,) = problems_of(folder, "variants:\n- name: control\n- {name: v2, prompt: prompts/v2.md}\n")
    assert (problem.file, problem.line) == ("prompts/v2.md", line)
    assert what in problem.what


def test_braces_of_an_example_are_no_placeholder(folder: Path) -> None:
    text = "variants:\n- name: control\n- name: v2\n  prompt: 'Answer as {\"answer\": 1}.'\n"
    assert not [problem for problem in problems_of(folder, text) if not problem.warning]


def test_a_candidate_that_is_what_is_live_is_an_error_of_check_and_the_folder_still_loads(folder: Path) -> None:
    """After a promotion the file still stands there: the server has to start, and nobody may try it again."""
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_text("You are exact.\n")
    (problem,) = [
        problem
        for problem in problems_of(folder, "variants:\n- name: control\n- {name: v2, prompt: You are exact.}\n")
        if not problem.warning
    ]
    assert (problem.line, problem.what) == (3, "`v2` is what is live already.")


def test_a_variant_has_only_the_files_that_differ(folder: Path) -> None:
    (folder / "stack.yml").write_text("version: 1\nreranker: light\nfrozen_until: 2027-03-31\n")
    (folder / "trials").mkdir()
    (folder / "trials" / "repairs.yml").write_text("version: 1\nsynonyms:\n- [cancel, terminate]\n")
    (folder / "canary.yml").write_text(
        "variants:\n- name: control\n- name: v2\n  reranker: light\n  embedder: none\n  curation: trials/repairs.yml\n"
    )
    project = load(folder)
    assert project.canary is not None
    assert config.overlay(project, project.canary.control) == {}
    changed = config.overlay(project, project.canary.candidate)
    assert set(changed) == {"stack.yml", "curation.yml"}
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    (folder / "canary.yml").unlink()
    tried = load(folder)
    assert (tried.stack.embedder, str(tried.stack.frozen_until)) == ("none", "2027-03-31")
    assert tried.curation.synonyms == (("cancel", "terminate"),)


def test_repairs_of_a_variant_are_checked_in_their_own_file(folder: Path) -> None:
    (folder / "trials").mkdir()
    (folder / "trials" / "repairs.yml").write_text("version: 1\nsynonyms:\n- [cancel]\n")
    (problem,) = problems_of(folder, "variants:\n- name: control\n- {name: v2, curation: trials/repairs.yml}\n")
    assert (problem.file, problem.line) == ("trials/repairs.yml", 3)


def test_a_prompt_that_no_model_reads_is_said(folder: Path) -> None:
    said = problems_of(folder, PAIR)
    assert ["no model reads it" in problem.what and problem.warning for problem in said] == [True]
