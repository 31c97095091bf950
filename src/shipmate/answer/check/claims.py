"""What a text says that can be right or wrong by the letter: numbers, dates, names, code and links."""

from functools import lru_cache
from typing import NamedTuple

from shipmate.answer.check.amounts import COUNTING, Amounts
from shipmate.answer.check.dates import MONTHS, Date
from shipmate.answer.check.links import canonical_link, spelled_links
from shipmate.answer.check.names import Name, name, names
from shipmate.answer.check.numerals import Number
from shipmate.answer.check.tokens import ACTIVE_TAG, WORDS, Token, Tokens, quoted_code
from shipmate.answer.check.vocabulary import ordinary
from shipmate.text import fold

__all__ = ["Claims", "read"]


class Claims(NamedTuple):
    """What one text says; `implied` and `units` count only where it is evidence for another."""

    names: tuple[Name, ...]
    numbers: tuple[Number, ...]
    # Each with everything that its way of writing can mean.
    dates: tuple[tuple[Date, ...], ...]
    day_words: tuple[str, ...]
    links: tuple[str, ...]
    # Identifiers, paths, options, addresses and quoted code, in lower case: they stand as they are.
    code: tuple[str, ...]
    # Numbers that it bears without claiming them: "both" is 2, "a day" is 1 day.
    implied: tuple[Number, ...]
    units: frozenset[str]

    def to_the_letter(self) -> bool:
        """Tell whether it holds anything that must stand in its evidence to the letter."""
        return any(self[:6])


def read(text: str) -> Claims:
    """Read a text that `plain` has gone over."""
    return _Reader(text).claims()


@lru_cache(maxsize=8192)
def _claims_nothing(word: str) -> bool:
    """Tell whether a word is an ordinary one in lower case that counts nothing: most are."""
    return word not in COUNTING and _is_ordinary(word)


class _Reader:
    """Goes through a text's tokens once, and sorts out what each of them claims."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self._amounts = Amounts(self._tokens)
        self._names: list[Name] = []
        # What is capital or no ordinary word, and so may be a name.
        self._candidates: list[Token] = []
        self._links: list[str] = []
        self._code: list[str] = []

    def claims(self) -> Claims:
        tokens, amounts = self._tokens, self._amounts
        for at, (kind, text) in enumerate(zip(tokens.kinds, tokens.texts, strict=True)):
            if kind not in WORDS:
                self._other(at, kind)
            elif not _claims_nothing(text):
                self._word(at, tokens[at])
        return Claims(
            (*self._names, *names(tokens, self._candidates)),
            tuple(amounts.numbers),
            tuple(amounts.dates),
            tuple(amounts.day_words),
            (*self._links, *spelled_links(tokens.text)),
            (*self._code, *quoted_code(tokens.text)),
            tuple(amounts.implied),
            frozenset(amounts.units),
        )

    def _word(self, at: int, token: Token) -> None:
        if self._amounts.has_read(at):
            return
        lowered = token.text.lower()
        if lowered in MONTHS:
            self._date(token)
        elif not (lowered in COUNTING and self._amounts.word(at, lowered)) and not _is_ordinary(token.text):
            self._candidates.append(token)

    def _other(self, at: int, kind: str) -> None:
        token = self._tokens[at]
        match kind:
            case "number" | "digits":
                if token.start not in self._tokens.listed and not self._amounts.digits(at):
                    self._names.append(name(token.text))
            case "date":
                self._date(token)
            case "mixed":
                if not self._amounts.version(token.text):
                    self._names.append(name(token.text))
            case "code":
                self._code_token(at, token)
            case "tag":
                if ACTIVE_TAG.match(token.text):
                    self._links.append(" ".join(token.text.lower().split()))
            case _:
                self._links.append(canonical_link(token.text))

    def _date(self, token: Token) -> None:
        if self._amounts.date(token):
            return
        # "May" and "Jan." are first names and verbs as well.
        word = token.text.rstrip(".")
        if word.isalpha():
            self._candidates.append(token._replace(text=word))
        else:
            self._code.append(fold(token.text))

    def _code_token(self, at: int, token: Token) -> None:
        parts = token.text.split(".")
        if all(len(part) == 1 for part in parts if part):
            if "".join(parts).isupper():
                self._names.append(name(token.text))
        elif len(parts) == 2 and parts[0].isalpha() and parts[1].istitle():
            # The space behind a full stop was forgotten.
            start = token.end - len(parts[1])
            self._tokens.openings.add(start)
            self._word(at, token._replace(text=parts[0]))
            self._word(at, token._replace(text=parts[1], start=start))
        else:
            self._code.append(fold(token.text).rstrip("."))


def _is_ordinary(word: str) -> bool:
    return word == word.lower() and ordinary(word)
