"""What a house that serves does about a trial: acts on verdicts, judges turns, tells whoever wants to know."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from shipmate.adapters import webhook
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.errors import ShipmateError
from shipmate.evals.judge import GroundingJudge, Judge, sentences_of
from shipmate.live import Live, Trial, read_live
from shipmate.messages import Question, Trace
from shipmate.ports import EventLog, PastQuestions
from shipmate.release.canary.keeper import Keeper, Opined
from shipmate.release.canary.quarter import Quarter
from shipmate.release.canary.reader import State
from shipmate.release.canary.run import Run
from shipmate.release.canary.shadow import Shadowed
from shipmate.release.canary.verdict import Ruling, signature_in
from shipmate.release.replay import Past, Player
from shipmate.router import Router
from shipmate.scopes import Version, scopes_of, topics_of
from shipmate.trials.canary import faq_only, kept, known_run, quarter, set_trial, stop

__all__ = ["HouseActs", "TrialDesk", "hallucinates"]

log = logging.getLogger(__name__)


class HouseActs:
    """What verdicts do in a house that serves."""

    def __init__(
        self,
        project: Project,
        past: PastQuestions,
        promote: Callable[[str, str], object],
        *,
        version: Callable[[str], Awaitable[Version]],
        groups: Mapping[str, frozenset[str]],
        judge: Judge | None = None,
    ) -> None:
        """Begin for a folder.

        `promote` takes a release and the reason, and lets it answer; `version` opens a release that nobody sees;
        `groups` are those of users by their hashes.
        """
        self._project = project
        self._past = past
        self._promote = promote
        self._version = version
        self._groups = groups
        self._judge = judge or GroundingJudge()
        self._telling: set[asyncio.Task[bool]] = set()

    def live(self) -> Live:
        """Return what is live."""
        return read_live(self._project.state)

    def known_run(self) -> str:
        """Return the run that is live, or else the one whose verdict was kept last."""
        return known_run(self._project.state)

    async def set_trial(self, run: str, trial: Trial | None) -> None:
        """Change the trial of this run, or end it."""
        await asyncio.to_thread(set_trial, self._project.state, run, trial)

    async def promote(self, run: Run) -> None:
        """Let the candidate answer everybody."""
        await asyncio.to_thread(self._promote, run.release, f"PROMOTE of run {run.run}")

    async def shadow(self, run: Run, turns: Mapping[str, str]) -> Sequence[Shadowed]:
        """Let the candidate answer turns of the control; it writes nothing, and nobody sees it."""
        traces = await self._past.traces(list(turns))
        version = await self._version(run.release)
        router = Router(*topics_of(version.project), version.embedder)
        player = Player(scopes_of(version), router, SystemClock().elapsed)
        groups = [self._groups.get(turns[trace.turn_id], frozenset()) for trace in traces]
        return [await self._beside(player, trace, own) for trace, own in zip(traces, groups, strict=True)]

    async def _beside(self, player: Player, trace: Trace, groups: frozenset[str]) -> Shadowed:
        question = Question(text=trace.question, standalone=trace.standalone)
        answered = await player.answer(Past(id=trace.turn_id, question=question, groups=tuple(groups)))
        reply = trace.reply
        own = msgspec.structs.replace(
            reply, text=answered.text, citations=answered.citations, usage=answered.usage, kind=answered.kind
        )
        return Shadowed(
            turn_id=trace.turn_id,
            control_kind=reply.kind,
            kind=answered.kind,
            control_is_bad=await hallucinates(trace, self._judge),
            is_bad=await hallucinates(msgspec.structs.replace(trace, reply=own), self._judge),
            control_latency_s=reply.latency_ms / 1000,
            latency_s=answered.latency_ms / 1000,
            control_cost_usd=reply.usage.cost_usd,
            cost_usd=answered.usage.cost_usd,
            is_faulty=bool(answered.fault),
        )

    async def judge(self, turn_ids: Sequence[str]) -> tuple[str, Sequence[Opined]]:
        """Return what the judge says; of turns that nobody keeps any more, nothing."""
        traces = {trace.turn_id: trace for trace in await self._past.traces(turn_ids)}
        opinions = [
            Opined(turn_id=turn, is_bad=await hallucinates(traces[turn], self._judge) if turn in traces else None)
            for turn in turn_ids
        ]
        return self._judge.version, opinions

    async def publish(self, ruling: Ruling) -> str:
        """Keep the verdict, signed, and post it to whoever wants to know."""
        content = await asyncio.to_thread(kept, self._project.state, ruling)
        if address := _alert_address(self._project):
            telling = asyncio.create_task(asyncio.to_thread(webhook.post, address, content))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        return signature_in(content)


class TrialDesk:
    """What admins see of a trial, and do about it, while the house serves."""

    def __init__(self, project: Project, keeper: Keeper, journal: EventLog) -> None:
        self._project = project
        self._journal = journal
        self._keeper = keeper

    @property
    def state(self) -> State | None:
        """Return what is known of the trial that runs, or else of the last one."""
        return self._keeper.state

    def live(self) -> Live:
        """Return what is live."""
        return read_live(self._project.state)

    def quarter(self) -> Quarter:
        """Return the canaries of the last 90 days."""
        return quarter(self._project, SystemClock().now())

    async def stop(self) -> str:
        """Take the candidate back by hand; return the run. Raises `Missing` where none is on trial."""
        return await stop(self._project, self._journal)

    async def faq_only(self, *, on: bool) -> Live:
        """Let nothing but the FAQ answer, or everything again; return what is live then."""
        return await asyncio.to_thread(faq_only, self._project, on=on)


async def hallucinates(trace: Trace, judge: Judge) -> bool:
    """Return whether a reply says something that nothing supports. What no model wrote is somebody's own words."""
    reply = trace.reply
    if not reply.usage.model:
        return False
    texts = [citation.quote for citation in reply.citations]
    for sentence in sentences_of(reply.text):
        opinion = await judge.bears_out(sentence, texts, trace.standalone)
        if opinion.holds in {"unsupported", "contradicted"}:
            return True
    return False


def _alert_address(project: Project) -> str:
    """Return where verdicts are posted to; empty where nobody wants to know, or the address is none."""
    if project.canary is None:
        return ""
    variable = project.canary.canary.alert_env
    address = os.environ.get(variable, "").strip()
    try:
        if address:
            webhook.check_address(address, variable)
    except ShipmateError as error:
        log.warning("%s", error.what)
        return ""
    return address
