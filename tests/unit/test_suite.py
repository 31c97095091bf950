"""The files of evals/ become one suite, or every mistake is said at its line."""

from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Missing, ProjectError
from shipmate.evals import suite as suites
from shipmate.evals.cases import AnswerCase, IntentCase, IntentExpect, RedteamCase
from shipmate.evals.suite import read, suite_of
from shipmate.yaml_source import parse

EVERY_KIND = """version: 1
suite: acme
defaults: {epochs: 3, lang: en}
cases:
  - {id: a, kind: answer, intent: reset, input: "I forgot it", expect: {claims: ["valid 30 min"], cites: [help/login]}}
  - {id: b, kind: retrieval, input: "refund?", expect: {docs: ["policy/refunds#late"], k: 5, metric: {recall: 1.0}}}
  - {id: c, kind: intent, input: "Konto gesperrt", lang: de, expect: {intent: unlock, not: [reset]}}
  - {id: d, kind: refusal, topic: tax, input: "Can I deduct it?", expect: refuse, critical: true}
  - {id: e, kind: dialogue, user: {goal: "cancel"}, expect: {state: {plan: cancelled}, says: ["30 days"]}}
  - {id: f, kind: tool, input: "1+1", expect: {tools: [{name: sum, args: {expr: "1+1"}}]}, forbid_tools: [refund]}
  - {id: g, kind: redteam, attack: injection, doc: fixtures/poison.md, expect: {not_contains: PROMPT}, epochs: 5}
  - {id: h, kind: perf, inputs: {file: smoke.jsonl}, expect: {latency_p95_s: 2.5}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "fixtures").mkdir(parents=True)
    (tmp_path / "evals" / "core.yml").write_text(EVERY_KIND)
    (tmp_path / "evals" / "fixtures" / "poison.md").write_text("# Poison\n")
    (tmp_path / "evals" / "smoke.jsonl").write_text('{"input": "?"}\n')
    return tmp_path


def test_every_kind_is_read_with_what_its_file_says_for_all(folder: Path) -> None:
    suite = read(folder)
    assert [case.kind for case in suite.cases] == (
        ["answer", "retrieval", "intent", "refusal", "dialogue", "tool", "redteam", "perf"]
    )
    assert [case.epochs for case in suite.cases] == [3, 3, 3, 3, 3, 3, 5, 3]
    assert [case.lang for case in suite.cases[:3]] == ["en", "en", "de"]
    assert suite.places["c"] == "evals/core.yml:7"
    assert set(suite.attached) == {"fixtures/poison.md", "smoke.jsonl"}


def test_json_lines_are_read_like_yaml(folder: Path) -> None:
    (folder / "evals" / "more.jsonl").write_bytes(
        b'{"id": "z", "kind": "intent", "input": "x", "expect": {"not": ["q"]}}\n'
    )
    assert read(folder).case("z") == IntentCase(id="z", input="x", epochs=1, expect=IntentExpect(not_=("q",)))


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("{id: z, kind: intent, input: x, expect: {intnt: b}}", "evals/bad.yml:3", "Did you mean `intent`?"),
        ("{id: z, kind: anser, input: x}", "evals/bad.yml:3", "Did you mean `answer`?"),
        ("{id: a, kind: answer, input: x}", "evals/core.yml:5", "stands in evals/bad.yml:3, too"),
        ("{id: z, kind: answer}", "evals/bad.yml:3", "`input` is missing"),
        ('{id: z, kind: answer, input: x, expect: {regex: "("}}', "evals/bad.yml:3", "is no pattern"),
        (
            "{id: z, kind: redteam, attack: x, doc: ../../etc, expect: {refuse: true}}",
            "evals/bad.yml:3",
            "no file below",
        ),
        ("{id: z, kind: redteam, attack: x, input: y, expect: {}}", "evals/bad.yml:3", "Nothing is expected"),
        ("{id: z, kind: perf, inputs: {}, expect: {latency_p95_s: 1}}", "evals/bad.yml:3", "`file` or `texts`"),
        (
            "{id: z, kind: answer, input: x, expect: {json_schema: {patternProperties: {}}}}",
            "evals/bad.yml:3",
            "heeded",
        ),
        ("7", "evals/bad.yml:3", "no `kind`"),
    ],
)
def test_a_mistake_is_said_at_its_line_with_what_to_do(folder: Path, line: str, place: str, said: str) -> None:
    (folder / "evals" / "bad.yml").write_text(f"version: 1\ncases:\n  - {line}\n")
    with pytest.raises(ProjectError) as refused:
        read(folder)
    assert [problem for problem in refused.value.problems if str(problem).startswith(place) and said in str(problem)]


def test_all_mistakes_come_at_once_and_a_line_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "evals" / "bad.jsonl").write_text('{"id": "q"\n{"id": "r", "kind": "no"}\n')
    with pytest.raises(ProjectError) as refused:
        read(folder)
    assert [(problem.file, problem.line) for problem in refused.value.problems] == (
        [("evals/bad.jsonl", 1), ("evals/bad.jsonl", 2)]
    )


def test_a_folder_without_cases_says_where_to_write_some(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no cases"):
        read(tmp_path)


IDS = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=8, unique=True)


@given(IDS, st.randoms(use_true_random=False))
def test_the_hash_tells_what_is_asked_and_nothing_else(ids: list[str], random: object) -> None:
    cases = [AnswerCase(id=one, input=f"what is {one}?") for one in ids]
    shuffled = list(cases)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    told = [msgspec.structs.replace(case, description="why", tags=("x",), metadata={"n": 1}) for case in shuffled]
    assert suite_of("one", cases).digest == suite_of("other", told).digest
    changed = [msgspec.structs.replace(cases[0], input="something else"), *cases[1:]]
    assert suite_of("one", cases).digest != suite_of("one", changed).digest


def test_the_hash_tells_when_a_file_that_a_case_names_has_changed(folder: Path) -> None:
    before = read(folder).digest
    (folder / "evals" / "fixtures" / "poison.md").write_text("# Other poison\n")
    assert read(folder).digest != before


def test_the_schema_takes_what_is_read_and_refuses_what_is_not() -> None:
    schema = suites.schema()
    good = parse("x.yml", EVERY_KIND.encode()).data
    jsonschema.validate(good, schema)
    good["cases"][0]["expect"]["clams"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good, schema)


def test_an_attack_needs_words_or_a_document() -> None:
    from shipmate.evals.amiss import amiss
    from shipmate.evals.cases import RedteamExpect

    case = RedteamCase(id="r", attack="x", expect=RedteamExpect(refuse=True))
    assert [what for what, _ in amiss(case)] == ["There is neither an `input` nor a `doc`."]
