"""The graph's page in a real browser: reached from an answer, by keyboard, on a phone, in the dark, with a key."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.fake_assistant import CITATION, NAMES, PASSAGE, QUOTE
from tests.journeys.tab import Page, assert_fits_and_reads, opened

pytestmark = pytest.mark.real

QUESTION = "What does a berth cost?"
KEY = "desk-key-0123456789abc"
SPAN = urlencode({"source": CITATION.source, "start": CITATION.start, "end": CITATION.end})
READ = ".kicker, .graph h1, .graph h2, .lead, figcaption, .graph th, .verb, .said, .place, .graph .marker, .title, .excerpt"


def go(page: Page, path: str) -> None:
    page.page.goto(f"http://127.0.0.1:{page.house.port}{path}")


def test_an_answer_leads_to_what_it_hangs_on_and_back_by_keyboard_alone(browser: Any) -> None:
    with opened(browser) as page:
        page.ask_to_the_end(QUESTION)
        for _ in range(10):
            page.page.keyboard.press("Shift+Tab")
            if page.focused() == "tiny around":
                break
        page.page.keyboard.press("Enter")
        page.page.locator("body.graph").wait_for()
        assert page.text("h1") == QUESTION
        assert page.page.locator(".picture:visible").count() == 1
        page.page.keyboard.press("Tab")
        assert page.focused() == "skip"
        seen = []
        for _ in range(12):
            page.page.keyboard.press("Tab")
            seen.append(
                page.page.evaluate(
                    "document.activeElement.closest('svg') ? 'picture' : document.activeElement.innerText"
                )
            )
        assert "picture" not in seen
        assert NAMES[0] in seen
        page.page.go_back()
        page.page.locator(".answer .tail:not([hidden])").wait_for()
        assert page.text(".bubble") == QUESTION
        assert page.complaints == []


def test_the_cited_passage_leads_to_its_surroundings(browser: Any) -> None:
    with opened(browser) as page:
        page.ask_to_the_end(QUESTION)
        page.page.click(".marker")
        page.page.locator("#panel mark").wait_for()
        page.page.click("#panel-around")
        page.page.locator("body.graph").wait_for()
        assert page.text("h1") == PASSAGE.title
        assert page.text("mark") == QUOTE


def test_a_name_is_followed_in_the_picture_and_looked_up_in_the_field(browser: Any) -> None:
    with opened(browser) as page:
        go(page, f"/graph?{SPAN}")
        page.page.locator(f".picture:visible a:has-text('{NAMES[0]}')").click()
        page.page.locator(f"h1:has-text('{NAMES[0]}')").wait_for()
        page.page.fill("#look-up", "Harbor Ofice")
        page.page.press("#look-up", "Enter")
        page.page.locator("h1:has-text('No document knows this name')").wait_for()
        page.page.locator(".alike a").first.click()
        page.page.locator(f"h1:has-text('{NAMES[0]}')").wait_for()


def test_with_keys_the_page_takes_the_chats_key_or_asks_for_one(browser: Any) -> None:
    with opened(browser, server={"api_keys": {"desk": KEY}}) as page:
        go(page, f"/graph?{SPAN}")
        assert page.focused() == "key-field"
        page.page.keyboard.type("a-wrong-key")
        page.page.keyboard.press("Enter")
        page.page.get_by_text("This key is not known here.").wait_for()
        page.page.fill("#key-field", KEY)
        page.page.keyboard.press("Enter")
        page.page.locator("mark").wait_for()
        assert page.focused() == "main"
        page.page.locator("tbody a").first.click()
        page.page.locator(f"h1:has-text('{NAMES[0]}')").wait_for()
        go(page, "/")
        page.ask_to_the_end(QUESTION)
        page.page.click("a.around")
        page.page.locator(f"h1:has-text('{QUESTION}')").wait_for()
        assert {ask.caller for ask in page.house.assistant.asks} == {"desk"}


def test_without_scripts_the_page_shows_all_but_what_needs_a_key(browser: Any) -> None:
    with opened(browser, java_script_enabled=False) as page:
        go(page, f"/graph?{SPAN}")
        assert page.text("mark") == QUOTE
        assert page.page.locator("tbody tr").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_every_state_fits_its_screen_and_can_be_read(browser: Any, scheme: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 720}, color_scheme=scheme) as page:
        page.ask_to_the_end(QUESTION)
        assert_fits_and_reads(page, "a.around")
        page.page.click("a.around")
        page.page.locator("body.graph").wait_for()
        assert_fits_and_reads(page, f"{READ}, .tag")
        assert page.page.locator(".picture:visible").count() == 1
        go(page, f"/graph?{SPAN}")
        assert_fits_and_reads(page, f"{READ}, mark, .passage .text")
        go(page, "/graph?name=Harbor")
        assert_fits_and_reads(page, ".graph h1, .lead, .alike a, .look label, .primary")
        go(page, "/graph")
        assert_fits_and_reads(page, ".graph h1, .lead, .look label, .primary")
