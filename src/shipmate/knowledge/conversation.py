"""What a conversation is about, as faint search terms."""

from collections import Counter
from collections.abc import Callable, Sequence

from shipmate.messages import Message, Role
from shipmate.text import stems

__all__ = ["faint_terms"]

# What was said before counts this much beside a word of the question: the user's last message,
ASKED = 0.2
# and what the last reply says most and rarest.
REPLIED = 0.1
REPLY_TERMS = 12


def faint_terms(history: Sequence[Message], idf: Callable[[str], float]) -> dict[str, float]:
    """Return the stems of the last exchange with small weights: they decide between passages, never lead to one."""
    asked = next((m.text for m in reversed(history) if m.role is Role.USER), "")
    replied = next((m.text for m in reversed(history) if m.role in {Role.ASSISTANT, Role.HUMAN}), "")
    counts = Counter(stems(replied))
    telling = sorted(counts, key=lambda stem: (-counts[stem] * idf(stem), stem))[:REPLY_TERMS]
    return {**dict.fromkeys(telling, REPLIED), **dict.fromkeys(stems(asked), ASKED)}
