"""Names: words that their capitals, or their strangeness, make the name of somebody or something."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shipmate.answer.check.tokens import Token, Tokens
from shipmate.answer.check.vocabulary import ordinary, run_of
from shipmate.text import STOP_WORDS, fold, stem

__all__ = ["Name", "name", "names"]

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


def name(text: str, *, doubtful: bool = False) -> Name:
    """Return the name that is written so."""
    return Name(text, run_of(text), doubtful)


def names(tokens: Tokens, candidates: Sequence[Token]) -> Iterator[Name]:
    """Yield the names among the words that are capital or not ordinary; several in a row are one name as well."""
    run: list[Token] = []
    for token in candidates:
        found = _named(tokens, token)
        if found is None:
            continue
        yield found
        if not found.doubtful:
            if run and not _goes_on(tokens, run[-1], token):
                yield from _full_name(tokens, run)
                run = []
            run.append(token)
    yield from _full_name(tokens, run)


def _goes_on(tokens: Tokens, last: Token, token: Token) -> bool:
    return tokens.text[last.end : token.start] in (" ", "-") and not last.text.endswith("'s")


def _full_name(tokens: Tokens, run: Sequence[Token]) -> Iterator[Name]:
    if len(run) > 1:
        yield name(tokens.text[run[0].start : run[-1].end].removesuffix("'s"))


def _named(tokens: Tokens, token: Token) -> Name | None:
    """Return the word as a name, or None when it is none on the face of it."""
    bare = token.text.removesuffix("'s")
    if bare == "I" or bare.endswith(CONTRACTED) or (len(bare) == 1 and bare.islower()):
        return None
    if not fold(bare).isascii():
        return name(bare)
    # In a heading or a row of a table, capitals say nothing.
    if bare.islower() or tokens.text.lstrip()[:1] in ("#", "|"):
        return None if ordinary(bare) else name(bare, doubtful=True)
    opening = token.start in tokens.openings
    # A capital that its place explains; in "Stone" or "May Flower" there is nothing else to explain.
    explained = opening and LOWER_CASE_WORD.search(tokens.text, token.end) is not None
    if (opening and bare.lower() in INTERJECTIONS) or (explained and _opens(tokens, token, bare.lower())):
        return None
    return name(bare, doubtful=explained and not bare.isupper() and ordinary(bare))


def _opens(tokens: Tokens, token: Token, lowered: str) -> bool:
    """Tell whether a word is one that begins sentences: a known one, "Creating a ...", "Workshops are ..."."""
    if lowered in OPENERS:
        return True
    if len(tokens.texts) < WHOLE_SENTENCE_WORDS or not ordinary(lowered) or stem(lowered) == lowered:
        return False
    after = LOWER_CASE_WORD.match(tokens.text, token.end + 1)
    plural = lowered.endswith("s") and after is not None and not after[0].endswith("s")
    return plural or lowered.endswith(("ing", "ly"))
