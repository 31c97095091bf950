"""How long turns took: of users drawn by a hash, so that the draw is the same in whatever order they come."""

from collections import defaultdict
from hashlib import blake2b
from heapq import nlargest

import numpy as np

from shipmate.release.canary.counts import Window

__all__ = ["Speed", "Windows"]

USERS = 1000
TURNS_OF_USER = 50
WINDOW_S = 300
WINDOWS = 3
# Those, the one that is not whole yet, and one more: a clock that two write by may be a little off.
KEPT = WINDOWS + 2


class Speed:
    """The seconds of one arm."""

    def __init__(self) -> None:
        self._users: dict[str, dict[int, float]] = {}
        self._draws: dict[str, int] = {}

    def add(self, salt: str, user: str, turn: str, seconds: float) -> None:
        """Take a turn, when its user is among those who are drawn."""
        if user not in self._users:
            self._draws[user] = _draw(salt, user)
            self._users[user] = {}
            if len(self._users) > 2 * USERS:
                self._thin()
        if user in self._users:
            turns = self._users[user]
            turns[_draw(salt, turn)] = seconds
            if len(turns) > TURNS_OF_USER:
                turns.pop(max(turns))

    @property
    def drawn(self) -> tuple[tuple[float, ...], ...]:
        """Return the seconds of each user who is drawn, in the same order whenever they came."""
        self._thin()
        users = sorted(self._users, key=self._draws.__getitem__)
        return tuple(tuple(seconds for _, seconds in sorted(self._users[user].items())) for user in users)

    def _thin(self) -> None:
        """Keep the users whose draw is lowest."""
        for user in nlargest(len(self._users) - USERS, self._users, key=self._draws.__getitem__):
            del self._users[user], self._draws[user]


class Windows:
    """The candidate's last five minutes, and those before."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))

    def add(self, at: float, seconds: float, cost_usd: float) -> None:
        """Count a turn."""
        latencies, costs = self._kept[int(at // WINDOW_S)]
        latencies.append(seconds)
        costs.append(cost_usd)
        if len(self._kept) > KEPT:
            del self._kept[min(self._kept)]

    def whole(self, at: float) -> tuple[Window, ...]:
        """Return the newest whole windows, oldest first; those without turns too, because they part the others."""
        now = int(at // WINDOW_S)
        return tuple(self._window(number) for number in range(now - WINDOWS, now))

    def _window(self, number: int) -> Window:
        latencies, costs = self._kept.get(number, ([], []))
        p95 = float(np.quantile(latencies, 0.95)) if latencies else 0.0
        return Window(turns=len(latencies), latency_p95_s=p95, cost_usd=sum(costs))


def _draw(salt: str, name: str) -> int:
    return int.from_bytes(blake2b(f"{salt} {name}".encode(), digest_size=8).digest(), "big")
