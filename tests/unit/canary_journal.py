"""A journal of a trial, for tests: users who ask, are answered by their arm, and say what they think."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shipmate.live import BUCKETS, bucket
from shipmate.messages import Entry, Event
from shipmate.release.canary.rules import Rules
from shipmate.release.canary.run import Run

__all__ = ["RUN", "START", "Writing", "entries"]

# A Monday, 08:00 UTC.
START = 1_795_420_800.0
RUN = Run(
    run="run-1",
    started_at=START,
    control="control",
    candidate="v2",
    control_release="",
    release="r2",
    salt="salt-1",
    change="change-1",
    gate="report-1",
    judged_control=0.1,
    rules=Rules(),
)


def entries(events: Sequence[Event]) -> list[Entry]:
    return [Entry(number, event) for number, event in enumerate(events, 1)]


@dataclass
class Writing:
    """Makes events of one run."""

    run: Run = RUN
    share: float = 0.05
    count: int = 0
    events: list[Event] = field(default_factory=list)

    def is_candidate(self, user: str) -> bool:
        return bucket(self.run.salt, user) < round(self.share * BUCKETS)

    def users(self, *, is_candidate: bool) -> Iterator[str]:
        """Yield users of one arm, without end."""
        number = 0
        while True:
            user = f"user-{number}"
            if self.is_candidate(user) is is_candidate:
                yield user
            number += 1

    def put(self, name: str, at: float, user: str, turn: str = "", /, *, arm: bool | None = None, **data: Any) -> Event:
        self.count += 1
        is_candidate = self.is_candidate(user) if arm is None else arm
        event = Event(
            name=name,
            ts=at,
            event_id=f"event-{self.count}",
            issue_id=f"issue-{turn}",
            turn_id=turn,
            user_hash=user,
            release="r2" if is_candidate else "dev-1",
            variant=self.run.candidate if is_candidate else self.run.control,
            flag_key=self.run.run,
            index_sha="index-1",
            data=data,
        )
        self.events.append(event)
        return event

    def turn(self, at: float, user: str, turn: str, **data: Any) -> None:
        self.put("flag.exposure", at, user, turn)
        said = {"kind": "answer", "latency_ms": 120.0, "cost_usd": 0.0001, **data}
        self.put("assistant.turn.completed", at, user, turn, **said)

    def label(self, at: float, user: str, turn: str, ftr: int, reason: str = "silence", **data: Any) -> Event:
        """Say how the issue that a turn opened has ended."""
        return self.put(
            "assistant.issue.matured",
            at + 1800,
            user,
            turn,
            **{"ftr_label": ftr, "reason": reason, "window": "fast", "opened_at": at, "revises": "", **data},
        )

    def judge(self, at: float, user: str, turn: str, *, is_bad: bool, version: str = "judge/1") -> None:
        label = "flagged" if is_bad else "supported"
        self.put(
            "gen_ai.evaluation.result",
            at + 60,
            user,
            turn,
            name="hallucination",
            label=label,
            judge_version=version,
        )

    def person(self, at: float, user: str, turn: str, *, is_bad: bool) -> None:
        label = "hallucinated" if is_bad else "supported"
        self.put(
            "gen_ai.evaluation.result", at + 600, user, turn, name="hallucination", label=label, judge_version="human"
        )
