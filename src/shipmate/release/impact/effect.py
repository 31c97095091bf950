"""Which past answers an edit changes: what it can touch is asked again, and compared with what was answered before."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from shipmate.knowledge.collection import Collection
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Record
from shipmate.release.impact.change import change
from shipmate.release.impact.evidence import Evidence
from shipmate.release.impact.ledger import Ledger
from shipmate.release.impact.record import Recorder
from shipmate.release.replay import Answered, Past, Player

__all__ = ["Impact", "Moved", "impact", "recorded"]


class Moved(Record, frozen=True, kw_only=True):
    """A past answer that is another one after the edit."""

    past: Past
    before: Answered
    after: Answered


class Impact(Record, frozen=True, kw_only=True):
    """What an edit changes among past answers."""

    questions: int
    # How many were asked again; of the others it is proven that they stay as they are.
    asked_again: int
    moved: tuple[Moved, ...]


async def recorded(
    past: Sequence[Past], recorder: Recorder, *, told: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Evidence]:
    """Ask all questions once, and return their answers with what these stand on."""
    evidence = []
    for one in past:
        evidence.append(await recorder.record(one))
        told(len(evidence), len(past))
        # Others are answered in between.
        await asyncio.sleep(0)
    return evidence


async def impact(
    ledger: Ledger, before: Collection, after: Collection, sources: Iterable[str], player: Player
) -> Impact:
    """Return which answers an edit of these documents changes; `player` answers from the collection after it."""
    edit = change(before, after, sources)
    if not edit.is_everywhere:
        _tell_on(before, after, edit.retold)
    numbers = sorted(ledger.touched(edit, after))
    moved = []
    for number in numbers:
        one = ledger.evidence[number]
        answered = await player.answer(one.past)
        if answered.says() != one.answered.says():
            moved.append(Moved(past=one.past, before=one.answered, after=answered))
    return Impact(questions=len(ledger.evidence), asked_again=len(numbers), moved=tuple(moved))


def _tell_on(before: Collection, after: Collection, retold: frozenset[str]) -> None:
    """Let words tell what they told before, but for those that tell another thing: an index counts each anew."""
    telling = telling_by(after.index.statistics)
    telling.update({stem: weight for stem, weight in telling_by(before.index.statistics).items() if stem not in retold})
