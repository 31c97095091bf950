"""What a text says that can be right or wrong by the letter: numbers, dates, names, code and links."""

import re
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

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
from shipmate.answer.check.tokens import (
    ACTIVE_TAG,
    FENCED,
    LISTED,
    MAY_SPELL_LINK,
    OPENING,
    QUOTED_CODE,
    SPELLED_LINK,
    TOKEN,
)
from shipmate.answer.check.vocabulary import ordinary, run_of
from shipmate.text import STOP_WORDS, fold, stem

__all__ = ["Claims", "Name", "read"]

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
ARTICLES = ("a", "an")
COUNTING = (
    NUMBER_WORDS
    | UNIT_WORDS
    | IMPLIED.keys()
    | ROUGHLY.keys()
    | LASTING.keys()
    | MONTHS.keys()
    | DAY_WORDS
    | {*ARTICLES}
)

LOWER_CASE_WORD = re.compile(r"\b[a-z]+")
CONTRACTED = ("n't", "'ll", "'re", "'ve", "'d", "'m")
INTERJECTIONS = frozenset(
    "absolutely bye certainly goodbye hello hey hi no oh ok okay please sorry sure thanks welcome well yeah yes".split()
)
# A capital on these says nothing where a sentence begins; on any other word it may make a name.
OPENERS = STOP_WORDS | frozenset(
    """above absolutely according across add additional additionally advanced afterwards again against ah almost
    along already alternatively although always among annual another anybody anyone anything apart apply as
    aside ask automatic available avoid basic because before behind below beside besides between beyond both
    bring call can't cannot certainly change check choose clear click close combine common compare compared
    configure confirm connect consequently consider considering contact continue contrary copy correct create
    currently daily define delete depending deploy despite different digital don't download drag due during each
    earlier easy effective either else empty enable ensure enter environmental even eventually every everybody
    everyone everything exactly except excluding expect export extra fewer fill finally financial find first
    firstly follow following for fortunately frequent full further furthermore general generally generate get
    give given global go having hence here hold however if import important include including indeed independent
    initially insert install instead keep lastly later least legal less let like likewise local look make manual
    many maybe meanwhile medical monthly moreover mostly move much multiple natural near necessary neither never
    nevertheless new next nobody none nonetheless nor normally notable note nothing now numerous occasionally
    official often oh ok okay old once only open optional original originally other others otherwise overall
    partial particular paste perhaps permanent personal physical pick please plus popular possible press
    presumably previously prior private proper provided public put rather recent recently recommended regarding
    regardless regular related remember remove repeat replace required restart return review right run save
    scheduled second secondly see select send set several shortly sign significant similar similarly simple
    since single social some somebody someone something sometimes soon special specific standard start still
    stop submit subsequently successful such sufficient sure switch take tap technical temporary the then there
    thereafter therefore third though through throughout thus together toward towards traditional try turn type
    typical typically ultimately unauthorized under unfortunately unique unknown unless unlike unlimited until
    up upload upon use useful usual usually various verify visible visit wait watch weekly well whenever whereas
    wherever whether while whole within without wow write yea yeah yearly yes yet""".split()
)
# In a shorter text, a word with a capital may as well be a title.
WHOLE_SENTENCE_WORDS = 6


