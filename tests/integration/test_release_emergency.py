"""What takes something back works whatever is wrong with the folder's files: nobody has the time to mend those first."""

from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.live import Live, Trial, read_live, write_live
from shipmate.release.shelf import RELEASES
from shipmate.shipping.switch import NOTE, promote
from tests.integration.releases import ROSES, built, events, made, reread
from tests.journeys.process import shipmate

BROKEN = {
    "charter.yml": "version: 1\nname: [\n",
    "stack.yml": "version: 1\nmodel: [oops\nembeder: x\n",
    "sources.yml": "version: 1\nsources: {{\n",
    "canary.yml": "traffic_split: 95/5\nvariants: one\n",
    "trusted_keys": "this is no key\n",
}


@pytest.fixture
def broken(tmp_path: Path) -> tuple[Path, str, str]:
    """Give a folder of which no file can be read, and two releases of what it was; the second one answers."""
    folder = tmp_path / "helper"
    project = made(folder)
    first = built(project)
    (folder / "knowledge" / "roses.md").write_text(ROSES.replace("March", "April"))
    second = built(reread(folder))
    promote(project, first)
    promote(project, second)
    for name, text in BROKEN.items():
        (folder / name).write_text(text)
    return folder, first, second


def test_a_release_is_taken_back_and_the_journal_tells_it(broken: tuple[Path, str, str]) -> None:
    folder, first, second = broken
    ended = shipmate("rollback", folder)
    assert (ended.code, f"{first} answers again instead of {second}." in ended.out) == (0, True)
    assert "cannot be told" in ended.err
    assert read_live(folder / ".shipmate").release == first
    assert events(bootstrap.load(folder, despite_problems=True))[-1]["release"] == first
    assert not (folder / ".shipmate" / RELEASES / NOTE).exists()


def test_the_switch_to_the_faq_alone_is_turned(broken: tuple[Path, str, str]) -> None:
    folder, _, _ = broken
    for word, is_on in (("on", True), ("off", False)):
        assert shipmate("faq-only", word, folder).code == 0
        assert read_live(folder / ".shipmate").faq_only is is_on


def test_a_pilot_is_ended(broken: tuple[Path, str, str]) -> None:
    folder, first, second = broken
    trial = Trial(run="r1", mode="pilot", candidate="pilot", release=first, callers=("ada",))
    write_live(folder / ".shipmate", Live(release=second, trial=trial))
    assert shipmate("pilot", "stop", folder).code == 0
    assert read_live(folder / ".shipmate") == Live(release=second)


def test_without_a_canary_its_end_says_that_and_nothing_of_the_files(broken: tuple[Path, str, str]) -> None:
    folder, _, _ = broken
    ended = shipmate("canary", "stop", folder)
    assert (ended.code, "No canary runs here." in ended.err) == (5, True)


def test_what_can_be_gone_back_to_is_listed_shown_and_deleted(broken: tuple[Path, str, str]) -> None:
    folder, first, second = broken
    assert first in shipmate("releases", folder).out
    (folder / "trusted_keys").unlink()
    assert f"{second}  " in shipmate("inspect", second, folder).out
    assert shipmate("verify", second, folder).code == 0
    write_live(folder / ".shipmate", Live(release=second))
    assert shipmate("releases", folder, "--delete", first).out == f"Deleted {first}.\n"


def test_a_release_is_not_promoted_beside_broken_files(broken: tuple[Path, str, str]) -> None:
    """What fits the stack of this installation cannot be told then."""
    folder, first, second = broken
    assert shipmate("promote", first, folder).code == 3
    assert read_live(folder / ".shipmate").release == second
