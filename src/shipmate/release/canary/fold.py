"""The journal as the counts of one run: read on entry by entry, whatever comes twice, late or in another order."""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from shipmate.messages import Entry, Event
from shipmate.release.canary.counts import Arm, Audits, Counts
from shipmate.release.canary.known import HOUR_S, Answerers, Exposed, Issue, Issues, Seen, Shares, Turns, Users
from shipmate.release.canary.labels import Labelled, Opinion, opinion
from shipmate.release.canary.meaning import had_weekday, harm_of, is_severe, number
from shipmate.release.canary.run import CHANGED, STEP, Run
from shipmate.release.canary.speed import Speed, Windows
from shipmate.release.canary.tally import HarmTally, Table

__all__ = ["Fold", "Unjudged"]

TURN = "assistant.turn.completed"
MATURED = "assistant.issue.matured"
FEEDBACK = "assistant.feedback"
EXPOSED = "flag.exposure"
EVALUATED = "gen_ai.evaluation.result"
JUDGED_KINDS = frozenset({"answer", "fallback"})
FAST = "fast"
# What is said of turns that are not known yet is kept, and no more of it.
MOST_EARLY = 10_000
MOST_SEVERE = 20


class Unjudged(NamedTuple):
    """A turn that waits for the judge."""

    is_candidate: bool
    user_hash: str


