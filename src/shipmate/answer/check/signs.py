"""Whether a sentence says the opposite of its spans: "is not" for "is", "at most" for "at least", "invalid" for "valid"."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from shipmate.answer.check.vocabulary import content_stem
from shipmate.answer.quotes.yes_no import OPPOSITES
from shipmate.text import STOP_WORDS, stem, words

__all__ = ["Signs", "opposed"]

DENYING = frozenset("not no never cannot without neither nor none nobody nothing nowhere hardly".split())
# Behind a "no" or "not", these do not deny what follows.
NO_DENIAL = frozenset(
    "only just later more less fewer longer earlier sooner necessarily really matter doubt yet".split()
)
# So far behind the denying word stands what it denies.
REACH = 6
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:.!?()]")
# The whole text denies: "no more than" denies nothing.
DENIES = re.compile(r"\b(?:cannot|never|(?:no|not)(?! (?:fewer|less|more) than)|without|[a-z]+n't)\b", re.IGNORECASE)
# Who says "not" may mean one of these.
LIMITING = re.compile(
    r"\b(?:abst|avoid|ban|ceas|declin|den[iy]|except|exclu|fail|forb|lack|only|prevent|prohibit|refus|reject|restrict"
    r"|stop|turn(?:s|ed)? down|unless|until|instead|rather|un[a-z]{4}|non-?[a-z]{3}|less than)",
    re.IGNORECASE,
)
BOUND = re.compile(
    r"""\b(?:
    (?P<most>at\ (?:the\ )?most|up\ to|(?:no|not)\ more\ than|maximum(?:\ of)?|under|below|(?:less|fewer)\ than)
    |(?P<least>at\ (?:the\ )?least|(?:no|not)\ (?:less|fewer)\ than|minimum(?:\ of)?|over|above|more\ than)
    |(?P<before>before|prior\ to)
    |(?P<after>after)
    )\b\W*(?P<rest>[^.;!?]{0,60})""",
    re.IGNORECASE | re.VERBOSE,
)
# Each bound holds one of these.
BOUNDING = frozenset("above after before below fewer least less maximum minimum more most over prior under up".split())
OTHER_WAY = {"most": "least", "least": "most", "before": "after", "after": "before"}
# "Inform" is not the opposite of "form".
DENIED_QUALITY = re.compile(
    r"(?:un(?!less$)|non)(?P<any>[a-z]{4,})"
    r"|(?:il|im|in|ir)(?P<quality>[a-z]+(?:able|al|ant|ate|ct|ent|ete|ible|id|ive|ure))"
)


@lru_cache(maxsize=8192)
def _is_sign(word: str) -> bool:
    """Tell whether a word may deny, bound or turn something."""
    lowered = word.lower()
    if lowered in DENYING or lowered in BOUNDING or lowered.endswith("n't"):
        return True
    return DENIED_QUALITY.fullmatch(lowered) is not None or stem(lowered) in OPPOSITES


class Signs:
    """What a text denies, bounds and turns; each is read when it is asked for."""

    def __init__(self, text: str, found: Sequence[str], stems: frozenset[str]) -> None:
        """Take a text that `plain` has gone over, its words, and of these the content words."""
        self._text = text
        self.stems = stems
        # Most texts hold no such word, and of them nothing more has to be read.
        self.any = any(map(_is_sign, found))

    @cached_property
    def denied(self) -> frozenset[str]:
        """The content word behind each "not", "no" or "never"."""
        return frozenset(self._denials)

    @cached_property
    def affirmed(self) -> frozenset[str]:
        """What stands elsewhere than behind one. "What it calls unsafe, unless you do not call it so" does both."""
        if not self._denials:
            return self.stems
        spoken = Counter(map(content_stem, words(self._text)))
        return self.stems - {key for key, times in self._denials.items() if times >= spoken[key]}

    @cached_property
    def limits(self) -> bool:
        """Whether it draws a line in other words: "only", "except", "unable"."""
        return LIMITING.search(self._text) is not None

    @cached_property
    def bounds(self) -> frozenset[tuple[str, str]]:
        """Each bound: which way, and of what."""
        return frozenset(
            (next(way for way in OTHER_WAY if match[way]), what)
            for match in BOUND.finditer(self._text)
            if (what := _object(match["rest"]))
        )

    @cached_property
    def forms(self) -> frozenset[str]:
        """The stems of all words, those that tell nothing included."""
        return frozenset(map(stem, self._lowered))

    @cached_property
    def turned(self) -> frozenset[str]:
        """The stems of what "un-" and "in-" turn."""
        return frozenset(stem(m["any"] or m["quality"]) for m in map(DENIED_QUALITY.fullmatch, self._lowered) if m)

    @cached_property
    def denies(self) -> bool:
        """Whether it denies anything."""
        return DENIES.search(self._text) is not None

    @cached_property
    def _lowered(self) -> list[str]:
        return words(self._text.lower())

    @cached_property
    def _denials(self) -> Counter[str]:
        return Counter(_denials(WORD.findall(self._text))) if self.any else Counter()


def opposed(said: Signs, spans: Sequence[Signs]) -> str:
    """Return the stem of which a sentence says the opposite of what its spans say; empty when there is none."""
    if not (said.any or any(span.any for span in spans)):
        return ""
    return _contradicted(said, spans) or _turned(said, spans)


def _contradicted(said: Signs, spans: Sequence[Signs]) -> str:
    """Return a stem that a sentence denies and a span affirms, or the other way round."""
    if not (said.denied or any(span.denied for span in spans)):
        return ""
    # What a span says with the same words and denials is borne out, whatever the others say.
    if any((said.stems, said.denied, said.affirmed) == (span.stems, span.denied, span.affirmed) for span in spans):
        return ""
    # A span that alone holds half of the sentence speaks for itself.
    main: list[Sequence[Signs]] = [(span,) for span in spans if 2 * len(said.stems & span.stems) >= len(said.stems)]
    return next(filter(None, (_flipped(said, part) for part in main or [spans])), "")


def _flipped(said: Signs, spans: Sequence[Signs]) -> str:
    denied = frozenset[str]().union(*(span.denied for span in spans))
    if not denied and not any(span.limits for span in spans):
        return min(said.denied, default="")
    affirmed = frozenset[str]().union(*(span.affirmed for span in spans))
    flipped = said.denied & affirmed - denied
    if not (said.denied or said.limits):
        flipped |= (denied - affirmed) & said.stems
    return min(flipped, default="")


def _turned(said: Signs, spans: Sequence[Signs]) -> str:
    """Return what a sentence bounds from the other side than a span does, or turns by a syllable or another word."""
    borne = frozenset[tuple[str, str]]().union(*(span.bounds for span in spans))
    forms = frozenset[str]().union(*(span.forms for span in spans))
    turned = frozenset[str]().union(*(span.turned for span in spans))
    for span in spans:
        # "Not after" is "before".
        if span.denies != said.denies:
            continue
        for way, what in sorted(said.bounds - borne):
            if (OTHER_WAY[way], what) in span.bounds:
                return what
        flipped = (said.turned & span.forms - turned) | (said.forms & span.turned - forms - said.turned)
        flipped |= {key for key in said.forms - forms if OPPOSITES.get(key, "") in span.forms - said.forms}
        if flipped:
            return min(flipped)
    return ""


def _denials(tokens: Sequence[str]) -> Iterator[str]:
    """Yield the content word that each denying word denies."""
    for at, token in enumerate(tokens):
        # "Never Shout Never" is the name of a band, and "No" before a comma an answer.
        named = at > 0 and token.istitle() and tokens[at - 1][0].isalnum()
        answer = at == 0 and token.lower() == "no" and tokens[1:2] and tokens[1].lower() in STOP_WORDS
        if named or answer or not (token.lower() in DENYING or token.lower().endswith("n't")):
            continue
        for following in map(str.lower, tokens[at + 1 : at + 1 + REACH]):
            if following in NO_DENIAL or not following[0].isalnum():
                break
            # "One" tells nothing: "not one of the largest" denies "largest".
            what = content_stem(following)
            if what and not following.endswith(("ly", "n't")) and following not in DENYING:
                yield what
                break


def _object(rest: str) -> str:
    """Return the first telling word behind a bound."""
    return next((content_stem(word) for word in words(rest) if word.lower() not in STOP_WORDS), "")
