"""Which exchanges of an episode have solved what they were about, as far as one can tell from what was said."""

import re
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from shipmate.messages import Episode, Exchange, ReplyKind
from shipmate.text import stems, words

__all__ = ["QUIET_S", "SAME", "alike", "asks_again", "complains", "solved"]

# So long must an episode have been at rest: who is not content comes back within that time.
QUIET_S = 30 * 60
# Two questions with so much in common are the same one, put again.
SAME = 0.6
# A short message with one of these says that the reply before it was no help.
COMPLAINT_WORDS = 12
COMPLAINT = re.compile(
    r"\b(?:wrong|useless|incorrect|not (?:what|true|right|correct|helpful|an answer|my question)|"
    r"(?:did|does|do)(?: not|n['’]t) (?:help|work|answer)|still (?:not|does|do|the same|fails|broken)|no help)\b|"
    r"^no\b(?! (?:problem|worries))",
    re.IGNORECASE,
)


def solved(episode: Episode) -> Iterator[Exchange]:
    """Yield the exchanges of a rested episode that may serve as examples.

    None, where its last reply was no answer or was complained of. Of those before, the answers that cite something,
    were not complained of and whose question was not put again.
    """
    exchanges = episode.exchanges
    if not exchanges or exchanges[-1].kind is not ReplyKind.ANSWER or any(map(_complains, exchanges[1:][-1:])):
        return
    for number, exchange in enumerate(exchanges):
        later = exchanges[number + 1 :]
        if (
            exchange.kind is ReplyKind.ANSWER
            and exchange.citations
            and exchange.is_whole
            and not any(map(_complains, later[:1]))
            and not asks_again(exchange, later)
        ):
            yield exchange


def asks_again(exchange: Exchange, later: Sequence[Exchange]) -> bool:
    """Tell whether a later question is the same as this exchange's."""
    asked = frozenset(stems(exchange.question))
    return any(alike(asked, frozenset(stems(other.question))) >= SAME for other in later)


def alike(one: AbstractSet[Hashable], other: AbstractSet[Hashable]) -> float:
    """Return the share that two questions have in common, each as the set of its words."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared or 1)


def complains(message: str) -> bool:
    """Tell whether a message complains of the reply before it."""
    return len(words(message)) <= COMPLAINT_WORDS and COMPLAINT.search(message) is not None


def _complains(exchange: Exchange) -> bool:
    return complains(exchange.text)
