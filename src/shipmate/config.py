"""The assistant folder as one frozen Project; everything that is wrong with it is said at once."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from shipmate import charter as charters
from shipmate import stack as stacks
from shipmate.charter import Charter, Facts
from shipmate.curation import CURATION, Curation, CurationFile, curation_of, unfit
from shipmate.errors import Problem, ProjectError
from shipmate.messages import Record, Statement
from shipmate.ports import Clock
from shipmate.relations import RELATIONS, RelationsFile, statements, undeclared
from shipmate.shape import Section, did_you_mean, fit
from shipmate.sources import EVALS, KNOWLEDGE, PROMPTS, Origin, SourcesFile, empty_groups, origins
from shipmate.stack import Lock, Stack
from shipmate.trial import (
    CANARY,
    LAYERS_ON_TRIAL,
    PILOT,
    CanaryFile,
    PilotFile,
    Variant,
    faults_in_prompt,
    is_file,
    off_promise,
    unsound,
    unsound_pilot,
)
from shipmate.yaml_source import MAX_BYTES, KeyPath, Source, parse

__all__ = [
    "EVALS",
    "PROMPT",
    "STATE",
    "FaqEntry",
    "FaqFile",
    "Project",
    "check",
    "check_stack_lock",
    "content_hash",
    "load",
    "load_built",
    "lock_stack",
    "overlay",
    "schemas",
    "settings",
    "unknown_adapter",
    "watched",
]

T = TypeVar("T", bound=msgspec.Struct)

KNOWN_VERSION = 1
STATE = ".shipmate"
PROMPT = f"{PROMPTS}/answer.md"
NO_FACTS = Facts()
# How much a file's name must be like one of ours to be taken for a slip of the pen.
NEARLY = 0.9


class FaqEntry(Section, frozen=True, kw_only=True):
    """A verbatim answer, and the questions that it is given to."""

    question: Annotated[str, Meta(description="The question, as people ask it.")] = ""
    questions: Annotated[tuple[str, ...], Meta(description="Several ways to ask it.")] = ()
    answer: Annotated[str, Meta(min_length=1, description="What is answered, word for word.")]

    @property
    def asked(self) -> tuple[str, ...]:
        """Return every way to ask it."""
        return tuple(question for question in (self.question, *self.questions) if question.strip())


class FaqFile(Section, frozen=True, kw_only=True):
    """Verbatim answers; they are also what is left when nothing else works."""

    version: Literal[1] = 1
    faq: tuple[FaqEntry, ...] = ()


RECORDS: dict[str, type[Section]] = {
    "charter.yml": Charter,
    "stack.yml": Stack,
    "faq.yml": FaqFile,
    "sources.yml": SourcesFile,
    RELATIONS: RelationsFile,
    CURATION: CurationFile,
    CANARY: CanaryFile,
    PILOT: PilotFile,
}
# What no answer of the folder as it is depends on: none changes its digest.
APART = frozenset({CURATION, CANARY, PILOT})
# What teams have already is read as it is.
UNVERSIONED = frozenset({CANARY})


class Project(Record, frozen=True, kw_only=True):
    """An assistant's folder, checked."""

    folder: Path
    charter: Charter | None
    stack: Stack
    faq: tuple[FaqEntry, ...]
    documents: tuple[Origin, ...]
    # What relations.yml declares.
    relations: tuple[Statement, ...]
    curation: Curation
    # What the team tells its model, besides what Shipmate does.
    prompt: str
    # What is to be tried on live traffic, with the words of each prompt.
    canary: CanaryFile | None = None
    # Who is to try a release first.
    pilot: PilotFile | None = None
    # The YAML files that were read, by name, with the line of every value.
    files: dict[str, Source]
    # SHA-256 of all that was read, save for the curation, which has one of its own, and for what is only on trial.
    digest: str
    # SHA-256 of the charter; empty without one.
    charter_digest: str = ""

    @property
    def name(self) -> str:
        """Return what the assistant is called."""
        return (self.charter.name if self.charter else "") or self.folder.resolve().name

    @property
    def state(self) -> Path:
        """Return where the assistant keeps what it makes itself; never in git."""
        return self.folder / STATE

    @property
    def frozen_until(self) -> date | None:
        """Return the day until which the stack stays as it is: the later one of charter and stack."""
        promised = self.charter.stack.frozen_until if self.charter else None
        return max(filter(None, (promised, self.stack.frozen_until)), default=None)

    def source(self, file: str) -> Source:
        """Return a file's values; an empty source when there is no such file."""
        return self.files.get(file, Source(file=file, data=None, lines={}))


