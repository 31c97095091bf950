"""How a text falls apart into what can be right or wrong by the letter."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from shipmate.answer.check.dates import DATE, MONTH
from shipmate.answer.check.links import TLD
from shipmate.text import fold

__all__ = ["ACTIVE_TAG", "WORDS", "Token", "Tokens", "quoted_code"]

URL_END = r"[^\s<>\"'`()\[\]{}|\\]"
# The first two alternatives are for speed: a word or number with nothing beside it that could make it a part of
# something else. Months without a day or year are left to the first.
TOKEN = re.compile(
    rf"""[\s,;"(]*(?:
    (?P<word>[^\W\d_]+(?:'[^\W\d_]+)?(?=(?:-[^\W\d_]+)*(?:[ ,;!?")\n]|[.:](?:\s|$)|$))(?![.,]?\ (?:the\ |of\ )?\d))
    | (?P<number>\d+(?=[,;!?")]|\ [^\W\d]|\.?$)(?!,\d|\ (?:of\ )?{MONTH}))
    | (?P<tag><(?!\w[\w+.-]*:)\s*/?[a-zA-Z!][^<>]{{0,900}}>)
    | (?P<target>\]\(\s*<?[^)\s>]+|(?:^|(?<=\n))\[[^\]]+\]:\s*\S+)
    | (?P<link>(?:[a-zA-Z][a-zA-Z0-9+.-]{{0,30}}:)?//[\w\[]{URL_END}*
        | \b(?:mailto|javascript|data|vbscript|tel|file|blob|about):{URL_END}+
        | \bwww\.{URL_END}+
        | \b(?:[\w-]+(?:\.|\[\.\]|\(\.\)))+(?:{TLD}|{TLD.upper()})\b(?![\w.@-]*\w)(?:[/?\#:]{URL_END}*)?)
    | (?P<date>{DATE})
    | (?P<code>[\w.+-]+@[\w-]+(?:\.[\w-]+)+ | (?<![\w-])--[a-zA-Z][\w-]+ | [@\#]?\w*[^\W\d]_\w[\w.]*
        | \b[^\W\d]\w*(?:\.[^\W\d]\w*)+(?:\(\))? | (?<![\w.])(?:~|\.{{1,2}})?(?:/[\w.-]+){{2,}}/? | [@][\w-]+)
    | (?P<mixed>\b[^\W\d_]+\d\w*(?:[.]\d\w*)*)
    | (?P<digits>(?:(?<![\w.)\]-])-)?(?:[$€£¥₹]\ ?)?\d\w*(?:[.,:/'x+-][$€£¥₹]?\d\w*)*(?:\ ?(?:%|°[CF]?))?)
    | (?P<rest>[^\W\d_]+(?:'[^\W\d_]+)?))
    """,
    re.VERBOSE,
)
QUOTED_CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"\s*(?:```|~~~)")
# The kinds of token that are words.
WORDS = ("word", "rest")
# Where a capital says nothing: at the beginning, after a full stop, colon or line break.
OPENING = re.compile(r"(?:^|[.!?:|\n]['\")\]*_]*\s)[^\w\n]*(?:\d{1,3}[.)]\s+)?[^\w\n]*", re.MULTILINE)
# The number of a list item or step counts nothing.
LISTED = re.compile(r"(?:(?:\A|(?<=\n))[\s*+>#|-]*\(?(?=\d{1,3}[.)]\s)|\b[Ss]tep\ (?=\d))(\d+)")
ACTIVE_TAG = re.compile(
    r"<\s*(?:a|img|script|iframe|link|svg|form|object|embed|video|audio|meta|base)\b|.*=", re.IGNORECASE | re.DOTALL
)


class Token(NamedTuple):
    """A word, or a piece of text that can be right or wrong by the letter."""

    text: str
    start: int
    end: int


class Tokens:
    """The tokens of a text that `plain` has gone over, by number."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = [(match.lastgroup or "", match) for match in TOKEN.finditer(text)]
        # What each is: the name of its alternative in `TOKEN`.
        self.kinds = [kind for kind, _ in self._found]
        self.texts = [match[kind] for kind, match in self._found]

    def __getitem__(self, at: int) -> Token:
        end = self._found[at][1].end()
        return Token(self.texts[at], end - len(self.texts[at]), end)

    def lowered(self, at: int) -> str:
        """Return a token in lower case, and nothing beyond the first and last one."""
        return self.texts[at].lower() if 0 <= at < len(self.texts) else ""

    def joined(self, at: int, signs: tuple[str, ...]) -> bool:
        """Tell whether there is a next token, with one of the signs in between."""
        return at + 1 < len(self.texts) and self.text[self[at].end : self[at + 1].start] in signs

    def follow(self, at: int, most: int) -> Iterator[int]:
        """Yield the words behind a token that only a space or hyphen, or nothing, parts from what is before them."""
        for before in range(at, at + most):
            if not self.joined(before, ("", " ", "-")) or self.kinds[before + 1] not in WORDS:
                return
            yield before + 1

    @cached_property
    def openings(self) -> set[int]:
        """Where a capital says nothing."""
        return {match.end() for match in OPENING.finditer(self.text)}

    @cached_property
    def listed(self) -> set[int]:
        """Where the number of a list item or step stands, which counts nothing."""
        return {match.start(1) for match in LISTED.finditer(self.text)}


def quoted_code(text: str) -> list[str]:
    """Return the code of a text that is marked as such, in lower case: of a fenced block each line, or what `is quoted`."""
    if FENCED.match(text):
        lines = text.strip().split("\n")[1:]
        return [fold(" ".join(line.split())) for line in lines if line.strip() and not FENCED.match(line)]
    return [fold(" ".join(match[1].split())) for match in QUOTED_CODE.finditer(text)] if "`" in text else []
