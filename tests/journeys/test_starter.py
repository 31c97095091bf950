"""A new assistant as somebody meets it first."""

from pathlib import Path

from shipmate.config import load
from tests.journeys.process import shipmate

# So many intents are proposed on the chat page, each with its first example.
PROPOSED = 4


def test_a_new_assistant_answers_what_its_chat_page_proposes(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert shipmate("init", folder).code == 0
    charter = load(folder).charter
    assert charter
    for intent in charter.intents[:PROPOSED]:
        answer = shipmate("ask", intent.examples[0], folder)
        assert "welcome.md" in answer.out, intent.examples[0]
