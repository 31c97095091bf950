"""The assistant's folder becomes one frozen project, or a list of everything that is wrong with it."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate import config, starting
from shipmate.charter import Charter, Escalation, Goal, Intent, OutOfScope, Slo
from shipmate.config import FaqEntry, FaqFile, load
from shipmate.errors import Problem, ProjectError, StorageError, UsageError
from shipmate.evals import suite
from shipmate.sources import DocumentFolder
from shipmate.stack import Limits, Server, Stack
from shipmate.testing.clock import TickingClock
from shipmate.yaml_source import DECIMAL, FALSE, INTEGER, MAX_BYTES, NULL, TRUE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "shipmate-help"
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
CLOCK = TickingClock(datetime(2026, 12, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an assistant of documents alone."""
    (tmp_path / "knowledge").mkdir()
    return tmp_path


def problems_of(folder: Path, **files: str | bytes) -> tuple[Problem, ...]:
    """Write files (charter="..." is charter.yml) and return what loading the folder complains of."""
    for name, content in files.items():
        (folder / f"{name}.yml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ProjectError) as caught:
        load(folder)
    return caught.value.problems


def test_a_folder_of_documents_is_an_assistant(folder: Path) -> None:
    project = load(folder)
    assert (project.charter, project.faq, project.stack) == (None, (), Stack())
    assert project.name == folder.name
    (place,) = project.documents
    assert place == DocumentFolder(path=folder / "knowledge", prefix="")


def test_the_example_is_read_in_full() -> None:
    project = load(EXAMPLE, needs_charter=True)
    assert project.charter is not None
    assert project.name == "Shipmate help"
    assert 8 <= len(project.charter.intents) <= 12
    assert min(len(intent.examples) for intent in project.charter.intents) >= 6
    assert [place.prefix for place in project.documents] == ["", "docs/tutorial/", "docs/how-to/", "docs/explanation/"]
    assert len({question for entry in project.faq for question in entry.asked}) >= 12


def test_a_prompt_is_part_of_the_project_and_of_its_hash(folder: Path) -> None:
    before = config.content_hash(load(folder), "")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_bytes("\ufeffSpeak as a gardener – kindly.\n".encode())
    project = load(folder)
    assert project.prompt == "Speak as a gardener – kindly."
    assert config.content_hash(project, "") != before


def test_a_prompt_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_bytes(b"Kindly.\n\xff\n")
    (folder / "prompts" / "answers.md").write_text("Kindly.")
    with pytest.raises(ProjectError) as caught:
        load(folder)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("prompts/answer.md", 2),
        ("prompts/answers.md", 0),
    ]
    assert caught.value.problems[1].do == "Put its words into prompts/answer.md, or name it in canary.yml."


def test_a_project_cannot_be_changed(folder: Path) -> None:
    with pytest.raises(AttributeError):
        load(folder).stack = Stack()  # type: ignore[misc]


def test_a_release_needs_a_charter(folder: Path) -> None:
    with pytest.raises(ProjectError, match=r"charter\.yml: A release is built from a charter"):
        load(folder, needs_charter=True)


def test_a_missing_folder_and_an_empty_one_say_what_to_make(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="There is no such folder") as missing:
        load(tmp_path / "nowhere")
    assert "shipmate init" in str(missing.value)
    with pytest.raises(ProjectError, match=r"knowledge/: There is no folder `knowledge`") as empty:
        load(tmp_path)
    assert "put documents into it" in str(empty.value)


class Mistake(NamedTuple):
    """A file that is wrong, and what has to be said of it."""

    name: str
    content: str | bytes
    line: int
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


