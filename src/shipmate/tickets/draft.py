"""Write what was found in tickets as the files of an assistant, and say what only a person can fill in."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipmate.errors import Problem
from shipmate.messages import Record
from shipmate.tickets.export import Export
from shipmate.tickets.masks import MASK
from shipmate.tickets.study import Intent, Study
from shipmate.yaml_source import parse

__all__ = ["Draft", "draft"]

# What only a person knows, by how its line begins; what stands there until then is an example that works.
GOAL_ASKS = {
    "  statement:": (
        "  statement: 70 % of what people ask is solved by the first answer.",
        "what you promise, with its number",
    ),
    "  metric:": ("", "which figure you are measured by"),
    "  baseline:": ("", "the figure today, before the assistant: measure it"),
    "  target:": ("", "the figure that you promise"),
    "  by:": ("", "the day by which it holds"),
    "  population:": ("  population: everybody who writes to support", "whose questions count"),
    "  why:": (
        "  why: people get on at once, and support has time for what needs a person",
        "what becomes better for whom",
    ),
}
REST_ASKS = {
    "out_of_scope:": "what is refused, and in which words",
    "  default:": "who takes over from the assistant",
    "  always:": "which cases always go to a person",
    "slo:": "what you promise in running it",
    "languages:": "in which languages it answers",
    "regions:": "where people's data may be processed",
    "pilot:": "who tries it first",
}
HEAD = "# A draft from past tickets: `# ?` marks what only a person knows. `shipmate check` holds it against the rules."
MARK = "  # ?"
EVERYTHING = "**/*.md"


class Draft(Record, frozen=True, kw_only=True):
    """The files by their path below the folder, and what is left to do in them."""

    files: dict[str, str]
    asks: tuple[Problem, ...]
    # How often something private was masked in these files, by its mask.
    masked: dict[str, int]


class Page:
    """A file that is written line by line, with what only a person knows about a line."""

    def __init__(self, file: str) -> None:
        self.asks: list[Problem] = []
        self.file = file
        self._lines: list[str] = []

    def add(self, line: str, ask: str = "") -> None:
        """Append a line."""
        self._lines.append(line)
        if ask:
            self.asks.append(Problem(file=self.file, line=len(self._lines), what=ask, warning=True))

    def text(self) -> str:
        """Return the file."""
        return "\n".join(self._lines).rstrip() + "\n"


def draft(study: Study, export: Export, starter: Mapping[str, str]) -> Draft:
    """Return the files for a new assistant: charter and FAQ as the starter's, with what the tickets say, and documents."""
    charter = _charter(study.intents, starter["charter.yml"])
    faq = _faq(study.intents, starter["faq.yml"])
    pages = [charter, faq, *(_document(intent, Path(export.file).name) for intent in study.intents if intent.seeds)]
    files = {page.file: page.text() for page in pages}
    masked = Counter(MASK.findall("\n".join(files.values())))
    return Draft(files=files, asks=tuple(ask for page in pages for ask in page.asks), masked=dict(masked))


def _path(intent: Intent) -> str:
    return f"knowledge/{intent.name}.md"


def _charter(intents: Sequence[Intent], starter: str) -> Page:
    """Return the starter's charter with other intents; what else it says is marked as a person's to decide."""
    head, _, rest = starter.partition("\nintents:\n")
    rest = rest[rest.index("\nout_of_scope:") :]
    page = Page("charter.yml")
    page.add(HEAD)
    for line in head.splitlines():
        if not line.startswith("#"):
            _marked(page, line, GOAL_ASKS)
    page.add("")
    page.add("intents:")
    for intent in intents:
        _intent(page, intent)
    for line in rest.splitlines():
        _marked(page, line, {start: ("", ask) for start, ask in REST_ASKS.items()})
    return page


def _marked(page: Page, line: str, asks: Mapping[str, tuple[str, str]]) -> None:
    written, ask = next((found for start, found in asks.items() if line.startswith(start)), ("", ""))
    page.add((written or line) + (MARK if ask else ""), ask)


def _intent(page: Page, intent: Intent) -> None:
    said = intent.name.replace("_", " ")
    page.add(
        f"  - id: {_scalar(intent.name)}{MARK}",
        f"`{intent.name}`: whether it is one intent, its name, what success is, and what a wrong answer can do",
    )
    page.add(f"    # {intent.count:,} tickets")
    page.add("    examples:")
    for example in intent.examples:
        page.add(f"      - {_quoted(example)}")
    page.add(f"    success: the person's question about {said} is answered{MARK}")
    if intent.seeds:
        page.add(f"    knowledge: [{intent.name}.md]")
    else:
        ask = f"`{intent.name}`: which document answers it; no ticket of it has an answer"
        page.add(f'    knowledge: ["{EVERYTHING}"]{MARK}', ask)
    page.add(f"    risk: low{MARK}")


def _faq(intents: Sequence[Intent], starter: str) -> Page:
    """Return the starter's FAQ with the answers that were given most often."""
    page = Page("faq.yml")
    for line in starter.splitlines():
        page.add(line)
    seeds = sorted((seed for intent in intents for seed in intent.seeds), key=lambda seed: -seed.count)
    if seeds:
        page.add("")
        ask = f"whether each of the {len(seeds)} answers below it holds today; they are given word for word"
        page.add("  # Drafts from past tickets, the most frequent first. Read each: it is given word for word.", ask)
    for seed in seeds:
        page.add(f"  # Asked {seed.count:,} times; the answer is that of the ticket in line {seed.line:,}.")
        page.add("  - questions:")
        for question in seed.questions:
            page.add(f"      - {_quoted(question)}")
        page.add(f"    answer: {_quoted(seed.answer)}")
    return page


def _document(intent: Intent, file: str) -> Page:
    """Return a document with the questions of an intent that came most often, and what was answered."""
    title = intent.name.replace("_", " ").capitalize()
    page = Page(_path(intent))
    for line in ("---", f"title: {_quoted(f'{title} (draft)')}", "status: draft", "---", ""):
        page.add(line)
    ask = "whether what it says holds today; then take “(draft)” out of its title"
    page.add(
        f"<!-- Drafted from past tickets in {_commented(file)}. Read it, and take “(draft)” out of its title. -->", ask
    )
    page.add("")
    page.add(f"# {title}")
    for seed in intent.seeds:
        page.add("")
        page.add(f"## {_heading(seed.questions[0])}")
        page.add("")
        for line in seed.answer.splitlines():
            page.add(_paragraph(line))
    return page


def _scalar(name: str) -> str:
    """Return a name in quotes where YAML would not take it for text, such as `no`."""
    return name if parse("", f"id: {name}".encode()).data == {"id": name} else _quoted(name)


def _quoted(text: str) -> str:
    """Return a text as YAML reads it."""
    return json.dumps(text, ensure_ascii=False)


def _commented(text: str) -> str:
    """Return a text that cannot end a comment."""
    return "".join(sign if sign.isprintable() else " " for sign in text).replace("--", "- -")


def _heading(text: str) -> str:
    return " ".join(text.split()).strip("# ") or "Question"


def _paragraph(line: str) -> str:
    """Return a line that stays text: nothing of what an agent wrote begins a heading, a block of code or front matter."""
    return f"\\{line}" if line.startswith(("#", "```", "~~~", "---", "+++", "<", "|", "    ")) else line
