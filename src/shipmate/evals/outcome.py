"""What an assistant did with a case, and what a scorer says of it."""

import re

from msgspec import field

from shipmate.evals.cases import ToolUse
from shipmate.messages import Record, Route, Usage

__all__ = ["Found", "Outcome", "Score", "stands_in"]

SPAN = re.compile(r"(\d{1,15})-(\d{1,15})")
SLUG = re.compile(r"[^\w\- ]")


class Found(Record, frozen=True, kw_only=True):
    """A passage that was found or cited."""

    source: str
    start: int
    end: int
    headings: tuple[str, ...] = ()
    # What stands there.
    text: str = ""


class Outcome(Record, frozen=True, kw_only=True):
    """All that scorers may look at."""

    # What was asked last, and everything that the assistant said, oldest first.
    question: str = ""
    said: tuple[str, ...] = ()
    # The last reply's kind; empty where none was asked for.
    kind: str = ""
    citations: tuple[Found, ...] = ()
    # Best first.
    passages: tuple[Found, ...] = ()
    route: Route = Route()
    language: str = ""
    # In the order of the calls; None: the assistant has no tools.
    tools: tuple[ToolUse, ...] | None = None
    # The assistant can hand a conversation over to a person.
    hands_over: bool = False
    # What holds in the end, by name.
    state: dict[str, object] = field(default_factory=dict)
    usage: Usage = Usage()
    # Of each reply.
    latency_ms: tuple[float, ...] = ()
    ttft_ms: tuple[float, ...] = ()
    # What went wrong around the assistant, such as a model server that was down: then this says nothing of it.
    fault: str = ""

    @property
    def text(self) -> str:
        """Return the last reply."""
        return self.said[-1] if self.said else ""


class Score(Record, frozen=True, kw_only=True):
    """What one check came to."""

    scorer: str
    # 0-1; None: it cannot be told here.
    value: float | None
    passed: bool | None
    reason: str = ""
    weight: float = 1.0
    # The name under which reports gather it.
    metric: str = ""


def stands_in(found: Found, place: str) -> bool:
    """Tell whether what was found is of a place: `guide.md`, `guide`, `help/guide#heading`, `guide.md#120-480`."""
    source, _, part = place.partition("#")
    if not _names(source, found.source):
        return False
    if not part:
        return True
    if span := SPAN.fullmatch(part):
        return found.start < int(span[2]) and int(span[1]) < found.end
    return _slug(part) in map(_slug, found.headings)


def _names(written: str, source: str) -> bool:
    """Tell whether a document is meant: by its path or the end of it, with or without what follows the last dot."""
    bare = source.rpartition(".")[0] if "." in source.rpartition("/")[2] else source
    return any(name == written or name.endswith(f"/{written}") for name in (source, bare))


def _slug(heading: str) -> str:
    return SLUG.sub("", heading.strip().lower()).replace(" ", "-")
