"""The page of comparisons: admins alone, differences marked, no words without consent, what was forgotten is gone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shipmate.errors import Missing
from shipmate.messages import Citation, Message, Question, ReplyKind, Role
from shipmate.release.compare import Comparison, Pair
from shipmate.release.kept import COMPARISONS, Compared, keep
from shipmate.release.replay import Answered, Past
from shipmate.testing.conformance.store import closing, conversation
from shipmate.testing.memory_store import MemoryStore
from tests.integration.house import House, open_house

KEYS = {"website": "website-key-0123456789", "desk": "desk-key-0123456789abc"}
ADMIN = {"authorization": "Bearer desk-key-0123456789abc"}
SECRET = "Why was Ada's order lost?"


def answered(text: str) -> Answered:
    cited = Citation(source="roses.md", title="Roses", quote=text, start=0, end=len(text))
    return Answered(kind=ReplyKind.ANSWER, text=text, citations=(cited,))


def pair(turn: str, a: str, b: str) -> Pair:
    past = Past(id=turn, question=Question(text=SECRET, standalone=SECRET))
    return Pair(past=past, a=answered(a), b=answered(b), verdict="b")


async def store_with(*callers: str) -> MemoryStore:
    """Return a store in which each caller asked once, without consent."""
    store = MemoryStore()
    for number, caller in enumerate(callers):
        thread = msgspec.structs.replace(conversation(f"c{number}", caller=caller), consent_id="")
        asked = Message(role=Role.USER, text="How?", at=1.0)
        await store.close_turn(closing(f"t{number}", of=thread, asked=asked))
    return store


def comparison(*pairs: Pair) -> Comparison:
    return Comparison(a="the folder", b="model tiny", judge="nobody", pairs=pairs, questions=len(pairs))


@contextmanager
def served(compared: Compared | None, **settings: Any) -> Iterator[House]:
    with open_house(compared=compared, **settings) as house:
        yield house


def everyone(_: str) -> frozenset[str]:
    return frozenset()


async def test_what_differs_is_marked_and_what_was_asked_stands_above(tmp_path: Path) -> None:
    store = await store_with("local")
    keep(tmp_path, "01", comparison(pair("t0", "Prune roses in March.", "Prune roses in June.")))
    with served(Compared(tmp_path, store, everyone)) as house:
        page = house.get("/compare").body.decode()
    assert re.findall(r"<mark>(.*?)</mark>", page) == ["March.", "June."]
    assert "How does it work?" in page
    assert "model tiny" in page


async def test_words_of_others_without_consent_are_counted_and_neither_shown_nor_kept(tmp_path: Path) -> None:
    store = await store_with("ada")
    path = keep(tmp_path, "01", comparison(pair("t0", "One.", "Two.")))
    assert SECRET not in path.read_text()
    with served(Compared(tmp_path, store, everyone)) as house:
        page = house.get("/compare").body.decode()
    assert "How does it work?" not in page
    assert "Two." not in page
    assert "1 that differ was asked by others without consent" in page


async def test_a_forgotten_turn_leaves_the_kept_comparison(tmp_path: Path) -> None:
    store = await store_with("local", "ada")
    path = keep(tmp_path, "01", comparison(pair("t0", "One.", "Two."), pair("t1", "Three.", "Four.")))
    await store.erase("ada")
    found = await Compared(tmp_path, store, everyone).comparison("01", "local")
    assert [one.past.id for one in found.pairs] == ["t0"]
    assert "Four." not in path.read_text()


async def test_answers_from_documents_that_the_caller_may_not_see_are_not_shown(tmp_path: Path) -> None:
    store = await store_with("local")
    one = pair("t0", "One.", "Two.")
    staff = msgspec.structs.replace(one, past=msgspec.structs.replace(one.past, groups=("staff",)))
    keep(tmp_path, "01", comparison(staff))
    found = await Compared(tmp_path, store, everyone).comparison("01", "local")
    assert not found.pairs[0].past.may_be_shown


def test_only_an_admin_sees_the_page(tmp_path: Path) -> None:
    compared = Compared(tmp_path, MemoryStore(), everyone)
    with served(compared, api_keys=KEYS, admins=("desk",)) as house:
        nobody = house.get("/compare")
        other = house.get("/compare", {"authorization": "Bearer website-key-0123456789"})
        admin = house.get("/compare", ADMIN)
    assert (nobody.status, other.status, admin.status) == (401, 403, 200)
    assert "An access key is needed" in nobody.body.decode()


def test_without_a_comparison_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    with served(Compared(tmp_path, MemoryStore(), everyone)) as house:
        page = house.get("/compare")
    assert page.status == 200
    assert "shipmate compare --model X" in page.body.decode()


@pytest.mark.parametrize("name", ["nothing", "../shipmate", "a/b", "%2e%2e"])
async def test_a_comparison_that_is_not_there_is_missing(tmp_path: Path, name: str) -> None:
    compared = Compared(tmp_path, MemoryStore(), everyone)
    (tmp_path / COMPARISONS).mkdir()
    (tmp_path / "shipmate.json").write_text("{}")
    with pytest.raises(Missing):
        await compared.comparison(name, "local")


async def test_two_turns_stand_side_by_side(tmp_path: Path) -> None:
    with served(Compared(tmp_path, MemoryStore(), everyone)) as house:
        turns = [house.chat("What does a berth cost?").json["turn_id"] for _ in range(2)]
        page = house.get(f"/compare?turn={turns[0]}&other={turns[1]}")
        unknown = house.get("/compare?turn=none&other=none")
    assert page.status == 200
    assert "Both say the same." in page.body.decode()
    assert unknown.status == 404