def load(folder: Path, *, needs_charter: bool = False, despite_problems: bool = False) -> Project:
    """Read an assistant's folder; raise `ProjectError` with every problem of every file.

    Despite problems, what has some is left out: for what must work all the same, such as taking back a release.
    """
    if not _is_folder(folder):
        do = "Name an assistant's folder, or make one: `shipmate init my-assistant`."
        raise ProjectError([Problem(file=str(folder), line=0, what="There is no such folder.", do=do)])
    return _loaded(folder, _Reading(folder), needs_charter=needs_charter, despite_problems=despite_problems)


def load_built(files: Path, project: Project) -> Project:
    """Read the files that were built of a folder, and answer as they say; who may ask and how much, the folder says.

    The documents are not looked for: they were built too. Raises `ProjectError`.
    """
    built = _loaded(project.folder, _Reading(files), finds_documents=False)
    now = project.stack
    stack = msgspec.structs.replace(
        built.stack,
        server=now.server,
        groups=now.groups,
        store=now.store,
        memory=now.memory,
        flags=now.flags,
        regions=now.regions,
        frozen_until=project.frozen_until,
        freeze_exception=now.freeze_exception,
    )
    return msgspec.structs.replace(built, stack=stack)


def _loaded(
    folder: Path,
    reading: "_Reading",
    *,
    needs_charter: bool = False,
    finds_documents: bool = True,
    despite_problems: bool = False,
) -> Project:
    charter = reading.record("charter.yml", Charter)
    if needs_charter and "charter.yml" not in reading.names:
        what = "A release is built from a charter, and there is none."
        reading.complain("charter.yml", what, "Write one: `shipmate init` makes an example in a new folder.")
    canary = reading.canary()
    project = Project(
        folder=folder,
        charter=charter,
        stack=reading.record("stack.yml", Stack, stacks.unnamed) or Stack(),
        faq=(reading.record("faq.yml", FaqFile, _unasked) or FaqFile()).faq,
        documents=reading.documents() if finds_documents else (),
        relations=reading.relations(),
        curation=reading.curation(),
        prompt=reading.prompt(canary),
        canary=canary,
        pilot=reading.record(PILOT, PilotFile, unsound_pilot),
        files=reading.files,
        digest=_digest({name: content for name, content in reading.contents.items() if name not in APART}),
        charter_digest=_charter_digest(reading.contents),
    )
    if reading.problems and not despite_problems:
        raise ProjectError(sorted(reading.problems, key=lambda problem: (problem.file, problem.line)))
    amiss = {problem.file for problem in reading.problems}
    return msgspec.structs.replace(
        project, files={name: source for name, source in reading.files.items() if name not in amiss}
    )


def watched(folder: Path) -> list[Path]:
    """Return the files that `load` reads, or complains of."""
    return sorted([*folder.glob("*.y*ml"), *(folder / PROMPTS).glob("*.md")])


def content_hash(project: Project, index_digest: str) -> str:
    """Return one hash of all that answers depend on; `index_digest` stands for the documents."""
    parts = {"files": project.digest, "index": index_digest, CURATION: project.curation.digest}
    return _digest({name: part.encode() for name, part in parts.items() if part})


def overlay(project: Project, variant: Variant) -> dict[str, bytes]:
    """Return the files that a variant has otherwise than the folder, by their names; none when they are the same."""
    changed: dict[str, bytes] = {}
    if variant.prompt is not None and variant.prompt.strip() != project.prompt:
        changed[PROMPT] = f"{variant.prompt.strip()}\n".encode()
    choices = {layer: getattr(variant, layer) for layer in LAYERS_ON_TRIAL}
    others = {
        layer: choice
        for layer, choice in choices.items()
        if choice is not None and Stack(**{layer: choice}).layer(layer) != project.stack.layer(layer)
    }
    if others:
        stack = {"version": KNOWN_VERSION, **(project.source("stack.yml").data or {}), **others}
        changed["stack.yml"] = f"{json.dumps(stack, ensure_ascii=False, indent=2)}\n".encode()
    if variant.curation:
        content = (project.folder / variant.curation).read_bytes()
        if hashlib.sha256(content).hexdigest() != project.curation.digest:
            changed[CURATION] = content
    return changed


