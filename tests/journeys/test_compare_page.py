"""The page of comparisons in a real browser: on a phone, in the dark, by keyboard, without scripts, and with hostile words."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipmate.release.kept import Compared, keep
from shipmate.testing.memory_store import MemoryStore
from tests.integration.house import open_house
from tests.integration.test_server_compare import comparison, everyone, pair, store_with

pytestmark = pytest.mark.real

CHROMIUM = shutil.which("chromium")
HOSTILE = "<img src=x onerror=document.title='owned'> " + "unbroken" * 40


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return asyncio.run(store_with("local", "local"))


@pytest.fixture(scope="module")
def browser(required: Callable[[bool, str], None], store: MemoryStore) -> Iterator[Any]:
    assert store, "filled before the browser's loop runs"
    required(CHROMIUM is not None, "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_what_differs_and_then_all_is_seen_by_keyboard_on_a_phone(
    browser: Any, store: MemoryStore, tmp_path: Path, scheme: str, *, scripts: bool
) -> None:
    keep(tmp_path, "01", comparison(pair("t0", "Prune in March.", "Prune in June."), pair("t1", HOSTILE, HOSTILE)))
    with open_house(compared=Compared(tmp_path, store, everyone)) as house:
        page = browser.new_context(
            viewport={"width": 320, "height": 700}, color_scheme=scheme, java_script_enabled=scripts
        ).new_page()
        page.goto(f"http://127.0.0.1:{house.port}/compare")
        assert page.locator("mark").all_inner_texts() == ["March.", "June."]
        assert "onerror" not in page.inner_text("main")
        page.get_by_role("link", name="All", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**show=all*")
        assert "onerror" in page.inner_text("main")
        assert "owned" not in page.title()
        assert not scripts or page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_comparison_the_page_says_how_to_make_one(browser: Any, store: MemoryStore, tmp_path: Path) -> None:
    with open_house(compared=Compared(tmp_path, store, everyone)) as house:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(f"http://127.0.0.1:{house.port}/compare")
        assert "shipmate compare" in page.inner_text("main")
