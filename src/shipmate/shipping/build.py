"""Build a release of a folder: all that is wrong stops it and is said at once, and the same folder gives the same bytes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from shipmate import __version__, config, layers
from shipmate.adapters.bundle_file import pack
from shipmate.adapters.folder import FolderLock, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.curation import CURATION
from shipmate.disk import disk_faults, write_whole
from shipmate.errors import Damaged, Missing, Problem, ProjectError, SchemaTooNew
from shipmate.evals import suite
from shipmate.evals.tally import tally_of
from shipmate.library import Library
from shipmate.listing import document_names
from shipmate.messages import Record
from shipmate.release import bundle, snapshot
from shipmate.release.bundle import (
    FILES,
    INDEX,
    MANIFEST,
    PURPOSE,
    SIGNATURE,
    SNAPSHOT,
    Documents,
    Evaluation,
    Manifest,
)
from shipmate.release.seal import seal
from shipmate.release.secrets import leaks
from shipmate.release.shelf import RELEASES, SHELF_LOCK, added, making, shelved
from shipmate.scopes import index_digest
from shipmate.signing import KEY_ENV, open_signer
from shipmate.stack import LOCK_FILE, Lock
from shipmate.upkeep import copy_index
from shipmate.versions import follow_release, index_folder, library_of, unread

__all__ = ["Built", "build", "written_files"]

# Read as they are, where they are there.
NAMES = ("charter.yml", "stack.yml", LOCK_FILE, "faq.yml", "sources.yml", "relations.yml", CURATION, config.PROMPT)
# All files in these folders, but for hidden ones.
FOLDERS = ("tools", "evals")
LARGEST_BYTES = 64 << 20
# So many documents are named that are out of step with the index.
NAMED = 10


class Ran(Record, frozen=True, kw_only=True):
    """What was evaluated."""

    # The digest of the cases.
    suite_sha: str
    # A release that was built, or `dev-` and the beginning of the folder's hash.
    release: str


class Decided(Record, frozen=True, kw_only=True):
    """What the gate has decided."""

    verdict: str = ""


class Report(Record, frozen=True, kw_only=True):
    """What of an evaluation's report tells what it is a report of."""

    run: Ran
    decision: Decided | None = None


class Built(Record, frozen=True, kw_only=True):
    """A release that was built, or was there already."""

    release: str
    manifest: Manifest
    # It had been built before, and is as it was.
    was_there: bool
    warnings: tuple[Problem, ...]


def build(
    project: Project,
    *,
    report: Path | None = None,
    replaced: Mapping[str, bytes] | None = None,
    bundled: Path | None = None,
) -> Built:
    """Build a release of a folder, with some of its files `replaced` for a candidate.

    It carries the report of its evaluation, and is written to a file too, where these are named.
    Raises `ProjectError` with every problem that is no warning, `FolderInUse` while somebody else builds or
    ingests, `DiskFull`, `Damaged`; then there is no new release, and no new file.
    """
    state = project.state
    make_state(state)
    with FolderLock(state / SHELF_LOCK, "build"), making(state) as draft:
        files = written_files(project) | dict(replaced or {})
        _put(draft / FILES, files)
        built = config.load_built(draft / FILES, project)
        with FolderLock(state / "ingest.lock", "build"):
            problems = [*_problems(built, project), *leaks(files, _secrets(built)), *_unread(project)]
            if any(not problem.warning for problem in problems):
                raise ProjectError(problems)
            copy_index(index_folder(project), draft / INDEX)
        manifest = _manifest(built, project, draft, report)
        release = _signed(state, draft, manifest)
        was_there = _is_whole(state, release)
        if not was_there:
            follow_release(library_of(manifest, draft / INDEX), built)
            seal(draft, release, open_signer(state))
            added(state, draft, release)
        if bundled:
            pack(state / RELEASES / release, bundled)
    return Built(release=release, manifest=manifest, was_there=was_there, warnings=tuple(problems))


