"""Dates in every common way of writing them."""

import re
from typing import NamedTuple

__all__ = ["DATE", "DAY_WORDS", "MONTH", "MONTHS", "Date", "fits", "read_date", "year"]

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
# In lower case and without a day or year behind them, these are other words.
DOUBTFUL = frozenset("may march mar jan dec sep jun".split())
# Alone, these are rather first names or other abbreviations than months.
NEVER_ALONE = DOUBTFUL - {"may", "march"}
DAY_WORDS = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays
    sundays tomorrow yesterday""".split()
)
YEARS = range(1100, 2200)

CLEAR = "|".join(sorted(MONTHS.keys() - DOUBTFUL, key=len, reverse=True))
CAPITAL = "|".join(sorted((form for name in DOUBTFUL for form in (name.title(), name.upper())), key=len, reverse=True))
MONTH = rf"(?:(?i:{CLEAR})|{CAPITAL}|(?:{'|'.join(sorted(DOUBTFUL, key=len, reverse=True))})(?=\ \d))\b"
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
DATE = rf"""
    \d{{4}}-\d{{1,2}}-\d{{1,2}}(?!\d)
    | \d{{1,2}}(?P<mark>[./-])\d{{1,2}}(?P=mark)(?:\d{{4}}|\d{{2}})(?!\d)
    | (?:{DAY}(?:\ of)?[\ -])?\b{MONTH}\.?(?:(?:\ the)?[\ -]{DAY}(?![\w:%]|[.,]\d))?(?:,?(?:\ of)?[\ -]\d{{4}}(?![\w%]))?
"""
IN_WORDS = re.compile(
    rf"(?:({DAY})(?: of)?[ -])?([a-z]+)\.?(?:(?: the)?[ -]({DAY})(?!\d))?(?:,?(?: of)?[ -](\d{{4}}))?"
)
IN_DIGITS = re.compile(r"(\d+)[./-](\d+)[./-](\d+)")


class Date(NamedTuple):
    """A date or a part of one; 0 where it says nothing."""

    year: int
    month: int
    day: int


def year(digits: str) -> Date | None:
    """Return the year that four digits without a unit stand for, if they can."""
    return Date(int(digits), 0, 0) if len(digits) == 4 and digits.isdigit() and int(digits) in YEARS else None


def read_date(token: str, *, opening: bool) -> tuple[Date, ...]:
    """Return what a token that `DATE` has found can mean: two dates for 4/5/2020, none for a verb or first name.

    `opening`: it begins a sentence, so that its capital says nothing.
    """
    lowered = token.lower()
    digits = IN_DIGITS.fullmatch(lowered)
    if digits:
        return _in_digits(*map(int, digits.groups()))
    match = IN_WORDS.fullmatch(lowered)
    if match is None:
        return ()
    before, month, after, of_year = match.groups()
    day = before or after
    alone = not day and not of_year
    if alone and (month in NEVER_ALONE or (month in DOUBTFUL and (opening or token[0].islower()))):
        return ()
    return (Date(int(of_year or 0), MONTHS[month], int(day.rstrip("stndrh")) if day else 0),)


def _in_digits(first: int, second: int, third: int) -> tuple[Date, ...]:
    if first > 31:
        readings = [Date(first, second, third)]
    else:
        full = third if third > 99 else third + (2000 if third < 70 else 1900)
        readings = [Date(full, second, first), Date(full, first, second)]
    return tuple(dict.fromkeys(date for date in readings if 1 <= date.month <= 12 and 1 <= date.day <= 31))


def fits(claim: Date, known: Date) -> bool:
    """Tell whether a known date says all that the claim says."""
    return all(not said or said == stands for said, stands in zip(claim, known, strict=True))
