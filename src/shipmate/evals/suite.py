"""The cases of a folder as one suite: every file of `evals/`, all problems at once, one hash of what is asked."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field

from shipmate.config import EVALS
from shipmate.errors import Missing, Problem, ProjectError
from shipmate.evals.amiss import amiss
from shipmate.evals.cases import KINDS, Case, CasesFile, Defaults, PerfCase, RedteamCase
from shipmate.messages import Record
from shipmate.shape import Section, did_you_mean, fit
from shipmate.yaml_source import MAX_BYTES, KeyPath, Source, parse

__all__ = ["BASELINE", "EVALS", "LABELS", "QUARANTINE", "Suite", "digest_of", "read", "schema", "suite_of"]

BASELINE = "baseline.jsonl"
LABELS = "judge-labels.jsonl"
QUARANTINE = "quarantine.yml"
# Files of `evals/` that hold no cases.
OTHERS = frozenset({BASELINE, LABELS, QUARANTINE})
MOST_LINES_BYTES = 16 * MAX_BYTES
NO_DEFAULTS = Defaults()


class Head(Section, frozen=True, kw_only=True):
    """A file of cases, the cases left out."""

    version: int = 1
    suite: str = ""
    defaults: Defaults = NO_DEFAULTS
    cases: tuple[Any, ...] = ()


class Suite(Record, frozen=True, kw_only=True):
    """All cases of a folder."""

    name: str
    # With what their files say for all of them, in the order of their ids.
    cases: tuple[Case, ...]
    # Of what is asked and expected, whatever the order and the files.
    digest: str
    # Where each case stands, by its id, such as "evals/core.yml:12".
    places: dict[str, str] = field(default_factory=dict)
    # The files that cases name, by their path below evals/.
    attached: dict[str, bytes] = field(default_factory=dict)

    def case(self, case_id: str) -> Case:
        """Return a case; raise `Missing` with the nearest id."""
        found = next((case for case in self.cases if case.id == case_id), None)
        if found is None:
            raise Missing(f"There is no case `{case_id}`.", do=did_you_mean(case_id, (case.id for case in self.cases)))
        return found


def read(folder: Path) -> Suite:
    """Return the suite of an assistant's folder.

    Raises `ProjectError` with every problem of every file, and `Missing` where there are no cases.
    """
    place = folder / EVALS
    files = [path for path in sorted(place.glob("*")) if _holds_cases(path)]
    reading = _Reading(place)
    sources = [reading.source(path) for path in files]
    inputs = {name for source in sources for name in _inputs(source)}
    heads = [reading.cases(source) for source in sources if Path(source.file).name not in inputs]
    reading.attach()
    if reading.problems:
        raise ProjectError(sorted(reading.problems, key=lambda problem: (problem.file, problem.line)))
    if not reading.found:
        do = f"Write some into {EVALS}/core.yml, or let `shipmate eval propose` draft them from conversations."
        raise Missing(f"There are no cases in {place}.", do=do)
    named = next((head.suite for head in heads if head.suite), folder.resolve().name)
    return suite_of(named, reading.found, places=reading.places, attached=reading.attached)


def suite_of(
    name: str,
    cases: Iterable[Case],
    *,
    places: dict[str, str] | None = None,
    attached: dict[str, bytes] | None = None,
) -> Suite:
    """Return cases as a suite, in the order of their ids."""
    ordered = tuple(sorted(cases, key=lambda case: case.id))
    files = attached or {}
    return Suite(name=name, cases=ordered, digest=digest_of(ordered, files), places=places or {}, attached=files)


def digest_of(cases: Iterable[Case], attached: dict[str, bytes]) -> str:
    """Return the SHA-256 of what is asked and expected; order, files and metadata do not count."""
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda case: case.id):
        told = msgspec.structs.replace(case, description="", tags=(), metadata={})
        digest.update(msgspec.json.encode(told, order="deterministic") + b"\n")
    for name in sorted(attached):
        digest.update(f"{name}\0{hashlib.sha256(attached[name]).hexdigest()}\n".encode())
    return digest.hexdigest()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a file of cases."""
    made = msgspec.json.schema(CasesFile)
    top = made["$defs"].pop(CasesFile.__name__)
    top["properties"]["version"] = {"description": "Of the file's form.", "const": 1}
    top["required"] = ["version", *top["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": made["$defs"]}


class _Reading:
    """Reads the files of one folder and gathers what is wrong with them."""

    def __init__(self, place: Path) -> None:
        self.problems: list[Problem] = []
        self.found: list[Case] = []
        self.places: dict[str, str] = {}
        self.attached: dict[str, bytes] = {}
        self._place = place

    def source(self, path: Path) -> Source:
        """Return a file's values; what stands in the way is noted."""
        name = f"{EVALS}/{path.name}"
        most = MOST_LINES_BYTES if path.suffix == ".jsonl" else MAX_BYTES
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            return self._unreadable(name, f"The file cannot be read: {error.strerror}.", "Give leave to read it.")
        if len(content) > most:
            return self._unreadable(name, f"The file is larger than {most} bytes.", "Divide it into several.")
        source = _lines(name, content) if path.suffix == ".jsonl" else parse(name, content)
        self.problems += source.problems
        return msgspec.structs.replace(source, problems=())

    def cases(self, source: Source) -> Head:
        """Take up the cases of a file; return what it says of all of them."""
        data = source.data
        if data is None:
            return Head()
        if not isinstance(data, dict) or not isinstance(data.get("cases", []), list):
            self._note(source, (), "The file holds no list of cases.", "Write `version: 1` and `cases:` with a list.")
            return Head()
        head = self._head(source, {**data, "cases": []})
        for number, written in enumerate(data.get("cases", [])):
            case = self._case(source, written, ("cases", number))
            if case and self._is_new(source, case, ("cases", number)):
                self.places[case.id] = f"{source.file}:{source.line(('cases', number))}"
                self.found.append(_with(case, head.defaults))
        return head

    def attach(self) -> None:
        """Read the files that cases name."""
        for case in self.found:
            name = case.doc if isinstance(case, RedteamCase) else case.inputs.file if isinstance(case, PerfCase) else ""
            if not name or name in self.attached:
                continue
            file, _, line = self.places[case.id].rpartition(":")
            path = (self._place / name).resolve()
            inside = path.is_relative_to(self._place.resolve())
            try:
                content = path.read_bytes() if inside else b""
            except OSError:
                inside = False
            if not inside:
                what = f"`{name}`, which `{case.id}` names, is no file below {EVALS}/."
                self.problems.append(
                    Problem(file=file, line=int(line), what=what, do="Put it there, or mend the path.")
                )
                continue
            self.attached[name] = content

    def _head(self, source: Source, data: dict[str, Any]) -> Head:
        if source.file.endswith(".jsonl"):
            return Head()
        version = data.get("version")
        if version != 1:
            self._note(source, ("version",), "The file does not begin with its version.", "Begin it with `version: 1`.")
            data = {**data, "version": 1}
        try:
            return fit(source, Head, data)
        except ProjectError as error:
            self.problems += error.problems
            return Head()

    def _case(self, source: Source, written: Any, path: KeyPath) -> Case | None:
        kind = written.get("kind") if isinstance(written, dict) else None
        if kind not in KINDS:
            what = f"`{kind}` is no kind of case." if kind else "The case has no `kind`."
            self._note(source, (*path, "kind"), what, did_you_mean(str(kind or ""), KINDS))
            return None
        fields = {key: value for key, value in written.items() if key != "kind"}
        try:
            case = fit(source, KINDS[kind], fields, path=path)
        except ProjectError as error:
            self.problems += error.problems
            return None
        noted = len(self.problems)
        for what, do in amiss(case):
            self._note(source, path, f"`{case.id}`: {what}", do)
        return case if len(self.problems) == noted else None

    def _is_new(self, source: Source, case: Case, path: KeyPath) -> bool:
        first = self.places.get(case.id)
        if first:
            self._note(source, (*path, "id"), f"The id `{case.id}` stands in {first}, too.", "Give each case its own.")
        return first is None

    def _note(self, source: Source, path: KeyPath, what: str, do: str) -> None:
        self.problems.append(source.problem(path, what, do))

    def _unreadable(self, name: str, what: str, do: str) -> Source:
        self.problems.append(Problem(file=name, line=0, what=what, do=do))
        return Source(file=name, data=None, lines={})


def _with(case: Case, defaults: Defaults) -> Case:
    """Return the case with what its file says for all."""
    return msgspec.structs.replace(
        case,
        epochs=case.epochs or defaults.epochs,
        lang=case.lang or defaults.lang,
        judge=case.judge or defaults.judge,
    )


def _holds_cases(path: Path) -> bool:
    return path.suffix in {".yml", ".yaml", ".jsonl"} and path.name not in OTHERS and path.is_file()


def _inputs(source: Source) -> set[str]:
    """Return the files that are named as inputs: they hold questions, not cases."""
    cases = source.data.get("cases", []) if isinstance(source.data, dict) else []
    named = [case.get("inputs") for case in cases if isinstance(case, dict)] if isinstance(cases, list) else []
    return {str(inputs.get("file", "")) for inputs in named if isinstance(inputs, dict)}


def _lines(name: str, content: bytes) -> Source:
    """Read a file of JSON lines: each that is not empty is a case."""
    lines: dict[KeyPath, int] = {}
    cases: list[Any] = []
    problems: list[Problem] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        try:
            written = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            what = f"This line is not valid JSON: {error}."
            problems.append(Problem(file=name, line=number, what=what, do="Write one case in each line."))
            continue
        lines["cases", len(cases)] = number
        cases.append(written)
    return Source(file=name, data={"cases": cases}, lines=lines, problems=tuple(problems))
