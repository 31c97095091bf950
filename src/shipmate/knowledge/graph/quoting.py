"""Say where a passage says something: its sentence that names what is meant, with the sentence's place in the file."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from shipmate.knowledge.graph.names import name_words
from shipmate.messages import Passage
from shipmate.neighbourhood import Where
from shipmate.text import FENCES, sentence_spans

__all__ = ["Quoting"]

# Of an endless sentence, so much is shown.
LONGEST = 400
SIGN = re.compile(r"[^\w\s]|_")
LINE = re.compile(r"\S(?:[^\n]*\S)?")


class Quoting:
    """A passage that is asked several times where it says something."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage

    def where(self, names: Sequence[str]) -> Where:
        """Return the sentence with most of these names; where none has any, the title or heading that does."""
        counts = [sum(_holds(said, name) for name in names) for _, said in self._sentences]
        best = max(range(len(counts)), key=counts.__getitem__, default=0)
        if counts and counts[best]:
            return self._at(*self._line(*self._sentences[best][0], names))
        passage = self.passage
        above = (*reversed(passage.headings), passage.title)
        heading = next((one for one in above if any(_holds(_said(one), name) for name in names)), "")
        if heading or not self._sentences:
            return Where(
                source=passage.source,
                title=passage.title,
                start=passage.start,
                end=passage.end,
                quote=heading[:LONGEST],
            )
        return self._at(*self._line(*self._sentences[0][0], names))

    def _line(self, start: int, end: int, names: Sequence[str]) -> tuple[int, int]:
        """Return of a piece of code the first line with most of the names; of anything else, all."""
        text = self.passage.text[start:end]
        if not text.startswith(FENCES):
            return start, end
        lines = [line for line in LINE.finditer(text) if not line[0].startswith(FENCES)] or [*LINE.finditer(text)]
        best = max(lines, key=lambda line: sum(_holds(_said(line[0]), name) for name in names))
        return start + best.start(), start + best.end()

    def marked(self, start: int, end: int) -> tuple[int, int]:
        """Return where the sentences stand in the text that overlap [start, end) of the file; the same twice for none."""
        spans = [span for span, _ in self._sentences if _overlap(self.passage.in_source(*span), (start, end))]
        return (spans[0][0], spans[-1][1]) if spans else (0, 0)

    @cached_property
    def _sentences(self) -> list[tuple[tuple[int, int], tuple[str, str]]]:
        text = self.passage.text
        return [((start, end), _said(text[start:end])) for start, end in sentence_spans(text)]

    def _at(self, start: int, end: int) -> Where:
        end = min(end, start + LONGEST)
        in_file = self.passage.in_source(start, end)
        return Where(
            source=self.passage.source,
            title=self.passage.title,
            start=in_file[0],
            end=in_file[1],
            quote=self.passage.text[start:end],
        )


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _said(text: str) -> tuple[str, str]:
    """Return a text as it is written, and as names are compared."""
    return text, _padded(name_words(text))


def _holds(said: tuple[str, str], name: str) -> bool:
    words = name_words(name)
    if words and _padded(words) in said[1]:
        return True
    # A symbol of code or a link is found as it is written.
    return SIGN.search(name) is not None and name in said[0]


def _padded(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "
