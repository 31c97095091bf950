"""The page of a trial in a real browser: on a phone, in the dark, by keyboard, without scripts, and with a key."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.house import open_house
from tests.integration.test_server_canary import KEYS, SITE, Trials, read

pytestmark = pytest.mark.real

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser(required: Callable[[bool, str], None], trials: Trials) -> Iterator[Any]:
    assert trials.state, "read before the browser's loop runs"
    required(CHROMIUM is not None, "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def trials() -> Trials:
    return Trials(asyncio.run(read()))


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_a_candidate_is_taken_back_by_keyboard_on_a_phone(
    browser: Any, trials: Trials, scheme: str, *, scripts: bool
) -> None:
    trials = Trials(trials.state)
    with open_house(trials=trials) as house:
        page = browser.new_context(
            viewport={"width": 320, "height": 700}, color_scheme=scheme, java_script_enabled=scripts
        ).new_page()
        page.goto(f"http://127.0.0.1:{house.port}/canary")
        assert "Under way" in page.inner_text("h1")
        assert not scripts or fits(page)
        page.locator("button", has_text="Take the candidate back").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/canary")
        page.wait_for_selector("h1")
        assert len(trials.stopped) == 1


def test_with_keys_the_page_asks_for_one(browser: Any, trials: Trials) -> None:
    with open_house(trials=trials, api_keys=KEYS, allowed_origins=(SITE,), admins=("desk",)) as house:
        page = browser.new_context().new_page()
        page.goto(f"http://127.0.0.1:{house.port}/canary")
        page.fill("#key-field", KEYS["desk"])
        page.press("#key-field", "Enter")
        page.wait_for_selector("#arms")
        assert "v2" in page.inner_text("main")
