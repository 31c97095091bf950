"""Keeps a trial: reads what the journal says, decides, and acts on it; what it knows is rebuilt from the journal."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from shipmate.errors import ShipmateError
from shipmate.live import Live, Trial
from shipmate.messages import Entry, Event, Record
from shipmate.ports import Clock, EventLog
from shipmate.release.canary.counts import Counts
from shipmate.release.canary.decide import decide
from shipmate.release.canary.decision import Decision, Look, Verdict
from shipmate.release.canary.fold import Fold, Unjudged
from shipmate.release.canary.outright import gated, paused, stopped
from shipmate.release.canary.reader import Reader, State
from shipmate.release.canary.rules import DAY_S
from shipmate.release.canary.run import (
    Logbook,
    Run,
    changed_event,
    step_event,
    verdict_event,
)
from shipmate.release.canary.shadow import Shadowed, ShadowTally, shadowed_event
from shipmate.release.canary.verdict import Ruling, ruling_of

__all__ = ["GRACE_S", "Acts", "Keeper", "Opined"]

log = logging.getLogger(__name__)

# Between two looks at the journal.
TICK_S = 3.0
# A run whose trial is not live by then was begun and not finished, or taken back.
GRACE_S = 60.0
# How far the clock may be from where it should be.
JUMP_S = 120.0
JUDGED_AT_ONCE = 32


class Opined(Record, frozen=True, kw_only=True):
    """What the judge says of a turn; nothing of one whose words are not kept any more."""

    turn_id: str
    is_bad: bool | None
    score: float = 0.0


class Acts(Protocol):
    """What a verdict does."""

    def live(self) -> Live:
        """Return what is live."""

    def known_run(self) -> str:
        """Return the run that is live, or else the one whose verdict was kept last; empty where there was none."""

    async def set_trial(self, run: str, trial: Trial | None) -> None:
        """Change the trial of this run, or end it; does nothing when another one, or none, is live."""

    async def promote(self, run: Run) -> None:
        """Let the candidate answer everybody; raises what hinders it."""

    async def shadow(self, run: Run, turns: Mapping[str, str]) -> Sequence[Shadowed]:
        """Let the candidate answer turns of the control, given with the hashes of their users; nobody sees it.

        Turns whose words are not kept any more are left out. Raises what hinders it.
        """

    async def judge(self, turn_ids: Sequence[str]) -> tuple[str, Sequence[Opined]]:
        """Return the judge's version, and what it says of these turns; raises what hinders it."""

    async def publish(self, ruling: Ruling) -> str:
        """Keep a verdict as a signed file, tell whoever wants to know of it; return its signature."""


