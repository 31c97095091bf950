"""Ids are ULIDs."""

import re

from shipmate.adapters.system_clock import SystemClock


def test_ids_are_26_characters_of_crockfords_alphabet_and_never_the_same() -> None:
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(3000)]
    assert len(set(ids)) == 3000
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", name) for name in ids)


def test_ids_sort_by_the_time_at_which_they_were_made() -> None:
    class Fixed(SystemClock):
        at = 1_700_000_000.0

        def now(self) -> float:
            return self.at

    clock = Fixed()
    earlier = clock.new_id()
    clock.at += 0.001
    assert earlier < clock.new_id()
    assert earlier.startswith("01HF7YAT00")
