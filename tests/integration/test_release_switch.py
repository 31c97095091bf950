"""Which release answers is said by one file, which changes as a whole, whatever happens on the way."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import shipmate as package
from shipmate import bootstrap
from shipmate.adapters.folder import FolderLock
from shipmate.config import Project
from shipmate.errors import Damaged, FolderInUse, Missing, ProjectError, Untrusted, UsageError
from shipmate.live import Live, Trial, read_live, write_live
from shipmate.release.shelf import LOCK, SHELF_LOCK, home_of, shelved
from shipmate.shipping.build import build
from shipmate.shipping.shelved import delete, examine, inspect, releases
from shipmate.shipping.sides import diff, drift, widened
from shipmate.shipping.switch import NOTE, promote, rollback, settle
from shipmate.signing import KEY, TRUSTED, open_signer
from tests.integration.releases import ROSES, answered, ask, built, events, made, reread
from tests.journeys.process import shipmate

WHEN = "When are roses pruned?"
GATE = "Which colour has the gate?"
LIVE_S = 5.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path / "helper")


@pytest.fixture
def two(project: Project) -> tuple[Project, str, str]:
    """Give a folder with two releases: roses are pruned in March in the first one, in April in the second."""
    first = built(project)
    roses = project.folder / "knowledge" / "roses.md"
    roses.write_text(ROSES.replace("March", "April"))
    return reread(project.folder), first, built(reread(project.folder))


def test_what_is_live_answers_with_its_own_documents_files_and_name(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    (project.folder / "faq.yml").write_text("version: 1\nfaq: []\n")
    project = reread(project.folder)
    for release, month in ((first, "March"), (second, "April")):
        promote(project, release)
        reply = answered(project, WHEN, None)
        assert (reply.release, month in reply.text) == (release, True)
        assert "green" in (answered(project, GATE, None)).text
    assert "green" not in (answered(project, GATE, "")).text


async def test_a_running_assistant_answers_from_what_is_promoted_and_taken_back(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    await asyncio.to_thread(promote, project, first)
    async with bootstrap.open_house(project) as house:
        assert (await ask(house, WHEN)).release == first
        await asyncio.to_thread(promote, project, second)
        await _until(house, second)
        await asyncio.to_thread(rollback, project)
        await _until(house, first)


async def _until(house: bootstrap.House, release: str) -> None:
    async with asyncio.timeout(LIVE_S):
        while (await ask(house, WHEN)).release != release:  # noqa: ASYNC110 - as somebody who asks sees it
            await asyncio.sleep(0.05)


def test_the_journal_tells_who_let_what_answer_and_why(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    promote(project, first, by="Ada")
    promote(project, second, by="Ben", reason="April is right")
    rollback(project, by="Ada", reason="it is not")
    assert [(event["name"], event["release"], event["data"]) for event in events(project)] == [
        ("release.promoted", first, {"release": first, "previous": "", "by": "Ada", "reason": ""}),
        ("release.promoted", second, {"release": second, "previous": first, "by": "Ben", "reason": "April is right"}),
        ("release.rolled_back", first, {"release": first, "previous": second, "by": "Ada", "reason": "it is not"}),
    ]


def test_taking_back_goes_back_and_forth(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    promote(project, first)
    promote(project, second)
    assert promote(project, second).is_news is False
    assert rollback(project).live == Live(release=first, previous=second)
    assert rollback(project).live == Live(release=second, previous=first)


def test_before_anything_was_promoted_there_is_nothing_to_take_back(project: Project) -> None:
    with pytest.raises(Missing, match="nothing to go back to"):
        rollback(project)
    assert not events(project)


def on_trial(project: Project, release: str) -> Trial:
    trial = Trial(run="run-1", mode="canary", candidate="brief", release=release, share=0.05, salt="s")
    write_live(project.state, Live(release=read_live(project.state).release, trial=trial))
    return trial


def test_taking_back_with_a_candidate_on_trial_ends_the_trial_and_nothing_else(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    promote(project, first)
    on_trial(project, second)
    assert rollback(project, reason="harm").live == Live(release=first)
    assert events(project)[-1]["data"] == {
        "release": first,
        "previous": second,
        "by": "",
        "reason": "harm",
        "run": "run-1",
    }


def test_a_candidate_on_trial_is_promoted_and_no_other(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    (project.folder / "faq.yml").write_text("version: 1\nfaq: []\n")
    third = built(reread(project.folder))
    promote(project, first)
    on_trial(project, second)
    before = read_live(project.state)
    with pytest.raises(UsageError, match="run-1"):
        promote(project, third)
    assert read_live(project.state) == before
    assert promote(project, second).live == Live(release=second, previous=first)
    assert events(project)[-1]["data"]["run"] == "run-1"


def test_the_kill_switch_outlives_a_promotion(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    write_live(project.state, Live(faq_only=True))
    assert promote(project, first).live.faq_only is True


@pytest.mark.parametrize("lock", [LOCK, SHELF_LOCK])
def test_two_do_not_promote_at_once(two: tuple[Project, str, str], lock: str) -> None:
    project, first, _ = two
    with FolderLock(project.state / lock, "promote"), pytest.raises(FolderInUse, match="promote"):
        promote(project, first)
    assert read_live(project.state) == Live()


def test_a_release_is_taken_back_while_another_one_is_being_built(two: tuple[Project, str, str]) -> None:
    """A build with a slow embedder takes its time; harm does not wait for it."""
    project, first, second = two
    promote(project, first)
    promote(project, second)
    with FolderLock(project.state / SHELF_LOCK, "build"):
        assert rollback(project).live.release == first


@pytest.mark.parametrize("name", ["files/faq.yml", "snapshot/shared.jsonl", "manifest.json", "signature.json"])
def test_what_was_changed_is_not_promoted_nor_gone_back_to(two: tuple[Project, str, str], name: str) -> None:
    project, first, second = two
    promote(project, first)
    promote(project, second)
    path = home_of(project.state, first) / name
    path.write_bytes(path.read_bytes().replace(b"e", b"a", 1))
    if name != "signature.json":
        with pytest.raises(Damaged):
            rollback(project)
    with pytest.raises((Damaged, Untrusted)):
        promote(project, first)
    assert read_live(project.state).release == second


def test_a_damaged_index_is_made_anew_from_the_documents(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    for path in (home_of(project.state, first) / "index").rglob("*.npy"):
        path.unlink()
    assert examine(project, first)[1]
    promote(project, first)
    assert examine(project, first)[1] == []


def test_an_index_of_an_earlier_version_is_made_anew_when_it_is_opened(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    index = home_of(project.state, first) / "index"
    (index / "passages-4").rename(index / "passages-3")
    reply = answered(project, WHEN, first)
    assert "March" in reply.text
    assert examine(project, first)[1] == []


def test_a_changed_file_of_what_is_live_does_not_answer(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    promote(project, first)
    (home_of(project.state, first) / "files" / "faq.yml").write_text("version: 1\nfaq: []\n")
    with pytest.raises(Damaged, match=r"files/faq\.yml was changed"):
        answered(project, WHEN, None)


def elsewhere(project: Project, place: Path) -> Project:
    """Copy an assistant as version control would: without what it made itself."""
    shutil.copytree(project.folder, place, ignore=shutil.ignore_patterns(".shipmate"))
    return reread(place)


def test_a_release_from_elsewhere_answers_once_whoever_built_it_is_trusted(project: Project, tmp_path: Path) -> None:
    bundle = tmp_path / "helper.release"
    release = build(project, bundled=bundle).release
    expected = answered(project, WHEN, release)
    other = elsewhere(project, tmp_path / "other")
    (other.folder / "knowledge" / "roses.md").write_text("# Roses\n\nNothing is known.\n")
    with pytest.raises(Untrusted):
        promote(other, str(bundle))
    assert shelved(other.state) == []
    assert read_live(other.state) == Live()
    (other.folder / TRUSTED).write_text(f"{open_signer(project.state).public} the build runner\n")
    assert inspect(other, str(bundle)).trusted_as == "the build runner"
    promote(other, str(bundle))
    reply = answered(other, WHEN, None)
    assert (reply.release, reply.text) == (release, expected.text)
    assert examine(other, release)[1] == []


def test_a_damaged_file_leaves_nothing(project: Project, tmp_path: Path) -> None:
    bundle = tmp_path / "helper.release"
    build(project, bundled=bundle)
    other = elsewhere(project, tmp_path / "other")
    bundle.write_bytes(bundle.read_bytes()[:-20_000])
    with pytest.raises(Damaged):
        promote(other, str(bundle))
    assert list((other.state / "releases").iterdir()) == []


def test_a_release_that_is_needed_is_not_deleted(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    promote(project, first)
    promote(project, second)
    for release in (first, second):
        with pytest.raises(UsageError):
            delete(project, release)
    assert [(one.release, one.role) for one in releases(project)] == [(second, "live"), (first, "previous")]
    (project.folder / "faq.yml").write_text("version: 1\nfaq: []\n")
    third = built(reread(project.folder))
    assert delete(project, third[:6]) == third
    assert third not in shelved(project.state)


GROUPS = "version: 1\ngroups:\n  ada: [staff]\n"
STAFF_ONLY = "---\naudience: [staff]\n---\n"
WAGES = f"{STAFF_ONLY}# Wages\n\nThe head gardener earns 4,200 euros a month.\n"


def test_who_left_a_group_is_not_let_back_in_by_an_earlier_release(tmp_path: Path) -> None:
    """Who may see what is for the folder as it is to say, whichever release answers."""
    project = made(tmp_path / "helper", roses=ROSES, wages=WAGES)
    (project.folder / "stack.yml").write_text(GROUPS)
    project = bootstrap.load(project.folder)
    release = built(project)
    question = "How much does the head gardener earn?"
    assert "4,200" in (answered(project, question, release, "ada")).text
    (project.folder / "stack.yml").write_text("version: 1\n")
    promote(bootstrap.load(project.folder), release)
    assert "4,200" not in (answered(bootstrap.load(project.folder), question, None, "ada")).text


def test_what_is_blocked_now_is_blocked_in_earlier_releases_too(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    (project.folder / "curation.yml").write_text("version: 1\nblocks: [roses.md]\n")
    reply = answered(bootstrap.load(project.folder), WHEN, first)
    assert "March" not in reply.text
    assert (answered(project, "When do tulip bulbs go into the ground?", first)).text.count("October") == 1


def test_other_repairs_are_those_of_the_release(project: Project) -> None:
    (project.folder / "stack.yml").write_text("version: 1\nembedder: none\n")
    (project.folder / "curation.yml").write_text("version: 1\nsynonyms: [[rose, thornbush]]\n")
    release = built(bootstrap.load(project.folder))
    (project.folder / "curation.yml").unlink()
    now = bootstrap.load(project.folder)
    hits = asyncio.run(bootstrap.search(now, "thornbush", 3, release=release))
    assert [hit.passage.source for hit in hits[:1]] == ["roses.md"]
    assert asyncio.run(bootstrap.search(now, "thornbush", 3)) == []


def test_a_stack_that_is_frozen_out_is_not_promoted(project: Project) -> None:
    stack = project.folder / "stack.yml"
    before = stack.read_text()
    stack.write_text(f"{before}\nembedder: none\n")
    release = built(reread(project.folder))
    stack.write_text(f"{before}\nfrozen_until: 2100-01-01\n")
    bootstrap.lock_stack(project.folder)
    with pytest.raises(ProjectError, match="C060"):
        promote(reread(project.folder), release)
    assert read_live(project.state) == Live()
    (project.folder / "stack.lock").unlink()
    with pytest.raises(ProjectError, match=r"stack\.lock is missing"):
        promote(reread(project.folder), release)


def test_the_folder_is_held_against_what_is_live(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    assert drift(project) is None
    promote(project, first)
    (project.folder / "faq.yml").write_text("version: 1\nfaq: []\n")
    found = drift(project)
    assert found is not None
    assert (found.release, found.files, found.documents) == (first, ("faq.yml",), ("roses.md",))


def test_two_releases_are_compared_by_settings_prompts_and_passages(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    stack, charter = project.folder / "stack.yml", project.folder / "charter.yml"
    stack.write_text(stack.read_text().replace("model: extractive", "model: extractive\nembedder: none"))
    charter.write_text(charter.read_text().replace("target: 0.70", "target: 0.75"))
    (project.folder / "prompts").mkdir()
    (project.folder / "prompts" / "answer.md").write_text("Be brief.\n")
    (project.folder / "knowledge" / "tulips.md").unlink()
    found = diff(reread(project.folder), first, "dev")
    assert [(one.file, one.key, one.before, one.after) for one in found.settings] == [
        ("charter.yml", "goal.target", "0.7", "0.75"),
        ("stack.yml", "embedder", "", "none"),
    ]
    assert [(text.file, text.lines[1:]) for text in found.texts] == [("prompts/answer.md", ("+Be brief.",))]
    roses, tulips = found.documents
    assert (roses.document, roses.what) == ("roses.md", "changed")
    assert "March" in roses.gone[0]
    assert "April" in roses.new[0]
    assert (tulips.document, tulips.what, tulips.new) == ("tulips.md", "removed", ())
    assert diff(project, second, second).is_empty


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_a_kill_at_any_change_leaves_exactly_one_live_release(two: tuple[Project, str, str], action: str) -> None:
    """Whole, and either the one from before or the one from after; the journal tells of it then, and only then."""
    project, first, second = two
    promote(project, second if action == "rollback" else first)
    before, after = first, second
    if action == "rollback":
        promote(project, first)
    home = Path(package.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-m", "tests.integration.crash_points", project.folder, before, after, action],
        env=os.environ | {"PYTHONPATH": f"{home}{os.pathsep}{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    points = [json.loads(line) for line in run.stdout.splitlines()]
    assert points, run.stderr
    assert run.returncode == 0, run.stderr
    assert [point["killed"] for point in points] == [True] * (len(points) - 1) + [False]
    assert len(points) > 5
    lives = [point["live"] for point in points]
    assert lives == sorted(lives, key=[before, after].index)
    assert (lives[0], lives[-1]) == (before, after)
    told = 1 if action == "rollback" else 0
    for point in points:
        assert point["wrong"] == []
        assert point["told"] == told + (point["live"] == after)
        assert point["goes on"] in {before, after} - {point["live"]}


def test_a_note_of_what_did_not_happen_is_forgotten(two: tuple[Project, str, str]) -> None:
    project, first, second = two
    promote(project, first)
    note = {
        "live": {"version": 1, "release": second},
        "event": {"name": "release.promoted", "ts": 1.0, "event_id": "e"},
    }
    (project.state / "releases" / NOTE).write_text(json.dumps(note))
    settle(project)
    assert not (project.state / "releases" / NOTE).exists()
    assert len(events(project)) == 1


def test_keys_are_not_in_releases(project: Project) -> None:
    home = home_of(project.state, built(project))
    secret = (project.state / KEY).read_bytes().strip()
    assert not any(secret in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_backup_brings_back_what_was_live_and_its_index_is_made_again(
    two: tuple[Project, str, str], tmp_path: Path
) -> None:
    project, first, second = two
    promote(project, first)
    promote(project, second)
    expected = answered(project, WHEN, None)
    bootstrap.backup(project.folder, tmp_path / "monday.tar.gz")
    rollback(project)
    delete_all(project)
    bootstrap.restore(project.folder, tmp_path / "monday.tar.gz")
    assert read_live(project.state) == Live(release=second, previous=first)
    assert not (home_of(project.state, second) / "index").exists()
    restored = answered(project, WHEN, None)
    assert (restored.release, restored.text) == (expected.release, expected.text)
    assert rollback(project).live.release == first


def delete_all(project: Project) -> None:
    """Take away what a backup has to bring back."""
    shutil.rmtree(project.state / "releases")
    (project.state / KEY).unlink()


def test_a_backup_whose_live_release_is_missing_is_refused(two: tuple[Project, str, str], tmp_path: Path) -> None:
    project, first, _ = two
    promote(project, first)
    shutil.rmtree(home_of(project.state, first))
    bootstrap.backup(project.folder, tmp_path / "monday.tar.gz")
    with pytest.raises(Damaged, match=f"the release {first} answers, and does not hold it"):
        bootstrap.restore(project.folder, tmp_path / "monday.tar.gz")


def test_a_document_that_fewer_may_see_by_now_is_named_when_an_earlier_release_answers(tmp_path: Path) -> None:
    project = made(tmp_path / "helper", roses=ROSES, wages=WAGES.removeprefix(STAFF_ONLY))
    first = built(project)
    (project.folder / "knowledge" / "wages.md").write_text(WAGES)
    assert widened(reread(project.folder), first) == ["wages.md"]
    ended = shipmate("promote", first[:6], project.folder)
    assert ended.code == 0
    assert f"{first} answers now instead of the folder as it is." in ended.out
    assert "shows wages.md to people who may not see it" in ended.err
    assert "shipmate block wages.md" in ended.err
    second = built(reread(project.folder))
    assert "wages.md" not in shipmate("promote", second, project.folder).err


def test_a_document_that_was_deleted_is_named_when_an_earlier_release_brings_it_back(
    two: tuple[Project, str, str],
) -> None:
    project, first, second = two
    promote(project, first)
    (project.folder / "knowledge" / "tulips.md").unlink()
    later = built(reread(project.folder))
    promote(project, later)
    delete(project, second)
    ended = shipmate("rollback", project.folder)
    assert ended.code == 0
    assert "still shows tulips.md, which the folder has no more" in ended.err
    assert f"--delete {first} --even-previous`" in ended.err
    back = shipmate("promote", later, project.folder)
    assert "still shows" not in back.err
    assert shipmate("releases", project.folder, "--delete", first).code == 2
    assert shipmate("releases", project.folder, "--delete", first, "--even-previous").code == 0
    assert (shelved(project.state), read_live(project.state)) == ([later], Live(release=later))
    assert not any(b"Tulip" in path.read_bytes() for path in (project.state / "releases").rglob("*") if path.is_file())


def test_the_commands_tell_what_is_wrong_by_their_exit_codes(project: Project, tmp_path: Path) -> None:
    """A pipeline reads exit codes: 3 for the folder, 5 for what is not there, 6 for what was changed, 2 for a stranger's."""
    bundle = tmp_path / "helper.release"
    assert shipmate("build", project.folder, "-o", bundle).code == 0
    listed = json.loads(shipmate("releases", project.folder, "--json").out)
    assert [one["release"] for one in listed] == shelved(project.state)
    assert shipmate("verify", bundle, project.folder).code == 0
    other = elsewhere(project, tmp_path / "other")
    assert shipmate("verify", bundle, other.folder).code == 6
    key = shipmate("key", project.folder).out.strip()
    assert shipmate("verify", bundle, other.folder, "--key", key).code == 0
    assert shipmate("promote", bundle, other.folder).code == 2
    assert shipmate("promote", "0123456789ab", other.folder).code == 5
    bundle.write_bytes(bundle.read_bytes().replace(b"green", b"grEEn"))
    changed = shipmate("verify", bundle, project.folder)
    assert (changed.code, changed.out) == (6, "files/faq.yml was changed\n")
    (project.folder / "charter.yml").unlink()
    assert shipmate("build", project.folder).code == 3


def test_the_doctor_looks_at_what_is_live(two: tuple[Project, str, str]) -> None:
    project, first, _ = two
    promote(project, first)
    assert f"The release {first} answers, and is what was built." in shipmate("doctor", project.folder).out
    (home_of(project.state, first) / "files" / "faq.yml").write_text("version: 1\nfaq: []\n")
    ended = shipmate("doctor", project.folder)
    assert ended.code == 6
    assert "Of the release that is live, files/faq.yml was changed." in ended.out
