"""What came of a suite: each case's tries, and what they say together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import comb

from msgspec import field

from shipmate.evals.outcome import Score
from shipmate.messages import Record

__all__ = ["MOST_ERRORS", "CaseResult", "Run", "Status", "Try", "pass_hat"]

# Of all tries, so many may end in an error that is not the assistant's before the run says nothing.
MOST_ERRORS = 0.02


class Status(StrEnum):
    """How a try has ended."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    # Not the assistant's fault: a server was down, a time ran out. It is neither a pass nor a failure.
    ERROR = "error"
    # What is expected cannot be told of this assistant, such as tools that it does not have.
    UNSUPPORTED = "unsupported"


class Try(Record, frozen=True, kw_only=True):
    """One epoch of a case."""

    epoch: int
    status: Status
    value: float | None = None
    scores: tuple[Score, ...] = ()
    # What the assistant said last.
    reply: str = ""
    error: str = ""
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    is_cached: bool = False


class CaseResult(Record, frozen=True, kw_only=True):
    """All tries of a case."""

    case_id: str
    kind: str
    cluster: str
    input: str = ""
    critical: bool = False
    intent: str = ""
    tries: tuple[Try, ...] = ()

    @property
    def told(self) -> tuple[Try, ...]:
        """Return the tries that say something of the assistant."""
        return tuple(one for one in self.tries if one.status in (Status.PASS, Status.FAIL))

    @property
    def passes(self) -> tuple[float, ...]:
        """Return 1 for each try that passed, and 0 for each that failed."""
        return tuple(float(one.status is Status.PASS) for one in self.told)

    @property
    def status(self) -> Status:
        """Return how the case has ended: it passes when every try does."""
        statuses = {one.status for one in self.tries}
        ranked = (Status.FAIL, Status.ERROR, Status.UNSUPPORTED, Status.PASS)
        return next((status for status in ranked if status in statuses), Status.ERROR)

    @property
    def score(self) -> float | None:
        """Return the mean of what the tries came to."""
        values = [one.value for one in self.told if one.value is not None]
        return sum(values) / len(values) if values else None

    @property
    def reason(self) -> str:
        """Return why the first try that did not pass did not."""
        bad = next((one for one in self.tries if one.status is not Status.PASS), None)
        if bad is None:
            return ""
        failed = [f"{score.scorer}: {score.reason}".rstrip(": ") for score in bad.scores if not score.passed]
        return bad.error or "; ".join(failed)


class Run(Record, frozen=True, kw_only=True):
    """A suite that was run on one assistant."""

    suite: str
    suite_sha: str
    # All that its answers depend on, in one hash.
    subject_sha: str
    release: str
    # The model's name; empty where answers are quotes.
    model: str
    index_sha: str
    judge: str
    scorer_version: int
    results: tuple[CaseResult, ...] = ()
    seconds: float = 0.0
    # Cases that were left out for now, and until when.
    quarantined: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many cases have ended in which way."""
        counted = Counter(result.status for result in self.results)
        return {status.value: counted[status] for status in Status}

    @property
    def errors_share(self) -> float:
        """Return the share of all tries that ended in an error."""
        tries = [one for result in self.results for one in result.tries]
        return sum(one.status is Status.ERROR for one in tries) / len(tries) if tries else 0.0

    @property
    def is_sound(self) -> bool:
        """Return whether few enough tries ended in an error for the run to say something."""
        return self.errors_share <= MOST_ERRORS

    @property
    def cost_usd(self) -> float:
        """Return what the replies cost, those from the cache included."""
        return sum(one.cost_usd for result in self.results for one in result.tries)


def pass_hat(results: Iterable[CaseResult], k: int) -> float | None:
    """Return pass^k: how likely all of k tries of a case pass, on average over the cases that were tried so often."""
    counted = [(len(result.passes), int(sum(result.passes))) for result in results]
    shares = [comb(passed, k) / comb(tries, k) for tries, passed in counted if tries >= k]
    return mean(shares)


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; nothing of nothing."""
    return sum(values) / len(values) if values else None
