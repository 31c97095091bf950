"""While people ask a real server, a release is promoted and taken back: every question is answered, by one of the two."""

import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.release import PAUSE_S, Load, served
from shipmate import bootstrap
from shipmate.shipping.switch import promote, rollback
from tests.integration.releases import FAQ, built, made, reread
from tests.journeys.process import shipmate

CLIENTS = 4
# The benchmark measures it; other tests may run beside this one.
SOON_S = 3.0
STACK = "version: 1\nserver:\n  limits: {turns_per_minute: 100000, burst: 100000}\n"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, str, str]:
    folder = tmp_path / "helper"
    project = made(folder)
    (folder / "stack.yml").write_text(STACK)
    first = built(bootstrap.load(project.folder))
    (folder / "faq.yml").write_text(FAQ.replace("green", "red"))
    return folder, first, built(reread(folder))


def test_no_question_fails_while_releases_change(two: tuple[Path, str, str]) -> None:
    folder, first, second = two
    project = bootstrap.load(folder)
    promote(project, first)
    with served(folder) as port, Load(port, CLIENTS) as load:
        for change, leaving in ((partial(promote, project, second), first), (partial(rollback, project), second)):
            time.sleep(PAUSE_S)
            begun = time.perf_counter()
            change()
            time.sleep(SOON_S)
            assert load.last_of(leaving) - begun < SOON_S - 1
    assert load.failed == []
    assert {by for _, by in load.replies} == {first, second}
    assert [by for _, by in sorted(load.replies)][-1] == first


def test_a_server_says_what_answers_and_that_the_folder_differs(two: tuple[Path, str, str]) -> None:
    folder, first, _ = two
    promote(bootstrap.load(folder), first)
    # Its address cannot be bound: it says all that it says at its start, and ends.
    ended = shipmate("serve", folder, "--host", "203.0.113.9", "--port", "1")
    assert ended.code
    assert f"The release {first} answers." in ended.out
    assert "differs from it in 1 of its files and documents: faq.yml." in ended.out
    assert f"shipmate diff {first} dev" in ended.out


def test_a_server_does_not_start_on_a_stack_that_was_changed_while_frozen(tmp_path: Path) -> None:
    folder = tmp_path / "helper"
    made(folder)
    frozen = f"{(folder / 'stack.yml').read_text()}\nfrozen_until: 2100-01-01\n"
    (folder / "stack.yml").write_text(frozen)
    assert shipmate("check", "--lock", folder).code == 0
    (folder / "stack.yml").write_text(f"{frozen}embedder: none\n")
    for words in (("serve", folder, "--port", "0"), ("build", folder), ("check", folder)):
        ended = shipmate(*words)
        assert ended.code == 3
        assert "`embedder` is frozen until 2100-01-01" in ended.err
        assert "C060" in ended.err
