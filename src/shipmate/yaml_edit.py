"""Add an item to a list of a YAML file, or take one out, as text: every other byte stays as it was."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

__all__ = ["with_item", "without_item"]

INDENT = "  "


class Node(NamedTuple):
    """Where a value stands in the text, without what is behind it; of a mapping, keys and values take turns."""

    start: int
    end: int
    value: str = ""
    is_list: bool = False
    is_flow: bool = False
    parts: tuple["Node", ...] = ()


def with_item(text: str, key: str, item: str) -> str:
    """Return the text with one more item, written in one line, at the end of the top mapping's list `key`.

    Raises `ValueError` where something else than a list stands there.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _found(text, key)
    if found is None:
        return f"{_ended(text, newline)}{key}:{newline}{INDENT}- {item}{newline}"
    name, value = found
    if value.is_flow and value.is_list and not value.parts:
        # An empty list gives its place to lines.
        text = text[: value.start].rstrip(" ") + text[value.end :]
        return _with_line(text, name.end, f"{INDENT}- {item}", newline)
    if value.is_list and value.is_flow:
        return _with_flow_item(text, value, item)
    if value.is_list:
        dash = text.rindex("-", 0, value.parts[0].start)
        return _with_line(text, value.parts[-1].end, f"{text[_line_start(text, dash) : dash]}- {item}", newline)
    if value.value or value.parts or value.start != value.end:
        raise ValueError(key)
    return _with_line(text, name.end, f"{INDENT}- {item}", newline)


def without_item(text: str, key: str, number: int) -> str:
    """Return the text without an item of the top mapping's list `key`, counted from 0."""
    found = _found(text, key)
    if found is None:
        raise ValueError(key)
    value = found[1]
    item = value.parts[number]
    if not value.is_flow:
        start = _line_start(text, text.rindex("-", 0, item.start))
        left = text[:start] + text[_line_end(text, item.end) :]
        colon = text.index(":", found[0].end) + 1
        return left if len(value.parts) > 1 else f"{left[:colon]} []{left[colon:]}"
    if number + 1 < len(value.parts):
        return text[: item.start] + text[value.parts[number + 1].start :]
    start = value.parts[number - 1].end if number else item.start
    return text[:start] + text[item.end :]


def _with_flow_item(text: str, value: Node, item: str) -> str:
    end = value.end - 1
    gap = " " if "," in text[value.parts[-1].end : end] else ", "
    return text[:end] + gap + item + text[end:]


def _with_line(text: str, after: int, line: str, newline: str) -> str:
    """Return the text with a line more, behind the one in which `after` stands."""
    end = _line_end(text, after)
    return _ended(text[:end], newline) + line + newline + text[end:]


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    if text[:at].endswith("\n"):
        return at
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _found(text: str, key: str) -> tuple[Node, Node] | None:
    """Return where a key of the top mapping stands, and its value; raise `ValueError` for another form of file."""
    # The loader in C counts bytes at some places and characters at others.
    events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
    next(events)
    if isinstance(next(events), yaml.StreamEndEvent):
        return None
    top = _node(events, next(events))
    if top.is_list or top.is_flow or not top.parts:
        raise ValueError(key)
    return next((pair for pair in zip(top.parts[::2], top.parts[1::2], strict=True) if pair[0].value == key), None)


def _node(events: Iterator[Any], event: Any) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.ScalarEvent):
        return Node(start, end, value=event.value)
    if not isinstance(event, yaml.CollectionStartEvent):
        return Node(start, end)
    parts: list[Node] = []
    while not isinstance(part := next(events), yaml.CollectionEndEvent):
        parts.append(_node(events, part))
    is_list, is_flow = isinstance(event, yaml.SequenceStartEvent), bool(event.flow_style)
    end = _at(part.end_mark) if is_flow else parts[-1].end
    return Node(start, end, is_list=is_list, is_flow=is_flow, parts=tuple(parts))


def _at(mark: Any) -> int:
    return int(mark.index)
