"""What of a passage can be quoted, and that an index may keep it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.outline import Kind, Outline, outline, packed, recall
from shipmate.messages import Passage

LINES = st.sampled_from(
    (
        "# Berths",
        "Is a berth free?",
        "A berth costs 30 euros a night. It includes water.",
        "Follow these steps:",
        "- Call the office.",
        "Back up the [tide table](https://harbour.example/tides).",
        "| Fuel | Price |",
        "Menu",
        "© 2026 Harbour of Lund",
        "```\nmoor --all\n```",
        "Überfahrt nach Ærø: 12 €.",
        "",
    )
)
TEXTS = st.lists(LINES | st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30).map("\n".join)


def passage(text: str, *headings: str) -> Passage:
    return Passage(source="harbour.md", title="Harbour", headings=headings, text=text, start=0, end=len(text))


def taken_apart(found: Passage) -> Outline:
    outline.cache_clear()
    return outline(found)


@given(TEXTS, st.lists(LINES, max_size=2))
def test_recalled_outline_is_the_one_that_was_packed(text: str, headings: list[str]) -> None:
    found = passage(text, *headings)
    made = taken_apart(found)
    recall(found, packed(found))
    assert taken_apart(found) == made


def test_pieces_have_to_do_with_what_they_hold_stand_under_and_stand_beside() -> None:
    text = "# Fuel\n\nThe dock sells petrol. Guests can bring a dog. The office is shut.\n\n# Tides\n\nThe table hangs here."
    apart = taken_apart(passage(text))
    kinds = [piece.kind for piece in apart.pieces]
    assert kinds == [Kind.HEADING, Kind.PROSE, Kind.PROSE, Kind.PROSE, Kind.HEADING, Kind.PROSE]
    assert dict(apart.touched("petrol")) == {1: 1.0, 2: pytest.approx(0.3)}
    under = dict(apart.touched("fuel"))
    assert sorted(under) == [1, 2, 3]
    assert all(0.6 <= share < 1.3 for share in under.values())
    assert not apart.touched("zebra")
