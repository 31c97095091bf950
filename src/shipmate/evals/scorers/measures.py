"""What kind of reply it was, how the message was read, and what it took."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from shipmate.evals.outcome import Outcome
from shipmate.evals.scorers.texts import shares_of

__all__ = [
    "cost_per_1k_usd",
    "cost_usd",
    "holds_in_the_end",
    "is_intent",
    "is_kind",
    "is_out_of_scope",
    "latency_p95_s",
    "says",
    "tokens",
    "ttft_p95_s",
]

HANDOFF = "handoff"


def is_kind(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Tell whether the reply is of one of these kinds."""
    if HANDOFF in value and not outcome.hands_over:
        return None, "The assistant cannot hand over to a person yet."
    return float(outcome.kind in value), f"The reply is of the kind `{outcome.kind}`."


def is_intent(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Tell whether the message was read as one of these intents; an empty one stands for none of the charter's."""
    read = outcome.route.intent
    return float(read in value), f"It was read as `{read}`." if read else "It was read as none of the charter's."


def is_out_of_scope(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Tell whether the message was read as this topic that is refused."""
    read = outcome.route.out_of_scope or outcome.route.intent
    return float(outcome.route.out_of_scope == value), f"It was read as `{read}`." if read else ""


def holds_in_the_end(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Return the share of these values that hold; what is not known here cannot be told."""
    unknown = sorted(set(value) - set(outcome.state))
    if unknown:
        return None, f"The assistant keeps no `{unknown[0]}`: it has no tools yet."
    return sum(outcome.state[name] == wanted for name, wanted in value.items()) / len(value), ""


def says(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Return the share of these texts that were said in the whole conversation, whatever the case of the letters."""
    return shares_of(list(value), "\n".join(outcome.said), folded=True)


def latency_p95_s(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Tell whether 95 % of the replies were complete within so many seconds."""
    return _within(outcome.latency_ms, value, "complete")


def ttft_p95_s(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Tell whether 95 % of the replies had begun within so many seconds."""
    return _within(outcome.ttft_ms, value, "begun")


def cost_usd(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Tell whether it cost at most so much."""
    return float(outcome.usage.cost_usd <= value), f"It cost ${outcome.usage.cost_usd:g}."


def cost_per_1k_usd(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Tell whether a thousand such replies cost at most so much."""
    cost = 1000 * outcome.usage.cost_usd / max(1, len(outcome.said))
    return float(cost <= value), f"A thousand cost ${cost:g}."


def tokens(outcome: Outcome, value: Any) -> tuple[float, str]:
    """Tell whether at most so many tokens were read and written."""
    used = outcome.usage.input_tokens + outcome.usage.output_tokens
    return float(used <= value), f"It took {used} tokens."


def _within(measured_ms: Sequence[float], most_s: float, what: str) -> tuple[float | None, str]:
    if not measured_ms:
        return None, "Nothing was measured."
    p95_s = sorted(measured_ms)[ceil(0.95 * len(measured_ms)) - 1] / 1000
    return float(p95_s <= most_s), f"95 % of {len(measured_ms)} were {what} within {p95_s:.3f} s."