WRONG: tuple[tuple[str, str | bytes, int, str, str], ...] = (
    ("stack", "version: 1\nserver:\n  prot: 1\n", 3, "`prot` is not known in `server`", "Did you mean `port`?"),
    ("stack", "version: 1\nserver:\n  port: many\n", 3, "`server.port` is the text 'many'", "number from 0 to 65535"),
    ("stack", "version: 1\nserver:\n  port: 70000\n", 3, "the number 70000", "number from 0 to 65535"),
    ("stack", "version: 1\nfrozen_until: soon\n", 2, "is the text 'soon'", "a date such as"),
    ("stack", "version: 1\nmodel:\n  base_url: x\n", 2, "`model` names no adapter", "Add `adapter: `"),
    ("stack", "version: 1\nmodel: [a]\n", 2, "`model` is a list", "text or keys with values"),
    ("stack", "version: 1\nserver: 5\n", 2, "`server` is the number 5", "`key: value`"),
    (
        "stack",
        "version: 1\nfreeze_exception: {owner: me, expires: 2027-01-01}\n",
        2,
        "`reason` is missing",
        "Add `reason: ` with text",
    ),
    ("charter", "version: 1\nintents:\n- id: Mine!\n", 3, "is the text 'Mine!'", "`reset_password`"),
    ("charter", "version: 1\nintents:\n- id: a\n  risk: hgh\n", 4, "is the text 'hgh'", "Did you mean `high`?"),
    ("charter", "version: 1\nintents:\n- id: a\n  examples:\n  - hi\n  - 5\n", 6, "An item of", "in quotes"),
    ("charter", "version: 1\nintents:\n- id: a\n  examples: hi\n", 4, "is the text 'hi'", "Write a list"),
    ("charter", "version: 1\nintents:\n- examples: [a]\n", 3, "`id` is missing", "Add `id: `"),
    ("charter", "version: 1\ngoal: {target: false}\n", 2, "`goal.target` is false", "Write a number"),
    ("charter", "version: 1\nlanguages: [english]\n", 2, "An item of `languages`", "`en`"),
    ("faq", "version: 1\nfaq:\n- answer: a\n", 3, "no question", "Add `question: `"),
    ("faq", "version: 1\nfaq:\n- question: q\n", 3, "`answer` is missing", "Add `answer: `"),
    ("sources", "version: 1\nfolders:\n- knowledge\n- nowhere\n", 4, "no folder `nowhere`", "put documents into it"),
    ("sources", "version: 1\nfolders:\n- knowledge\n- ./knowledge\n", 4, "hold the same documents", "Name one"),
    ("sources", "version: 1\nfolders:\n- knowledge\n- .\n", 4, "hold the same documents", "Name one"),
    ("sources", "version: 1\nfolders: []\n", 2, "No folder of documents", "knowledge"),
    ("stack", "version: 1\nmodel: a\nmodel: b\n", 3, "first stands in line 2", "Keep one"),
    ("stack", "version: 1\nserver:\n\tport: 1\n", 3, "A tab indents", "spaces"),
    ("faq", "version: 1\nfaq:\n- question: what: that\n", 3, "not valid YAML", "in quotes"),
    ("faq", "version: 1\nfaq: 'abc\n", 2, "not valid YAML", "Close the quote"),
    ("faq", "version: 1\nfaq: [a\n", 2, "not valid YAML", "Close the list"),
    ("faq", "version: 1\nfaq: @a\n", 2, "not valid YAML", "back-tick"),
    ("stack", "version: 1\nmodel: &a x\nstore: *a\n", 3, "alias `*a` is not followed", "Write the value out"),
    ("stack", "version: 1\nmodel: !!python/object:os.system x\n", 2, "tag", "without a tag"),
    ("stack", "version: 1\n--- \nversion: 1\n", 2, "second document", "Keep one document"),
    ("stack", "version: 1\n[1]: x\n", 2, "A key is no plain text", "key: value"),
    ("stack", "version: 1\nmodel: 12345678901234567890\n", 2, "too large", "in quotes"),
    ("stack", "version: 1\nserver: {limits: {burst: 1e999}}\n", 2, "too large", "in quotes"),
    ("stack", 'version: 1\nmodel: "a\\0b"\n', 2, "NUL", "Take the escape out"),
    ("stack", "version: 1\nmodel: a\x01b\n", 2, "U+0001", "Take it out"),
    ("stack", b"version: 1\nmodel: caf\xe9\n", 2, "not UTF-8", "UTF-8"),
    ("stack", "", 0, "empty", "version: 1"),
    ("stack", "# nothing\n", 0, "empty", "version: 1"),
    ("stack", "- version: 1\n", 1, "is a list", "key: value"),
    ("stack", "just words\n", 1, "is the text 'just words'", "key: value"),
    ("stack", "model: extractive\n", 1, "`version` is missing", "version: 1"),
    ("stack", "version: 2\nlater: true\n", 1, "written for a later Shipmate", "Upgrade Shipmate"),
    ("stack", "version: '1'\n", 1, "`version` is the text '1'", "one of `1`"),
    ("chartr", "version: 1\n", 0, "No file of this name is read", "Did you mean `charter.yml`?"),
)


