"""What a cross-encoder says of a pair of texts, as a share."""

import math
from collections.abc import Sequence

from shipmate.errors import Damaged

__all__ = ["share_of_yes"]


def share_of_yes(logits: Sequence[float]) -> float:
    """Return a number from 0 to 1, of a model that says one number, or one for no and one for yes."""
    if len(logits) not in {1, 2}:
        what = f"the model says {len(logits)} numbers of a question and a text"
        raise Damaged(what, do="name a cross-encoder, which says one")
    yes = logits[-1] - (logits[0] if len(logits) == 2 else 0.0)
    return 1 / (1 + math.exp(-yes)) if yes > 0 else math.exp(yes) / (1 + math.exp(yes))
