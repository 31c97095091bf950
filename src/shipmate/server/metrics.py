"""What the server counts, and how Prometheus reads it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

from shipmate.messages import Reply

__all__ = ["METRICS", "CountedTurn", "Metric", "Metrics"]


class Metric(NamedTuple):
    """One row of `/metrics`, as the reference documents it."""

    name: str
    type: str
    help: str


METRICS = (
    Metric("shipmate_info", "gauge", "Always 1; its labels tell the assistant's name and release."),
    Metric("shipmate_turns_total", "counter", "Completed turns, by door and kind of reply."),
    Metric("shipmate_turns_abandoned_total", "counter", "Turns whose client went away, by door."),
    Metric("shipmate_turns_active", "gauge", "Turns that run now."),
    Metric("shipmate_turn_seconds", "histogram", "Time from the message to the committed reply; wait cards left out."),
    Metric("shipmate_tokens_total", "counter", "Tokens of the language model, by direction."),
    Metric("shipmate_cost_usd_total", "counter", "What the language model cost."),
    Metric("shipmate_errors_total", "counter", "Requests and frames that were refused or failed, by status."),
    Metric("shipmate_websockets_open", "gauge", "WebSocket connections that are open now."),
)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
Sample = tuple[str, float]


class Metrics:
    """Plain counters of one process."""

    def __init__(self) -> None:
        self.turns: Counter[tuple[str, str]] = Counter()
        self.abandoned: Counter[str] = Counter()
        self.active = 0
        self.errors: Counter[int] = Counter()
        self.sockets = 0
        self._tokens = Counter(input=0, output=0)
        self._cost_usd = 0.0
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._seconds = 0.0

    def turn(self, door: str) -> "CountedTurn":
        """Count one turn from its start to its end."""
        return CountedTurn(self, door)

    def completed(self, door: str, reply: Reply) -> None:
        """Count a reply."""
        self.turns[door, reply.kind.value] += 1
        if reply.turn_id:
            seconds = reply.latency_ms / 1000
            self._buckets[bisect_left(BUCKETS_S, seconds)] += 1
            self._seconds += seconds
        usage = reply.usage
        if usage.model:
            self._tokens["input"] += usage.input_tokens
            self._tokens["output"] += usage.output_tokens
            self._cost_usd += usage.cost_usd

    def render(self, *, name: str, release: str) -> str:
        """Return everything in Prometheus's text format."""
        samples: dict[str, list[Sample]] = {
            "shipmate_info": [(f'{{name="{_escaped(name)}",release="{_escaped(release)}"}}', 1)],
            "shipmate_turns_total": [
                (f'{{door="{door}",kind="{kind}"}}', count) for (door, kind), count in sorted(self.turns.items())
            ],
            "shipmate_turns_abandoned_total": [
                (f'{{door="{door}"}}', count) for door, count in sorted(self.abandoned.items())
            ],
            "shipmate_turns_active": [("", self.active)],
            "shipmate_turn_seconds": list(self._histogram()),
            "shipmate_tokens_total": [(f'{{direction="{way}"}}', count) for way, count in self._tokens.items()],
            "shipmate_cost_usd_total": [("", self._cost_usd)],
            "shipmate_errors_total": [
                (f'{{status="{status}"}}', count) for status, count in sorted(self.errors.items())
            ],
            "shipmate_websockets_open": [("", self.sockets)],
        }
        lines = []
        for metric in METRICS:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]
            lines += [f"{metric.name}{labels} {value}" for labels, value in samples[metric.name]]
        return "\n".join(lines) + "\n"

    def _histogram(self) -> Iterator[Sample]:
        count = 0
        for bound, inside in zip((*map(str, BUCKETS_S), "+Inf"), self._buckets, strict=True):
            count += inside
            yield f'_bucket{{le="{bound}"}}', count
        yield "_sum", self._seconds
        yield "_count", count


class CountedTurn:
    """One turn that runs; `reply` is set when it is complete."""

    __slots__ = ("_door", "_metrics", "reply")

    def __init__(self, metrics: Metrics, door: str) -> None:
        self._metrics = metrics
        self._door = door
        self.reply: Reply | None = None

    def __enter__(self) -> Self:
        self._metrics.active += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._metrics.active -= 1
        if self.reply is not None:
            self._metrics.completed(self._door, self.reply)
        elif kind is not None and not issubclass(kind, Exception):
            self._metrics.abandoned[self._door] += 1


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
