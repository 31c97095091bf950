"""Comparisons that are kept to be looked at: without anybody's words, which stay in the store alone."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from shipmate.disk import disk_faults
from shipmate.errors import Missing
from shipmate.messages import Asked, Question, Record
from shipmate.ports import PastQuestions
from shipmate.release.compare import Comparison, Pair

__all__ = ["COMPARISONS", "Compared", "Entry", "keep"]

log = logging.getLogger(__name__)

COMPARISONS = "comparisons"
# Earlier ones are deleted.
MOST_KEPT = 20
# So far back the words of a question are looked for.
LAST_ASKED = 10_000


class Entry(Record, frozen=True, kw_only=True):
    """A kept comparison, as a list names it."""

    id: str
    a: str
    b: str
    questions: int


def keep(state: Path, comparison_id: str, comparison: Comparison) -> Path:
    """Write a comparison, whole or not at all; the questions of others are kept as the ids of their turns."""
    folder = state / COMPARISONS
    pairs = tuple(map(_without_words, comparison.pairs))
    path = folder / f"{comparison_id}.json"
    with disk_faults(path):
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(replace(comparison, pairs=pairs)))
        draft.replace(path)
        for earlier in sorted(folder.glob("*.json"), reverse=True)[MOST_KEPT:]:
            earlier.unlink(missing_ok=True)
    return path


class Compared:
    """The comparisons of an assistant, for those who may look into what others asked with consent."""

    def __init__(self, state: Path, past: PastQuestions, groups_of: Callable[[str], frozenset[str]]) -> None:
        self._folder = state / COMPARISONS
        self._past = past
        self._groups_of = groups_of

    def entries(self) -> list[Entry]:
        """Return what is kept, the newest first; a damaged file is left out, and the log says so."""
        found = []
        for path in sorted(self._folder.glob("*.json"), reverse=True):
            try:
                comparison = _read(path)
            except msgspec.MsgspecError as error:
                log.warning("%s is no comparison: %s", path, error)
                continue
            found.append(Entry(id=path.stem, a=comparison.a, b=comparison.b, questions=len(comparison.pairs)))
        return found

    async def comparison(self, comparison_id: str, caller: str) -> Comparison:
        """Return a comparison with the words that may be shown to a caller now; raise `Missing` where there is none.

        A pair whose turn was forgotten since is forgotten here too. What was found for somebody who may see more than
        the caller is not shown.
        """
        path = self._folder / f"{comparison_id}.json"
        if path.parent != self._folder or not path.is_file():
            raise Missing(f"There is no comparison {comparison_id!r}.", do="Run `shipmate compare` first.")
        try:
            kept = _read(path)
        except msgspec.MsgspecError as error:
            raise Missing(f"{path} is no comparison: {error}", do="Run `shipmate compare` again.") from error
        asked = {one.turn_id: one for one in await self._past.asked(LAST_ASKED, caller)}
        left = tuple(pair for pair in kept.pairs if pair.past.origin != "traffic" or pair.past.id in asked)
        if len(left) < len(kept.pairs):
            keep(self._folder.parent, comparison_id, replace(kept, pairs=left))
        groups = self._groups_of(caller)
        return replace(kept, pairs=tuple(_with_words(pair, asked.get(pair.past.id), groups) for pair in left))


def _read(path: Path) -> Comparison:
    return msgspec.json.decode(path.read_bytes(), type=Comparison)


def _without_words(pair: Pair) -> Pair:
    if pair.past.origin != "traffic":
        return pair
    return replace(pair, past=replace(pair.past, question=Question(text="", standalone="")))


def _with_words(pair: Pair, asked: Asked | None, groups: frozenset[str]) -> Pair:
    past = pair.past
    may_be_shown = groups.issuperset(past.groups) and (asked is None or asked.may_be_shown)
    question = asked.question if asked and may_be_shown else past.question
    return replace(pair, past=replace(past, question=question, may_be_shown=may_be_shown))
