"""Sentences that claim nothing: greetings, lead-ins, questions back, and that something was not found."""

import re
from collections.abc import Callable

from shipmate.text import stem, words

__all__ = ["ASSENTING", "claims_nothing", "says_yes"]

PHATIC = frozenset(
    map(
        stem,
        """according additional answer any anything apologies apologize apology article articles ask assist based below bye cause confusion
        certainly context course details document documentation documents else excerpt excerpts feel find following
        follow found free further glad goodbye great happy hello help helpful helps hey hi hope information know let
        learn like more other want assistance any luck mention mentioned need note okay ok passage passages please previous provided response understand question questions quick say says
        section sections see short shortly sorry source sources step steps sum summary sure tell text thank thanks
        unfortunately welcome""".split(),
    )
)
# Those of them that can say something of the world: "It is free."
LOADED = frozenset(map(stem, "assist assistance free great help helpful need quick short".split()))
# They say nothing in these.
PLEASANTRIES = re.compile(
    r"""\b(?:feel\ free|in\ short|what\ (?:else\ )?you\ need
    |(?:quick|short)\ (?:answer|overview|summary)
    |(?:if|in\ case|whether|should|do)\ you\ (?:\w+\ )?need(?:\ (?:\w+\ ){0,2}(?:assistance|help))?
    |(?:like|want)\ (?:\w+\ )?(?:assistance|help)
    |(?:i(?:'m|'d|'ll)?|hope|let\ me)\ (?:[\w']+\ ){0,3}(?:assist|help(?:s|ed|ful)?)
    |(?:(?:can|could|may)\ i|(?:glad|happy|here)\ to)\ (?:assist|help))\b
    |\A\W*great(?=\W*(?:questions?\b|[,!]|$))|\bneed\b(?=.*:\W*$)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# Words that only say yes or no.
ASSENTING = frozenset(
    map(
        stem,
        """absolutely believe certainly correct course definitely exactly indeed no nope really right sure think true yea
        yeah yep yes""".split(),
    )
)
# What may stand beside them.
BARE = ASSENTING | frozenset(
    map(
        stem,
        """affirmative afraid aren't can't couldn't didn't doesn't don't false fortunately hadn't hasn't haven't
        incorrect isn't mustn't neither never sadly shouldn't sorry unfortunately wasn't weren't won't wouldn't
        wrong""".split(),
    )
)
YES_OR_NO = re.compile(r"\b(?:yes|yeah?|yep|nope|no(?=\W*$|[.,!:;]))(?!\w)", re.IGNORECASE)
VERDICT = re.compile(
    r"""\b(?:absolutely|affirmative|correct|definitely|exactly|false|incorrect|indeed|never|no|nope|not|right|true|wrong
    |yes|yeah?|yep|[a-z]+n't
    |(?:he|i|it|one|she|so|that|there|these|they|this|those|we|you)(?:\ (?:sure|[a-z]+ly))?(?:\ (?:are|can|could|did|do|does|had
     |has|have|is|may|might|must|should|was|were|will|would)\b(?!.*:\W*$)|'(?:re|s)\ not))(?!\w)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
COURTEOUS = re.compile(r"\b(?:certainly|course|sure)\b", re.IGNORECASE)
DENIES = re.compile(r"\b(?:cannot|false|incorrect|neither|never|no|nope|not|wrong|[a-z]+n't)(?!\w)", re.IGNORECASE)
GREETS = re.compile(r"\W*(?:bye|goodbye|hello|hey|hi|thanks|thank you|welcome)\b", re.IGNORECASE)
NOT_FOUND = re.compile(
    r"""
    \W*(?:(?:unfortunately|sorry|i'm\ sorry|i\ am\ sorry|i\ apologi[sz]e|however|but)\b[,\s]*)*
    (?:(?:i|we)\ (?:could|can|do|did|was|am|were|are)(?:n't|not|\ not|\ unable)
     | (?:(?:the|these|your)\ )?(?:\w+\ )?(?:documents?|documentation|passages?|sources?|context|excerpts?|texts?)\ (?:provided\ )?
       (?:do|does|did|is|are|has|have)(?:n't|\ not|\ no)
     | (?:there\ (?:is|was|are)|i\ have|i\ found)\ no\ (?:information|mention|answer|details?)
     | (?:it|this|that)\ (?:is|was)(?:n't|\ not)\ (?:\w+\ )?(?:in\ the|mentioned|covered|stated|specified|described|found))
    """,
    re.IGNORECASE | re.VERBOSE,
)
SEARCHING = frozenset(
    map(
        stem,
        """about address contain contains cover covered describe described explain find include information mention
        provide provided say specify specified specific state stated unable""".split(),
    )
)
ASKS = re.compile(r"\b(?:you|your)\b.*\?\W*$", re.IGNORECASE | re.DOTALL)


def says_yes(text: str, stems: frozenset[str], *, asked: Callable[[], bool]) -> bool | None:
    """Tell whether a sentence that says nothing but yes or no says yes; None for any other sentence.

    Where it was not `asked` for a yes or a no, a "Sure" is a courtesy.
    """
    if not stems <= BARE | _phatic(text, stems) or text.rstrip().endswith("?") or NOT_FOUND.match(text):
        return None
    # "The documents say no."
    says = YES_OR_NO.search(text)
    if stems <= BARE:
        says = says or VERDICT.search(text) or (COURTEOUS.search(text) if asked() else None)
    return DENIES.search(text) is None if says else None


def claims_nothing(
    text: str, stems: frozenset[str], *, asked: frozenset[str], known: Callable[[frozenset[str]], frozenset[str]]
) -> bool:
    """Tell whether a sentence says nothing of the world.

    That something was not found may be said in the words `asked`; a question back may use those that are `known`.
    """
    phatic = _phatic(text, stems)
    if stems <= phatic:
        return True
    if GREETS.match(text) and len(stems - phatic) <= 2:
        return stems <= phatic | asked
    if NOT_FOUND.match(text):
        return stems <= phatic | SEARCHING | asked
    return "?" in text and ASKS.search(text) is not None and stems <= phatic | asked | known(stems)


def _phatic(text: str, stems: frozenset[str]) -> frozenset[str]:
    """Return the words that claim nothing where they stand."""
    if LOADED.isdisjoint(stems):
        return PHATIC
    return PHATIC - LOADED.intersection(map(stem, words(PLEASANTRIES.sub(" ", text))))
