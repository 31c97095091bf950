"""What is counted of turns and episodes: of one release on one day, and of any number of these together."""

from collections import Counter, defaultdict
from typing import Any

from shipmate.insight.labels import FAST, LATE, Label, Matured, Window
from shipmate.insight.sketch import Sketch
from shipmate.messages import Event, ReplyKind

__all__ = ["DIMENSIONS", "Outcomes", "Tally"]

# By what the solved are split.
DIMENSIONS = ("intent", "lang", "variant", "index")


class Outcomes:
    """The labels of one window."""

    def __init__(self) -> None:
        self.n = self.solved = self.confirmed = self.resolved = self.silent = self.handed_off = 0
        # By what `DIMENSIONS` names, all of it together.
        self.by: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, label: Label, opening: Event, sign: int) -> None:
        """Count a label, or with -1 take it back."""
        if label.ftr is None:
            return
        self.n += sign
        self.solved += sign * label.ftr
        self.confirmed += sign * (label.ftr and label.kind == "confirmed")
        self.resolved += sign * (label.resolved or 0)
        self.silent += sign * (label.reason == "silence")
        self.handed_off += sign * (label.reason == "handoff")
        counts = self.by[str(opening.data.get("intent", "")), opening.lang, opening.variant, opening.index_sha]
        counts[0] += sign
        counts[1] += sign * label.ftr

    @property
    def parts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return of each part, such as ("intent", "refund"), how many there were, and how many were solved."""
        found: defaultdict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        for values, (n, solved) in self.by.items():
            for part in zip(DIMENSIONS, values, strict=True):
                found[part] = (found[part][0] + n, found[part][1] + solved)
        return found

    def update(self, other: "Outcomes") -> None:
        """Count all that others have counted."""
        for name in ("n", "solved", "confirmed", "resolved", "silent", "handed_off"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for values, (n, solved) in other.by.items():
            self.by[values][0] += n
            self.by[values][1] += solved


class Tally:
    """Sums over turns, episodes and probes."""

    def __init__(self) -> None:
        self.turns = self.refused = self.out_of_scope = 0
        self.costs = self.squared_costs = 0.0
        # What models read and were paid nothing for, because nobody has said their price.
        self.unpriced_tokens = 0.0
        # What was paid for, by purpose: "answer", "judge" and so on.
        self.purposes: defaultdict[str, float] = defaultdict(float)
        self.first_s, self.whole_s = Sketch(), Sketch()
        self.outcomes: dict[Window, Outcomes] = {FAST: Outcomes(), LATE: Outcomes()}
        # Probes that were due, and those that were answered well.
        self.due = self.good = 0.0
        self.stopped_s = 0.0
        self.thumbs: Counter[int] = Counter()

    def turn(self, event: Event) -> None:
        """Count a completed turn."""
        data = event.data
        self.turns += 1
        if data.get("abandoned"):
            return
        if data.get("kind") == ReplyKind.REFUSE:
            self.refused += 1
            self.out_of_scope += bool(data.get("out_of_scope"))
        if milliseconds := _number(data.get("latency_ms")):
            self.whole_s.add(milliseconds / 1000)
        if milliseconds := _number(data.get("ttft_ms")):
            self.first_s.add(milliseconds / 1000)

    def pay(self, event: Event, purpose: str) -> float:
        """Count what an event has cost, and return it."""
        cost = _number(event.data.get("cost_usd"))
        if not cost:
            self.unpriced_tokens += _number(event.data.get("tokens_in"))
            self.purposes[purpose] += 0.0
            return 0.0
        self.costs += cost
        self.squared_costs += cost * cost
        self.purposes[str(event.data.get("purpose") or purpose)] += cost
        return cost

    def label(self, matured: Matured, sign: int = 1) -> None:
        """Count a label."""
        self.outcomes[matured.window].add(matured.label, matured.opening, sign)

    def update(self, other: "Tally") -> None:
        """Count all that another one has counted."""
        for name in (
            "turns",
            "refused",
            "out_of_scope",
            "costs",
            "squared_costs",
            "unpriced_tokens",
            "due",
            "good",
            "stopped_s",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for purpose, paid in other.purposes.items():
            self.purposes[purpose] += paid
        self.thumbs.update(other.thumbs)
        self.first_s.update(other.first_s)
        self.whole_s.update(other.whole_s)
        for window, outcomes in self.outcomes.items():
            outcomes.update(other.outcomes[window])


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
