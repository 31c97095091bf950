"""Repairs of the search, made by whoever looks after it: what would change is seen before anything is saved."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shipmate.answer.compose import Composer
from shipmate.curation import Change, Curation, Place, amended, parsed, read, save
from shipmate.errors import Missing
from shipmate.messages import Hit, Passage, Question, Record, Sentence
from shipmate.ports import PastQuestions
from shipmate.router import Router
from shipmate.turn import Scope, Scopes

__all__ = ["LAST_QUESTIONS", "Changed", "Curator", "Effect", "Shown"]

# Of so many questions, the last ones, it is said what a repair changes.
LAST_QUESTIONS = 200
# So many of the first passages are compared.
FIRST_PASSAGES = 3


class Shown(Record, frozen=True, kw_only=True):
    """What a question gets: its first passages as SOURCE#start-end, and the answer in quotes."""

    passages: tuple[str, ...]
    answer: str


class Changed(Record, frozen=True, kw_only=True):
    """A question that a repair gives other passages, or another answer."""

    question: str
    before: Shown
    after: Shown


class Effect(Record, frozen=True, kw_only=True):
    """What a repair changes among the last questions."""

    # How many different ones were looked at.
    questions: int
    changed: tuple[Changed, ...]
    # How many more change whose words are not shown: others asked them without consent.
    unshown: int


class Curator:
    """Looks into the search, and changes what `curation.yml` says of it."""

    def __init__(
        self,
        folder: Path,
        *,
        past: PastQuestions,
        router: Router,
        scopes: Callable[[Curation], Scopes],
        groups_of: Callable[[str], frozenset[str]],
    ) -> None:
        """Work on a folder; `scopes` tells what callers are answered from under such repairs, without a model."""
        self._folder = folder
        self._past = past
        self._router = router
        self._scopes = scopes
        self._groups_of = groups_of

    def curation(self) -> Curation:
        """Return the repairs that the file holds now; raise `ProjectError` for a file with problems."""
        content = read(self._folder)
        return parsed(content) if content else Curation()

    async def search(self, words: str, caller: str, limit: int = 8) -> list[Hit]:
        """Return the passages that a question finds, as far as the caller may see them."""
        groups = self._groups_of(caller)
        scope = self._scopes(self.curation()).of(groups)
        return await scope.search.passages(Question(text=words, standalone=words), limit, groups)

    async def answer(self, words: str) -> Shown:
        """Return what a question gets without a model, of what everybody may see; nothing is kept of it."""
        nobody: frozenset[str] = frozenset()
        return await self._shown(
            self._scopes(self.curation()).of(nobody), Question(text=words, standalone=words), nobody
        )

    async def effect(self, change: Change, caller: str, *, sees_all: bool = False) -> Effect:
        """Return what a change would do to the last questions, as the caller would be answered; nothing is saved."""
        groups = self._groups_of(caller)
        content = read(self._folder)
        before = self._scopes(parsed(content) if content else Curation()).of(groups)
        after = self._scopes(parsed(self._amended(content, change, None if sees_all else groups))).of(groups)
        past = await self._past.asked(LAST_QUESTIONS, caller)
        asked = {one.question: one for one in sorted(past, key=lambda one: one.may_be_shown)}
        changed, unshown = [], 0
        for question in dict.fromkeys(one.question for one in past):
            was, becomes = [await self._shown(scope, question, groups) for scope in (before, after)]
            if was != becomes and asked[question].may_be_shown:
                changed.append(Changed(question=question.standalone, before=was, after=becomes))
            unshown += was != becomes and not asked[question].may_be_shown
            # Others are answered in between.
            await asyncio.sleep(0)
        return Effect(questions=len(asked), changed=tuple(changed), unshown=unshown)

    def make(self, change: Change, caller: str, *, sees_all: bool = False) -> None:
        """Save a change, which holds from the next question on.

        Raises `Missing` for a passage that is not there for the caller, or not there at all for somebody who sees all,
        and `UsageError` where nothing would change.
        """
        groups = None if sees_all else self._groups_of(caller)
        save(self._folder, self._amended(read(self._folder), change, groups))

    def _amended(self, content: bytes, change: Change, groups: frozenset[str] | None) -> bytes:
        if change.action in ("block", "pin") and not any(self._at(Place.of(change.passage), groups)):
            raise Missing(
                f"There is no passage at {change.passage!r}.",
                do="Name a document, or SOURCE#start-end, as `shipmate search` shows it.",
            )
        return amended(content, change)

    def _at(self, place: Place, groups: frozenset[str] | None) -> Iterator[Passage]:
        for collection in self._scopes(Curation()).collections:
            for passage in collection.index.passages(place.source):
                if place.touches(passage.start, passage.end) and (groups is None or passage.is_for(groups)):
                    yield passage

    async def _shown(self, scope: Scope, question: Question, groups: frozenset[str]) -> Shown:
        hits = await scope.search.passages(question, groups=groups)
        draft = scope.drafter.draft(question, await self._router.route(question.text), hits)
        said = Composer()
        for part in draft if isinstance(draft, Sequence) else ():
            if isinstance(part, Sentence):
                said.add(part)
        return Shown(passages=tuple(_place(hit.passage) for hit in hits[:FIRST_PASSAGES]), answer=said.text)


def _place(passage: Passage) -> str:
    return f"{passage.source}#{passage.start}-{passage.end}"