@pytest.mark.parametrize("mistake", tuple(starmap(Mistake, WRONG)), ids=str)
def test_each_mistake_is_named_with_its_line_and_its_remedy(folder: Path, mistake: Mistake) -> None:
    [problem] = problems_of(folder, **{mistake.name: mistake.content})
    assert (problem.file, problem.line) == (f"{mistake.name}.yml", mistake.line)
    assert mistake.what in problem.what
    assert mistake.do in problem.do


def test_all_mistakes_of_all_files_come_at_once(folder: Path) -> None:
    found = problems_of(
        folder,
        charter="version: 1\nintnts: []\ngoal: {target: x}\ngoal: {}\n",
        stack="version: 1\n\tmodel: x\n",
        faq="- a\n",
        sources="version: 1\nfolders: [nowhere]\n",
    )
    places = [("charter.yml", line) for line in (2, 3, 4)]
    assert [(p.file, p.line) for p in found] == [*places, ("faq.yml", 1), ("sources.yml", 2), ("stack.yml", 2)]


def test_words_that_old_yaml_reads_as_booleans_stay_words(folder: Path) -> None:
    (folder / "charter.yml").write_text("version: 1\nlanguages: [en, no]\nname: on\nregions: [yes, 0777x, 1_000]\n")
    charter = load(folder).charter
    assert charter is not None
    assert (charter.languages, charter.name, charter.regions) == (("en", "no"), "on", ("yes", "0777x", "1_000"))


def test_a_key_without_a_value_takes_its_default(folder: Path) -> None:
    (folder / "stack.yml").write_text("version: 1\nmodel:\nserver:\n  port:\n")
    assert load(folder).stack == Stack()


def test_a_byte_order_mark_is_no_mistake(folder: Path) -> None:
    (folder / "stack.yml").write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert load(folder).stack == Stack()


def test_nesting_is_bounded_before_it_costs_anything(folder: Path) -> None:
    for content in ("[" * 500_000, "- " * 250_000, "{a: " * 200_000, "? " * 200_000):
        [problem] = problems_of(folder, stack=content)
        assert "nested more than" in problem.what


