"""What follows from what was counted: the verdict, its reasons in words, and the figures behind them."""

from enum import StrEnum

from shipmate.messages import Record

__all__ = ["Decision", "Figure", "Look", "Reason", "Verdict"]


class Verdict(StrEnum):
    """What is to be done with the candidate."""

    # It is better, and nothing speaks against it: it may become the release.
    PROMOTE = "PROMOTE"
    # It harms: it gets no more traffic.
    ROLLBACK = "ROLLBACK"
    # It can no longer show the smallest gain worth having: it gets no more traffic.
    FUTILE = "FUTILE"
    # Nothing is decided; never as good as promoted.
    HOLD = "HOLD"


class Reason(Record, frozen=True, kw_only=True):
    """One sentence of why."""

    # A short name, such as "harm", "srm", "silence", "ftr".
    rule: str
    # It speaks for this verdict.
    verdict: Verdict
    # In plain words, with the numbers, the bound and n.
    text: str


class Figure(Record, frozen=True, kw_only=True):
    """One figure of the comparison, with its interval; what cannot be known yet is nothing, not zero."""

    name: str
    # What it is, and in which unit.
    definition: str
    candidate: float | None = None
    control: float | None = None
    # The candidate's less the control's, and the bounds of its interval.
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    # Units counted in each arm.
    n_candidate: int = 0
    n_control: int = 0


class Look(Record, frozen=True, kw_only=True):
    """A look at which something might have been promoted; the next one must know what it has spent."""

    at: float
    # One over the squared error of the gain.
    information: float
    # Of the level, up to and with this look.
    spent: float
    # The boundary on the z scale, and what was seen.
    bound: float
    z: float


class Decision(Record, frozen=True, kw_only=True):
    """The verdict on a trial at one moment."""

    at: float
    verdict: Verdict
    # The trial is over: with PROMOTE, ROLLBACK and FUTILE, and with a HOLD that no waiting mends.
    ended: bool
    # Those for this verdict first.
    reasons: tuple[Reason, ...]
    figures: tuple[Figure, ...] = ()
    # The share that the candidate shall have from now on.
    share: float = 0.0
    # To be kept and handed to the next decision, when one was taken.
    look: Look | None = None
    # What is to be told of the gain after a promotion: less than was seen, because the lucky are promoted.
    shrunk_gain: float | None = None
