"""A release is built of a folder in which nothing is wrong: the same bytes each time, or none at all."""

import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipmate import bootstrap
from shipmate.adapters.bundle_file import unpack
from shipmate.adapters.folder import FolderLock
from shipmate.config import Project
from shipmate.errors import Damaged, DiskFull, FolderInUse, ProjectError
from shipmate.evals import suite
from shipmate.release import snapshot
from shipmate.release.bundle import FILES, SIGNATURE, read_manifest
from shipmate.release.shelf import home_of, shelved
from shipmate.shipping.build import build
from shipmate.shipping.shelved import examine, inspect
from shipmate.signing import KEY, KEY_ENV
from tests.integration.releases import ROSES, built, made, reread

CASES = "version: 1\ncases:\n  - {id: roses, kind: answer, input: When are roses pruned?, expect: {contains: March}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path / "helper")


def test_the_same_folder_is_the_same_bytes_at_another_place_and_time(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither paths nor times, nor how the index came about, are in a release."""
    first = build(project, bundled=tmp_path / "first")
    monkeypatch.setenv(KEY_ENV, (project.state / KEY).read_text())
    elsewhere = tmp_path / "some" / "where" / "else"
    elsewhere.parent.mkdir(parents=True)
    shutil.copytree(project.folder, elsewhere, ignore=shutil.ignore_patterns(".shipmate"))
    (elsewhere / "knowledge" / "roses.md").write_text("# Roses\n\nNothing yet.\n")
    reread(elsewhere)
    (elsewhere / "knowledge" / "roses.md").write_text(ROSES)
    os.utime(elsewhere / "charter.yml", (1, 1))
    later = (datetime.now(UTC) + timedelta(days=60)).timestamp()
    monkeypatch.setattr(time, "time", lambda: later)
    second = build(reread(elsewhere), bundled=tmp_path / "second")
    assert first.release == second.release
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_what_was_built_before_is_not_built_again(project: Project) -> None:
    first, second = build(project), build(project)
    assert first.release == second.release
    assert (first.was_there, second.was_there) == (False, True)
    assert shelved(project.state) == [first.release]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("knowledge/roses.md", ROSES.replace("March", "April")),
        ("knowledge/lilies.md", "# Lilies\n\nLilies like the shade.\n"),
        ("faq.yml", "version: 1\nfaq:\n  - {question: Hello, answer: Hello!}\n"),
        ("prompts/answer.md", "Be brief.\n"),
        ("curation.yml", "version: 1\nsynonyms: [[rose, rosebush]]\n"),
        ("tools/orders.yml", "version: 1\n"),
        ("evals/core.yml", CASES),
    ],
)
def test_whatever_changes_makes_another_release(project: Project, name: str, text: str) -> None:
    before = built(project)
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    after = build(reread(project.folder))
    assert after.release != before
    assert name.startswith("knowledge/") or f"{FILES}/{name}" in after.manifest.files


def test_a_release_holds_the_files_as_they_were_written_and_the_documents_as_they_were_cut(project: Project) -> None:
    release = built(project)
    home = home_of(project.state, release)
    for name in ("charter.yml", "stack.yml", "faq.yml"):
        assert (home / FILES / name).read_bytes() == (project.folder / name).read_bytes()
    documents = {document.source: document for document in snapshot.read(home / "snapshot" / "shared.jsonl")}
    assert sorted(documents) == ["roses.md", "tulips.md"]
    assert "Roses are pruned in March" in documents["roses.md"].passages[0].text
    assert {path.stat().st_mode & 0o777 for path in (home / "snapshot").iterdir()} == {0o600}
    assert examine(project, release) == (release, [])


def test_what_few_may_see_is_in_the_release_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "helper"
    made(folder)
    (folder / "board").mkdir()
    (folder / "board" / "wages.md").write_text("# Wages\n\nThe gardener earns 4,200 euros.\n")
    sources = "version: 1\nfolders:\n  - knowledge\n  - {path: board, audience: [board], separate: true}\n"
    (folder / "sources.yml").write_text(sources)
    manifest = build(reread(folder)).manifest
    assert [(own.audience, own.documents, own.restricted) for own in manifest.collections] == [
        ((), 2, 0),
        (("board",), 1, 1),
    ]


def refused(project: Project, report: Path | None = None) -> str:
    """Try to build; return what is said, when nothing is left of it."""
    before = {path: path.read_bytes() for path in (project.state / "releases").rglob("*") if path.is_file()}
    with pytest.raises(ProjectError) as raised:
        build(project, bundled=project.folder / "out.release", report=report)
    after = {path: path.read_bytes() for path in (project.state / "releases").rglob("*") if path.is_file()}
    assert after == before
    assert not list(project.folder.glob("out.release*"))
    return str(raised.value)


def test_every_error_of_the_charter_is_said_at_once_and_stops_it(project: Project) -> None:
    charter = project.folder / "charter.yml"
    text = re.sub(r"by: \d{4}-\d\d-\d\d", "by: 2020-01-01", charter.read_text())
    charter.write_text(text.replace("metric: ftr", "metric: joy"))
    said = refused(reread(project.folder))
    assert "charter.yml:8" in said
    assert "charter.yml:11" in said


def test_documents_that_were_added_changed_or_removed_after_the_ingest_stop_it(project: Project) -> None:
    """They are told by what they hold, not by when they were written."""
    knowledge = project.folder / "knowledge"
    os.utime(knowledge / "roses.md", (1, 1))
    built(project)
    (knowledge / "roses.md").write_text(ROSES.replace("March", "April"))
    os.utime(knowledge / "roses.md", (1, 1))
    (knowledge / "tulips.md").unlink()
    (knowledge / "lilies.md").write_text("# Lilies\n\nLilies like the shade.\n")
    said = refused(project)
    assert all(name in said for name in ("roses.md", "tulips.md", "lilies.md"))
    assert f"shipmate ingest {project.folder}" in said


def test_a_file_that_cannot_be_read_does_not_stop_it_for_ever(project: Project) -> None:
    (project.folder / "knowledge" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    assert built(reread(project.folder))


def test_a_layer_that_was_changed_while_frozen_stops_it_until_somebody_answers_for_it(project: Project) -> None:
    stack = project.folder / "stack.yml"
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    frozen = f"{stack.read_text()}\nfrozen_until: {until}\n"
    stack.write_text(frozen)
    assert "stack.lock is missing" in refused(bootstrap.load(project.folder))
    bootstrap.lock_stack(project.folder)
    assert built(bootstrap.load(project.folder))
    changed = f"{frozen}embedder: none\n"
    stack.write_text(changed)
    assert "C060" in refused(reread(project.folder))
    answered_for = f"freeze_exception: {{owner: Ada, reason: It fails., expires: {until}}}\n"
    stack.write_text(f"{changed}{answered_for}")
    assert built(reread(project.folder))


@pytest.mark.parametrize(
    "leak",
    [
        "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PRIVATE KEY-----",
        "the key of the model is orange-juice-4711",
        "a key of a caller is plum-cake-0815",
    ],
)
def test_keys_do_not_leave_the_house(project: Project, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Neither what looks like one, nor what the variables hold that the stack names; the key itself is not shown."""
    monkeypatch.setenv("MODEL_KEY", "orange-juice-4711")
    monkeypatch.setenv("SHIPMATE_API_KEYS", "shop=plum-cake-0815")
    model = "model: {adapter: openai_compatible, base_url: http://127.0.0.1:9/v1, model: m, api_key_env: MODEL_KEY}"
    stack = project.folder / "stack.yml"
    stack.write_text(stack.read_text().replace("model: extractive", model))
    (project.folder / "prompts").mkdir()
    (project.folder / "prompts" / "answer.md").write_text(f"Be brief.\n{leak}\n")
    said = refused(reread(project.folder))
    assert "prompts/answer.md:2" in said
    assert leak.rpartition(" ")[2] not in said.replace("KEY-----", "")


def evaluated(project: Project, **other: str) -> Path:
    (project.folder / "evals").mkdir(exist_ok=True)
    (project.folder / "evals" / "core.yml").write_text(CASES)
    content = build(project).manifest.content
    run = {"suite_sha": suite.read(project.folder).digest, "release": f"dev-{content[:12]}", "results": []} | other
    path = project.folder / "report.json"
    path.write_text(json.dumps({"run": run, "decision": {"verdict": "PASS"}}))
    return path


def test_a_release_carries_the_report_of_its_own_evaluation(project: Project) -> None:
    report = evaluated(project)
    made_of = build(project, report=report)
    assert made_of.manifest.evaluation is not None
    assert made_of.manifest.evaluation.verdict == "PASS"
    home = home_of(project.state, made_of.release)
    assert (home / made_of.manifest.evaluation.file).read_bytes() == report.read_bytes()


@pytest.mark.parametrize(
    ("other", "said"),
    [({"suite_sha": "0" * 64}, "other cases"), ({"release": "dev-000000000000"}, "dev-000000000000")],
)
def test_a_report_of_other_cases_or_of_another_version_is_refused(
    project: Project, other: dict[str, str], said: str
) -> None:
    assert said in refused(project, report=evaluated(project, **other))


def test_what_is_no_report_is_refused(project: Project) -> None:
    (project.folder / "report.json").write_bytes(b"\xff")
    assert "no report" in refused(project, report=project.folder / "report.json")


def test_a_candidate_is_built_of_the_folder_with_some_files_replaced(project: Project) -> None:
    plain = build(project)
    candidate = build(project, replaced={"prompts/answer.md": b"Be brief.\n"})
    assert candidate.release != plain.release
    assert candidate.manifest.files.keys() - plain.manifest.files.keys() == {f"{FILES}/prompts/answer.md"}
    assert not (project.folder / "prompts").exists()


def test_a_build_waits_for_nobody_and_says_who_is_there(project: Project) -> None:
    with FolderLock(project.state / "ingest.lock", "ingest"), pytest.raises(FolderInUse, match="ingest"):
        build(project)
    assert shelved(project.state) == []


@pytest.mark.parametrize("call", ["os.fsync", "os.open", "os.rename"])
def test_a_full_disk_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Wherever the disk is full: there is no release, no file and nothing half-written."""
    out = project.folder / "out.release"
    there = sorted(project.state.rglob("*"))
    function: Callable[..., object] = getattr(os, call.removeprefix("os."))
    left = 0

    def full(*arguments: object, **more: object) -> object:
        nonlocal left
        is_ours = call == "os.fsync" or any("releases" in str(one) or "out.release" in str(one) for one in arguments)
        is_ours = is_ours and (call != "os.open" or bool(int(str(arguments[1])) & os.O_CREAT))
        left -= is_ours
        if is_ours and left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*arguments, **more)

    for number in (*range(8), *range(8, 1000, 9)):
        left = number
        with monkeypatch.context() as patched:
            patched.setattr(os, call.removeprefix("os."), full)
            try:
                build(project, bundled=out)
            except DiskFull:
                failed = True
            else:
                failed = False
        if not failed:
            assert number, "it was never full"
            return
        there_now = [path for path in sorted(project.state.rglob("*")) if path not in there]
        complete = {home_of(project.state, release) for release in shelved(project.state)}
        assert all(
            path.name in {"releases", "shelf.lock", KEY} or any(path.is_relative_to(home) for home in complete)
            for path in there_now
        )
        assert not list(project.folder.glob("out.release*"))
        assert all(examine(project, release)[1] == [] for release in shelved(project.state))
        shutil.rmtree(project.state / "releases", ignore_errors=True)
    pytest.fail("it never ends")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    folder = tmp_path_factory.mktemp("bundle")
    project = made(folder / "helper")
    build(project, bundled=folder / "helper.release")
    return project, folder / "helper.release"


def test_an_untouched_file_is_what_was_built(bundle: tuple[Project, Path]) -> None:
    project, file = bundle
    assert examine(project, str(file)) == (built(project), [])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(where=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_file_is_found(bundle: tuple[Project, Path], tmp_path: Path, where: int, bit: int) -> None:
    project, file = bundle
    content = bytearray(file.read_bytes())
    content[where % len(content)] ^= 1 << bit
    changed = tmp_path / "changed.release"
    changed.write_bytes(content)
    assert examine(project, str(changed))[1]


@given(size=st.integers(min_value=0), more=st.binary(max_size=1024))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_file_that_was_cut_off_or_goes_on_is_no_release(
    bundle: tuple[Project, Path], tmp_path: Path, size: int, more: bytes
) -> None:
    project, file = bundle
    content = file.read_bytes()
    content = content + more if more else content[: size % len(content)]
    (tmp_path / "cut.release").write_bytes(content)
    assert examine(project, str(tmp_path / "cut.release"))[1]


def test_what_was_changed_in_a_file_is_named(bundle: tuple[Project, Path], tmp_path: Path) -> None:
    project, file = bundle
    content = file.read_bytes()
    changed = tmp_path / "changed.release"
    changed.write_bytes(content.replace(b"in March, when", b"in April, when"))
    assert examine(project, str(changed))[1] == ["snapshot/shared.jsonl was changed"]


def test_a_manifest_that_was_changed_is_shown_under_nobodys_name(bundle: tuple[Project, Path], tmp_path: Path) -> None:
    project, path = bundle
    changed = tmp_path / "changed.release"
    name = b'"name": "'
    at = path.read_bytes().index(name) + len(name)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    changed.write_bytes(content)
    with pytest.raises(Damaged, match="is not what ed25519:"):
        inspect(project, str(changed))


def test_the_name_of_no_file_leads_outside(bundle: tuple[Project, Path], tmp_path: Path) -> None:
    project, file = bundle
    changed = tmp_path / "changed.release"
    changed.write_bytes(file.read_bytes().replace(b"files/faq.yml", b"../../../esc.py"[:13]))
    assert examine(project, str(changed))[1]
    home = tmp_path / "home"
    home.mkdir()
    unpack(file, home)
    assert read_manifest(home)[0].name
    assert (home / SIGNATURE).exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), where=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_release_that_stands_here_is_found_and_named(
    bundle: tuple[Project, Path], data: st.DataObject, where: int, bit: int
) -> None:
    """Also in its index, which is no part of what is signed by whoever has built it."""
    project, _ = bundle
    release = built(project)
    home = home_of(project.state, release)
    files = sorted(path for path in home.rglob("*") if path.stat().st_size and not path.name.endswith(".lock"))
    path = data.draw(st.sampled_from([path for path in files if path.is_file()]))
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[where % len(whole)] ^= 1 << bit
    path.write_bytes(changed)
    try:
        wrong = examine(project, release)[1]
    finally:
        path.write_bytes(whole)
    assert any(path.name in fault or path.relative_to(home).as_posix() in fault for fault in wrong), wrong
