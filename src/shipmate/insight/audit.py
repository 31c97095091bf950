"""The audit: ten conversations a day, drawn at random, what was flagged, and of a trial as many as its verdict needs."""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from heapq import nsmallest
from typing import Literal

from shipmate.errors import Missing
from shipmate.insight.evaluations import EVALUATED, opinion
from shipmate.insight.labels import FAST, MATURED
from shipmate.messages import Entry, Event, Record

__all__ = ["Audit", "Audited", "label_events"]

A_DAY = 10
# Of the last trial, half of what the judge flagged and half of what it did not, where there is so much of both: enough to
# say how often it errs.
OF_TRIAL = 150
DAY_S = 24 * 3600
FLAGGED, OTHER = "flagged", "unflagged"


class Audited(Record, frozen=True, kw_only=True):
    """A conversation to be read."""

    turn_id: str
    issue_id: str
    conversation_id: str
    release: str
    intent: str
    opened_at: float
    # Why it is here, and with which probability it was drawn.
    stratum: Literal["random", "flagged", "trial"]
    sampled_p: float
    # What the journal has it for: 1 for solved by the first answer.
    recorded: int
    # Whether the judge flagged it; nothing where it has not seen it.
    is_flagged: bool | None
    judge_version: str
    raters: tuple[str, ...]


class Audit:
    """Draws from the journal: the same ones every time it is asked."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._issues: dict[str, Event] = {}
        self._flags: dict[str, tuple[bool, str]] = {}
        self._raters: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def take(self, batch: Iterable[Entry]) -> None:
        """Read entries."""
        for entry in batch:
            event = entry.event
            if event.name == MATURED and event.ts >= self._since and event.data.get("window") == FAST:
                self._issues[event.issue_id] = event
            elif event.name == EVALUATED and (said := opinion(event)):
                if said.rater:
                    self._raters[event.turn_id][said.rater] = None
                else:
                    self._flags.setdefault(event.turn_id, (said.is_bad, said.judge_version))

    def drawn(self) -> list[Audited]:
        """Return what is to be read, the newest first: of each day ten at random, and all that was flagged.

        Of the last trial, more at random.
        """
        days: defaultdict[int, list[Event]] = defaultdict(list)
        for event in self._issues.values():
            if event.data.get("ftr_label") is not None:
                days[int(event.ts // DAY_S)].append(event)
        found: list[Audited] = []
        for day in sorted(days, reverse=True):
            lot = nsmallest(A_DAY, days[day], key=lambda event: blake2b(event.issue_id.encode()).digest())
            ids = {event.issue_id for event in lot}
            share = len(lot) / len(days[day])
            found += [self._audited(event, "random", share) for event in lot]
            found += [
                self._audited(event, "flagged", 1.0)
                for event in days[day]
                if event.issue_id not in ids and self._is_flagged(event)
            ]
        known = {audited.issue_id for audited in found}
        return [*(more for more in self._of_trial() if more.issue_id not in known), *found]

    def _of_trial(self) -> list[Audited]:
        """Return what tells how often the judge errs in the last trial, drawn from what it passed and what it did not."""
        judged = [event for event in self._issues.values() if event.flag_key and event.turn_id in self._flags]
        last = max((event.flag_key for event in judged), default="")
        found: list[Audited] = []
        for is_flagged, most in ((True, OF_TRIAL // 2), (False, OF_TRIAL)):
            among = [event for event in judged if event.flag_key == last and self._is_flagged(event) is is_flagged]
            lot = nsmallest(most - len(found), among, key=lambda event: blake2b(event.issue_id.encode()).digest())
            found += [self._audited(event, "trial", len(lot) / len(among)) for event in lot]
        return found

    def _is_flagged(self, event: Event) -> bool:
        return self._flags.get(event.turn_id, (False, ""))[0]

    def of(self, turn_id: str) -> Audited:
        """Return what was drawn by its turn; raise `Missing` for what was not drawn."""
        for audited in self.drawn():
            if audited.turn_id == turn_id:
                return audited
        what = f"The turn {turn_id} is not among those to be audited."
        raise Missing(what, do="Take one that `shipmate audit` lists.")

    def _audited(self, event: Event, stratum: Literal["random", "flagged", "trial"], share: float) -> Audited:
        is_flagged, version = self._flags.get(event.turn_id, (None, ""))
        return Audited(
            turn_id=event.turn_id,
            issue_id=event.issue_id,
            conversation_id=event.conversation_id,
            release=event.release,
            intent=str(event.data.get("intent", "")),
            opened_at=float(str(event.data.get("opened_at", event.ts))),
            stratum=stratum,
            sampled_p=share,
            recorded=1 if event.data.get("ftr_label") else 0,
            is_flagged=is_flagged,
            judge_version=version,
            raters=tuple(self._raters[event.turn_id]),
        )


def label_events(
    audited: Audited, *, is_resolved: bool, is_supported: bool, rater: str, now: float, ids: tuple[str, str]
) -> tuple[Event, Event]:
    """Return the journal's events of what a person says: whether it was solved, and whether each claim has support."""
    common: dict[str, object] = {
        "by": "human",
        "rater": rater,
        "judge_version": "human",
        "of": audited.judge_version,
        "sampled_p": audited.sampled_p,
    }
    verdicts = (
        ("ftr_audit", is_resolved, "resolved" if is_resolved else "unresolved", audited.stratum),
        (
            "hallucination",
            is_supported,
            "supported" if is_supported else "hallucinated",
            FLAGGED if audited.is_flagged else OTHER,
        ),
    )
    one, other = (
        Event(
            name=EVALUATED,
            ts=now,
            event_id=event_id,
            conversation_id=audited.conversation_id,
            issue_id=audited.issue_id,
            turn_id=audited.turn_id,
            release=audited.release,
            data=common
            | {"name": name, "score": int(is_good), "label": label, "stratum": stratum, "recorded": audited.recorded},
        )
        for event_id, (name, is_good, label, stratum) in zip(ids, verdicts, strict=True)
    )
    return one, other
