"""Sentences that claim nothing: greetings, lead-ins, questions back, and that something was not found."""

import re

from shipmate.text import stem

__all__ = ["ASSENTING", "claims_nothing"]

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
# Words that only say yes or no.
ASSENTING = frozenset(
    map(
        stem,
        """absolutely believe certainly correct course definitely exactly indeed no nope really right sure think true yea
        yeah yep yes""".split(),
    )
)
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


def claims_nothing(text: str, stems: frozenset[str], *, asked: frozenset[str], known: frozenset[str]) -> bool:
    """Tell whether a sentence says nothing of the world.

    That something was not found may be said in the words `asked`; a question back may use the words `known`.
    """
    if stems <= PHATIC:
        return True
    if GREETS.match(text) and len(stems - PHATIC) <= 2:
        return stems <= PHATIC | asked
    if NOT_FOUND.match(text):
        return stems <= PHATIC | SEARCHING | asked
    return bool(ASKS.search(text)) and stems <= PHATIC | asked | known
