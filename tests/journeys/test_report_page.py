"""The report in a real browser: on a phone, in the dark, by keyboard, with a key, without JavaScript; and thumbs in the chat."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.fake_assistant import FakeAssistant
from tests.integration.fake_insight import MemoryInsight
from tests.integration.house import open_house
from tests.integration.test_server_insight import NOW, journal
from tests.integration.test_server_search import KEYS, SITE
from tests.journeys.tab import assert_fits_and_reads, opened

pytestmark = pytest.mark.real

READ = "main p, main td, main th, main summary, main button, .status"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1100])
def test_the_report_is_read_on_a_phone_and_at_a_desk(browser: Any, scheme: str, width: int) -> None:
    assistant = FakeAssistant()
    insight = MemoryInsight(assistant, journal(), NOW)
    place = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, assistant, server={"insight": insight}, **place) as tab:
        tab.page.goto(f"http://127.0.0.1:{tab.house.port}/report")
        tab.page.wait_for_selector("#charts canvas")
        assert_fits_and_reads(tab, READ)
        tab.page.locator("summary", has_text="First-turn resolution").first.focus()
        tab.page.keyboard.press("Enter")
        assert "the first answer solved" in tab.page.inner_text("main")
        tab.page.locator(".data summary").click()
        assert tab.page.locator("#by-day tbody tr").count() == 15
        tab.page.select_option("#days", "7")
        tab.page.locator(".span button").focus()
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url("**/report?days=7")
        assert tab.page.locator("#by-day tbody tr").count() == 8
        assert tab.complaints == []


def test_the_report_needs_no_javascript(browser: Any) -> None:
    assistant = FakeAssistant()
    with open_house(assistant, insight=MemoryInsight(assistant, journal(), NOW)) as house:
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"http://127.0.0.1:{house.port}/report")
        page.locator(".data summary").click()
        assert page.locator("#by-day tbody tr").count() == 15
        assert "111 problems" in page.inner_text("main")


def test_a_key_opens_the_report(browser: Any) -> None:
    assistant = FakeAssistant()
    insight = MemoryInsight(assistant, journal(), NOW)
    keys: dict[str, Any] = {"api_keys": KEYS, "allowed_origins": (SITE,), "admins": ("desk",)}
    with open_house(assistant, insight=insight, **keys) as house:
        page = browser.new_context().new_page()
        page.goto(f"http://127.0.0.1:{house.port}/report")
        assert "problems" not in page.inner_text("main")
        page.fill("#key-field", KEYS["desk"])
        page.press("#key-field", "Enter")
        page.wait_for_selector("#charts canvas")
        page.select_option("#days", "7")
        page.click(".span button")
        page.wait_for_url("**/report?days=7")
        page.wait_for_selector("#charts canvas")
        assert page.locator("#by-day tbody tr").count() == 8


@pytest.mark.parametrize("width", [320, 900])
def test_thumbs_by_keyboard_with_a_reason_that_may_be_left_out(browser: Any, width: int, tmp_path: Path) -> None:
    assistant = FakeAssistant()
    insight = MemoryInsight(assistant)
    with opened(browser, assistant, server={"insight": insight}, viewport={"width": width, "height": 700}) as tab:
        tab.ask_to_the_end("What does a berth cost?")
        up, down = (tab.page.locator(f".thumb[data-value='{value}']") for value in ("1", "-1"))
        up.focus()
        tab.page.keyboard.press("Space")
        tab.page.wait_for_selector(".thumb[data-value='1'][aria-pressed='true']")
        tab.page.locator("#status", has_text="Noted: it helped.").wait_for(state="attached")
        assert not tab.page.locator(".why").is_visible()
        down.focus()
        tab.page.keyboard.press("Enter")
        tab.page.locator("#status", has_text="You may say why.").wait_for(state="attached")
        assert up.get_attribute("aria-pressed") == "false"
        tab.page.get_by_role("button", name="It is out of date").click()
        tab.page.wait_for_selector(".why [aria-pressed='true']")
        tab.page.locator("#status", has_text="Noted, with the reason.").wait_for(state="attached")
        assert_fits_and_reads(tab, ".why span, .why button")
        tab.page.screenshot(path=tmp_path / "thumbs.png")
        tab.page.reload()
        tab.page.wait_for_selector(".thumb[data-value='-1'][aria-pressed='true']")
        assert tab.complaints == []
    assert [event.data for event in insight.events] == [
        {"value": 1, "reason": ""},
        {"value": -1, "reason": ""},
        {"value": -1, "reason": "outdated"},
    ]


def test_thumbs_that_cannot_be_noted_are_not_shown_as_noted(browser: Any) -> None:
    with opened(browser) as tab:
        tab.ask_to_the_end("What does a berth cost?")
        tab.page.locator(".thumb[data-value='1']").click()
        tab.page.locator("#status", has_text="This could not be noted").wait_for(state="attached")
        assert tab.page.locator("[aria-pressed='true']").count() == 0
