"""What a message says of the answers before it: thanks, a complaint, or the same question put again.

Read while the words are known. Of a question, only numbers that stand for its words in this process are kept.
"""

import re
from collections import OrderedDict, deque
from typing import NamedTuple

from shipmate.memory.resolved import SAME, alike, complains
from shipmate.messages import Conversation, Heard, Question, Reask, Role, Route
from shipmate.text import stems, words

__all__ = ["REOPENED_S", "Signs"]

# Who asks the same again within that time was not helped before, though the conversation be another one.
REOPENED_S = 72 * 3600
# Of a long message, only the beginning is looked at.
HEARD_CHARS = 400
# So many callers' questions are kept, and so many of each, the last.
CALLERS = 4096
QUESTIONS = 8
# So much two questions must have in common to be about one thing, where the charter does not say what they are about.
NEAR = 0.3
THANKS_WORDS = 12
THANKS = re.compile(
    r"\b(?:thanks|thank you|thankyou|thx|cheers|perfect|brilliant|awesome|great|"
    r"(?:that|it|this)(?: (?:worked|works|helped|helps|did it|solved it)|['’]s it)|(?:solved|sorted|fixed)(?: now)?)\b",
    re.IGNORECASE,
)
# The answer is said to have been no help, and the question stays.
PERSISTS = re.compile(
    r"\b(?:still|again|as i said|i (?:asked|meant|mean|said)|(?:that|it|this)(?:['’]s| is| was) not|"
    r"(?:did|does|do)(?: not|n['’]t) (?:help|work|answer)|not what)\b",
    re.IGNORECASE,
)
# Messages that put no question.
NO_QUESTIONS = frozenset(("thanks", "greeting"))
# How sure a phrase makes it that an answer did not help.
PERSISTING = 0.7


class Earlier(NamedTuple):
    """A question that was put before."""

    at: float
    turn_id: str
    issue_id: str
    intent: str
    # How sure the intent is.
    confidence: float
    said: frozenset[int]


class Signs:
    """Hears what messages say of what was answered before; lives on the event loop."""

    def __init__(self) -> None:
        self._earlier: OrderedDict[str, deque[Earlier]] = OrderedDict()

    def heard(
        self, before: Conversation, question: Question, route: Route, *, turn_id: str, issue_id: str, now: float
    ) -> Heard:
        """Return what a message says; `before` is the conversation without it, `issue_id` the message's own episode."""
        said = _said(question.standalone)
        asked = Earlier(now, turn_id, issue_id, route.intent, route.confidence, said)
        sign = "negative" if before.messages and complains(question.text) else _sign(question.text, said)
        reask = None if sign in NO_QUESTIONS else _reask(asked, question.text, self._of(before), sign=sign)
        if sign not in NO_QUESTIONS:
            self._keep(before.caller, asked)
        return Heard(sign=sign, prev_issue_id=before.issue_id, reask=reask)

    def _of(self, before: Conversation) -> list[Earlier]:
        """Return the caller's last questions, the conversation's own among them though the process be new."""
        known = list(self._earlier.get(before.caller, ()))
        if not any(one.issue_id == before.issue_id for one in known):
            last = next((message for message in reversed(before.messages) if message.role is Role.USER), None)
            if last and before.issue_id:
                said = _said(last.text)
                known.append(Earlier(last.at, "", before.issue_id, before.last_intent, 1.0, said))
        return known

    def _keep(self, caller: str, asked: Earlier) -> None:
        self._earlier.setdefault(caller, deque(maxlen=QUESTIONS)).append(asked)
        self._earlier.move_to_end(caller)
        if len(self._earlier) > CALLERS:
            self._earlier.popitem(last=False)


def _said(text: str) -> frozenset[int]:
    """Return numbers for the words that tell something: equal for equal words, until the process ends."""
    return frozenset(map(hash, stems(text[:HEARD_CHARS])))


def _sign(text: str, said: frozenset[int]) -> str:
    if len(text) <= HEARD_CHARS and "?" not in text and THANKS.search(text) and len(words(text)) <= THANKS_WORDS:
        return "thanks"
    return "" if said else "greeting"


def _reask(asked: Earlier, text: str, earlier: list[Earlier], *, sign: str) -> Reask | None:
    """Return which answer did not help, where the message puts its question again: the latest of them."""
    for one in reversed(earlier):
        likeness = alike(asked.said, one.said)
        named = min(asked.confidence, one.confidence) if asked.intent and asked.intent == one.intent else 0.0
        same = max(likeness, named)
        gap_s = asked.at - one.at
        if same >= NEAR and gap_s <= REOPENED_S and (dissatisfied := _dissatisfied(text, likeness, sign)):
            return Reask(
                turn_id=one.turn_id,
                issue_id=one.issue_id,
                same_intent=same,
                dissatisfied=dissatisfied,
                gap_s=max(gap_s, 0.0),
            )
    return None


def _dissatisfied(text: str, likeness: float, sign: str) -> float:
    """Return how sure it is that the answer to a question was no help to who now writes this."""
    if sign == "negative":
        return 1.0
    said = PERSISTING if PERSISTS.search(text, 0, HEARD_CHARS) else 0.0
    return max(said, likeness if likeness >= SAME else 0.0)
