"""One episode as the journal tells of it, and the rules `ftr/1` by which its outcome is read: the first that matches."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from shipmate.insight.labels import FAST, LATE, WINDOWS_S, Label, Window
from shipmate.messages import Event, ReplyKind

__all__ = ["CONFIRMING", "DOWN", "FAILED", "LEFT", "NEGATIVE", "REASKED", "UP", "Seen", "Signal", "failure", "label"]

FAILED, DOWN, UP, NEGATIVE, REASKED, LEFT = "failed", "down", "up", "negative", "reasked", "left"
# Handed to a person, ended by a policy, broken, or answered by rule alone: rooms to come name their events so.
FAILS = re.compile(r"(?:^|[._])(handoff|kill|error|fallback)(?:ed)?(?:[._]|$)")
# Events by which somebody shows that an answer was of use.
CONFIRMING = frozenset(("assistant.citation.opened", "assistant.task.succeeded"))
# The rule by which a solution is known; those before it know of failures, those after it assume a solution.
CONFIRMED = 5
SHOWN_TO_HELP = {UP: "thumbs_up", "thanks": "thanks", "confirmed": "used"}
# A question that comes again after this is one that was closed and is opened again.
AT_ONCE_S = WINDOWS_S[FAST]
# A reply that shows something of substance.
SUBSTANTIVE = frozenset((ReplyKind.ANSWER, ReplyKind.CLARIFY, ReplyKind.FALLBACK, ReplyKind.HANDOFF))


class Signal(NamedTuple):
    """One thing that was seen of an episode."""

    ts: float
    event_id: str
    what: str
    # A label for people: the name of what failed.
    reason: str = ""
    # Of a question put again, how long after the answer that did not help.
    gap_s: float = 0.0
    # Of thumbs, the turn that they are for.
    turn_id: str = ""


@dataclass(slots=True)
class Seen:
    """What has been seen of an episode so far, in whatever order it came."""

    # When each of its turns ended.
    turns: dict[str, float] = field(default_factory=dict)
    opening: Event | None = None
    last_ts: float = 0.0
    # Of each window, the id of the event that told its label, and the label; where it was told here, the opening.
    told: dict[Window, tuple[str, Label, Event | None]] = field(default_factory=dict)


def failure(name: str) -> str:
    """Return in a word how the assistant itself did not get through by an event of this name; empty when it did."""
    found = FAILS.search(name)
    return found[1] if found else ""


def label(
    opening: Event, signals: list[Signal], window: Window, *, reopened: bool, test_callers: frozenset[str]
) -> Label:
    """Return the label of an episode from what was seen of it within a window.

    `signals` are in the order of their time; `reopened` says that the same caller came again with the same intent
    within the late window.
    """
    if reason := _excluded(opening, test_callers):
        return Label(ftr=None, resolved=None, rule=0, kind="excluded", reason=reason)
    within = tuple(_last_thumbs([one for one in signals if one.ts - opening.ts <= WINDOWS_S[window]]))
    read = _of_silence if not within else _of_signals
    return read(_first_reply(opening), within, is_late=window == LATE, reopened=reopened)


def _of_signals(first: str, within: tuple[Signal, ...], *, is_late: bool, reopened: bool) -> Label:
    """Return the label by what the first reply cannot have done and by the signals of the window."""
    rule, reason = next(_matching(within, is_late=is_late, reopened=reopened))
    refused = first == "wrong_refusal"
    solved = not refused and _is_resolved(within, is_reopened=reopened and is_late)
    if rule >= CONFIRMED and first:
        rule, reason = 0, first
    return Label(
        ftr=1 if rule >= CONFIRMED else 0,
        resolved=1 if solved else 0,
        rule=rule,
        kind="assumed" if rule > CONFIRMED else "confirmed",
        reason=reason,
    )


# Most episodes end without a word, and there are few ways to do so.
_of_silence = lru_cache(maxsize=32)(_of_signals)


def _excluded(opening: Event, test_callers: frozenset[str]) -> str:
    """Return why an episode does not count; empty when it does."""
    data = opening.data
    if opening.user_hash in test_callers:
        return "test_caller"
    if opening.flag_key and not opening.variant:
        return "unknown_variant"
    if data.get("sign") in ("thanks", "greeting"):
        return "no_question"
    if data.get("kind") == ReplyKind.REFUSE and (data.get("out_of_scope") or not data.get("intent")):
        return "refusal"
    return "" if data.get("kind") in SUBSTANTIVE or data.get("kind") == ReplyKind.REFUSE else "no_answer"


def _first_reply(opening: Event) -> str:
    """Return why the first reply cannot have solved it; empty when it may have."""
    match opening.data.get("kind"):
        case ReplyKind.CLARIFY:
            return "clarified"
        case ReplyKind.REFUSE:
            return "wrong_refusal"
    return ""


def _matching(within: Sequence[Signal], *, is_late: bool, reopened: bool) -> Iterator[tuple[int, str]]:
    """Yield the numbers of the rules that match, in order, each with what it saw in a word."""
    found = {signal.what: signal for signal in reversed(within)}
    again = [signal.gap_s for signal in within if signal.what == REASKED]
    if FAILED in found:
        yield 1, found[FAILED].reason
    if DOWN in found:
        yield 2, "thumbs_down"
    if NEGATIVE in found:
        yield 2, "typed_negative"
    if again and min(again) <= AT_ONCE_S:
        yield 3, "reask"
    if is_late and (reopened or again):
        yield 4, "reopened"
    yield from ((CONFIRMED, reason) for what, reason in SHOWN_TO_HELP.items() if what in found)
    if LEFT in found:
        yield 6, found[LEFT].reason
    yield 7, "silence"


def _last_thumbs(signals: list[Signal]) -> list[Signal]:
    """Leave out the thumbs that were changed afterwards: of each turn, the last ones count."""
    last = {signal.turn_id: signal for signal in signals if signal.what in (UP, DOWN)}
    if not last:
        return signals
    return [signal for signal in signals if signal.what not in (UP, DOWN) or last[signal.turn_id] is signal]


def _is_resolved(within: Sequence[Signal], *, is_reopened: bool) -> bool:
    """Tell whether it was solved without a person in the end: the last thing that was seen is no complaint."""
    signs = [signal.what for signal in within if signal.what != LEFT]
    return not is_reopened and FAILED not in signs and (not signs or signs[-1] not in (DOWN, NEGATIVE))
