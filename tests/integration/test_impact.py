"""After whatever edit, the answers that `impact` asks again are all that a full re-run finds changed."""

import asyncio
import random
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.impact import Edit, _passages, _player
from benchmarks.made_collections import embedder_named, follow, made, opened
from benchmarks.question_sets import Row
from shipmate.knowledge.collection import Collection
from shipmate.messages import Message, Question, Role
from shipmate.ports import Embedder
from shipmate.release.impact.effect import impact, recorded
from shipmate.release.impact.ledger import Ledger
from shipmate.release.impact.record import Recorder
from shipmate.release.replay import Past

PLANTS = "rose tulip oak fern ivy lily pine moss reed sage thyme birch clover heather juniper".split()
WORK = ("is pruned in", "is watered in", "is planted before", "blooms until", "is sold in", "rests in")
WHEN = ("March", "early April", "June when it is dry", "October", "the first frost", "summer")
# Enough that one more or less moves no score by more than the bounds hold for.
COUNT = 1500
ENDINGS = ("dor", "fen", "gim", "kus", "lan", "mer", "nix", "pol", "rut", "sev", "tar", "vin")


@lru_cache(maxsize=1)
def rows() -> list[Row]:
    """Return documents of made-up words, each of another length, so that few scores are equal; some share names."""
    rng = random.Random(5)
    words = [first + second for first in ("ba", "ke", "li", "mo", "nu", "ras", "tol") for second in ENDINGS]
    found = []
    for number in range(COUNT):
        said = []
        for _ in range(rng.randrange(1, 6)):
            chosen = rng.choices(words, k=rng.randrange(5, 16))
            said.append(f"{chosen[0].title()} {' '.join(chosen[1:])} {rng.choice(PLANTS)} {rng.choice(WHEN)}.")
        found.append(Row(f"{number}.md", " ".join(said), f"{rng.choice(words).title()} {rng.choice(PLANTS)}"))
    return found


def questions() -> list[Past]:
    said = (
        Message(role=Role.USER, text="Tell me about the rose.", at=1.0),
        Message(role=Role.ASSISTANT, text="The rose is pruned in March.", at=2.0),
    )
    rng = random.Random(9)
    texts = []
    for row in rng.sample(rows(), 24):
        words = row.text.split()
        start = rng.randrange(max(1, len(words) - 5))
        texts.append(f"When is {' '.join(words[start : start + rng.randrange(2, 5)])}?")
    texts += ["frost", "Can I take the bus to the moon?"]
    plain = [Past(id=text, question=Question(text=text, standalone=text)) for text in dict.fromkeys(texts)]
    follow_up = Question(text="And when is it watered?", standalone="And when is it watered? (rose)", history=said)
    staff = [Past(id=f"staff {one.id}", question=one.question, groups=("staff",)) for one in plain[:3]]
    return [*plain, *staff, Past(id="follow-up", question=follow_up)]


class Ground:
    """A collection with its ledger, made once."""

    def __init__(self, folder: Path) -> None:
        self.base, self.home = folder / "base", folder / "home"
        self.embedder: Embedder | None = embedder_named("static")
        self.rows = rows()
        self.before = made(self.base, [(row.id, row.id, _passages(row)) for row in self.rows], self.embedder)
        recorder = Recorder(_player(self.before, self.embedder), [self.before], self.embedder, is_plain=True)
        self.ledger = Ledger(asyncio.run(recorded(questions(), recorder)), self.before)

    def after(self, edits: Sequence[Edit]) -> Collection:
        """Return a copy of the collection in which the edits were made, one commit after the other."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.base, self.home)
        edited = opened(self.home, self.embedder)
        for edit in edits:
            edited.index.write(edit.replaced, edit.removed)
        follow(edited, self.embedder)
        return edited


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("impact"))


sentences = st.sampled_from(
    [f"The {plant} {work} {when}." for plant in (*PLANTS, "cactus") for work in WORK[:3] for when in WHEN[:3]]
)
kinds = st.sampled_from(["insert", "replace", "remove", "add", "rename", "title", "audience", "front"])


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """Return an edit of one of the documents."""
    row = rows()[draw(st.integers(0, COUNT - 1))]
    sentence, kind = draw(sentences), draw(kinds)
    changed = {
        "insert": Row(row.id, f"{sentence} {row.text}", row.title),
        "replace": Row(row.id, sentence, row.title),
        "add": Row("new.md", f"{row.text} {sentence}", sentence),
        "rename": Row(f"x{row.id}", row.text, row.title),
        "title": Row(row.id, row.text, sentence),
        "audience": row,
        "front": Row(row.id, f"# {sentence}\n\n{row.text}", row.title),
    }.get(kind)
    audience = ("staff",) if kind == "audience" else ()
    replaced = [(changed.id, kind, _passages(changed, audience))] if changed else []
    return Edit(kind, replaced, [row.id] if kind in {"remove", "rename"} else [])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made_edits=st.lists(edits(), min_size=1, max_size=2))
def test_impact_finds_what_a_full_re_run_finds(ground: Ground, made_edits: list[Edit]) -> None:
    after = ground.after(made_edits)
    player = _player(after, ground.embedder)
    touched = [source for edit in made_edits for source in edit.sources]

    async def both() -> tuple[set[str], set[str]]:
        found = await impact(ground.ledger, ground.before, after, touched, player)
        again = [(one, await player.answer(one.past)) for one in ground.ledger.evidence]
        return {moved.past.id for moved in found.moved}, {
            one.past.id for one, answered in again if answered.says() != one.answered.says()
        }

    found, wanted = asyncio.run(both())
    after.close()
    assert found == wanted


def test_an_edit_that_touches_nothing_asks_nothing_again(ground: Ground) -> None:
    after = ground.after([])
    found = asyncio.run(impact(ground.ledger, ground.before, after, [], _player(after, ground.embedder)))
    after.close()
    assert (found.asked_again, found.moved) == (0, ())


def test_most_answers_are_proven_and_few_are_asked_again(ground: Ground) -> None:
    """Else the other test would prove nothing: whoever asks everything again misses nothing."""
    ledger = ground.ledger
    assert sum(one.radius < 0 for one in ledger.evidence) < len(ledger.evidence) / 2
    row = ground.rows[7]
    edit = Edit("change", [(row.id, "e", _passages(Row(row.id, f"{row.text} The cactus rests.", row.title)))], [])
    after = ground.after([edit])
    found = asyncio.run(impact(ledger, ground.before, after, edit.sources, _player(after, ground.embedder)))
    after.close()
    assert found.asked_again < len(ledger.evidence)
