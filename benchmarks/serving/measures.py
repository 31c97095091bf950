"""The arithmetic of the serving benchmark: what counts as an answer, what a delay is, which bar is met."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median

import msgspec

__all__ = ["Bar", "Sent", "bars", "fault", "growth", "last_needed", "percentile", "sending_of", "without_marks"]

# An answer with fewer of the model's words is a failure.
WORDS_SHARE = 0.9
MARK = re.compile(r"\s*\[\d+\]")
NO_LETTER = re.compile(r"[\W_]+")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that the upstream streamed: its prompt, its tokens, and when each left."""

    prompt: str
    tokens: list[str]
    at: list[float]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and what it has to be."""

    value: float
    rule: str
    limit: float
    met: bool


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def without_marks(text: str) -> str:
    """Return the text without citation marks such as [1], which no upstream has sent."""
    return MARK.sub("", text)


def fault(*, status: int, broken: str, words: int, expected_words: int) -> str:
    """Return why an exchange is no answer; empty when it is one."""
    if broken:
        return broken
    if status != 200:
        return f"status {status}"
    if words < expected_words * WORDS_SHARE:
        return f"short: less than {WORDS_SHARE:.0%} of {expected_words} words"
    return ""


def last_needed(text: str, tokens: Sequence[str]) -> int | None:
    """Return which token completes the text, from 0; None when the tokens do not hold it.

    Letters and digits count, so that white space and citation marks make no difference.
    """
    wanted = NO_LETTER.sub("", without_marks(text))
    sent = [NO_LETTER.sub("", token) for token in tokens]
    start = "".join(sent).find(wanted)
    if start < 0 or not wanted:
        return None
    ends = accumulate(map(len, sent))
    return next(number for number, end in enumerate(ends) if end >= start + len(wanted))


def sending_of(
    text: str, question: str, streams: Iterable[Sent], *, due_at: float, come_at: float
) -> tuple[float, float] | None:
    """Return when the model sent the first token of a reply, and the last one that its first text needs.

    None when no reply to this question, begun after it was due, can have brought the text.
    """
    for stream in streams:
        token = last_needed(text, stream.tokens)
        if token is not None and question in stream.prompt and due_at <= stream.at[0] and stream.at[token] <= come_at:
            return stream.at[0], stream.at[token]
    return None


def bars(
    echo: Mapping[str, float],
    embedded: Mapping[str, float],
    modelled: Mapping[str, float],
    peers: Mapping[str, Mapping[str, float]],
) -> dict[str, Bar]:
    """Hold what was measured against the bars; what was not measured has none."""
    at_most = {
        "embedded_turn_cpu_vs_echo": (_ratio(embedded.get("turn_cpu_us"), echo.get("turn_cpu_us")), 13.0),
        **{
            f"{figure}_vs_best_peer": (_to_best(figure, modelled, peers), limit)
            for figure, limit in (
                ("first_text_added_ms", 0.4),
                ("first_text_added_less_writing_ms", 0.4),
                ("first_text_after_its_words_ms", 0.4),
                ("first_text_added_full_speed_ms", 0.4),
                ("token_cpu_us", 0.1),
                ("cold_start_cpu_s", 0.5),
                ("cold_start_wall_s", 0.5),
            )
        },
        "rss_mb": (max(embedded.get("rss_mb", 0.0), modelled.get("rss_mb", 0.0)) or None, 120.0),
        "cpu_growth_at_10x": (embedded.get("cpu_growth_at_10x"), 1.25),
    }
    # Turns per core are the inverse of their CPU: at least 4 times the best peer's.
    cpu = _to_best("turn_cpu_us", modelled, peers)
    met = {
        name: Bar(value=value, rule="<=", limit=limit, met=value <= limit)
        for name, (value, limit) in at_most.items()
        if value is not None
    }
    if cpu is not None:
        met["turns_per_core_vs_best_peer"] = Bar(value=1 / cpu, rule=">=", limit=4.0, met=1 / cpu >= 4.0)
    return met


def growth(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the median of the second figure over the first."""
    return median(second / first for first, second in pairs)


def _to_best(figure: str, own: Mapping[str, float], peers: Mapping[str, Mapping[str, float]]) -> float | None:
    theirs = [peer[figure] for peer in peers.values() if figure in peer]
    return _ratio(own.get(figure), min(theirs, default=None))


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None