class Name(NamedTuple):
    """A word, or several in a row, that names somebody or something."""

    text: str
    # As `run_of` writes it.
    run: str
    # It may be an ordinary word after all; then it stands in the evidence in any of its forms.
    doubtful: bool = False


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


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """Goes through a text's tokens once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [
            _Token(kind, token := m[kind], (end := m.end()) - len(token), end)
            for m in TOKEN.finditer(text)
            if (kind := m.lastgroup)
        ]
        # What stands before this was read together with an earlier token.
        self._read_to = 0
        # In a heading or a row of a table, capitals say nothing.
        self._heading = text.lstrip()[:1] in ("#", "|")
        # What is capital or no ordinary word, and so may be a name.
        self._words: list[_Token] = []
        self._names: list[Name] = []
        self._numbers: list[Number] = []
        self._dates: list[tuple[Date, ...]] = []
        self._day_words: list[str] = []
        self._links: list[str] = []
        self._code: list[str] = []
        self._implied: list[Number] = []
        self._units: set[str] = set()

    @cached_property
    def _openings(self) -> set[int]:
        return {match.end() for match in OPENING.finditer(self._text)}

    @cached_property
    def _listed(self) -> set[int]:
        return {match.start(1) for match in LISTED.finditer(self._text)}

    def claims(self) -> Claims:
        for at, token in enumerate(self._tokens):
            if token.kind == "word":
                self._word(at, token)
            else:
                self._other(at, token)
        self._name_words()
        self._quoted_code()
        self._spelled_links()
        return Claims(
            tuple(self._names),
            tuple(self._numbers),
            tuple(self._dates),
            tuple(self._day_words),
            tuple(self._links),
            tuple(self._code),
            tuple(self._implied),
            frozenset(self._units),
        )

    def _other(self, at: int, token: _Token) -> None:
        match token.kind:
            case "rest":
                self._word(at, token)
            case "number" | "digits":
                self._number(at, token)
            case "date":
                self._date(token)
            case "mixed":
                self._mixed(token)
            case "code":
                self._code_token(at, token)
            case "tag":
                if ACTIVE_TAG.match(token.text):
                    self._links.append(" ".join(token.text.lower().split()))
            case _:
                self._links.append(_canonical_link(token.text))

    def _code_token(self, at: int, token: _Token) -> None:
        parts = token.text.split(".")
        if all(len(part) == 1 for part in parts if part):
            if "".join(parts).isupper():
                self._names.append(Name(token.text, run_of(token.text)))
        elif len(parts) == 2 and parts[0].isalpha() and parts[1].istitle():
            # The space behind a full stop was forgotten.
            second = token._replace(text=parts[1], start=token.end - len(parts[1]))
            self._openings.add(second.start)
            self._word(at, token._replace(text=parts[0]))
            self._word(at, second)
        else:
            self._code.append(fold(token.text).rstrip("."))

    def _mixed(self, token: _Token) -> None:
        numbers = in_digits(token.text[1:]) if token.text[0] in "vV" else ()
        if numbers:
            self._numbers += numbers
        else:
            self._names.append(Name(token.text, run_of(token.text)))

    def _date(self, token: _Token) -> None:
        meanings = read_date(token.text, opening=token.start in self._openings)
        if not meanings:
            if token.text.rstrip(".").isalpha():
                self._words.append(token._replace(text=token.text.rstrip(".")))
            else:
                self._code.append(fold(token.text))
            return
        self._dates.append(meanings)
        for date in meanings:
            if date.day:
                self._implied += [Number(str(date.day), ""), Number(str(date.day), ORDINAL)]
            if date.year:
                self._implied.append(Number(str(date.year), ""))

    def _number(self, at: int, token: _Token) -> None:
        if token.start in self._listed:
            return
        written = token.text.replace(" ", "")
        numbers = in_digits(written.lstrip("-"))
        if not numbers:
            self._names.append(Name(token.text, run_of(token.text)))
            return
        if written[0] == "-":
            numbers = (numbers[0]._replace(value=f"-{numbers[0].value}"), *numbers[1:])
        numbers = _full_years(numbers)
        last = self._counted(at, numbers[-1])
        if last.unit:
            # In "5-10 days", both are days.
            numbers = tuple(number if number.unit else number._replace(unit=last.unit) for number in numbers[:-1])
            numbers = (*numbers, last)
        else:
            numbers = (*numbers[:-1], last)
        for number in numbers:
            self._units.add(number.unit)
            of_year = None if number.unit or "," in written else year(number.value)
            if of_year:
                self._dates.append((of_year,))
                self._implied.append(number)
            else:
                self._numbers.append(number)

    def _counted(self, at: int, number: Number) -> Number:
        """Return the number with the scale and the unit that stand in the next words."""
        following = self._following(at)
        larger = scaled(number, following[0].text.lower()) if following else None
        if larger:
            self._read_to = following[0].end
            number = larger
            following = following[1:]
        if number.unit or not following:
            return number
        first = following[0]
        unit = unit_of(first.text.lower(), close=first.start == self._tokens[at].end)
        if unit:
            self._read_to = first.end
        elif len(following) > 1 and first.text.lower() not in STOP_WORDS:
            # "5 business days"
            unit = unit_of(following[1].text.lower(), close=False)
        return number._replace(unit=unit)

    def _following(self, at: int) -> list[_Token]:
        """Return up to three words that follow a token with at most a space or hyphen between."""
        found = []
        for before, token in pairwise(self._tokens[at : at + 4]):
            if token.kind not in ("word", "rest") or self._text[before.end : token.start] not in ("", " ", "-"):
                break
            found.append(token)
        return found

    def _word(self, at: int, token: _Token) -> None:
        if token.end <= self._read_to:
            return
        lowered = token.text.lower()
        if lowered in COUNTING and self._counting(at, token, lowered):
            return
        if token.text != lowered or not ordinary(lowered):
            self._words.append(token)

    def _counting(self, at: int, token: _Token, lowered: str) -> bool:
        """Read a word that can say a number or date; False when it is a word like others here."""
        if lowered in NUMBER_WORDS:
            return self._spelled(at, lowered)
        if lowered in MONTHS:
            self._date(token)
            return True
        if lowered in DAY_WORDS:
            self._day_words.append(lowered.removesuffix("s"))
            return True
        if lowered in ROUGHLY:
            self._numbers.append(Number(ROUGHLY[lowered], ""))
            return True
        if lowered in IMPLIED:
            self._implied.append(Number(IMPLIED[lowered], ""))
        elif lowered in LASTING:
            self._numbers.append(LASTING[lowered])
        elif lowered in ARTICLES:
            self._lasting(at, Number("1", unit_of(self._beside(at, 1), close=False)))
        else:
            unit = unit_of(lowered, close=False)
            self._units.add(unit)
            if lowered.endswith("s"):
                self._lasting(at, Number(SOME, unit))
        return False

    def _lasting(self, at: int, number: Number) -> None:
        """Take "for a year" and "for months" for a number, and "a year" elsewhere for none that is claimed."""
        before = at - 1
        while self._beside(before, 0) in VAGUE.union(ARTICLES):
            before -= 1
        if number.unit in TIMES and self._beside(before, 0) in BEFORE_TIME:
            self._numbers.append(number)
        elif number.unit:
            self._implied.append(number)

    def _spelled(self, at: int, lowered: str) -> bool:
        """Read a number in words; False when the word is none here."""
        number, taken = spelled(self._number_words(at))
        if not taken:
            return False
        last = self._tokens[at + taken - 1]
        idiom = lowered == "one" and self._is_pronoun(at)
        listing = lowered == "first" and self._beside(at, -1) not in BEFORE_ORDINAL
        if taken == 1 and (idiom or listing):
            self._implied.append(number)
        else:
            self._read_to = last.end
            self._numbers.append(self._counted(at + taken - 1, number))
        return True

    def _is_pronoun(self, at: int) -> bool:
        """Tell whether "one" stands for a thing or person: "no one", "one of them", "this one is"."""
        before, after = self._beside(at, -1), self._beside(at, 1)
        if before and CLAUSE_END.match(self._text, self._tokens[at].end):
            return before not in BEFORE_NUMBER
        return before == "no" or after in AFTER_PRONOUN or (before in BEFORE_PRONOUN and after in STOP_WORDS | {""})

    def _number_words(self, at: int) -> list[str]:
        words = [self._tokens[at].text.lower()]
        for before, token in pairwise(self._tokens[at : at + 9]):
            word = token.text.lower()
            if self._text[before.end : token.start] not in (" ", "-") or not (word in NUMBER_WORDS or word == "and"):
                break
            words.append(word)
        return words

    def _beside(self, at: int, step: int) -> str:
        return self._tokens[at + step].text.lower() if 0 <= at + step < len(self._tokens) else ""

    def _name_words(self) -> None:
        """Tell names from other words, by their capitals where those say something."""
        run: list[_Token] = []
        for token in self._words:
            name = self._name(token)
            if name is None:
                continue
            self._names.append(name)
            if not name.doubtful:
                if run and (self._text[run[-1].end : token.start] not in (" ", "-") or run[-1].text.endswith("'s")):
                    self._full_name(run)
                    run = []
                run.append(token)
        self._full_name(run)

    def _name(self, token: _Token) -> Name | None:
        """Return the word as a name, or None when it is none on the face of it."""
        bare = token.text.removesuffix("'s")
        if bare == "I" or bare.endswith(CONTRACTED) or (len(bare) == 1 and bare.islower()):
            return None
        if not fold(bare).isascii():
            return Name(bare, run_of(bare))
        if bare.islower() or self._heading:
            return None if ordinary(bare) else Name(bare, run_of(bare), doubtful=True)
        opening = token.start in self._openings
        # A capital that its place explains; in "Stone" or "May Flower" there is nothing else to explain.
        explained = opening and LOWER_CASE_WORD.search(self._text, token.end) is not None
        if (opening and bare.lower() in INTERJECTIONS) or (explained and self._opens(token, bare.lower())):
            return None
        return Name(bare, run_of(bare), explained and not bare.isupper() and ordinary(bare))

    def _opens(self, token: _Token, lowered: str) -> bool:
        """Tell whether a word is one that begins sentences: a known one, "Creating a ...", "Workshops are ..."."""
        if lowered in OPENERS:
            return True
        if len(self._tokens) < WHOLE_SENTENCE_WORDS or not ordinary(lowered) or stem(lowered) == lowered:
            return False
        after = LOWER_CASE_WORD.match(self._text, token.end + 1)
        plural = lowered.endswith("s") and after is not None and not after[0].endswith("s")
        return plural or lowered.endswith(("ing", "ly"))

    def _full_name(self, run: list[_Token]) -> None:
        if len(run) > 1:
            text = self._text[run[0].start : run[-1].end].removesuffix("'s")
            self._names.append(Name(text, run_of(text)))

    def _quoted_code(self) -> None:
        if FENCED.match(self._text):
            lines = self._text.strip().split("\n")[1:]
            self._code += [fold(" ".join(line.split())) for line in lines if line.strip() and not FENCED.match(line)]
        elif "`" in self._text:
            self._code += [fold(" ".join(match[1].split())) for match in QUOTED_CODE.finditer(self._text)]

    def _spelled_links(self) -> None:
        if MAY_SPELL_LINK.search(self._text):
            self._links += [_unspelled(match[0]) for match in SPELLED_LINK.finditer(self._text)]


def _full_years(numbers: tuple[Number, ...]) -> tuple[Number, ...]:
    """Write 2018-19 out as 2018-2019."""
    first, last = numbers[0], numbers[-1]
    short = len(numbers) == 2 and year(first.value) and len(last.value) == 2 and not last.unit
    if short and last.value > first.value[2:]:
        return first, last._replace(value=first.value[:2] + last.value)
    return numbers


def _canonical_link(token: str) -> str:
    """Return the link without what does not change where it leads: scheme, www and the sentence's own full stop."""
    target = re.sub(r"^(?:\]\(\s*<?|\s*\[[^\]]+\]:\s*<?)", "", token)
    target = target.replace("[.]", ".").replace("(.)", ".").rstrip(".,;:!?*_>").lower()
    return re.sub(r"^(?:https?:)?//(?:www\.)?|^www\.", "", target).rstrip("/")


def _unspelled(address: str) -> str:
    """Write "evil dot com" as evil.com."""
    joined = re.sub(r"\s?(?:[\[({]\s?dot\s?[\])}]|\bdot\b|\.)\s?", ".", address.lower())
    return re.sub(r"\s?(?:[\[({]\s?at\s?[\])}]|@)\s?", "@", joined)
