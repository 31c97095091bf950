"""Lay out a neighbourhood as a picture: passages on the left, the names that they share on the right, lines between."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from shipmate.neighbourhood import Entity, Near, Neighbourhood, Relation

__all__ = ["NARROW", "WIDE", "Picture", "picture"]


class Frame(NamedTuple):
    """How wide things are, in pixels."""

    width: int
    passage: int
    name: int
    # Room for relations on the right of the names, where there are any.
    gutter: int
    # Between the lower edges of two passages, and of two names.
    passage_step: int
    name_step: int


WIDE = Frame(1000, 380, 280, 150, 66, 40)
NARROW = Frame(327, 138, 142, 12, 62, 38)
TOP = 12
EDGE = 2
PASSAGE_HEIGHT = 50
NAME_HEIGHT = 30
# How wide letters are, in pixels, at the size of each text.
TITLE_PX, SMALL_PX = 8.2, 7.0
NARROW_LETTERS = frozenset("iIjl.,:;'|!()[]ft ")


class Box(NamedTuple):
    """A passage in the picture."""

    near: Near
    title: str
    place: str
    x: int
    y: int
    width: int


class Pill(NamedTuple):
    """A name in the picture, with the lines that lead to it."""

    entity: Entity
    text: str
    x: int
    y: int
    width: int
    lines: tuple[str, ...]


class Arc(NamedTuple):
    """A relation between two names in the picture."""

    path: str
    text: str
    x: int
    y: int


class Picture(NamedTuple):
    """What is drawn, in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    pills: tuple[Pill, ...]
    arcs: tuple[Arc, ...]


def picture(found: Neighbourhood, frame: Frame) -> Picture:
    """Return the picture in a frame of fixed width, as high as it has to be."""
    tall = max(len(found.passages) * frame.passage_step, len(found.entities) * frame.name_step)
    boxes = tuple(_boxes(found.passages, frame, tall))
    related = list(_between(found.relations, found.entities))
    x = frame.width - frame.name - (frame.gutter if related else EDGE)
    pills = tuple(_pills(_untangled(found.entities), boxes, frame, x, tall))
    return Picture(frame.width, TOP + tall, boxes, pills, tuple(_arcs(related, pills, frame)))


def _boxes(passages: Sequence[Near], frame: Frame, tall: int) -> Iterator[Box]:
    top = TOP + (tall - len(passages) * frame.passage_step) // 2
    room = frame.passage - 50
    for number, near in enumerate(passages):
        where = near.where
        place = f"line {where.line}" if where.line else (near.headings[-1] if near.headings else where.source)
        y = top + number * frame.passage_step
        title = _fitting(where.title, room, TITLE_PX)
        yield Box(near, title, _fitting(place, room, SMALL_PX), EDGE, y, frame.passage)


def _pills(entities: Sequence[Entity], boxes: Sequence[Box], frame: Frame, x: int, tall: int) -> Iterator[Pill]:
    top = TOP + (tall - len(entities) * frame.name_step) // 2
    by_number = {box.near.number: box for box in boxes}
    for number, entity in enumerate(entities):
        y = top + number * frame.name_step
        named_in = dict.fromkeys(mention.passage for mention in entity.mentions)
        lines = tuple(_line(by_number[passage], x, y + NAME_HEIGHT // 2) for passage in named_in)
        yield Pill(entity, _fitting(entity.name, frame.name - 28, TITLE_PX), x, y, frame.name, lines)


def _line(box: Box, x: int, y: int) -> str:
    start_x, start_y = box.x + box.width, box.y + PASSAGE_HEIGHT // 2
    bend = (x - start_x) // 2
    return f"M{start_x} {start_y}C{start_x + bend} {start_y} {x - bend} {y} {x} {y}"


def _between(relations: Sequence[Relation], entities: Sequence[Entity]) -> Iterator[Relation]:
    """Yield the relations between two names that both are there, each pair of names once."""
    known = {entity.name.casefold() for entity in entities}
    drawn: set[frozenset[str]] = set()
    for relation in relations:
        ends = frozenset((relation.subject.casefold(), relation.object.casefold()))
        if len(ends) > 1 and ends <= known and ends not in drawn:
            drawn.add(ends)
            yield relation


def _arcs(relations: Sequence[Relation], pills: Sequence[Pill], frame: Frame) -> Iterator[Arc]:
    by_name = {pill.entity.name.casefold(): pill for pill in pills}
    for relation in relations:
        x, start = _right_of(by_name[relation.subject.casefold()])
        _, end = _right_of(by_name[relation.object.casefold()])
        bend = x + min(frame.gutter, 14 + abs(end - start) // 4)
        # A curve goes three quarters of the way to where it is bent.
        at = x + (bend - x) * 3 // 4 + 6
        text = _fitting(relation.relation.replace("_", " "), frame.width - at, SMALL_PX) if frame is WIDE else ""
        yield Arc(f"M{x} {start}C{bend} {start} {bend} {end} {x} {end}", text, at, (start + end) // 2 + 4)


def _right_of(pill: Pill) -> tuple[int, int]:
    return pill.x + pill.width, pill.y + NAME_HEIGHT // 2


def _untangled(entities: Sequence[Entity]) -> list[Entity]:
    """Return the names in the order of the passages that name them, so that few lines cross."""

    def middle(entity: Entity) -> float:
        return sum(mention.passage for mention in entity.mentions) / max(len(entity.mentions), 1)

    return sorted(entities, key=middle)


def _fitting(text: str, room: int, letter_px: float) -> str:
    """Return as much of a text as fits into the room, in pixels."""
    widths = list(accumulate(letter_px * _share(sign) for sign in text))
    if not widths or widths[-1] <= room:
        return text
    return f"{text[: bisect_right(widths, room - letter_px)].rstrip()}…"


def _share(sign: str) -> float:
    """Return how wide a letter is; 1 for a usual one."""
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.9
    if sign in NARROW_LETTERS:
        return 0.65
    return 1.25 if sign.isupper() or sign in "mw@%&" else 1.0