def settings(project: Project, layer: str, record: type[T]) -> T:
    """Return a layer's settings as its adapter's record; raise `ProjectError` where they do not fit."""
    return fit(project.source("stack.yml"), record, project.stack.layer(layer).settings, path=(layer,))


def unknown_adapter(project: Project, layer: str, known: Iterable[str]) -> ProjectError:
    """Say that no adapter of a layer has the name that the stack gives."""
    what = f"`{project.stack.layer(layer).adapter}` is not an adapter for `{layer}`."
    source = project.source("stack.yml")
    path = (layer, "adapter") if (layer, "adapter") in source.lines else (layer,)
    return ProjectError([source.problem(path, what, did_you_mean(project.stack.layer(layer).adapter, known))])


def check(
    project: Project, clock: Clock, *, releases: Mapping[str, str], facts: Facts = NO_FACTS, ships: bool = False
) -> list[Problem]:
    """Return what the charter's lint and the stack's lock find, and who sees no documents, by file and line.

    `releases` says which software serves each layer, `facts` what is known of the assistant beyond its files; what
    `ships` has its frozen stack locked.
    """
    problems = [*check_stack_lock(project, clock, releases=releases, ships=ships), *_trial(project)]
    problems += empty_groups(project.source("sources.yml"), project.stack.groups.values())
    if project.pilot:
        promised = (project.charter.pilot.users, project.charter.pilot.flag) if project.charter else None
        problems += off_promise(project.pilot, project.source(PILOT), promised, _today(clock))
    if project.charter:
        # There is no roster of reviewers yet that an intent's skill could be missing from.
        subject = charters.Subject(
            charter=project.charter, today=_today(clock), skills=None, deployed=project.stack.regions, facts=facts
        )
        problems += charters.lint(subject, project.source("charter.yml"))
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.code))


def check_stack_lock(
    project: Project, clock: Clock, *, releases: Mapping[str, str], ships: bool = False
) -> list[Problem]:
    """Return where the stack is not what `stack.lock` froze; what `ships` has such a lock when it is to be frozen."""
    current = Lock.of(project.stack, project.frozen_until, releases)
    source = project.source("stack.yml")
    return stacks.check_lock(project.folder, current, project.stack, source, _today(clock), ships=ships)


def lock_stack(project: Project, clock: Clock, *, releases: Mapping[str, str]) -> None:
    """Write `stack.lock`; raise `ProjectError` when that would change a frozen layer."""
    broken = [problem for problem in check_stack_lock(project, clock, releases=releases) if not problem.warning]
    if broken:
        raise ProjectError(broken)
    stacks.write_lock(project.folder, Lock.of(project.stack, project.frozen_until, releases))


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each file, by the file's name, made from the records that it is read into."""
    return {name: _schema(record, is_versioned=name not in UNVERSIONED) for name, record in RECORDS.items()}


