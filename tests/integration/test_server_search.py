"""The search page and its twins for programs: who may look, who may repair, and what they see."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shipmate.curation import CURATION, Change, Curation, amended, parsed, read, save
from shipmate.curator import Changed, Effect, Shown
from shipmate.messages import Hit
from tests.integration.fake_assistant import PASSAGE
from tests.integration.house import Answer, House, open_house

KEYS = {"website": "website-key-0123456789", "desk": "desk-key-0123456789abc"}
SITE = "https://help.example.com"
QUESTION = "What does a berth cost?"
HERE = f"{PASSAGE.source}#{PASSAGE.start}-{PASSAGE.end}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BLOCK = {"action": "block", "passage": HERE, "q": QUESTION}


class FolderCurator:
    """Finds one passage unless it is blocked, and keeps its repairs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.callers: list[str] = []

    def curation(self) -> Curation:
        content = read(self.folder)
        return parsed(content) if content else Curation()

    async def search(self, words: str, caller: str, limit: int = 8) -> Sequence[Hit]:
        self.callers.append(caller)
        if any(block.passage == HERE for block in self.curation().blocks) or "berth" not in words:
            return []
        return [Hit(passage=PASSAGE, score=1.234, legs={"lexical": 2.5, "dense": 0.75})][:limit]

    async def answer(self, words: str) -> Shown:
        return Shown(passages=(HERE,), answer=f"24 euros for {words}")

    async def effect(self, change: Change, caller: str) -> Effect:
        self.callers.append(caller)
        amended(read(self.folder), change)
        before = Shown(passages=(HERE,), answer="<b>24 euros</b>")
        changed = Changed(question=QUESTION, before=before, after=Shown(passages=(), answer="I did not find this."))
        return Effect(questions=7, changed=(changed,), unshown=2)

    def make(self, change: Change, caller: str) -> None:
        self.callers.append(caller)
        save(self.folder, amended(read(self.folder), change))


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[House]:
    with open_house(curator=FolderCurator(folder), **settings) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with served(tmp_path) as opened:
        yield opened


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[House]:
    with served(tmp_path, api_keys=KEYS, allowed_origins=(SITE,), admins=("desk",)) as opened:
        yield opened


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


def sent(house: House, form: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    return house.ask("POST", "/search", urlencode(form).encode(), FORM | (headers or {}))


def asked(question: str) -> str:
    return f"/search?{urlencode({'q': question})}"


def test_a_result_shows_its_place_its_scores_and_the_questions_words(house: House) -> None:
    page = house.get(asked("What do berths cost?")).body.decode()
    assert HERE in page
    assert re.search(r"<dt>words</dt><dd>2\.50</dd>.*<dt>meaning</dt><dd>0\.75</dd>", page, re.DOTALL)
    assert "<mark>berth</mark>" in page
    assert "<mark>costs</mark>" in page
    assert "water is included" in page


def test_a_repair_is_seen_before_it_is_saved(house: House, tmp_path: Path) -> None:
    preview = sent(house, BLOCK).body.decode()
    assert "<strong>3</strong> of the last 7 different questions change." in preview
    assert "&lt;b&gt;24 euros&lt;/b&gt;" in preview
    assert not (tmp_path / CURATION).exists()
    saved = sent(house, BLOCK | {"step": "save"})
    assert (saved.status, saved.headers["location"]) == (303, f"/search?{urlencode({'q': QUESTION, 'saved': 'yes'})}")
    after = house.get(saved.headers["location"]).body.decode()
    assert "Saved." in after
    assert "No passages" in after
    assert sent(house, BLOCK | {"action": "unblock", "step": "save"}).status == 303
    assert HERE in house.get(asked(QUESTION)).body.decode()


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ({"action": "pin", "passage": HERE, "question": QUESTION}, f'question: "{QUESTION}"'),
        ({"action": "join", "words": " berth ,mooring, "}, '["berth", "mooring"]'),
    ],
)
def test_the_other_buttons_save_their_line(house: House, tmp_path: Path, form: dict[str, str], written: str) -> None:
    assert sent(house, form | {"step": "save"}).status == 303
    assert written in (tmp_path / CURATION).read_text()


