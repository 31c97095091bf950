"""The turns, issues and users of a run, each in a few bytes: what comes twice or late is told by them."""

from array import array
from collections import Counter
from typing import NamedTuple

import numpy as np

from shipmate.release.canary.counts import Split
from shipmate.release.canary.ledger import Ledger

__all__ = ["HOUR_S", "Answerers", "Exposed", "Issue", "Issues", "Seen", "Shares", "Turns", "Users"]

HOUR_S = 3600
HOUR_BITS = 20
SHARE_BITS = 12
# Of an event's id, as much as tells whether it is the same event of the same issue.
MARK_BITS = 20
REASONS = ("", "silence", "handoff")
NEVER = float("inf")
MOST_RELEASES = (1 << 15) - 1


class Users:
    """A number for each user, from 0 on."""

    def __init__(self) -> None:
        self._numbers = Ledger()
        self._count = 0

    def number(self, user: str) -> int:
        """Return the number of a user, who has one from now on."""
        known = self._numbers.get(user)
        if known is None:
            known, self._count = self._count, self._count + 1
            self._numbers.put(user, known)
        return known


class Shares:
    """The shares that the candidate has had, each with a number."""

    def __init__(self) -> None:
        self._numbers: dict[float, int] = {}
        self._shares: list[float] = []

    def number(self, share: float) -> int:
        """Return the number of a share; of very many, the later ones are taken for the last that has one."""
        if share not in self._numbers and len(self._shares) < 1 << SHARE_BITS:
            self._numbers[share] = len(self._shares)
            self._shares.append(share)
        return self._numbers.get(share, len(self._shares) - 1)

    def share(self, number: int) -> float:
        """Return the share that has a number."""
        return self._shares[number]


class Seen(NamedTuple):
    """A turn of the run."""

    is_candidate: bool
    # By number.
    user: int
    # Since the epoch.
    hour: int
    # The candidate's share at that moment.
    share: float
    # What answers it: only these does the judge see.
    is_judged: bool

    @property
    def weight(self) -> float:
        """Return by how much each of its units counts: so both arms weigh every hour alike while the share grows."""
        return 1 - self.share if self.is_candidate else self.share


class Turns:
    """The turns of a run."""

    def __init__(self, shares: Shares) -> None:
        self._ledger = Ledger()
        self._shares = shares

    def put(self, turn: str, seen: Seen) -> None:
        """Know a turn from now on."""
        number = (seen.user << HOUR_BITS) | min(max(seen.hour, 0), (1 << HOUR_BITS) - 1)
        number = (number << SHARE_BITS) | self._shares.number(seen.share)
        self._ledger.put(turn, (number << 2) | (seen.is_candidate << 1) | seen.is_judged)

    def get(self, turn: str) -> Seen | None:
        """Return a turn; nothing for one that is not of the run."""
        number = self._ledger.get(turn)
        if number is None:
            return None
        rest, share = divmod(number >> 2, 1 << SHARE_BITS)
        user, hour = divmod(rest, 1 << HOUR_BITS)
        return Seen(bool(number & 2), user, hour, self._shares.share(share), bool(number & 1))


class Issue(NamedTuple):
    """A matured issue of the run."""

    is_candidate: bool
    # By number.
    user: int
    share: float
    # Whether the first turn solved it; nothing where that does not count.
    ftr: bool | None
    # Why, where it counts for more than resolution: silence, or a handoff.
    reason: str
    # Of the event that has said so.
    mark: int

    @property
    def weight(self) -> float:
        """Return by how much it counts."""
        return 1 - self.share if self.is_candidate else self.share


class Issues:
    """The matured issues of a run."""

    def __init__(self, shares: Shares) -> None:
        self._ledger = Ledger()
        self._shares = shares

    def put(self, issue_id: str, issue: Issue) -> None:
        """Know an issue from now on, or know it otherwise."""
        number = (issue.user << SHARE_BITS) | self._shares.number(issue.share)
        number = (number << MARK_BITS) | issue.mark
        ftr = 2 if issue.ftr is None else int(issue.ftr)
        number = (((number << 2) | ftr) << 2) | REASONS.index(issue.reason)
        self._ledger.put(issue_id, (number << 1) | issue.is_candidate)

    def get(self, issue_id: str) -> Issue | None:
        """Return an issue; nothing for one that has not matured."""
        number = self._ledger.get(issue_id)
        if number is None:
            return None
        rest, told = divmod(number, 1 << 5)
        rest, mark = divmod(rest, 1 << MARK_BITS)
        user, share = divmod(rest, 1 << SHARE_BITS)
        ftr = (False, True, None)[told >> 3]
        return Issue(bool(told & 1), user, self._shares.share(share), ftr, REASONS[told >> 1 & 3], mark)

    @staticmethod
    def issue(event_id: str, *, is_candidate: bool, user: int, share: float, ftr: bool | None, reason: str) -> Issue:
        """Return an issue as an event tells of it."""
        known = reason if reason in REASONS else ""
        return Issue(is_candidate, user, share, ftr, known, hash(event_id) & ((1 << MARK_BITS) - 1))


class Exposed:
    """When each user was first shown an answer, of which arm, and at which share."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._at = array("d")
        # The share's number, and the arm in its last bit.
        self._where = array("h")

    def add(self, user: int, at: float, share: float, *, is_candidate: bool) -> None:
        """Count a user who was shown an answer; the first time holds."""
        missing = user + 1 - len(self._at)
        if missing > 0:
            self._at.extend([NEVER] * missing)
            self._where.extend([0] * missing)
        where = self._shares.number(share) << 1 | is_candidate
        if (at, where & 1) < (self._at[user], self._where[user] & 1):
            self._at[user], self._where[user] = at, where

    @property
    def splits(self) -> tuple[Split, ...]:
        """Return the users by share and arm."""
        # Copied: a view would keep the arrays from growing.
        at, where = np.array(self._at), np.array(self._where)
        numbers, found = np.unique(where[at < NEVER], return_counts=True)
        users = Counter(dict(zip(numbers.tolist(), found.tolist(), strict=True)))
        known = sorted({(self._shares.share(number >> 1), number >> 1) for number in users})
        return tuple(
            Split(share=share, candidate=users[number << 1 | 1], control=users[number << 1])
            for share, number in known
            if 0 < share < 1
        )


class Answerers:
    """Which release has answered each user: groups see different collections of a folder, each as a release of its own."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._of_user = array("h")

    def is_another(self, user: int, release: str) -> bool:
        """Return whether another release has answered this user before; from now on, this one has."""
        number = self._numbers.setdefault(release, min(len(self._numbers) + 1, MOST_RELEASES))
        missing = user + 1 - len(self._of_user)
        if missing > 0:
            self._of_user.extend([0] * missing)
        before, self._of_user[user] = self._of_user[user], number
        return before not in {0, number}