class _Reading:
    """Reads the files of one folder and gathers what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[Problem] = []
        self.contents: dict[str, bytes] = {}
        self.files: dict[str, Source] = {}
        self._folder = folder
        self.names = sorted(path.name for path in folder.glob("*.y*ml"))
        for name in self.names:
            if name in RECORDS:
                content = self._content(name)
                if name in self.contents:
                    self.files[name] = parse(name, content)
        self._on_trial = _files_on_trial(self.files.get(CANARY))
        for name in sorted({*self.names} - RECORDS.keys() - self._on_trial):
            if get_close_matches(name, RECORDS, n=1, cutoff=NEARLY):
                self.complain(name, "No file of this name is read.", did_you_mean(name, RECORDS))

    def complain(self, file: str, what: str, do: str) -> None:
        """Note what is wrong with a whole file."""
        self.problems.append(Problem(file=file, line=0, what=what, do=do))

    def record(
        self, name: str, record: type[T], check: Callable[[T, Source], Iterator[Problem]] | None = None
    ) -> T | None:
        """Return a file's record; None when there is no such file, or when something was wrong with it."""
        source = self.files.get(name)
        if source is None or not self._is_readable(source):
            return None
        try:
            made = fit(source, record, source.data)
        except ProjectError as error:
            self.problems += error.problems
            return None
        self.problems += check(made, source) if check else ()
        return made

    def documents(self) -> tuple[Origin, ...]:
        """Return where the documents are: each place exists, and none holds another's."""
        file = self.record("sources.yml", SourcesFile)
        if file is None and "sources.yml" in self.names:
            return ()
        source = self.files.get("sources.yml", Source(file=f"{KNOWLEDGE}/", data=None, lines={}))
        found, problems = origins(self._folder, file, source)
        self.problems += problems
        return tuple(found)

    def relations(self) -> tuple[Statement, ...]:
        """Return what `relations.yml` declares, with the line of each."""
        file = self.record(
            RELATIONS, RelationsFile, lambda file, source: undeclared(file.relations, source, ("relations",))
        )
        return statements(file.relations, self.files[RELATIONS], ("relations",)) if file else ()

    def curation(self) -> Curation:
        """Return the repairs of `curation.yml`; none without that file."""
        file = self.record(CURATION, CurationFile, unfit)
        return curation_of(file, self.contents[CURATION]) if file else Curation()

    def canary(self) -> CanaryFile | None:
        """Return what is on trial, with the words of each prompt; None where something is wrong with it."""
        file = self.record(CANARY, CanaryFile, unsound)
        if file is None:
            return None
        source = self.files[CANARY]
        variants = tuple(self._variant(variant, source, number) for number, variant in enumerate(file.variants))
        return msgspec.structs.replace(file, variants=variants)

    def prompt(self, canary: CanaryFile | None) -> str:
        """Return what `prompts/answer.md` says, and without that file what the control of a trial is told."""
        for path in sorted((self._folder / PROMPTS).glob("*.md")):
            name = f"{PROMPTS}/{path.name}"
            if name != PROMPT and name not in self._on_trial:
                do = f"Put its words into {PROMPT}, or name it in {CANARY}."
                self.complain(name, "No prompt of this name is read.", do)
        if (self._folder / PROMPT).exists():
            return self._text(PROMPT, self._content(PROMPT)).strip()
        words = canary.variants[0].prompt if canary and canary.variants else None
        if words:
            self.contents[PROMPT] = words.encode()
        return (words or "").strip()

    def _variant(self, variant: Variant, source: Source, number: int) -> Variant:
        """Return a variant with the words of its prompt, wherever they stand; note what is wrong with its files."""
        path = ("variants", number)
        words = variant.prompt
        if words is not None and is_file(words):
            words = self._words(words, source, (*path, "prompt"))
        elif words is not None:
            self.problems += (source.problem((*path, "prompt"), what, do) for _, what, do in faults_in_prompt(words))
        for layer in LAYERS_ON_TRIAL:
            choice = getattr(variant, layer)
            if isinstance(choice, dict) and not isinstance(choice.get("adapter"), str):
                do = f"Add `adapter: ` below `{layer}:`."
                self.problems.append(source.problem((*path, layer), f"`{layer}` names no adapter.", do))
        if variant.curation is not None:
            content = self._beside(variant.curation, source, (*path, "curation"))
            self._repairs(variant.curation, content)
        return msgspec.structs.replace(variant, prompt=words)

    def _words(self, name: str, source: Source, path: KeyPath) -> str | None:
        """Return the words of a prompt's file; None when something is wrong with it."""
        content = self._beside(name, source, path)
        if content is None:
            return None
        noted = len(self.problems)
        words = self._text(name, content)
        if len(self.problems) == noted:
            for offset, what, do in faults_in_prompt(words):
                self.problems.append(Problem(file=name, line=words.count("\n", 0, offset) + 1, what=what, do=do))
        return words

    def _beside(self, name: str, source: Source, path: KeyPath) -> bytes | None:
        """Return what a file holds that a variant names; None when something is wrong with it."""
        noted = len(self.problems)
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            do = "Name a file inside it, such as `prompts/v2.md`."
            self.problems.append(source.problem(path, f"`{name}` lies outside of the assistant's folder.", do))
        elif not (self._folder / name).exists():
            self.problems.append(source.problem(path, f"There is no file `{name}`.", "Write it, or name another."))
        else:
            content = self._content(name)
            self.contents.pop(name, None)
            return None if len(self.problems) > noted else content
        return None

    def _repairs(self, name: str, content: bytes | None) -> None:
        """Note what is wrong with the repairs that a variant names."""
        if content is None:
            return
        source = parse(name, content)
        if self._is_readable(source):
            try:
                self.problems += unfit(fit(source, CurationFile, source.data), source)
            except ProjectError as error:
                self.problems += error.problems

    def _text(self, name: str, content: bytes) -> str:
        """Return what a file's bytes say; nothing when they are no text."""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.append(Problem(file=name, line=line, what="This is not UTF-8.", do="Save it as UTF-8."))
            return ""

    def _content(self, name: str) -> bytes:
        """Return what a file holds; nothing when something is wrong with it."""
        path = self._folder / name
        if not path.is_file():
            self.complain(name, "This is not a file.", "Take it away, or write the file anew.")
            return b""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.complain(name, f"The file cannot be read: {error.strerror}.", "Give leave to read it.")
            return b""
        if len(content) > MAX_BYTES:
            self.complain(name, f"The file is larger than {MAX_BYTES} bytes.", "Put documents into knowledge/.")
            return b""
        self.contents[name] = content
        return content

    def _is_readable(self, source: Source) -> bool:
        """Note what makes a file unreadable as a whole; nothing else is said of it then."""
        if source.data is None:
            self.problems += source.problems
            if not source.problems:
                self.complain(source.file, "The file is empty.", "Delete it, or begin it with `version: 1`.")
            return False
        if not isinstance(source.data, dict):
            return True
        version = source.data.get("version")
        if version is None and source.file not in UNVERSIONED:
            self.problems.append(source.problem((), "`version` is missing.", "Begin the file with `version: 1`."))
        if not isinstance(version, int) or version <= KNOWN_VERSION:
            return True
        what = f"The file has version {version}: it was written for a later Shipmate."
        self.problems.append(source.problem(("version",), what, "Upgrade Shipmate, or write it for `version: 1`."))
        return False


