"""A reply as a person reads it: styles instead of Markdown's marks, and lines that break between words."""

import re
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from shipmate.cli.screen import clean, say, terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Prose", "unmarked"]

MARKS = re.compile(
    r"""(?msx)
      ^[ ]*(?P<fence>```|~~~)[^\n]*\n (?P<block>.*?)\n [ ]*(?P=fence)(?=[ ]|$)
    | ^\#{1,6}[ ]+ (?P<heading>[^\n]+?) [ \#]*$
    | `(?P<code>[^`\n]+)`
    | \*\*(?P<bold>[^*\n]+)\*\*
    | (?<!!)\[(?P<label>[^]\n]+)\]\((?P<target>[^()\s]+)(?:[ ]"[^"\n]*")?\)
    | (?P<number>\[\d+\])
    """
)
STYLES = {"block": "cyan", "heading": "bold", "code": "cyan", "bold": "bold", "label": "underline", "number": "cyan"}
PIECES = re.compile(r"\n|[ \t]+|\S+")


def unmarked(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text in pieces with their styles, without the marks of Markdown."""
    end = 0
    for match in MARKS.finditer(text):
        yield text[end : match.start()], ""
        end = match.end()
        yield from ((match[kind], style) for kind, style in STYLES.items() if match[kind])
        if match["target"]:
            yield f" ({match['target']})", "dim"
    yield text[end:], ""


class Prose:
    """Prints a reply as it comes: to a terminal as prose, elsewhere as it is. Its last line ends with the `with` block."""

    def __init__(self) -> None:
        self._console = terminal()
        self._has_begun = False
        # The width of what stands in the terminal's present line, and the white space that the next word brings.
        self._column = 0
        self._gap = ""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the line, whatever ended the reply."""
        if self._has_begun and not isinstance(error, OSError):
            say()

    def write(self, text: str) -> None:
        """Print the next sentence."""
        self._has_begun = True
        if self._console:
            self._console.print(self._wrapped(text, self._console), end="", soft_wrap=True)
        else:
            sys.stdout.write(text)
        sys.stdout.flush()

    def _wrapped(self, text: str, console: "Console") -> "Text":
        from rich.text import Text

        styled = Text.assemble(*unmarked(clean(text)))
        wrapped = Text()
        for match in PIECES.finditer(styled.plain):
            piece = styled[match.start() : match.end()]
            if piece.plain == "\n":
                wrapped += piece
                self._column, self._gap = 0, ""
            elif piece.plain.isspace():
                self._gap = piece.plain.expandtabs(4)
            else:
                if self._column and self._column + len(self._gap) + piece.cell_len > console.width:
                    self._column, self._gap = 0, "\n"
                wrapped += Text(self._gap) + piece
                self._column += len(self._gap.lstrip("\n")) + piece.cell_len
                self._gap = ""
        return wrapped
