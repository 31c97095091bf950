"""Whether what a sentence claims to the letter stands in its evidence."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shipmate.answer.check.claims import Claims
from shipmate.answer.check.dates import Date, fits
from shipmate.answer.check.names import Name
from shipmate.answer.check.numerals import ORDINAL, SOME, TIMES, Number
from shipmate.answer.check.reading import Reading
from shipmate.answer.check.vocabulary import run_of
from shipmate.text import stem

__all__ = ["Missing", "displacing", "missing"]

# Countries and unions are written out in one place and not in the other.
KNOWN_AS = {
    "us": " united states ",
    "usa": " united states ",
    "u.s": " united states ",
    "uk": " united kingdom ",
    "u.k": " united kingdom ",
    "eu": " european union ",
    "un": " united nations ",
}


class Missing(NamedTuple):
    """A value that no evidence bears."""

    rule: str
    value: str


def missing(claims: Claims, pieces: Sequence[Reading]) -> Missing | None:
    """Return the first claimed value that stands in no piece of evidence."""
    kinds = (_missing_links, _missing_numbers, _missing_dates, _missing_names)
    return next((found for kind in kinds for found in kind(claims, pieces)), None)


def displacing(claims: Claims, main: Claims, pieces: Sequence[Reading], users: Sequence[Reading]) -> Missing | None:
    """Return the first number or date that stands in no piece, while `main` has another one in its place.

    The users' own words bear out what stands beside the one of `main`, and not what stands instead of it.
    """
    for number in claims.numbers:
        rivals = {other for other in main.numbers if _of_one_kind(other, number)}
        said = not number.unit or not rivals.isdisjoint(claims.numbers)
        if rivals and not any(_counts(piece.claims, number) for piece in (*pieces, *(users if said else ()))):
            return Missing("number", _shown(number))
    for meanings in claims.dates:
        if main.dates and not any(_dates(date, [*pieces, *users]) for date in meanings):
            return Missing("date", _written(meanings[0]))
    return None


def _of_one_kind(one: Number, other: Number) -> bool:
    return one.unit == other.unit or (one.unit in TIMES and other.unit in TIMES)


def _missing_links(claims: Claims, pieces: Sequence[Reading]) -> Iterator[Missing]:
    for link in claims.links:
        if not any(link in piece.claims.links for piece in pieces):
            yield Missing("link", link)


def _missing_numbers(claims: Claims, pieces: Sequence[Reading]) -> Iterator[Missing]:
    for number in claims.numbers:
        if not any(_counts(piece.claims, number) for piece in pieces):
            yield Missing("number", _shown(number))


def _missing_dates(claims: Claims, pieces: Sequence[Reading]) -> Iterator[Missing]:
    for meanings in claims.dates:
        if not any(_dates(date, pieces) for date in meanings):
            yield Missing("date", _written(meanings[0]))
    for word in claims.day_words:
        if not any(word in piece.claims.day_words for piece in pieces):
            yield Missing("date", word)


def _missing_names(claims: Claims, pieces: Sequence[Reading]) -> Iterator[Missing]:
    for name in claims.names:
        if not _names(name, pieces):
            yield Missing("name", name.text)
    for code in claims.code:
        if not any(_stands(code, piece.folded) for piece in pieces):
            yield Missing("name", code)


def _counts(known: Claims, number: Number) -> bool:
    if number.value == SOME and number.unit in known.units:
        return True
    for other in (*known.numbers, *known.implied):
        if number.value not in (other.value, SOME):
            continue
        if number.unit == other.unit or (not number.unit and other.unit != ORDINAL):
            return True
        if not other.unit and number.unit in known.units:
            return True
    return False


def _dates(date: Date, pieces: Sequence[Reading]) -> bool:
    """Tell whether one date says all of it, or one the day and month and another the year."""
    known = [other for piece in pieces for meanings in piece.claims.dates for other in meanings]
    if any(fits(date, other) for other in known):
        return True
    if not date.year:
        return False
    of_year = Number(str(date.year), "")
    dated = any(other.year == date.year for other in known)
    dated = dated or any(of_year in (*piece.claims.numbers, *piece.claims.implied) for piece in pieces)
    rest = date._replace(year=0)
    return dated and (rest == Date(0, 0, 0) or any(fits(rest, other) for other in known))


def _names(name: Name, pieces: Sequence[Reading]) -> bool:
    if any(name.run in piece.run for piece in pieces):
        return True
    if name.text[-1] == "s" and name.text[:-1].isupper():
        singular = run_of(name.text[:-1])
        return any(singular in piece.run for piece in pieces)
    known_as = KNOWN_AS.get(name.text.lower())
    if known_as and any(known_as in piece.run for piece in pieces):
        return True
    if name.text.isupper() and any(
        _initials(full.run) == name.text.lower() for piece in pieces for full in piece.claims.names
    ):
        return True
    return name.doubtful and any(stem(name.text) in piece.stems for piece in pieces)


def _initials(run: str) -> str:
    return "".join(word[0] for word in run.split())


def _stands(code: str, text: str) -> bool:
    """Tell whether the code stands in the text as a whole: `--all` does not in `--all-users`."""
    at = text.find(code)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(code) : at + len(code) + 1]
        if not (code[0].isalnum() and _goes_on(before)) and not _goes_on(after):
            return True
        at = text.find(code, at + 1)
    return False


def _goes_on(character: str) -> bool:
    return character.isalnum() or character in ("_", "-")


def _shown(number: Number) -> str:
    return f"{number.unit}s" if number.value == SOME else f"{number.value} {number.unit}".strip()


def _written(date: Date) -> str:
    return "-".join(f"{part:02}" for part in date if part)
