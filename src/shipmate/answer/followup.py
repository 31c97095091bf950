"""Make a follow-up understandable without its conversation, by rule and without a model.

A message that leans on what was said before ("How does it work?", "And in Texas?", "The regular one.") gets the
words that it leans on in brackets behind it; one that stands alone is left as it is, because every word too many
leads the search astray.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from shipmate.messages import Message, Role
from shipmate.text import STOP_WORDS, stem, words

__all__ = ["standalone"]

# So many words are carried over at most, from so many of the user's last messages.
CARRIED_WORDS = 10
CARRIED_MESSAGES = 4
# A word that points back has its antecedent in the message itself when so much was said before it.
OWN_ANTECEDENT = 3
# A message with a mild sign of leaning stands alone when it says so much itself.
SAYS_ENOUGH = 4
# Of a reply, only the beginning tells what it is about.
REPLY_CHARS = 240

# Words that talk about the talk; they are never what it is about.
SMALL_TALK = frozenset(
    """actually amazing another anything ask asked asking between bit btw case come comes cool currently detail
    details difference different else even everything exactly example explain find fine get getting give go going good
    got great happen happens hear heard hello help hey hi hmm info information interesting kind kinds know let little
    look looking lot make many mean meant much need needed nice no nope now oh ok okay one ones oops other others
    people please pls possible question questions really recent regarding right said same say saying see someone
    something sorry sort specific still such sure talk talking tell thank thanks thing things think thought tried try
    trying type types understand use used using want wanted way ways well whatever whenever wonder wondering work
    working works wow yes yeah""".split()
)
PRONOUNS = frozenset(
    """he he's her hers him his it it's its itself she she's their theirs them themselves they they're""".split()
)
DEMONSTRATIVES = frozenset("same such that these this those".split())
POINTERS = PRONOUNS | DEMONSTRATIVES | {"one", "ones", "there"}
# "another one", "the first one"; not "one of the clinics".
BEFORE_ONE = frozenset("another any each first last new old other regular second that third this which".split())
# After "that", these begin a clause: "I heard that the ...".
CLAUSE_OPENERS = frozenset("a an he i it my our she the there they we you your".split())
# "this year" is not something said before.
CALENDAR = frozenset("afternoon day evening month morning season summer time today week weekend winter year".split())
COMPARING = frozenset("above another besides both else former instead latter neither other others rather".split())
ASKING = frozenset("how what when where which who whom whose why".split())

REPLYING = frozenset((Role.ASSISTANT, Role.HUMAN))
# Capitals inside a sentence.
NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w&-]+(?: [A-Z][\w&-]*)*")

# The patterns read a message as lower-case words with one blank between them.
COURTESY = r"(?:(?:got it|great|i see|no|ok|okay|sorry|thank you|thanks|yes) )*"
# "It is possible to ...": here "it" stands for nothing.
EMPTY_IT = re.compile(
    r"\b(?:does|is|isn't|it's|was|would) (?:it )?(?:be |not )*"
    r"(?:allowed|better|important|legal|make sense|mandatory|necessary|ok|okay|possible|required|safe|true|worth)"
    r" (?:for|if|that|to)\b"
)
CONTINUES = re.compile(COURTESY + r"(?:and|but|how about|or|so|then|what about|what if)\b")
CORRECTS = re.compile(r"\bi (?:just |only )?(?:asked|mean|meant)\b|\bi(?:'m| am| was) (?:asking|referring|talking)\b")
CHANGES_TOPIC = re.compile(r"\bby the (?:away|way)\b|\bbtw\b|\b(?:another|different|new) (?:question|subject|topic)\b")
# "What is a secret?" opens a topic; "What is the price?" does not.
INTRODUCES = re.compile(
    COURTESY + r"(?:and )?(?:what (?:are|does|is|was|were)|what's|who (?:are|is|was|were)|who's|define|explain"
    r"|(?:(?:can|could) you )?(?:please )?tell me (?:more )?about)\b(?!.*\bthe \w+$)"
)


class Reading(NamedTuple):
    """What the rules see in one message."""

    # Its words that carry meaning, in runs that stand next to each other.
    phrases: tuple[tuple[str, ...], ...]
    # It cannot be understood alone.
    leans: bool
    # The stem of the word after one that points back: "clinic" in "this clinic"; empty when nothing points.
    pointed_at: str


def standalone(text: str, history: Sequence[Message]) -> str:
    """Return the message with the words that it leans on behind it, or unchanged when it stands alone."""
    if not history:
        return text
    reading = _read(text)
    if not reading.leans:
        return text
    carried = _carried(text, history)
    if not any(map(_has_name, carried)):
        carried += _subject(" ".join((text, *carried)), reading.pointed_at, history)
    return f"{text} ({', '.join(carried)})" if carried else text


def _carried(text: str, history: Sequence[Message]) -> list[str]:
    """Return what the user said last that is not in the message, back to a message that stands alone."""
    said = set(map(stem, words(text)))
    carried: list[str] = []
    room = CARRIED_WORDS
    for message in [m for m in reversed(history) if m.role is Role.USER][:CARRIED_MESSAGES]:
        reading = _read(message.text)
        for phrase in reading.phrases:
            fresh = [word for word in phrase if stem(word) not in said][:room]
            if fresh:
                said.update(map(stem, fresh))
                carried.append(" ".join(fresh))
                room -= len(fresh)
        if not room or (reading.phrases and not reading.leans):
            break
    return carried


def _subject(said: str, pointed_at: str, history: Sequence[Message]) -> list[str]:
    """Return the name that the last reply is about, unless it was said: rather what is pointed at than the first."""
    reply = next((m.text for m in reversed(history) if m.role in REPLYING), "")
    names = NAME.findall(reply, 0, REPLY_CHARS)
    pointed = [name for name in names if pointed_at in map(stem, words(name))]
    return [name for name in (pointed or names)[:1] if name.lower() not in said.lower()]


def _has_name(phrase: str) -> bool:
    return phrase != phrase.lower()


@lru_cache(maxsize=1024)
def _read(text: str) -> Reading:
    written = words(text)
    lower = [word.lower().replace("’", "'") for word in written]
    phrases = _phrases(written, lower)
    pointer = _pointer(lower)
    leans = pointer is not None or _leans(lower, phrases)
    if CHANGES_TOPIC.search(" ".join(lower)):
        leans = False
    return Reading(phrases, leans, "" if pointer is None else stem("".join(lower[pointer + 1 : pointer + 2])))


def _phrases(written: list[str], lower: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return the runs of words that carry meaning."""
    runs: list[list[str]] = [[]]
    for word, low in zip(written, lower, strict=True):
        if _tells(low):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return tuple(tuple(run) for run in runs if run)


