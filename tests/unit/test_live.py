"""What is live is one file: it is read whole, written whole, and says who is in which arm."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Damaged
from shipmate.live import BUCKETS, LIVE, FollowedLive, Live, Trial, bucket, read_live, write_live


def trial(share: float, salt: str = "s") -> Trial:
    return Trial(run="r", mode="canary", candidate="v2", release="a" * 12, share=share, salt=salt)


def test_without_a_file_the_folder_itself_answers(tmp_path: Path) -> None:
    assert read_live(tmp_path) == Live()


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    live = Live(release="b" * 12, previous="a" * 12, trial=trial(0.05), faq_only=True)
    write_live(tmp_path, live)
    assert read_live(tmp_path) == live


def test_a_damaged_file_is_said_and_changes_nothing_that_runs(tmp_path: Path) -> None:
    write_live(tmp_path, Live(release="a" * 12))
    followed = FollowedLive(tmp_path)
    (tmp_path / LIVE).write_text('{"release": 7}')
    with pytest.raises(Damaged):
        read_live(tmp_path)
    assert not followed.changed()
    assert followed.live.release == "a" * 12
    (tmp_path / LIVE).unlink()
    assert read_live(tmp_path) == Live()


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    followed = FollowedLive(tmp_path)
    write_live(tmp_path, Live(release="a" * 12))
    assert followed.changed()
    assert followed.live.release == "a" * 12
    assert not followed.changed()


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_the_candidate_stays_there_when_the_share_grows(caller: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert not trial(small).has(caller) or trial(large).has(caller)


@given(st.text(), st.text())
def test_buckets_are_in_their_range_and_the_same_each_time(salt: str, caller: str) -> None:
    assert 0 <= bucket(salt, caller) < BUCKETS
    assert bucket(salt, caller) == bucket(salt, caller)


def test_all_or_nobody_at_the_ends_of_the_share() -> None:
    callers = [str(number) for number in range(1000)]
    assert all(trial(1.0).has(caller) for caller in callers)
    assert not any(trial(0.0).has(caller) for caller in callers)


@pytest.mark.parametrize("share", ["-0.1", "1.5", "1e308"])
def test_a_share_that_is_none_is_damage(tmp_path: Path, share: str) -> None:
    trial = f'{{"run": "r", "mode": "canary", "candidate": "c", "release": "r", "share": {share}}}'
    (tmp_path / LIVE).write_text(f'{{"trial": {trial}}}')
    with pytest.raises(Damaged):
        read_live(tmp_path)
