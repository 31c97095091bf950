"""The assistant's own sentences: what it says of itself, never of the documents."""

import re

__all__ = [
    "DISCLOSURE",
    "FAQ_ONLY",
    "LEFT_OUT",
    "MODEL_BROKE_OFF",
    "MODEL_FAILED",
    "MODEL_UNSUPPORTED",
    "NOT_IN_DOCUMENTS",
    "QUOTING",
    "SAY_MORE",
    "WAIT",
    "left_out",
]

DISCLOSURE = "You are talking to an AI assistant. It answers from documents and can be wrong: check what it cites."
QUOTING = "From the documents:"
NOT_IN_DOCUMENTS = "I did not find this in the documents. Try other words, or ask a person."
SAY_MORE = "What would you like to know? A whole question helps me to find it."
WAIT = "I am thinking about other questions right now. Please wait a moment and ask again."
FAQ_ONLY = "Only prepared answers are given at the moment, and there is none to this question."
MODEL_FAILED = "The language model could not answer just now, so here is what the documents say:"
MODEL_BROKE_OFF = "The language model broke off here."
MODEL_UNSUPPORTED = "The documents did not bear out what the language model wrote, so here are their own words:"


# What `left_out` says.
LEFT_OUT = re.compile(
    r"\((?:One sentence was|\d+ sentences were) left out: the documents do not support (?:it|them)\.\)"
)


def left_out(sentences: int) -> str:
    """Say how many of the model's sentences were held back."""
    if sentences == 1:
        return "(One sentence was left out: the documents do not support it.)"
    return f"({sentences} sentences were left out: the documents do not support them.)"
