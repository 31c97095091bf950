"""A tab of a real browser before a real server, and what can be seen in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.fake_assistant import FakeAssistant
from tests.integration.house import House, open_house

CHROMIUM = shutil.which("chromium")


class Page:
    """One tab, and what went wrong in it."""

    def __init__(self, page: Any, house: House) -> None:
        self.page = page
        self.house = house
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heed)
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"http://127.0.0.1:{house.port}/")

    def _heed(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def ask(self, text: str) -> None:
        self.page.fill("#question", text)
        self.page.press("#question", "Enter")

    def ask_to_the_end(self, text: str) -> None:
        answers = self.page.locator(".answer .tail:not([hidden])")
        before = answers.count()
        self.ask(text)
        answers.nth(before).wait_for()

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).last.inner_text())

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.id || document.activeElement.className"))


@contextmanager
def opened(
    browser: Any, assistant: FakeAssistant | None = None, *, server: dict[str, Any] | None = None, **context: Any
) -> Iterator[Page]:
    with open_house(assistant, **(server or {})) as house:
        tab = browser.new_context(reduced_motion="reduce", **context)
        try:
            page = Page(tab.new_page(), house)
            yield page
            own = f"http://127.0.0.1:{house.port}/"
            assert [url for url in page.requests if not url.startswith(own)] == []
        finally:
            tab.close()


CONTRAST = """
(selector) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()).map((e) => {
    const behind = [];
    for (let at = e; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const [a, b] = [light(paint(behind)), light(paint([...behind, getComputedStyle(e).color]))];
    return [e.className || e.id || e.tagName, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}
"""


def assert_fits_and_reads(page: Page, selector: str) -> None:
    """Nothing sticks out sideways, and text has the contrast of WCAG AA."""
    overflow = "[document.documentElement, document.querySelector('main')].some(e => e.scrollWidth > e.clientWidth)"
    assert not page.page.evaluate(overflow)
    contrasts = page.page.evaluate(CONTRAST, selector)
    assert contrasts
    assert [found for found in contrasts if found[1] < 4.5] == []
