"""Text of others inside Markdown of ours: it is shown as it was written, and does nothing."""

import re

__all__ = ["inert", "printable"]

UNPRINTABLE = dict.fromkeys(
    [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"
)
# Markup, links, mentions of people, references to issues, and what would end a cell of a table.
MARK = re.compile(r"://|[&<|\[`\\*_~@#]")


def inert(text: str) -> str:
    """Return text on one line of Markdown, whatever it holds."""
    return MARK.sub(_written, " ".join(printable(text).split()))


def printable(text: str) -> str:
    """Return text without what neither XML nor a reader can take."""
    return text.translate(UNPRINTABLE)


def _written(found: re.Match[str]) -> str:
    mark = found[0]
    if mark in "@#":
        # Between the mark and a name nobody is called, and between it and a number nothing is referred to.
        return f"{mark}&#8203;"
    return f"&#{ord(mark[0])};{mark[1:]}"
