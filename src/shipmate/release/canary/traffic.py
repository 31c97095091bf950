"""What comes in, as the journal has it: what a plan begins with."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from shipmate.messages import Entry, Record
from shipmate.release.canary.plan import Traffic
from shipmate.release.canary.rules import DAY_S

__all__ = ["TURNS_PER_ISSUE", "Measured", "TrafficTally", "expected"]

DAYS = 14.0
# Where nothing has matured yet.
TURNS_PER_ISSUE = 2.2
# Fewer issues than these tell too little of how many are solved.
FEWEST_ISSUES = 50


class Measured(Record, frozen=True, kw_only=True):
    """Traffic, and how it is known."""

    traffic: Traffic
    days: float
    turns: int
    users: int
    issues: int
    # What was measured, and what was taken for granted.
    notes: tuple[str, ...] = ()


class TrafficTally:
    """Counts the last two weeks."""

    def __init__(self, now: float) -> None:
        self._now = now
        self.since = now - DAYS * DAY_S
        self._first = now
        self._turns: set[str] = set()
        self._users: set[str] = set()
        self._labels: dict[str, tuple[str, bool]] = {}

    def take(self, entries: Iterable[Entry]) -> None:
        """Read on; what comes twice counts once."""
        for _, event in entries:
            if not self.since <= event.ts <= self._now:
                continue
            if event.name == "assistant.turn.completed":
                self._first = min(self._first, event.ts)
                self._turns.add(event.turn_id)
                self._users.add(event.user_hash)
            elif event.name == "assistant.issue.matured" and event.data.get("window") == "fast":
                self._label(event.issue_id, event.user_hash, event.data.get("ftr_label"))

    def measured(self, *, judged_control: float) -> Measured:
        """Return what was counted."""
        days = max(1.0, min(DAYS, (self._now - self._first) / DAY_S))
        notes = [f"Measured over {days:.1f} days: {len(self._turns)} turns of {len(self._users)} users."]
        issues, turns_a_day = len(self._labels), len(self._turns) / days
        traffic = Traffic(
            turns_per_day=turns_a_day, issues_per_day=turns_a_day / TURNS_PER_ISSUE, judged_control=judged_control
        )
        if issues >= FEWEST_ISSUES:
            per_user = Counter(user for user, _ in self._labels.values())
            traffic = Traffic(
                turns_per_day=turns_a_day,
                issues_per_day=issues / days,
                # Away from 0 and 1, where nothing could become better or worse.
                ftr=min(0.95, max(0.05, sum(solved for _, solved in self._labels.values()) / issues)),
                issues_per_user=issues / len(per_user),
                correlation=_correlation(self._labels.values()),
                judged_control=judged_control,
            )
            notes.append(f"{issues} issues, of which {100 * traffic.ftr:.0f} % were solved at the first turn.")
        else:
            notes.append(
                f"{issues} issues have matured, too few: {TURNS_PER_ISSUE} turns an issue, 70 % solved at first."
            )
        notes.append(
            "Taken for granted: 1.2 % hallucinated, a judge that sees 80 % of them and flags 1.5 % of the others."
        )
        return Measured(
            traffic=traffic,
            days=days,
            turns=len(self._turns),
            users=len(self._users),
            issues=issues,
            notes=tuple(notes),
        )

    def _label(self, issue: str, user: str, label: object) -> None:
        if label is None:
            self._labels.pop(issue, None)
        else:
            self._labels[issue] = (user, label == 1)


def expected(turns_per_day: float, *, judged_control: float) -> Measured:
    """Return traffic that somebody expects, in place of what was measured."""
    traffic = Traffic(
        turns_per_day=turns_per_day, issues_per_day=turns_per_day / TURNS_PER_ISSUE, judged_control=judged_control
    )
    note = (
        f"As expected: {turns_per_day:g} turns a day. Taken for granted: {TURNS_PER_ISSUE} turns an issue, three issues "
        "of a user that are alike by 0.15, 70 % solved at first, 1.2 % hallucinated."
    )
    return Measured(traffic=traffic, days=0.0, turns=0, users=0, issues=0, notes=(note,))


def _correlation(labels: Iterable[tuple[str, bool]]) -> float:
    """Return how alike the issues of one user are, by the analysis of variance; the usual 0.15 where it cannot be told."""
    users: dict[str, list[bool]] = defaultdict(list)
    for user, solved in labels:
        users[user].append(solved)
    n, groups = sum(map(len, users.values())), len(users)
    if groups < FEWEST_ISSUES or n <= groups:
        return 0.15
    mean = sum(map(sum, users.values())) / n
    between = sum(len(own) * (sum(own) / len(own) - mean) ** 2 for own in users.values()) / (groups - 1)
    within = sum(sum(own) * (1 - sum(own) / len(own)) for own in users.values()) / (n - groups)
    size = (n - sum(len(own) ** 2 for own in users.values()) / n) / (groups - 1)
    spread = between + (size - 1) * within
    return min(0.9, max(0.0, (between - within) / spread)) if spread else 0.15
