"""What all doors share: the assistant, the rules, the counters, and whether anybody is let in."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from shipmate.curation import Change, Curation
from shipmate.curator import Effect, Shown
from shipmate.errors import Missing, NotReady, StorageError
from shipmate.insight.outcomes import BroughtOutcome
from shipmate.insight.report import Report
from shipmate.live import Live
from shipmate.messages import Ask, Card, Finished, Hit, Passage, Reply, ReplyKind, StreamEvent, Trace
from shipmate.neighbourhood import Centre, Neighbourhood
from shipmate.ports import Clock
from shipmate.release.canary.quarter import Quarter
from shipmate.release.canary.reader import State
from shipmate.server.access import Access
from shipmate.server.metrics import CountedTurn, Metrics
from shipmate.server.problems import ProblemDetails, problem, problem_of
from shipmate.server.settings import ServerSettings

if TYPE_CHECKING:  # the page is made late, and numpy with it
    from shipmate.release.compare import Comparison
    from shipmate.release.kept import Entry

__all__ = ["Assistant", "Compared", "Curator", "Insight", "Lobby", "Trials"]


class Assistant(Protocol):
    """What a door needs of the assistant."""

    @property
    def name(self) -> str:
        """Return the assistant's name, which is also its model id at `/v1`."""

    @property
    def release(self) -> str:
        """Return the release that answers; it may change while the server runs."""

    @property
    def disclosure(self) -> str:
        """Return the sentence that tells people that they talk to an AI."""

    @property
    def looks_back(self) -> bool:
        """Return whether it recalls past conversations, if people let it."""

    @property
    def suggestions(self) -> Sequence[str]:
        """Return questions that it answers well."""

    def ready(self) -> str:
        """Return why it cannot answer now; empty when it can."""

    def turn(self, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
        """Run one turn; closing the generator ends it. Refuses only before the first event."""

    async def trace(self, turn_id: str, caller: str) -> Trace:
        """Return why a turn ended as it did; raise `NoTurn`."""

    async def passages_around(self, source: str, start: int, end: int, caller: str) -> Sequence[Passage]:
        """Return the indexed passages that overlap a span of a document, as far as the caller may see them."""

    async def neighbourhood(self, centre: Centre, caller: str) -> Neighbourhood:
        """Return what stands around an answer, a name or a passage, as far as the caller may see it.

        Raises `NoTurn`, `NoEntity` or `Missing`, and `NoIndex` without a graph.
        """


class Curator(Protocol):
    """What the search page needs: to look into the search, and to repair it."""

    def curation(self) -> Curation:
        """Return the repairs that hold."""

    async def search(self, words: str, caller: str, limit: int = 8) -> Sequence[Hit]:
        """Return the passages that a question finds, as far as the caller may see them."""

    async def answer(self, words: str) -> Shown:
        """Return what a question gets without a model, of what everybody may see; nothing is kept of it."""

    async def effect(self, change: Change, caller: str) -> Effect:
        """Return what a change would do to the last questions; nothing is saved."""

    def make(self, change: Change, caller: str) -> None:
        """Save a change; raise `Missing` for what is not there, `UsageError` where nothing would change."""


class Trials(Protocol):
    """What the page of a trial needs."""

    @property
    def state(self) -> State | None:
        """Return what is known of the trial that runs, or else of the last one; nothing without any."""

    def live(self) -> Live:
        """Return what is live."""

    def quarter(self) -> Quarter:
        """Return how many canaries there were lately."""

    async def stop(self) -> str:
        """Take the candidate back; return the run. Raises `Missing` where none is on trial."""

    async def faq_only(self, *, on: bool) -> Live:
        """Let nothing but the FAQ answer, or everything again; return what is live then."""


class Compared(Protocol):
    """What the page of comparisons needs."""

    def entries(self) -> "Sequence[Entry]":
        """Return what was compared, the newest first."""

    async def comparison(self, comparison_id: str, caller: str) -> "Comparison":
        """Return a comparison with the words that may be shown to a caller now; raise `Missing`."""


class Insight(Protocol):
    """What the doors for outcomes and the report need."""

    async def feedback(self, turn_id: str, caller: str, *, value: int, reason: str = "") -> None:
        """Note what a caller thinks of an answer of theirs; raise `NoTurn`, also for somebody else's."""

    async def bring(self, outcomes: Sequence[BroughtOutcome]) -> tuple[int, int]:
        """Take in outcomes; return how many were new, and how many were there before."""

    async def report(self, days: float | None) -> Report:
        """Return what the journal says of the last days, or of all; raise `NotReady` when it cannot be read now."""

    async def record(self, name: str, data: dict[str, object], release: str = "") -> None:
        """Note something of the server's own life."""


class Lobby:
    """One server's shared state."""

    def __init__(
        self,
        assistant: Assistant,
        settings: ServerSettings,
        *,
        clock: Clock,
        curator: Curator | None = None,
        trials: Trials | None = None,
        compared: Compared | None = None,
        insight: Insight | None = None,
    ) -> None:
        self.assistant = assistant
        self._curator = curator
        self._trials = trials
        self.compared = compared
        self._insight = insight
        self.settings = settings
        self.clock = clock
        self.access = Access(settings)
        self.metrics = Metrics()
        # The server shuts down: running turns end, no new one begins.
        self.leaving = False

    @property
    def curator(self) -> Curator:
        """Return what repairs the search; raise `Missing` where nothing does."""
        if self._curator is None:
            raise Missing("There is no search to look into here.", do="Serve it with `shipmate serve`.")
        return self._curator

    @property
    def insight(self) -> Insight:
        """Return what knows of the assistant's work; raise `Missing` where nothing does."""
        if self._insight is None:
            raise Missing("Nothing is reported on here.", do="Serve the assistant with `shipmate serve`.")
        return self._insight

    @property
    def trials(self) -> Trials:
        """Return what tells of trials; raise `Missing` where nothing does."""
        if self._trials is None:
            raise Missing("Nothing is tried here.", do="Serve it with `shipmate serve`.")
        return self._trials

    def not_ready(self) -> str:
        """Return why no turn may begin; empty when one may."""
        return "The server is shutting down." if self.leaving else self.assistant.ready()

    def admit(self) -> None:
        """Raise `NotReady` when no turn may begin now."""
        if self.leaving:
            raise NotReady("The server is shutting down.", do="Ask again in a moment.")
        if self.metrics.active >= self.settings.turns_at_once:
            raise NotReady(f"{self.metrics.active} turns are running.", do="Ask again in a moment.")

    def problem(self, error: Exception) -> ProblemDetails:
        """Count an error; return what the caller may know of it."""
        details = problem_of(error)
        self.metrics.errors[details.status] += 1
        return details

    def wrong_method(self, path: str, allowed: str) -> ProblemDetails:
        """Count a method that a path does not take; return what the caller may know of it."""
        self.metrics.errors[405] += 1
        return problem(405, "wrong-method", "The method is not known here", f"{path} takes {allowed} only.")

    async def complete(self, ask: Ask, counted: CountedTurn) -> tuple[Reply, float]:
        """Run a turn to its end; return the reply, and the seconds to wait before asking again."""
        retry_after_s = 0.0
        async with aclosing(self.assistant.turn(ask)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    counted.reply = event.reply
                elif isinstance(event, Card) and event.kind is ReplyKind.WAIT:
                    retry_after_s = event.retry_after_s
        if counted.reply is None:
            raise StorageError("The turn ended without a reply.", do="Ask again.")
        return counted.reply, retry_after_s
