"""Numbers and dates with what they count, in digits or in words: "5-10 days", "twenty-five", "for a year", "May 5"."""

import re

from shipmate.answer.check.dates import DAY_WORDS, MONTHS, Date, read_date, year
from shipmate.answer.check.numerals import (
    NUMBER_WORDS,
    ORDINAL,
    SOME,
    TIMES,
    UNIT_WORDS,
    Number,
    in_digits,
    scaled,
    spelled,
    unit_of,
)
from shipmate.answer.check.tokens import Token, Tokens
from shipmate.text import STOP_WORDS

__all__ = ["COUNTING", "Amounts"]

BEFORE_PRONOUN = frozenset("another any each every no some that the this which".split())
AFTER_PRONOUN = frozenset(
    "another by can could for if is may might must of should that up was when which who will".split()
)
# "the first album", but "was first released" and "First, open it".
BEFORE_ORDINAL = frozenset("a and her his its my or our the their very your".split())
# Before these, "one" at the end of a clause is a number after all.
BEFORE_NUMBER = frozenset("are be equals exactly is number of only than to was were".split())
CLAUSE_END = re.compile(r"\s*(?:[.,;:!?)]|$)")
# Words that bear a number without claiming it.
IMPLIED = {"single": "1", "sole": "1"}
# Words that claim a number or an order of magnitude; the latter are borne out by the same word alone.
ROUGHLY = {"dozen": "12"} | {
    word: word for word in "billions dozens half hundreds millions tens thousands trillions twice".split()
}
LASTING_IN = {
    "hour": "hourly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "year": "annually yearly",
}
# Words that claim how long or how often.
LASTING = (
    {word: Number(SOME, unit) for unit, said in LASTING_IN.items() for word in said.split()}
    | dict.fromkeys("eternally forever indefinitely lifelong lifetime perpetually".split(), Number("forever", ""))
    | dict.fromkeys(("fortnight", "fortnights", "fortnightly"), Number("fortnight", ""))
    | {"quarterly": Number("quarterly", "")}
)
# Behind these, "a year" and "months" claim how long.
BEFORE_TIME = frozenset("after every for in last lasted lasts least most take takes to within".split())
VAGUE = frozenset("couple few many of several some".split())
ARTICLES = frozenset(("a", "an"))
# Words that can say a number, a date or a unit.
COUNTING = (
    NUMBER_WORDS | UNIT_WORDS | IMPLIED.keys() | ROUGHLY.keys() | LASTING.keys() | MONTHS.keys() | DAY_WORDS | ARTICLES
)
# What may stand between the word for how long and "for" or "every".
BEFORE_UNIT = VAGUE | ARTICLES


