"""Labels episodes as their windows pass, from the journal's events in whatever order they come."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec

from shipmate.insight.episode import CONFIRMING, DOWN, FAILED, LEFT, NEGATIVE, REASKED, UP, Seen, Signal, failure, label
from shipmate.insight.labels import FAST, LATE, MATURED, WINDOWS_S, Label, Matured, Window, label_of
from shipmate.messages import Entry, Event, ReplyKind

__all__ = ["KEPT_S", "LATE_BY_S", "Labeller"]

# An event may be so late and still change a label; what is older is let go.
LATE_BY_S = 24 * 3600.0
KEPT_S = WINDOWS_S[LATE] + LATE_BY_S
SWEEP_S = 12 * 3600.0
# A question counts as put again when the detector is so sure that it is the same, and that the answer did not help.
NEEDED = ("intent", "kind", "sign", "out_of_scope")
SAME_LEAST, DISSATISFIED_LEAST = 0.3, 0.5


class Labeller:
    """Takes the journal's entries, and tells each label once: again only when it has changed.

    What was told before, by this or another process, is read from the journal itself.
    """

    def __init__(self, test_callers: frozenset[str] = frozenset(), *, names: bool = True) -> None:
        """Begin with nothing seen; who is in `test_callers`, by hash, does not count.

        Without names, labels do not say which ones they revise: that takes time, and who only counts does not ask.
        """
        self._test_callers = test_callers
        self._names = names
        self._seen: dict[str, Seen] = {}
        # What was seen, by the episode or the turn of which it speaks, and by its event.
        self._signals: defaultdict[str, dict[str, Signal]] = defaultdict(dict)
        # When each caller came with each intent, and the episode.
        self._openings: defaultdict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
        self._issue_of: dict[str, str] = {}
        self._due: list[tuple[float, str, Window]] = []
        self._touched: set[str] = set()
        self._now = self._latest = 0.0
        self._swept = 0.0

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, entry: Entry) -> None:
        """Note what an entry says; one that came before, or comes too late, changes nothing."""
        event = entry.event
        if event.ts < self._now - KEPT_S and event.issue_id not in self._seen:
            return
        data = event.data
        match event.name:
            case "assistant.turn.completed":
                self._turn(event)
            case "assistant.feedback":
                what = UP if data.get("value") == 1 else DOWN
                self._note(event.turn_id, Signal(event.ts, event.event_id, what, turn_id=event.turn_id))
            case "assistant.reask":
                self._reask(event)
            case "assistant.conversation.closed":
                self._note(event.issue_id, Signal(event.ts, event.event_id, LEFT, "closed"))
            case name if name == MATURED:
                self._told(event)
            case name if name in CONFIRMING:
                self._note(event.turn_id or event.issue_id, Signal(event.ts, event.event_id, "confirmed"))
            case name if reason := failure(name):
                self._note(event.issue_id or event.turn_id, Signal(event.ts, event.event_id, FAILED, reason))

    def mature(self, now: float) -> Iterator[Matured]:
        """Yield the labels of the windows that have passed by `now`, and those that have changed since they were told."""
        self._now, self._latest = now, max(now, self._latest)
        due: dict[tuple[str, Window], None] = {}
        while self._due and self._due[0][0] <= now:
            _, issue_id, window = heappop(self._due)
            due[issue_id, window] = None
        due.update(((issue_id, window), None) for issue_id in sorted(self._touched) for window in WINDOWS_S)
        self._touched.clear()
        for issue_id, window in due:
            if matured := self._matured(issue_id, window, now):
                yield matured
        if abs(now - self._swept) >= SWEEP_S:
            self._swept = now
            self._let_go(now - KEPT_S)

    def _turn(self, event: Event) -> None:
        data = event.data
        if data.get("abandoned") or not event.issue_id:
            return
        issue_id = event.issue_id
        seen = self._of(issue_id, event.ts)
        known = seen.opening
        if known is None or (event.ts, event.turn_id) < (known.ts, known.turn_id):
            seen.opening = _light(event)
            self._open(issue_id, event, known)
        seen.turns[event.turn_id] = event.ts
        self._issue_of[event.turn_id] = issue_id
        self._touch(issue_id)
        if data.get("faulty") and data.get("kind") != ReplyKind.FALLBACK:
            self._note(issue_id, Signal(event.ts, event.event_id, FAILED, "faulty"))
        before = str(data.get("prev_issue_id", ""))
        if before and data.get("sign") in (NEGATIVE, "thanks"):
            self._note(before, Signal(event.ts, event.event_id, str(data["sign"])))
        elif before and before != issue_id and data.get("intent"):
            self._note(before, Signal(event.ts, event.event_id, LEFT, "other_intent"))

    def _open(self, issue_id: str, opening: Event, known: Event | None) -> None:
        """Note where an episode begins; whoever came before with the same intent may have been let down."""
        for window, length_s in WINDOWS_S.items():
            heappush(self._due, (opening.ts + length_s, issue_id, window))
        if known:
            self._shelve(issue_id, known)
        if opening.data.get("intent"):
            openings = self._openings[opening.user_hash, str(opening.data["intent"])]
            insort(openings, (opening.ts, issue_id))
            self._touch_before(openings, (opening.ts, issue_id))

    def _shelve(self, issue_id: str, opening: Event) -> None:
        key = (opening.user_hash, str(opening.data.get("intent", "")))
        openings = self._openings.get(key, [])
        place = (opening.ts, issue_id)
        if place in openings:
            openings.remove(place)
            self._touch_before(openings, place)
            if not openings:
                del self._openings[key]

    def _touch_before(self, openings: list[tuple[float, str]], place: tuple[float, str]) -> None:
        at = bisect_right(openings, place) - 1
        for _, issue_id in openings[max(at - 1, 0) : at + 1]:
            self._touch(issue_id)

    def _reask(self, event: Event) -> None:
        data = event.data
        if (
            _number(data.get("dissatisfied_p")) >= DISSATISFIED_LEAST
            and _number(data.get("same_intent_p")) >= SAME_LEAST
        ):
            about = str(data.get("prev_issue_id") or data.get("prev_turn_id") or "")
            self._note(about, Signal(event.ts, event.event_id, REASKED, gap_s=_number(data.get("gap_s"))))

    def _told(self, event: Event) -> None:
        window = event.data.get("window")
        for known in WINDOWS_S:
            if known == window:
                self._of(event.issue_id, event.ts).told[known] = (event.event_id, label_of(event), None)

    def _note(self, about: str, signal: Signal) -> None:
        if not about:
            return
        self._signals[about][signal.event_id] = signal
        self._touch(self._issue_of.get(about, about))

    def _touch(self, issue_id: str) -> None:
        """Look again at an episode of which something was told; others are looked at when they are due."""
        if (seen := self._seen.get(issue_id)) and seen.told:
            self._touched.add(issue_id)

    def _of(self, issue_id: str, ts: float) -> Seen:
        seen = self._seen.get(issue_id)
        if seen is None:
            seen = self._seen[issue_id] = Seen()
        seen.last_ts = max(seen.last_ts, ts)
        return seen

    def _matured(self, issue_id: str, window: Window, now: float) -> Matured | None:
        """Return what is new to tell of an episode, if its window has passed."""
        seen = self._seen.get(issue_id)
        if seen is None or seen.opening is None:
            return None
        if now < (due := seen.opening.ts + WINDOWS_S[window]):
            if now < self._latest:
                # The clock was set back, and what is due may have been looked at already.
                heappush(self._due, (due, issue_id, window))
            return None
        said = self._label(issue_id, seen, seen.opening, window)
        revised, before, opening = seen.told.get(window, ("", None, None))
        if said == before or (before is None and said.ftr is None):
            seen.told.setdefault(window, ("", said, seen.opening))
            return None
        # The late window's first label takes the place of the fast one's.
        revised = revised or (seen.told[FAST][0] if window == LATE and FAST in seen.told else "")
        matured = Matured(
            issue_id=issue_id,
            window=window,
            label=said,
            opening=seen.opening,
            revises=revised,
            before=(before, opening) if before and opening else None,
        )
        seen.told[window] = (matured.event_id if self._names else "", said, seen.opening)
        return matured

    def _label(self, issue_id: str, seen: Seen, opening: Event, window: Window) -> Label:
        signals = [signal for about in (issue_id, *seen.turns) for signal in self._signals.get(about, {}).values()]
        return label(
            opening,
            sorted(signals),
            window,
            reopened=self._is_reopened(issue_id, opening),
            test_callers=self._test_callers,
        )

    def _is_reopened(self, issue_id: str, opening: Event) -> bool:
        openings = self._openings.get((opening.user_hash, str(opening.data.get("intent", ""))), [])
        later = bisect_right(openings, (opening.ts, issue_id))
        return later < len(openings) and openings[later][0] - opening.ts <= WINDOWS_S[LATE]

    def _let_go(self, before: float) -> None:
        """Forget the episodes in which nothing happened since."""
        for issue_id in [issue_id for issue_id, seen in self._seen.items() if seen.last_ts < before]:
            seen = self._seen.pop(issue_id)
            if seen.opening:
                self._shelve(issue_id, seen.opening)
            for about in (issue_id, *seen.turns):
                self._signals.pop(about, None)
                self._issue_of.pop(about, None)
        strays = [about for about, own in self._signals.items() if max(own.values()).ts < before]
        for about in strays:
            if self._issue_of.get(about, about) not in self._seen:
                del self._signals[about]
        self._touched &= self._seen.keys()


def _light(event: Event) -> Event:
    """Return the event with as much of its data as a label needs."""
    return msgspec.structs.replace(event, data={name: event.data[name] for name in NEEDED if name in event.data})


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