def _tells(low: str) -> bool:
    return low not in STOP_WORDS and low not in SMALL_TALK


def _leans(lower: list[str], phrases: tuple[tuple[str, ...], ...]) -> bool:
    """Tell whether a message without a word that points back needs the messages before it all the same."""
    spoken = " ".join(lower)
    if CORRECTS.search(spoken):
        return True
    said = sum(map(len, phrases))
    if not said:
        return not ASKING.isdisjoint(lower)
    if INTRODUCES.match(spoken):
        return False
    if said == 1:
        # A lone word with capitals inside, such as an acronym, opens a topic.
        return len(lower) > 1 or phrases[0][0][1:].islower()
    return said < SAYS_ENOUGH and (CONTINUES.match(spoken) is not None or not COMPARING.isdisjoint(lower))


def _pointer(lower: list[str]) -> int | None:
    """Return the place of a word that stands for something outside the message."""
    if POINTERS.isdisjoint(lower):
        return None
    said = 0
    for at, word in enumerate(lower):
        if word in POINTERS:
            before, after = lower[at - 1] if at else "", "".join(lower[at + 1 : at + 2])
            if _points(before, word, after) and not (word == "it" and EMPTY_IT.search(" ".join(lower))):
                return at
        elif _tells(word):
            said += 1
            if said == OWN_ANTECEDENT:
                return None
    return None


def _points(before: str, word: str, after: str) -> bool:
    match word:
        case "one":
            return not after or before in BEFORE_ONE
        case "there":
            return not after
        case "that":
            return after not in CLAUSE_OPENERS and (not before or not after or before in STOP_WORDS)
        case _:
            return word not in DEMONSTRATIVES or after not in CALENDAR
