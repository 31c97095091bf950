"""What the journeys through a browser share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.journeys.tab import CHROMIUM


@pytest.fixture(scope="module")
def browser(required: Callable[[bool, str], None]) -> Iterator[Any]:
    required(CHROMIUM is not None, "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
