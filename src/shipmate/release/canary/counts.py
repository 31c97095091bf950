"""What a trial has counted so far: everything that a decision is made from.

Whoever fills these records counts each event once, whatever comes twice or late, and leaves out internal callers.

A measure's `Pair` is made by `pair_of` from one row for each user: (n, y) in the candidate, (n, y) in the control.
n is the number of units and y their outcome, and each unit enters both with the weight of its arm at that moment:
1 - share in the candidate, share in the control. So both arms weigh every hour alike while the share grows, and what
only changed with time is not taken for an effect. Units that were sampled count 1 / probability times as much.
"""

from shipmate.messages import Record
from shipmate.statistics.clusters import Pair

__all__ = ["Arm", "Audits", "Counts", "HarmCount", "Labels", "Split", "Window"]


class Split(Record, frozen=True, kw_only=True):
    """Events, or users, by arm, while the candidate had this share."""

    # Of those that could have been counted: where the judge sees a turn with probability p in the candidate and q in
    # the control, share * p / (share * p + (1 - share) * q). Strictly between 0 and 1.
    share: float
    candidate: int
    control: int


class HarmCount(Record, frozen=True, kw_only=True):
    """Bad events of one kind, at most one for each user and hour; a flag that a human has cleared is none."""

    # One of `Rules.harm.events`.
    kind: str
    # One for each share that there was.
    splits: tuple[Split, ...] = ()
    # The sum, over users, of the square of how many of these events the user had in the whole run.
    squares: float = 0.0


class Labels(Record, frozen=True, kw_only=True):
    """What people said of turns of which the judge said the same."""

    labelled: int = 0
    hallucinated: int = 0


class Audits(Record, frozen=True, kw_only=True):
    """Issues drawn at random and read by people: their label less the one from the events, each -1, 0 or 1."""

    issues: int = 0
    total: float = 0.0
    squares: float = 0.0


class Window(Record, frozen=True, kw_only=True):
    """Five minutes of the candidate."""

    turns: int
    latency_p95_s: float
    cost_usd: float


class Arm(Record, frozen=True, kw_only=True):
    """What was counted in one arm, each unit once."""

    # Turns, issues that have matured, and turns that the judge has seen.
    turns: int = 0
    issues: int = 0
    judged: int = 0
    # Of turns that the judge flagged, and of turns that it did not.
    flagged: Labels = Labels()
    unflagged: Labels = Labels()
    audits: Audits = Audits()
    # Of users drawn at random, at most a thousand: the seconds that their turns took, at most fifty each.
    latencies_s: tuple[tuple[float, ...], ...] = ()


class Counts(Record, frozen=True, kw_only=True):
    """All that is known of a trial at one moment."""

    # Seconds since the epoch, UTC.
    started_at: float
    at: float
    # The share that the candidate has now, and since when.
    share: float
    share_since: float
    # An hour of a weekday's peak lies within the run; by whoever knows the calendar.
    had_weekday: bool = True
    candidate: Arm = Arm()
    control: Arm = Arm()
    # Matured issues; y: resolved at the first turn by `ftr_fast`.
    ftr: Pair = Pair()
    # Matured issues; y: ended in silence.
    silence: Pair = Pair()
    # Matured issues; y: a human was asked for.
    handoffs: Pair = Pair()
    # Turns; y: refused.
    refusals: Pair = Pair()
    # Turns; y: US dollars.
    cost: Pair = Pair()
    # Turns that the judge has seen; y: flagged as hallucinated.
    flags: Pair = Pair()
    # Users by the arm of their first exposure in this run.
    exposed: tuple[Split, ...] = ()
    harms: tuple[HarmCount, ...] = ()
    # The newest whole ones, oldest first.
    windows: tuple[Window, ...] = ()
    # Policy events of the first order in the candidate that were confirmed, and an availability burn of 14.4: one line each.
    severe: tuple[str, ...] = ()
    # For how long neither the judge, nor the journal, has said anything though there was traffic.
    judge_silent_s: float = 0.0
    journal_silent_s: float = 0.0
    # The versions of the judge whose flags are counted here, and the one that the labels were given for.
    judge_versions: tuple[str, ...] = ()
    calibrated_version: str = ""
    # What changed under the run, such as its index or its model, by one line each: the run proves nothing any more.
    taints: tuple[str, ...] = ()
