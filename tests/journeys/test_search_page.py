"""The search page in a real browser: a repair by keyboard, on a phone, and with a key."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipmate.curation import CURATION
from tests.integration.house import House, open_house
from tests.integration.test_server_search import HERE, KEYS, QUESTION, SITE, FolderCurator

pytestmark = pytest.mark.real

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser(required: Callable[[bool, str], None]) -> Iterator[Any]:
    required(CHROMIUM is not None, "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def tab(browser: Any, house: House, complaints: list[str], **context: Any) -> Any:
    page = browser.new_context(**context).new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{house.port}/search")
    return page


def block_by_keyboard(page: Any) -> None:
    page.fill("#q", QUESTION)
    page.press("#q", "Enter")
    page.locator(".repairs button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".decide")
    assert "3 of the last 7 different questions change." in page.inner_text("main")
    page.locator(".decide .primary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".saved")
    assert page.locator(".results > li").count() == 0


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_passage_is_blocked_by_keyboard_on_a_phone(browser: Any, tmp_path: Path, scheme: str) -> None:
    complaints: list[str] = []
    with open_house(curator=FolderCurator(tmp_path)) as house:
        page = tab(browser, house, complaints, viewport={"width": 375, "height": 700}, color_scheme=scheme)
        assert fits(page)
        block_by_keyboard(page)
        assert fits(page)
        assert HERE in (tmp_path / CURATION).read_text()
        page.locator(".held button").click()
        page.click(".decide .quiet")
        assert page.locator(".held li").count() == 1
    assert complaints == []


def test_a_key_goes_along_with_every_form(browser: Any, tmp_path: Path) -> None:
    complaints: list[str] = []
    with open_house(curator=FolderCurator(tmp_path), api_keys=KEYS, allowed_origins=(SITE,), admins=("desk",)) as house:
        page = tab(browser, house, complaints)
        page.fill("#key-field", "wrong-key-0123456789")
        page.press("#key-field", "Enter")
        page.wait_for_selector("#key-trouble:not([hidden])")
        page.fill("#key-field", KEYS["desk"])
        page.press("#key-field", "Enter")
        page.wait_for_selector("#q")
        block_by_keyboard(page)
        assert HERE in (tmp_path / CURATION).read_text()
        page.reload()
        page.wait_for_selector(".held li")
    assert complaints == []