class Amounts:
    """The numbers and dates of a text, as its tokens are read in their order."""

    def __init__(self, tokens: Tokens) -> None:
        self.numbers: list[Number] = []
        # Each with everything that its way of writing can mean.
        self.dates: list[tuple[Date, ...]] = []
        self.day_words: list[str] = []
        # What the text bears without claiming it.
        self.implied: list[Number] = []
        self.units: set[str] = set()
        self._tokens = tokens
        # The tokens before this one were read together with an earlier one.
        self._read_to = 0

    def has_read(self, at: int) -> bool:
        """Tell whether a token was read together with an earlier one."""
        return at < self._read_to

    def digits(self, at: int) -> bool:
        """Read a token in digits; False when it is a name."""
        written = self._tokens.texts[at].replace(" ", "")
        numbers = in_digits(written.lstrip("-"))
        if not numbers:
            return False
        if written[0] == "-":
            numbers = (numbers[0]._replace(value=f"-{numbers[0].value}"), *numbers[1:])
        *others, last = _full_years(numbers)
        last = self._counted(at, last)
        for number in (*others, last):
            # In "5-10 days", both are days.
            counted = number if number.unit else number._replace(unit=last.unit)
            self.units.add(counted.unit)
            of_year = None if counted.unit or "," in written else year(counted.value)
            if of_year:
                self.dates.append((of_year,))
                self.implied.append(counted)
            else:
                self.numbers.append(counted)
        return True

    def version(self, text: str) -> bool:
        """Read a token such as v2.1; False when it is none."""
        numbers = in_digits(text[1:]) if text[0] in "vV" else ()
        self.numbers += numbers
        return bool(numbers)

    def date(self, token: Token) -> bool:
        """Read a token that `DATE` has found; False when it is none after all."""
        meanings = read_date(token.text, opening=token.start in self._tokens.openings)
        if not meanings:
            return False
        self.dates.append(meanings)
        for date in meanings:
            if date.day:
                self.implied += [Number(str(date.day), ""), Number(str(date.day), ORDINAL)]
            if date.year:
                self.implied.append(Number(str(date.year), ""))
        return True

    def word(self, at: int, lowered: str) -> bool:
        """Read a word of `COUNTING`, other than a month; False when it is a word like others here."""
        if lowered in NUMBER_WORDS:
            return self._spelled(at, lowered)
        if lowered in DAY_WORDS:
            self.day_words.append(lowered.removesuffix("s"))
            return True
        if lowered in ROUGHLY:
            self.numbers.append(Number(ROUGHLY[lowered], ""))
            return True
        if lowered in IMPLIED:
            self.implied.append(Number(IMPLIED[lowered], ""))
        elif lowered in LASTING:
            self.numbers.append(LASTING[lowered])
        elif lowered in ARTICLES:
            self._lasting(at, Number("1", unit_of(self._tokens.lowered(at + 1), close=False)))
        else:
            unit = unit_of(lowered, close=False)
            self.units.add(unit)
            if lowered.endswith("s"):
                self._lasting(at, Number(SOME, unit))
        return False

    def _spelled(self, at: int, lowered: str) -> bool:
        """Read a number in words; False when the word is none here."""
        number, taken = spelled(self._number_words(at))
        if not taken:
            return False
        idiom = lowered == "one" and self._is_pronoun(at)
        listing = lowered == "first" and self._tokens.lowered(at - 1) not in BEFORE_ORDINAL
        if taken == 1 and (idiom or listing):
            self.implied.append(number)
        else:
            self._read_to = at + taken
            self.numbers.append(self._counted(at + taken - 1, number))
        return True

    def _number_words(self, at: int) -> list[str]:
        words = [self._tokens.lowered(at)]
        for before in range(at, at + 8):
            word = self._tokens.lowered(before + 1)
            if not (word in NUMBER_WORDS or word == "and") or not self._tokens.joined(before, (" ", "-")):
                break
            words.append(word)
        return words

    def _is_pronoun(self, at: int) -> bool:
        """Tell whether "one" stands for a thing or person: "no one", "one of them", "this one is"."""
        before, after = self._tokens.lowered(at - 1), self._tokens.lowered(at + 1)
        if before and CLAUSE_END.match(self._tokens.text, self._tokens[at].end):
            return before not in BEFORE_NUMBER
        return before == "no" or after in AFTER_PRONOUN or (before in BEFORE_PRONOUN and after in STOP_WORDS | {""})

    def _counted(self, at: int, number: Number) -> Number:
        """Return the number that ends at a token, with the scale and the unit that stand in the next words."""
        following = list(self._tokens.follow(at, 3))
        larger = scaled(number, self._tokens.lowered(following[0])) if following else None
        if larger:
            number = larger
            self._read_to = following.pop(0) + 1
        if number.unit or not following:
            return number
        first, *others = following
        word = self._tokens.lowered(first)
        unit = unit_of(word, close=self._tokens.joined(first - 1, ("",)) and first == at + 1)
        if unit:
            self._read_to = first + 1
        elif others and word not in STOP_WORDS:
            # "5 business days"
            unit = unit_of(self._tokens.lowered(others[0]), close=False)
        return number._replace(unit=unit)

    def _lasting(self, at: int, number: Number) -> None:
        """Take "for a year" and "for months" for a number, and "a year" elsewhere for none that is claimed."""
        before = at - 1
        while self._tokens.lowered(before) in BEFORE_UNIT:
            before -= 1
        if number.unit in TIMES and self._tokens.lowered(before) in BEFORE_TIME:
            self.numbers.append(number)
        elif number.unit:
            self.implied.append(number)


def _full_years(numbers: tuple[Number, ...]) -> tuple[Number, ...]:
    """Write 2018-19 out as 2018-2019."""
    first, last = numbers[0], numbers[-1]
    short = len(numbers) == 2 and year(first.value) and len(last.value) == 2 and not last.unit
    if short and last.value > first.value[2:]:
        return first, last._replace(value=first.value[:2] + last.value)
    return numbers