def test_programs_see_and_do_the_same(house: House, tmp_path: Path) -> None:
    (hit,) = house.get(f"/search/hits?{urlencode({'question': QUESTION})}").json
    assert (hit["passage"]["source"], hit["legs"]) == (PASSAGE.source, {"lexical": 2.5, "dense": 0.75})
    change = {"action": "block", "passage": HERE, "reason": "Old."}
    assert house.post("/curation/effect", change).json["questions"] == 7
    assert not (tmp_path / CURATION).exists()
    assert house.post("/curation", change).json["blocks"] == [{"passage": HERE, "reason": "Old."}]
    assert house.get("/curation").json["blocks"] == [{"passage": HERE, "reason": "Old."}]
    again = house.post("/curation", change)
    assert (again.status, again.json["title"]) == (422, "A field of the request is wrong")


@pytest.mark.parametrize(
    "change", [{}, {"action": "erase"}, {"action": "block", "passages": "x"}, [], {"action": "join"}]
)
def test_no_repair_that_is_known_is_refused(house: House, change: object) -> None:
    assert house.post("/curation", change).status == 422


@pytest.mark.parametrize("path", ["/search", "/curation", "/curation/effect"])
def test_a_page_of_a_foreign_origin_repairs_nothing(house: House, tmp_path: Path, path: str) -> None:
    for origin in ("https://evil.example", "null"):
        for headers in (FORM, {"Content-Type": "application/json"}):
            body = urlencode(BLOCK | {"step": "save"}).encode()
            assert house.ask("POST", path, body, headers | {"Origin": origin}).status == 403
    assert not (tmp_path / CURATION).exists()


def test_with_keys_the_page_tells_nothing_without_one(locked: House) -> None:
    page = locked.get(asked(QUESTION))
    assert page.status == 401
    assert "An access key is needed" in page.body.decode()
    assert HERE not in page.body.decode()
    assert locked.get("/search/hits?question=berth").status == 401
    assert locked.get("/curation").status == 401


def test_with_keys_an_admin_repairs_and_others_look(locked: House, tmp_path: Path) -> None:
    look = locked.get(asked(QUESTION), bearer("website")).body.decode()
    assert HERE in look
    assert "Pin for this question" not in look
    for step in ("", "save"):
        assert sent(locked, BLOCK | {"step": step}, bearer("website")).status == 403
    change = {"action": "block", "passage": HERE}
    for path in ("/curation", "/curation/effect"):
        assert locked.post(path, change, bearer("website")).status == 403
        assert locked.post(path, change).status == 401
    assert locked.get("/curation", bearer("website")).status == 403
    assert not (tmp_path / CURATION).exists()
    assert "Pin for this question" in locked.get(asked(QUESTION), bearer("desk")).body.decode()
    assert sent(locked, BLOCK | {"step": "save"}, bearer("desk")).status == 303
    assert HERE in (tmp_path / CURATION).read_text()


def test_without_keys_nobody_repairs_where_other_pages_may_call(tmp_path: Path) -> None:
    with served(tmp_path, allowed_origins=(SITE,)) as house:
        assert HERE in house.get(asked(QUESTION)).body.decode()
        assert sent(house, BLOCK | {"step": "save"}).status == 403
        assert house.post("/curation", {"action": "block", "passage": HERE}, {"Origin": SITE}).status == 403
    assert not (tmp_path / CURATION).exists()


def test_a_broken_file_is_told_with_its_line(house: House, tmp_path: Path) -> None:
    (tmp_path / CURATION).write_text("version: 1\nblocks: [\n")
    page = house.get(asked(QUESTION))
    assert page.status == 422
    assert "curation.yml:" in page.body.decode()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * 70_000, FORM, 413),
        (b"action=block", {"Content-Type": "text/plain"}, 415),
        (b"action=%ff", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(99)), FORM, 400),
        (b"\xff", FORM, 400),
    ],
)
def test_forms_are_bounded(house: House, body: bytes, headers: dict[str, str], status: int) -> None:
    assert house.ask("POST", "/search", body, headers).status == status


def test_the_page_lets_a_browser_say_where_its_forms_come_from(house: House) -> None:
    """Under `no-referrer` a browser sends `Origin: null` with a form, which is refused."""
    headers = house.get("/search").headers
    assert headers["referrer-policy"] == "same-origin"
    assert "form-action 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_without_a_curator_there_is_no_search_to_look_into() -> None:
    with open_house() as house:
        assert house.get(asked(QUESTION)).status == 404
        assert house.get("/search").status == 404