def written_files(project: Project) -> dict[str, bytes]:
    """Return the files of a folder that a release consists of, by name; raise `ProjectError` where they are too large.

    A prompt that stands in `canary.yml` alone, as the control's, is written to the file where prompts are read.
    """
    folder = project.folder
    names = [name for name in NAMES if (folder / name).is_file()]
    for part in FOLDERS:
        for path in sorted((folder / part).rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not any(step.startswith(".") for step in name.parts):
                names.append(name.as_posix())
    with disk_faults(folder):
        if sum((folder / name).stat().st_size for name in names) > LARGEST_BYTES:
            what = f"The files of {' and '.join(FOLDERS)} are larger than {LARGEST_BYTES >> 20} MiB together."
            raise ProjectError([Problem(file=FOLDERS[-1], line=0, what=what, do="Move what no release needs.")])
        files = {name: (folder / name).read_bytes() for name in names}
    if project.prompt and project.canary and config.PROMPT not in files:
        files[config.PROMPT] = (project.canary.variants[0].prompt or "").encode()
    return files


def _put(place: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = place / name
        with disk_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)


def _problems(built: Project, project: Project) -> Iterator[Problem]:
    if built.charter is None:
        do = "Write one: `shipmate init` makes an example in a new folder."
        yield Problem(file="charter.yml", line=0, what="A release is built from a charter, and there is none.", do=do)
    tally, in_cases = tally_of(project.folder)
    yield from in_cases
    names = document_names(project.documents, project.state, SystemClock())
    facts = layers.charter_facts(built, tally=tally, documents=names, is_release=True)
    yield from config.check(built, SystemClock(), releases=layers.releases(built), facts=facts, ships=True)
    yield from layers.problems(built)


def _secrets(built: Project) -> dict[str, str]:
    """Return what the variables hold that are named as the places of keys."""
    named = {KEY_ENV}
    for name in ("model", "embedder"):
        variable = built.stack.layer(name).settings.get("api_key_env")
        named |= {variable} if isinstance(variable, str) else set()
    known = {name: os.environ[name].strip() for name in sorted(named) if name in os.environ}
    keys = os.environ.get(built.stack.server.api_keys_env, "").split(",")
    given = {f"{built.stack.server.api_keys_env} ({key.partition('=')[0].strip()})": key for key in keys if "=" in key}
    return known | {variable: key.partition("=")[2].strip() for variable, key in given.items()}


def _unread(project: Project) -> Iterator[Problem]:
    """Yield the documents that are not in the index as they are now."""
    names = unread(project)
    do = f"Run `shipmate ingest {project.folder}`, then build."
    for name in names[:NAMED]:
        yield Problem(
            file=name, line=0, what="This document was added, changed or removed after the last ingest.", do=do
        )
    if len(names) > NAMED:
        yield Problem(file=f"{len(names) - NAMED} other documents", line=0, what="They were, too.", do=do)


def _manifest(built: Project, project: Project, draft: Path, report: Path | None) -> Manifest:
    """Write the snapshots and the report, and return what the release then consists of."""
    library = Library(draft / INDEX, project.documents)
    collections = library.opened()
    documents = []
    (draft / SNAPSHOT).mkdir()
    for (home, audience), collection in zip(library.audiences.items(), collections, strict=True):
        with closing(collection):
            own = Documents(home=home, audience=audience)
            counted = snapshot.write(collection.index, draft / own.snapshot)
            (draft / own.snapshot).chmod(0o600)
            documents.append(msgspec.structs.replace(own, **counted._asdict()))
    content = config.content_hash(built, index_digest(collections))
    shared = [collection for collection in collections if not collection.audience]
    versions = {f"dev-{one[: bundle.ID_CHARS]}" for one in (content, config.content_hash(built, index_digest(shared)))}
    versions |= {release for release in shelved(project.state) if _content_of(project.state, release) == content}
    evaluation = _evaluated(report, project.folder, versions, draft) if report else None
    return Manifest(
        format=bundle.FORMAT,
        shipmate=__version__,
        name=built.name,
        charter_sha=built.charter_digest,
        layers=Lock.of(built.stack, None, layers.releases(built)).layers,
        content=content,
        collections=tuple(documents),
        evaluation=evaluation,
        files=bundle.contents(draft),
    )


def _evaluated(report: Path, folder: Path, versions: set[str], draft: Path) -> Evaluation:
    """Put a report among the files; raise `ProjectError` for one of other cases, or of another version of the folder."""
    with disk_faults(report):
        content = report.read_bytes()
    try:
        evaluated = msgspec.json.decode(content, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _misfit(report, f"This is no report of an evaluation: {error}.") from error
    wanted = suite.read(folder).digest
    ran = evaluated.run
    if ran.suite_sha != wanted:
        raise _misfit(
            report, f"The report is of other cases ({ran.suite_sha[:12]}) than {suite.EVALS}/ ({wanted[:12]})."
        )
    if ran.release not in versions:
        raise _misfit(report, f"The report is of {ran.release or 'another version'}, and not of what is built.")
    _put(draft / FILES, {bundle.REPORT: content})
    verdict = evaluated.decision.verdict if evaluated.decision else ""
    return Evaluation(file=f"{FILES}/{bundle.REPORT}", suite=wanted, verdict=verdict)


def _content_of(state: Path, release: str) -> str:
    """Return the hash of what a release was built of; nothing for one that does not read."""
    try:
        return bundle.read_manifest(state / RELEASES / release)[0].content
    except (Damaged, Missing, SchemaTooNew):
        return ""


def _misfit(report: Path, what: str) -> ProjectError:
    do = "Evaluate the folder as it is now, and name that report."
    return ProjectError([Problem(file=str(report), line=0, what=what, do=do)])


def _signed(state: Path, draft: Path, manifest: Manifest) -> str:
    """Write manifest and signature; return the release's id."""
    content = bundle.encoded(manifest)
    signature = open_signer(state).sign(content, purpose=PURPOSE)
    with disk_faults(draft):
        write_whole(draft / MANIFEST, content)
        write_whole(draft / SIGNATURE, msgspec.json.encode(signature) + b"\n")
    return bundle.release_id(content)


def _is_whole(state: Path, release: str) -> bool:
    """Tell whether a release is there as it was built."""
    home = state / RELEASES / release
    try:
        return home.exists() and not any(bundle.faults(home, release))
    except (Damaged, Missing):
        return False
