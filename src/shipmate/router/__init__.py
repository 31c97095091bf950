"""The charter's intents: which one a message means, or that it is out of scope."""

from shipmate.router.nearest import Nearest, Topic
from shipmate.router.router import OUT_OF_SCOPE_SHARE, Reading, Router

__all__ = ["OUT_OF_SCOPE_SHARE", "Nearest", "Reading", "Router", "Topic"]