class Fold:
    """What one run has counted so far."""

    def __init__(self, run: Run, internal: frozenset[str] = frozenset()) -> None:
        """Begin with nothing; what `internal` users do is left out, by their hashes."""
        self._run = run
        self._internal = internal
        self._steps = [(run.started_at, run.rules.steps[0].share)]
        shares, self._users = Shares(), Users()
        self._turns, self._issues, self._exposed = Turns(shares), Issues(shares), Exposed(shares)
        self._early: dict[str, list[Event]] = {}
        self._matured_of: Counter[bool] = Counter()
        self._revised: set[str] = set()
        self._feedback: dict[str, tuple[float, str, bool]] = {}
        self._audited: dict[bool, dict[str, float]] = {True: {}, False: {}}
        self._labels = Labelled()
        self._harms = {kind: HarmTally(kind) for kind in run.rules.harm.events}
        self._ftr, self._silence, self._handoffs = Table(), Table(), Table()
        self._refusals, self._cost, self._flags = Table(), Table(), Table()
        self._counted: Counter[bool] = Counter()
        self._unjudged: dict[str, Unjudged] = {}
        self._speed = {True: Speed(), False: Speed()}
        self._windows = Windows()
        self._answers: dict[tuple[bool, str], str] = {}
        self._answerers = {True: Answerers(), False: Answerers()}
        self._taints: dict[str, None] = {}
        self._severe: dict[str, str] = {}
        self._unjudged_since = 0.0
        self._takes: dict[str, Callable[[Event], None]] = {
            STEP: self._step,
            TURN: self._turn,
            MATURED: self._matured,
            FEEDBACK: self._of_turn,
            EVALUATED: self._of_turn,
            EXPOSED: self._exposure,
            CHANGED: self._changed,
        }

    def take(self, entries: Iterable[Entry]) -> None:
        """Read on."""
        for _, event in entries:
            take = self._takes.get(event.name, self._bad)
            take(event)

    def unjudged(self, limit: int) -> list[tuple[str, Unjudged]]:
        """Return turns that the judge is to see and has not seen, the oldest first."""
        return list(islice(self._unjudged.items(), limit))

    def forget_unjudged(self, turn_ids: Iterable[str]) -> None:
        """Let turns go that nobody can judge any more, because their words are gone."""
        for turn in turn_ids:
            self._unjudged.pop(turn, None)

    def counts(self, at: float, *, watching_since: float = 0.0, journal_silent_s: float = 0.0) -> Counts:
        """Return what is known at a moment; before `watching_since` nobody was there to be silent."""
        since, share = self._steps[-1]
        unjudged_since = max(self._unjudged_since, watching_since)
        return Counts(
            started_at=self._run.started_at,
            at=at,
            share=share,
            share_since=since,
            had_weekday=had_weekday(self._run.started_at, at),
            candidate=self._arm(is_candidate=True),
            control=self._arm(is_candidate=False),
            ftr=self._ftr.pair,
            silence=self._silence.pair,
            handoffs=self._handoffs.pair,
            refusals=self._refusals.pair,
            cost=self._cost.pair,
            flags=self._flags.pair,
            exposed=self._exposed.splits,
            harms=tuple(tally.count for tally in self._harms.values()),
            windows=self._windows.whole(at),
            severe=tuple(self._severe.values())[:MOST_SEVERE],
            judge_silent_s=max(0.0, at - unjudged_since) if self._unjudged_since else 0.0,
            journal_silent_s=journal_silent_s,
            judge_versions=self._labels.versions,
            calibrated_version=self._labels.calibrated_version,
            taints=tuple(self._taints),
        )

    def share_at(self, at: float) -> float:
        """Return the candidate's share at a moment."""
        return self._steps[max(0, bisect_right(self._steps, (at, 1.0)) - 1)][1]

    def _arm_of(self, event: Event) -> bool | None:
        """Return whether an event belongs to the candidate; nothing for one that is of neither arm of this run."""
        if event.flag_key != self._run.run or event.user_hash in self._internal:
            return None
        return {self._run.candidate: True, self._run.control: False}.get(event.variant)

    def _step(self, event: Event) -> None:
        step = (event.ts, number(event, "share"))
        if event.flag_key == self._run.run and step not in self._steps:
            insort(self._steps, step)

    def _turn(self, event: Event) -> None:
        is_candidate = self._arm_of(event)
        if is_candidate is None or self._turns.get(event.turn_id):
            return
        kind, is_abandoned = str(event.data.get("kind", "")), bool(event.data.get("abandoned"))
        is_judged = (
            kind in JUDGED_KINDS and not is_abandoned and self._run.draws(event.turn_id, is_candidate=is_candidate)
        )
        seen = self._placed(event, is_candidate=is_candidate, is_judged=is_judged)
        self._turns.put(event.turn_id, seen)
        self._counted[is_candidate] += 1
        self._compare_answering(event, is_candidate=is_candidate)
        cost, latency_s = number(event, "cost_usd"), number(event, "latency_ms") / 1000
        self._cost.add(seen.user, seen.weight, seen.weight * cost, is_candidate=is_candidate)
        if not is_abandoned:
            self._refusals.add(seen.user, seen.weight, seen.weight * (kind == "refuse"), is_candidate=is_candidate)
        self._speed[is_candidate].add(self._run.run, event.user_hash, event.turn_id, latency_s)
        if is_candidate:
            self._windows.add(event.ts, latency_s, cost)
            if is_judged:
                self._unjudged_since = self._unjudged_since or event.ts
        if is_judged:
            self._unjudged[event.turn_id] = Unjudged(is_candidate, event.user_hash)
        if event.data.get("faulty") and not is_abandoned:
            self._harm("error", event.turn_id, seen)
        for early in self._early.pop(event.turn_id, ()):
            self._takes.get(early.name, self._bad)(early)

    def _of_turn(self, event: Event) -> None:
        """Take what is said of a turn; of one that is not known yet it waits."""
        seen = self._turns.get(event.turn_id)
        if seen is None:
            self._wait(event)
        elif event.name == FEEDBACK:
            self._opinion_of_user(event, seen)
        elif said := opinion(event):
            self._evaluated(event, said, seen)

    def _wait(self, event: Event, *, of_issue: bool = False) -> None:
        """Keep what is said of a turn, or of an issue, that is not known yet; of too many, the oldest go."""
        if not event.turn_id:
            return
        waiting = self._early.setdefault(f"issue {event.issue_id}" if of_issue else event.turn_id, [])
        if event not in waiting:
            waiting.append(event)
        if len(self._early) > MOST_EARLY:
            del self._early[next(iter(self._early))]

    def _opinion_of_user(self, event: Event, seen: Seen) -> None:
        """Count a thumbs down; the last word of a turn holds."""
        last = (event.ts, event.event_id, number(event, "value") < 0)
        if last > self._feedback.get(event.turn_id, (0.0, "", False)):
            self._feedback[event.turn_id] = last
            if last[2]:
                self._harm("thumbs_down", event.turn_id, seen)
            elif "thumbs_down" in self._harms:
                self._harms["thumbs_down"].remove(event.turn_id, seen, seen.share)

    def _evaluated(self, event: Event, said: Opinion, seen: Seen) -> None:
        """Count what the judge, or a person, says of a turn."""
        if said.name == "ftr_audit":
            # What was drawn because the judge flagged it, or did not, is no sample of all.
            if event.data.get("stratum", "random") == "random":
                self._audit(event, said, seen)
        elif (said.is_human or seen.is_judged) and self._labels.take(
            event.turn_id, said, is_candidate=seen.is_candidate
        ):
            if not said.is_human:
                self._judged(event.turn_id, seen, is_bad=said.is_bad)
            self._flag(event.turn_id, seen)

    def _judged(self, turn: str, seen: Seen, *, is_bad: bool) -> None:
        self._unjudged_since = 0.0
        self._unjudged.pop(turn, None)
        weight = seen.weight / (1 if seen.is_candidate else self._run.judged_control)
        self._flags.add(seen.user, weight, weight * is_bad, is_candidate=seen.is_candidate)

    def _flag(self, turn: str, seen: Seen) -> None:
        """Count a flag of the judge as a bad event, until a person clears it."""
        tally = self._harms.get("hallucination_flag")
        if tally is None or not 0 < seen.share < 1:
            return
        share = seen.share / (seen.share + (1 - seen.share) * self._run.judged_control)
        put = tally.add if self._labels.is_flagged(turn) else tally.remove
        put(turn, seen, share)

    def _audit(self, event: Event, said: Opinion, seen: Seen) -> None:
        issue = self._issues.get(event.issue_id)
        if issue is None:
            self._wait(event, of_issue=True)
        else:
            self._audited[seen.is_candidate][event.issue_id] = float((not said.is_bad) - bool(issue.ftr))

    def _matured(self, event: Event) -> None:
        is_candidate = self._arm_of(event)
        if is_candidate is None or event.data.get("window", FAST) != FAST:
            return
        revises = str(event.data.get("revises", "") or "")
        before = self._issues.get(event.issue_id)
        if revises:
            self._revised.add(revises)
        ftr = event.data.get("ftr_label")
        issue = Issues.issue(
            event.event_id,
            is_candidate=is_candidate,
            user=self._users.number(event.user_hash),
            share=self.share_at(number(event, "opened_at") or event.ts),
            ftr=None if ftr is None else bool(ftr),
            reason=str(event.data.get("reason", "")),
        )
        is_older = before is not None and not revises
        if event.event_id in self._revised or is_older or (before and before.mark == issue.mark):
            return
        if before:
            self._label(before, -1)
        self._issues.put(event.issue_id, issue)
        self._label(issue, 1)
        for early in self._early.pop(f"issue {event.issue_id}", ()):
            self._of_turn(early)

    def _label(self, issue: Issue, sign: int) -> None:
        """Count the label of an issue, or take it back; what is in scope of no goal counts for nothing."""
        if issue.ftr is None:
            return
        self._matured_of[issue.is_candidate] += sign
        weight = sign * issue.weight
        for table, y in (
            (self._ftr, issue.ftr),
            (self._silence, issue.reason == "silence"),
            (self._handoffs, issue.reason == "handoff"),
        ):
            table.add(issue.user, weight, weight * y, is_candidate=issue.is_candidate)

    def _exposure(self, event: Event) -> None:
        is_candidate = self._arm_of(event)
        if is_candidate is not None:
            user, share = self._users.number(event.user_hash), self.share_at(event.ts)
            self._exposed.add(user, event.ts, share, is_candidate=is_candidate)

    def _changed(self, event: Event) -> None:
        if event.flag_key == self._run.run:
            self._taints[str(event.data.get("reason", "Something changed."))] = None

    def _compare_answering(self, event: Event, *, is_candidate: bool) -> None:
        """Note what an arm answers from; another index, model, charter or release in mid-run taints it."""
        arm = "candidate" if is_candidate else "control"
        for key in ("index_sha", "model", "charter_sha"):
            now = str(getattr(event, key))
            if now and self._answers.setdefault((is_candidate, key), now) != now:
                self._taints[f"The {key.removesuffix('_sha')} of the {arm} changed in mid-run, to {now}."] = None
        user, release = self._users.number(event.user_hash), event.release
        if release and self._answerers[is_candidate].is_another(user, release):
            self._taints[f"The release of the {arm} changed in mid-run, to {release}."] = None

    def _bad(self, event: Event) -> None:
        """Take an event of a room that may not be built yet: kills, handoffs, blocks, policy."""
        kind = harm_of(event)
        if not kind and not is_severe(event):
            return
        seen = self._seen(event)
        if seen is None:
            self._wait(event)
        elif kind:
            self._harm(kind, event.turn_id or event.event_id, seen)
        elif seen.is_candidate:
            self._severe[event.event_id] = str(event.data.get("rule") or event.data.get("policy") or event.name)

    def _seen(self, event: Event) -> Seen | None:
        """Return where an event belongs: to its own arm, or to its turn's."""
        is_candidate = self._arm_of(event)
        if is_candidate is None:
            return self._turns.get(event.turn_id)
        return self._placed(event, is_candidate=is_candidate, is_judged=False)

    def _placed(self, event: Event, *, is_candidate: bool, is_judged: bool) -> Seen:
        user, hour = self._users.number(event.user_hash), int(event.ts // HOUR_S)
        return Seen(is_candidate, user, hour, self.share_at(event.ts), is_judged)

    def _harm(self, kind: str, source: str, seen: Seen) -> None:
        if kind in self._harms and 0 < seen.share < 1:
            self._harms[kind].add(source, seen, seen.share)

    def _arm(self, *, is_candidate: bool) -> Arm:
        audited = self._audited[is_candidate].values()
        judged, flagged, unflagged = self._labels.of_arm(is_candidate=is_candidate)
        return Arm(
            turns=self._counted[is_candidate],
            issues=self._matured_of[is_candidate],
            judged=judged,
            flagged=flagged,
            unflagged=unflagged,
            audits=Audits(issues=len(audited), total=sum(audited), squares=sum(error**2 for error in audited)),
            latencies_s=self._speed[is_candidate].drawn,
        )
