"""The pages of the documentation, and the blocks in them that can be run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGES", "ROOT", "Example", "examples", "prose"]

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if "reference" not in path.relative_to(ROOT).parts
)
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A block that is run, and what it is said to print."""

    script: str
    printed: tuple[str, ...]


def examples(page: Path) -> list[Example]:
    """Return what is marked `sh run`, in order; `text output` belongs to the block before it."""
    found: list[Example] = []
    for block in FENCE.finditer(page.read_text(encoding="utf-8")):
        if block["info"] == "sh run":
            found.append(Example(block["body"], ()))
        elif block["info"] == "text output":
            found[-1] = found[-1]._replace(printed=tuple(block["body"].splitlines()))
    return found


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of blocks, with their numbers."""
    text = FENCE.sub(lambda block: "\n" * block[0].count("\n"), page.read_text(encoding="utf-8"))
    yield from enumerate(text.splitlines(), 1)