def test_aliases_cannot_multiply_a_small_file(folder: Path) -> None:
    rows = ["version: 1", "a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert any("is not followed" in problem.what for problem in problems_of(folder, stack="\n".join(rows)))


def test_a_file_over_the_limit_is_not_parsed(folder: Path) -> None:
    [problem] = problems_of(folder, faq="#" * (MAX_BYTES + 1))
    assert "larger than" in problem.what


def test_a_file_of_mistakes_is_not_listed_to_the_end(folder: Path) -> None:
    found = problems_of(folder, faq="version: 1\nfaq: [" + "1," * 400_000 + "]\n")
    assert len(found) == 101
    assert found[-1].what == "There are more problems from here on."


def test_what_is_not_a_file_is_not_waited_for(folder: Path) -> None:
    (folder / "charter.yml").mkdir()
    os.mkfifo(folder / "faq.yml")
    (folder / "stack.yml").symlink_to(folder / "gone")
    found = problems_of(folder)
    assert [(p.file, p.what) for p in found] == [
        (name, "This is not a file.") for name in ("charter.yml", "faq.yml", "stack.yml")
    ]


def test_a_later_versions_sources_are_not_guessed_at(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, sources="version: 7\nfolders: [x]\n")
    assert "later Shipmate" in problem.what


def test_documents_of_two_folders_cannot_have_the_same_name(folder: Path) -> None:
    for name in ("one/docs", "assistant/docs", "assistant/knowledge"):
        (folder / name).mkdir(parents=True)
    [problem] = problems_of(folder / "assistant", sources="version: 1\nfolders: [docs, ../one/docs, ../docs]\n")
    assert problem.what == "There is no folder `../docs`."
    (folder / "docs").mkdir()
    [problem] = problems_of(folder / "assistant")
    assert "would be called like those of another folder" in problem.what


# settings of adapters


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's settings."""

    base_url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    timeout_s: float = 5.0
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = 0.0
    headers: dict[str, str] = msgspec.field(default_factory=dict)


def test_an_adapters_settings_are_read_with_the_same_care(folder: Path) -> None:
    stack = "version: 1\nmodel:\n  adapter: served\n  base_url: http://here\n  timout_s: 3\n"
    (folder / "stack.yml").write_text(stack)
    with pytest.raises(ProjectError) as caught:
        config.settings(load(folder), "model", Served)
    assert str(caught.value) == "stack.yml:5: `timout_s` is not known in `model`.\n  -> Did you mean `timeout_s`?"
    (folder / "stack.yml").write_text(stack.replace("timout", "timeout"))
    assert config.settings(load(folder), "model", Served) == Served(base_url="http://here", timeout_s=3.0)


def test_what_an_adapters_settings_hold_is_checked_to_the_depth(folder: Path) -> None:
    (folder / "stack.yml").write_text(
        "version: 1\nmodel:\n  adapter: served\n  base_url: here\n  headers:\n    tenant: 5\n  temperature: -1\n"
    )
    with pytest.raises(ProjectError) as caught:
        config.settings(load(folder), "model", Served)
    assert [(problem.line, problem.do) for problem in caught.value.problems] == [
        (4, "Write text of the form ^https?://."),
        (6, "Write text: put it in quotes."),
        (7, "Write a number, at least 0."),
    ]


def test_null_is_a_value_only_where_a_setting_takes_it(folder: Path) -> None:
    (folder / "stack.yml").write_text(
        "version: 1\nmodel: {adapter: served, base_url: http://here, timeout_s: null, temperature: null}\n"
    )
    made = config.settings(load(folder), "model", Served)
    assert (made.timeout_s, made.temperature) == (5.0, None)


def test_an_adapter_that_needs_settings_says_which(folder: Path) -> None:
    (folder / "stack.yml").write_text("version: 1\nmodel: served\n")
    with pytest.raises(ProjectError, match=r"stack\.yml:2: `base_url` is missing in `model`"):
        config.settings(load(folder), "model", Served)


def test_an_unknown_adapter_is_named_with_the_nearest_one(folder: Path) -> None:
    (folder / "stack.yml").write_text("version: 1\nmodel:\n  base_url: x\n  adapter: openai-compatible\n")
    error = config.unknown_adapter(load(folder), "model", ["extractive", "openai_compatible"])
    assert str(error).startswith("stack.yml:4: `openai-compatible` is not an adapter for `model`.")
    assert "`openai_compatible`" in str(error)


# the content hash


def test_the_content_hash_changes_with_every_file_and_with_the_index(folder: Path) -> None:
    hashes = [config.content_hash(load(folder), "index 1"), config.content_hash(load(folder), "index 2")]
    for name in ("charter", "stack", "faq", "sources"):
        (folder / f"{name}.yml").write_text("version: 1\n")
        hashes.append(config.content_hash(load(folder), "index 1"))
    assert len(set(hashes)) == len(hashes)
    assert config.content_hash(load(folder), "index 1") == hashes[-1]


def test_a_group_that_nobody_is_in_is_a_warning(folder: Path) -> None:
    (folder / "staff").mkdir()
    (folder / "sources.yml").write_text(
        "version: 1\nfolders:\n  - path: knowledge\n    audience: [hr, hhr]\n  - path: staff\n    audience:\n      - board\n"
    )
    alone = config.check(load(folder), CLOCK, releases={})
    assert [(problem.line, problem.warning) for problem in alone] == [(4, True), (4, True), (7, True)]
    (folder / "stack.yml").write_text("version: 1\ngroups: {intranet: [hr, board]}\n")
    (slip,) = config.check(load(folder), CLOCK, releases={})
    assert (slip.file, slip.line, slip.warning) == ("sources.yml", 4, True)
    assert "`hhr`" in slip.what
    assert "Did you mean `hr`?" in slip.do


# a new assistant


def test_a_new_assistant_loads_and_has_no_problems(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    written = starting.init(target, CLOCK)
    project = load(target, needs_charter=True)
    assert project.name == "mine"
    assert config.check(project, CLOCK, releases={}) == []
    assert {str(path.relative_to(target)) for path in written} >= {"charter.yml", "stack.yml", "knowledge/welcome.md"}


@pytest.mark.parametrize("name", ["2026", "no", "a: b", '"quoted"', "$by", "über uns"])
def test_a_new_assistant_may_have_any_name(tmp_path: Path, name: str) -> None:
    starting.init(tmp_path / name, CLOCK)
    assert load(tmp_path / name).name == name


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "faq.yml").write_text("mine")
    with pytest.raises(UsageError, match=r"faq\.yml exists already"):
        starting.init(tmp_path, CLOCK)
    assert [path.name for path in tmp_path.iterdir()] == ["faq.yml"]
    assert (tmp_path / "faq.yml").read_text() == "mine"


def test_init_says_of_two_files_that_they_exist(tmp_path: Path) -> None:
    for name in ("faq.yml", "stack.yml"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=r"stack\.yml exist already"):
        starting.init(tmp_path, CLOCK)


def test_init_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        starting.init(tmp_path / "file", CLOCK)


# schemas


def test_the_published_schemas_are_those_of_the_records() -> None:
    """Mended by running scripts/write_reference.py."""
    published = {f"{path.stem}.yml": json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
    # Cases are read above the floor of the folder's other files.
    assert published == json.loads(json.dumps({**config.schemas(), "evals.yml": suite.schema()}))


@pytest.mark.parametrize("name", sorted(config.schemas()))
def test_the_example_fits_the_schemas_and_mistakes_do_not(name: str) -> None:
    validator = jsonschema.Draft202012Validator(config.schemas()[name])
    data = load(EXAMPLE).source(name).data
    validator.check_schema(validator.schema)
    validator.validate(data)
    for mistake in ({**data, "unknown": 1}, {**data, "version": 2}):
        assert not validator.is_valid(mistake)
    # What teams have from elsewhere begins without a version.
    assert validator.is_valid({key: data[key] for key in data if key != "version"}) == (name == "canary.yml")


def test_every_key_of_the_schemas_is_described() -> None:
    for name, schema in config.schemas().items():
        for record in (schema, *schema["$defs"].values()):
            assert record["description"], name
            for key, field in record["properties"].items():
                assert "description" in field or "$ref" in json.dumps(field), (name, key)


# what is written is what is read


class CoreDumper(yaml.SafeDumper):
    """Writes what YAML 1.2 reads back as the same value."""


CoreDumper.yaml_implicit_resolvers = {}

for tag, pattern in (
    ("null", NULL.pattern),
    ("bool", f"{TRUE.pattern}|{FALSE.pattern}"),
    ("int", INTEGER.pattern),
    ("float", DECIMAL.pattern),
):
    CoreDumper.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), [None])