class Keeper:
    """Keeps the trial of one assistant."""

    def __init__(self, journal: EventLog, acts: Acts, clock: Clock, *, internal: frozenset[str] = frozenset()) -> None:
        self._read = Reader(journal, clock, internal=internal)
        self._journal = journal
        self._acts = acts
        self._clock = clock
        self._watching_since = 0.0
        self._clock_ahead = clock.now() - clock.elapsed()
        self._was_live = ""
        # The FAQ alone answers.
        self._is_paused = False
        self._judging: asyncio.Task[None] | None = None

    async def keep(self) -> None:
        """Look every few seconds; never ends."""
        self._watching_since = self._clock.now()
        while True:
            try:
                await self.tick()
            except Exception as error:  # a trial that nobody keeps must not go on unseen: the next look tries again
                self._read.trouble = str(error)
                log.exception("The trial could not be looked after")
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Look once."""
        await self._read.read(await asyncio.to_thread(self._acts.known_run))
        live = await asyncio.to_thread(self._acts.live)
        run = self._read.logbook.open
        if run is None:
            await self._finish(live)
        elif run.evidence == "live":
            await self._look(run, live)
        elif self._read.shadow:
            await self._look_at_shadow(run, self._read.shadow, live)

    @property
    def logbook(self) -> Logbook:
        """Return what the journal says of all runs."""
        return self._read.logbook

    @property
    def state(self) -> State | None:
        """Return what is known of the trial that runs, or else of the last one."""
        return self._read.state

    async def _look(self, run: Run, live: Live) -> None:
        """Decide on the run, and act."""
        assert self._read.fold is not None  # noqa: S101 - an open run has begun
        now = self._clock.now()
        if self._is_taken_back(run, live, now):
            await self._end(run, stopped(now, is_promoted=live.release == run.release), live)
            return
        if not self._read.trouble:
            await self._check_clock(run, now)
        if live.trial and (live.trial.salt, live.trial.release) != (run.salt, run.release):
            await self._taint(run, now, "What is live was changed by hand: its salt or release is not the trial's.")
        if live.faq_only:
            self._is_paused = True
            self._read.decision = paused(now)
        elif self._is_paused:
            # What nobody could see was no watch: the step is held anew from here on.
            reason = "Everything answers again: the step begins anew."
            share = live.trial.share if live.trial else 0.0
            self._is_paused = not await self._record(
                step_event(run, now, self._clock.new_id(), share=share, reason=reason)
            )
        elif await self._decide(run, self._read.fold, live, now):
            return
        if self._judging is None or self._judging.done():
            fold = self._read.fold
            waiting = fold.unjudged(JUDGED_AT_ONCE)
            self._judging = asyncio.create_task(self._judge(run, fold, waiting)) if waiting else None

    async def _decide(self, run: Run, fold: Fold, live: Live, now: float) -> bool:
        """Decide, and act on it; return whether that has ended the run."""
        silent_s = self._clock.elapsed() - self._read.read_at_s
        looks: list[Look] = sorted(self._read.logbook.looks.get(run.run, {}).values(), key=lambda look: look.at)

        def decided() -> tuple[Counts, Decision]:
            counts = fold.counts(now, watching_since=self._watching_since, journal_silent_s=silent_s)
            return counts, gated(run, decide(counts, run.rules, looks=looks, planned=run.planned))

        self._read.counts, decision = await asyncio.to_thread(decided)
        self._read.decision = decision
        if decision.ended:
            await self._end(run, decision, live)
            return True
        if decision.look:
            await self._record(verdict_event(run, decision, self._clock.new_id()))
        if live.trial and decision.share != live.trial.share:
            await self._step(run, live.trial, decision.share, now)
        return False

    async def _look_at_shadow(self, run: Run, tally: ShadowTally, live: Live) -> None:
        """Let the candidate answer what was asked since, and decide."""
        now = self._clock.now()
        decision = self._read.decision = tally.decision(now)
        if self._is_taken_back(run, live, now):
            decision = stopped(now, is_promoted=live.release == run.release)
        elif now - run.started_at > run.rules.max_days * DAY_S:
            decision = msgspec.structs.replace(decision, ended=True)
        if decision.ended:
            await self._end(run, decision, live)
        elif self._judging is None or self._judging.done():
            waiting = tally.waiting(JUDGED_AT_ONCE)
            self._judging = asyncio.create_task(self._shadow(run, tally, waiting)) if waiting else None

    async def _shadow(self, run: Run, tally: ShadowTally, waiting: Mapping[str, str]) -> None:
        try:
            answered = await self._acts.shadow(run, waiting)
        except Exception as error:  # noqa: BLE001 - whatever a candidate dies of
            self._read.trouble = f"The candidate does not answer: {error}"
            log.warning("%s", self._read.trouble)
            return
        tally.forget(waiting.keys() - {one.turn_id for one in answered})
        now = self._clock.now()
        if answered:
            await self._record(*(shadowed_event(run, one, now, self._clock.new_id()) for one in answered))

    def _is_taken_back(self, run: Run, live: Live, now: float) -> bool:
        """Tell whether somebody has ended the trial; one that was begun just now may not be live yet."""
        if live.trial and live.trial.run == run.run:
            self._was_live = run.run
            return False
        return self._was_live == run.run or now - run.started_at > GRACE_S

    async def _check_clock(self, run: Run, now: float) -> None:
        """Taint a run under which the clock has jumped: its hours and steps compare no more."""
        ahead = now - self._clock.elapsed()
        jump = ahead - self._clock_ahead
        self._clock_ahead = ahead
        if now < self._read.last_ts - JUMP_S:
            jump = now - self._read.last_ts
        if abs(jump) > JUMP_S:
            await self._taint(run, now, f"The clock jumped by {jump:+.0f} s.")

    async def _taint(self, run: Run, now: float, reason: str) -> None:
        """Note, in the journal too, that something changed under a run."""
        event = changed_event(run, now, self._clock.new_id(), reason=reason)
        await self._record(event)
        assert self._read.fold is not None  # noqa: S101 - an open run has begun
        self._read.fold.take((Entry(0, event),))

    async def _step(self, run: Run, trial: Trial, share: float, now: float) -> None:
        """Change the share: first in the journal, by which every turn is weighed, then for callers."""
        before = self._read.counts.share if self._read.counts else trial.share
        is_own = before == trial.share
        reason = (
            f"The step of {100 * trial.share:g} % is over." if is_own else "It was changed by hand, and is set back."
        )
        if await self._record(step_event(run, now, self._clock.new_id(), share=share, reason=reason)):
            await self._acts.set_trial(run.run, msgspec.structs.replace(trial, share=share))

    async def _end(self, run: Run, decision: Decision, live: Live) -> None:
        """End a run: what is decided is recorded before it is done, so that a crash between the two is made good."""
        self._read.decision = decision
        try:
            signature = await self._acts.publish(ruling_of(run, decision))
        except ShipmateError as error:
            log.warning("The verdict is not signed: %s", error.what)
            signature = ""
        recorded = await self._record(verdict_event(run, decision, self._clock.new_id(), signature=signature))
        if recorded:
            await self._read.read()
        if decision.verdict is Verdict.PROMOTE and recorded:
            await self._promote(run)
        elif live.trial and live.trial.run == run.run:
            await self._acts.set_trial(run.run, None)

    async def _promote(self, run: Run) -> None:
        try:
            await self._acts.promote(run)
        except ShipmateError as error:
            self._read.trouble = f"{run.release} is to be promoted, and is not yet: {error.what}"
            log.warning("%s", self._read.trouble)

    async def _finish(self, live: Live) -> None:
        """Do what was decided and not done, after a crash or a hindrance; what no journal tells of is no trial."""
        trial = live.trial
        if trial is None or trial.mode == "pilot":
            return
        ended = self._read.logbook.ended.get(trial.run)
        if ended and ended.verdict is Verdict.PROMOTE:
            await self._promote(self._read.logbook.runs[trial.run])
        else:
            await self._acts.set_trial(trial.run, None)

    async def _judge(self, run: Run, fold: Fold, waiting: Sequence[tuple[str, Unjudged]]) -> None:
        """Let the judge see what waits for it; a judge that fails says nothing, and its silence is heard."""
        seen = dict(waiting)
        try:
            version, opinions = await self._acts.judge(list(seen))
        except Exception as error:  # noqa: BLE001 - whatever a judge dies of
            log.warning("The judge says nothing: %s", error)
            return
        fold.forget_unjudged([one.turn_id for one in opinions if one.is_bad is None])
        events = [
            Event(
                name="gen_ai.evaluation.result",
                ts=self._clock.now(),
                event_id=self._clock.new_id(),
                turn_id=one.turn_id,
                user_hash=seen[one.turn_id].user_hash,
                release=run.release if seen[one.turn_id].is_candidate else run.control_release,
                variant=run.candidate if seen[one.turn_id].is_candidate else run.control,
                flag_key=run.run,
                data={
                    "name": "hallucination",
                    "label": "flagged" if one.is_bad else "supported",
                    "score": one.score,
                    "judge_version": version,
                    "sampled_p": 1.0 if seen[one.turn_id].is_candidate else run.judged_control,
                },
            )
            for one in opinions
            if one.is_bad is not None
        ]
        if events:
            await self._record(*events)

    async def _record(self, *events: Event) -> bool:
        """Write to the journal; return whether that worked."""
        try:
            await self._journal.record(events)
        except ShipmateError as error:
            self._read.trouble = f"The journal cannot be written: {error.what}"
            log.warning("%s", self._read.trouble)
            return False
        return True
