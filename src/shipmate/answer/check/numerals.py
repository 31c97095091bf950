"""Numbers as they are written, in digits or in words, as values with their units."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "NUMBER_WORDS",
    "ORDINAL",
    "SOME",
    "TIMES",
    "UNIT_WORDS",
    "Number",
    "counts",
    "in_digits",
    "same_word",
    "scaled",
    "spelled",
    "unit_of",
]

ORDINAL = "th"
# The value where only a unit is said: "for months".
SOME = "some"
TIMES = frozenset("second minute hour day week month year decade century".split())
UNITS = {
    alias: unit
    for unit, aliases in {
        "%": "% percent pct percentage",
        "usd": "$ us$ usd dollar dollars",
        "eur": "€ eur euro euros",
        "gbp": "£ gbp",
        "jpy": "¥ jpy yen",
        "inr": "₹ inr rupee rupees",
        "cent": "cent cents",
        "ms": "ms millisecond milliseconds msec",
        "second": "s sec secs second seconds",
        "minute": "min mins minute minutes",
        "hour": "h hr hrs hour hours",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs",
        "decade": "decade decades",
        "century": "century centuries",
        "bit": "bit bits",
        "byte": "byte bytes",
        "kb": "kb kib kilobyte kilobytes",
        "mb": "mb mib megabyte megabytes",
        "gb": "gb gib gigabyte gigabytes",
        "tb": "tb tib terabyte terabytes",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "cm": "cm centimeter centimeters centimetre centimetres",
        "m": "m meter meters metre metres",
        "km": "km kilometer kilometers kilometre kilometres",
        "inch": "inch inches",
        "foot": "ft foot feet",
        "mile": "mi mile miles",
        "yard": "yd yard yards",
        "acre": "acre acres",
        "ha": "ha hectare hectares",
        "mg": "mg milligram milligrams",
        "g": "g gram grams",
        "kg": "kg kilogram kilograms kilo kilos",
        "ounce": "oz ounce ounces",
        "ton": "t ton tons tonne tonnes",
        "ml": "ml milliliter milliliters millilitre millilitres",
        "l": "l liter liters litre litres",
        "gallon": "gal gallon gallons",
        "hz": "hz hertz",
        "mhz": "mhz",
        "ghz": "ghz",
        "w": "w watt watts",
        "kw": "kw kilowatt kilowatts",
        "mw": "mw megawatt megawatts",
        "v": "volt volts",
        "mph": "mph",
        "kmh": "km/h kmh kph",
        "nm": "nm nanometer nanometers nanometre nanometres",
        "celsius": "°c celsius",
        "fahrenheit": "°f fahrenheit",
        "degree": "° deg degree degrees",
        "am": "am",
        "pm": "pm",
        ORDINAL: "st nd rd th",
        "decades": "s",
    }.items()
    for alias in aliases.split()
}
UNIT_WORDS = frozenset(UNITS)
CANONICAL_UNITS = frozenset(UNITS.values())
# Too short to be read as units of the number before them when a space stands between.
CLOSE_ONLY = frozenset("s h m g t l w st nd rd th".split())

CARDINALS = {
    word: value
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
}
TENS = {word: 20 + 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
ORDINALS = {
    word: value
    for value, word in enumerate(
        """zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
        fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth""".split()
    )
} | {f"{word[:-1]}ieth": value for word, value in TENS.items()}
SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
NUMBER_WORDS = frozenset(CARDINALS | TENS | ORDINALS | SCALES)

SUFFIX_SCALES = {"k": 3, "bn": 9, "mn": 6}
PART = re.compile(r"(\d+(?:[.,':]\d+)*)([^\W\d_]*%?|°[cf]?)")
GROUPED = re.compile(r"\d{1,3}(?:[,']\d{3})+(?:\.\d+)?")


class Number(NamedTuple):
    """A value in canonical digits, and what it counts where that is a unit; empty otherwise."""

    value: str
    unit: str


def same_word(word: str) -> str:
    """Return the one way to write a cardinal or unit in lower case: "ten" is "10"; nothing for another word."""
    value = CARDINALS.get(word, TENS.get(word))
    if value is not None:
        return str(value)
    return "" if word in CLOSE_ONLY else UNITS.get(word, "")


def counts(stem: str) -> bool:
    """Tell whether a word that `same_word` may have written says how much rather than what."""
    return stem[0].isdigit() or stem in CANONICAL_UNITS


def unit_of(word: str, *, close: bool) -> str:
    """Return the canonical unit that a word in lower case names, or nothing; `close`: no space stands before it."""
    return "" if not close and word in CLOSE_ONLY else UNITS.get(word, "")


@lru_cache(maxsize=2048)
def in_digits(token: str) -> tuple[Number, ...]:
    """Return the numbers of a token such as 1,000 or 5-10% or 30th; nothing when it is a name such as 3D."""
    numbers = []
    currency = UNITS.get(token[0], "")
    for part in re.split(r"[-/x+]", token.lstrip("$€£¥₹~#").lower()):
        match = PART.fullmatch(part)
        if match is None:
            return ()
        digits, suffix = match.groups()
        scale = SUFFIX_SCALES.get(suffix) or (6 if suffix == "m" and currency else 0)
        unit = UNITS.get(suffix, "")
        if suffix and not scale and not unit:
            return ()
        numbers.append(Number(_canonical(digits, scale), currency or ("" if scale else unit)))
    return tuple(numbers)


def scaled(number: Number, word: str) -> Number | None:
    """Return the number times what the word behind it says ("million"), or None when it says nothing of the kind."""
    zeros = SCALES.get(word, 0)
    return Number(_canonical(number.value, zeros), number.unit) if zeros else None


def _canonical(digits: str, zeros: int = 0) -> str:
    if ":" in digits or digits.count(".") > 1:
        return digits.removesuffix(":00")
    whole = digits.replace(",", "").replace("'", "") if GROUPED.fullmatch(digits) else digits.replace(",", ".")
    if zeros or whole[0] == "0":
        try:
            return f"{(Decimal(whole) * 10**zeros).normalize():f}"
        except ArithmeticError:
            return digits
    head, _, tail = whole.partition(".")
    return whole if tail.strip("0") else head


def spelled(words: list[str]) -> tuple[Number, int]:
    """Read the number that a run of words in lower case begins with: "twenty-five", "third", "two hundred"."""
    total = current = taken = 0
    unit = ""
    for at, word in enumerate(words):
        if word == "and" and taken == at and at and words[at - 1] in SCALES and at + 1 < len(words):
            continue
        value = CARDINALS.get(word, TENS.get(word, ORDINALS.get(word, -1)))
        if value >= 0 and (not current or _adds(current, value)):
            current += value
            unit = ORDINAL if word in ORDINALS else ""
        elif word in SCALES and taken:
            current = max(current, 1) * 10 ** SCALES[word]
            if SCALES[word] > 2:
                total, current = total + current, 0
        else:
            break
        taken = at + 1
        if unit:
            break
    return Number(str(total + current), unit), taken


def _adds(current: int, value: int) -> bool:
    """Tell whether "twenty" goes on with "five", and "hundred" with "twelve"."""
    return value > 0 and ((current % 100 == 0) or (current % 10 == 0 and current % 100 >= 20 and value < 10))
