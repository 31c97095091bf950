"""The picture of a neighbourhood holds all of it, within its frame, and no line leads past its ends."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.neighbourhood import Centre, Entity, Mention, Near, Neighbourhood, Relation, Where
from shipmate.server.picture import NARROW, WIDE, Frame, picture

WHERE = Where(source="a.md", title="A", start=0, end=9, quote="words")

names = st.lists(st.text(min_size=1, max_size=40), max_size=14, unique_by=str.casefold)


def made(titles: list[str], entities: list[tuple[str, list[int]]], relations: list[tuple[str, str]]) -> Neighbourhood:
    where = [Where(source="a.md", title=title, start=0, end=9, quote="words") for title in titles]
    return Neighbourhood(
        centre=Centre(name="A"),
        about="A",
        passages=tuple(Near(number=number, text="words", where=one) for number, one in enumerate(where, 1)),
        entities=tuple(
            Entity(name=name, mentions=tuple(Mention(passage=own, kinds=("mentions",), where=WHERE) for own in numbers))
            for name, numbers in entities
        ),
        relations=tuple(
            Relation(subject=one, relation="signed_by", object=other, where=WHERE) for one, other in relations
        ),
    )


@st.composite
def neighbourhoods(draw: st.DrawFn) -> Neighbourhood:
    titles = draw(st.lists(st.text(max_size=40), min_size=1, max_size=8))
    known = draw(names)
    numbers = st.lists(st.integers(1, len(titles)), min_size=1, max_size=4)
    pairs = st.lists(st.tuples(st.sampled_from(known), st.sampled_from(known)), max_size=5) if known else st.just([])
    return made(titles, [(name, draw(numbers)) for name in known], draw(pairs))


@given(neighbourhoods(), st.sampled_from((WIDE, NARROW)))
def test_everything_is_drawn_once_within_the_frame(found: Neighbourhood, frame: Frame) -> None:
    drawn = picture(found, frame)
    assert sorted(box.near.number for box in drawn.boxes) == [near.number for near in found.passages]
    assert {pill.entity for pill in drawn.pills} == set(found.entities)
    corners = [(box.x + box.width, box.y + 50) for box in drawn.boxes]
    corners += [(pill.x + pill.width, pill.y + 30) for pill in drawn.pills]
    assert all(0 < x <= drawn.width and 0 < y <= drawn.height for x, y in corners)
    tops = sorted(pill.y for pill in drawn.pills)
    assert all(lower - upper >= 30 for upper, lower in pairwise(tops))


@given(neighbourhoods())
def test_a_line_leads_from_each_passage_that_names_it_to_the_name(found: Neighbourhood) -> None:
    drawn = picture(found, WIDE)
    ends = {box.near.number: f"M{box.x + box.width} {box.y + 25}C" for box in drawn.boxes}
    for pill in drawn.pills:
        assert len(pill.lines) == len({mention.passage for mention in pill.entity.mentions})
        for mention in pill.entity.mentions:
            own = [line for line in pill.lines if line.startswith(ends[mention.passage])]
            assert [line.endswith(f" {pill.x} {pill.y + 15}") for line in own] == [True]


def test_a_relation_is_drawn_where_both_of_its_names_are() -> None:
    found = made(["A"], [("Contract", [1]), ("Client", [1])], [("Contract", "Client"), ("Contract", "Nobody")])
    wide, narrow = picture(found, WIDE), picture(found, NARROW)
    assert [arc.text for arc in wide.arcs] == ["signed by"]
    assert [arc.text for arc in narrow.arcs] == [""]
    assert all(re.fullmatch(r"M\d+ \d+C[\d ]+", arc.path) for arc in (*wide.arcs, *narrow.arcs))


@pytest.mark.parametrize(("text", "is_whole"), [("Short", True), ("W" * 60, False), ("港" * 30, False), ("", True)])
def test_a_name_that_does_not_fit_ends_in_an_ellipsis(text: str, is_whole: bool) -> None:  # noqa: FBT001 - a case of it
    (box,) = picture(made([text], [], []), WIDE).boxes
    assert (box.title == text) is is_whole
    assert is_whole or box.title.endswith("…")
