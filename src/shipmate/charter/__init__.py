"""The charter: the one-page promise that an assistant is built, routed and measured by, and the lint of it."""

from shipmate.charter.lint import RULES, WARNINGS, lint
from shipmate.charter.records import (
    FEWEST_EXAMPLES,
    FEWEST_INTENTS,
    METRICS,
    MOST_INTENTS,
    OUTCOME_PREFIX,
    Charter,
    Escalation,
    Goal,
    Intent,
    Metric,
    OutOfScope,
    Pilot,
    Slo,
    StackChoice,
)
from shipmate.charter.subject import Facts, Finding, Likeness, Subject, Tally

__all__ = [
    "FEWEST_EXAMPLES",
    "FEWEST_INTENTS",
    "METRICS",
    "MOST_INTENTS",
    "OUTCOME_PREFIX",
    "RULES",
    "WARNINGS",
    "Charter",
    "Escalation",
    "Facts",
    "Finding",
    "Goal",
    "Intent",
    "Likeness",
    "Metric",
    "OutOfScope",
    "Pilot",
    "Slo",
    "StackChoice",
    "Subject",
    "Tally",
    "lint",
]