def _files_on_trial(source: Source | None) -> frozenset[str]:
    """Return the files that variants name, whatever else may be wrong with the file that names them."""
    variants = source.data.get("variants") if source and isinstance(source.data, dict) else None
    named = (
        variant.get(key)
        for variant in (variants if isinstance(variants, list) else ())
        if isinstance(variant, dict)
        for key in ("prompt", "curation")
    )
    return frozenset(name for name in named if isinstance(name, str) and is_file(name))


def _trial(project: Project) -> Iterator[Problem]:
    """Yield where a trial could show nothing, or would not be the trial that its file tells of."""
    if project.canary is None:
        return
    source, file = project.source(CANARY), project.canary
    if not file.candidate.release and not overlay(project, file.candidate):
        what = f"`{file.candidate.name}` is what is live already."
        yield source.problem(("variants", 1), what, "Change what it is to show, or take the file away.")
    for name in overlay(project, file.control):
        what = f"The control is what is live, and {name} is not as `{file.control.name}` has it."
        yield source.problem(("variants", 0), what, "Leave out what the control changes.", warning=True)
    model = project.stack.layer("model")
    if file.candidate.prompt is not None and (file.candidate.model or model.adapter) == "extractive":
        what = "The candidate has a prompt, and no model reads it: `extractive` quotes."
        yield source.problem(("variants", 1, "prompt"), what, "Name a model in stack.yml.", warning=True)
    if file.model and file.model != model.settings.get("model"):
        what = f"`model` is {file.model}, and stack.yml has {model.settings.get('model') or model.adapter}."
        yield source.problem(("model",), what, "What answers is the one in stack.yml.", warning=True)


def _unasked(file: FaqFile, source: Source) -> Iterator[Problem]:
    """Yield the answers to no question."""
    for number, entry in enumerate(file.faq):
        if not entry.asked:
            yield source.problem(("faq", number), "This answer has no question.", "Add `question: ` beside it.")


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises on names that are too long


def _schema(record: type[Section], *, is_versioned: bool) -> dict[str, Any]:
    schema = msgspec.json.schema(record)
    top = schema["$defs"].pop(record.__name__)
    version = {"description": "Of the file's form.", "const": KNOWN_VERSION}
    top["properties"]["version"] = version if is_versioned else {**version, "default": KNOWN_VERSION}
    top["required"] = [*(["version"] if is_versioned else ()), *top["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": schema["$defs"]}


def _charter_digest(contents: Mapping[str, bytes]) -> str:
    content = contents.get("charter.yml")
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _digest(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of named contents, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()


def _today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()