# Without the breaks that the writing library itself does not write back.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\x85\u2028\u2029\ufeff"), max_size=30)
WORDS = TEXT.filter(bool)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12).map(float)
SHARES = st.floats(0, 1)


def lists_of(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


INTENTS = st.builds(
    Intent,
    id=st.from_regex(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", fullmatch=True),
    examples=lists_of(WORDS),
    success=TEXT,
    tools=lists_of(WORDS),
    knowledge=lists_of(WORDS),
    risk=st.sampled_from(["low", "medium", "high"]),
    confirm=TEXT,
)
CHARTERS = st.builds(
    Charter,
    name=TEXT,
    goal=st.builds(Goal, statement=TEXT, baseline=st.none() | NUMBERS, target=NUMBERS, by=st.none() | st.dates()),
    intents=lists_of(INTENTS),
    out_of_scope=lists_of(st.builds(OutOfScope, topic=WORDS, examples=lists_of(WORDS), reply=TEXT)),
    escalation=st.builds(Escalation, default=TEXT, always=lists_of(WORDS)),
    slo=st.builds(Slo, ftr=SHARES, hallucination_rate=SHARES, uptime=SHARES),
    languages=lists_of(st.sampled_from(["en", "no", "pt-BR"])),
    regions=lists_of(WORDS),
)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(-(10**12), 10**12) | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
LAYERS = TEXT | st.builds(lambda adapter, more: {**more, "adapter": adapter}, TEXT, st.dictionaries(TEXT, VALUES))
STACKS = st.builds(
    Stack,
    model=LAYERS,
    store=LAYERS,
    server=st.builds(Server, host=TEXT, port=st.integers(0, 65535), limits=st.builds(Limits, burst=st.integers(1, 99))),
    frozen_until=st.none() | st.dates(),
)
FAQS = st.builds(
    FaqFile,
    faq=lists_of(st.builds(FaqEntry, question=WORDS.filter(str.strip), questions=lists_of(WORDS), answer=WORDS)),
)


@contextmanager
def assistant_folder(**files: str | bytes) -> Iterator[Path]:
    """Yield a folder with documents and these files (charter="..." is charter.yml)."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "knowledge").mkdir()
        for stem, content in files.items():
            (folder / f"{stem}.yml").write_bytes(content.encode() if isinstance(content, str) else content)
        yield folder


def written(data: Any, *, flow: bool) -> str:
    return yaml.dump(data, Dumper=CoreDumper, allow_unicode=True, sort_keys=False, default_flow_style=flow)


@settings(max_examples=80, deadline=None)
@given(charter=CHARTERS, stack=STACKS, faq=FAQS, flow=st.booleans())
def test_what_is_written_is_what_is_read(charter: Charter, stack: Stack, faq: FaqFile, *, flow: bool) -> None:
    files = msgspec.to_builtins({"charter": charter, "stack": stack, "faq": faq})
    with assistant_folder(**{name: written(data, flow=flow) for name, data in files.items()}) as folder:
        project = load(folder)
    assert (project.charter, project.stack, project.faq) == (charter, stack, faq.faq)


def problems_of_all(content: bytes) -> tuple[Problem, ...]:
    """Return what is said of a folder in which every file has this content."""
    with assistant_folder(charter=content, stack=content, faq=content, sources=content) as folder:
        try:
            return tuple(config.check(load(folder), CLOCK, releases={}))
        except ProjectError as error:
            return error.problems


def assert_said_well(problems: tuple[Problem, ...], content: bytes) -> None:
    assert all(problem.file and problem.what and problem.do for problem in problems)
    assert all(0 <= problem.line <= len(content) + 1 for problem in problems)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text("abc:-[]{}&*!|>'\"#%@`\\ \t\r\n0159.~?,<=", max_size=80).map(str.encode))
def test_no_bytes_raise_anything_but_a_project_error(content: bytes) -> None:
    assert_said_well(problems_of_all(content), content)


KEYS = st.sampled_from(
    [
        key
        for schema in config.schemas().values()
        for part in (schema, *schema["$defs"].values())
        for key in part["properties"]
    ]
)
SHAPES = st.recursive(
    VALUES | st.none() | st.just("knowledge"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXT, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=80, deadline=None)
@given(data=st.dictionaries(KEYS | TEXT, SHAPES, max_size=6), flow=st.booleans())
def test_no_shape_of_yaml_raises_anything_but_a_project_error(data: dict[str, Any], *, flow: bool) -> None:
    content = written({"version": 1, **data}, flow=flow).encode()
    assert_said_well(problems_of_all(content), content)
