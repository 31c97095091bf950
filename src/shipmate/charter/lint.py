"""The lint: every rule, held against a charter."""

from collections.abc import Callable, Iterator

from shipmate.charter.coverage import intents_have_cases, languages_have_cases, limits_have_cases
from shipmate.charter.means import means_exist
from shipmate.charter.overlap import intents_are_apart, intents_are_well_apart
from shipmate.charter.rules import (
    date_is_ahead,
    escalation_has_a_default,
    examples_suffice,
    goal_is_smart,
    high_risk_is_confirmed,
    ids_are_unique,
    intents_are_few,
    means_are_listed,
    metric_is_computed,
    places_are_named,
    refusals_are_written,
    skills_are_staffed,
    statement_has_a_number,
    success_is_said,
    target_is_reachable,
)
from shipmate.charter.subject import Finding, Subject
from shipmate.errors import Problem
from shipmate.yaml_source import Source

__all__ = ["RULES", "WARNINGS", "lint"]

RULES: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "C001": goal_is_smart,
    "C002": metric_is_computed,
    "C003": date_is_ahead,
    "C004": target_is_reachable,
    "C005": statement_has_a_number,
    "C010": intents_are_few,
    "C011": ids_are_unique,
    "C012": examples_suffice,
    "C013": success_is_said,
    "C014": means_are_listed,
    "C015": high_risk_is_confirmed,
    "C016": skills_are_staffed,
    "C020": refusals_are_written,
    "C021": escalation_has_a_default,
    "C022": places_are_named,
    "C030": intents_are_apart,
    "C031": intents_are_well_apart,
    "C040": intents_have_cases,
    "C041": limits_have_cases,
    "C042": languages_have_cases,
    "C050": means_exist,
}
# Time alone must not break a build, nor a question of style, nor what is only likely to go wrong.
WARNINGS = frozenset({"C003", "C005", "C031", "C041", "C042"})


def lint(subject: Subject, source: Source) -> list[Problem]:
    """Hold a charter against the rules; `source` is the file that it was read from.

    Errors stop a release from being built; an assistant still answers with them.
    """
    return [
        source.problem(finding.path, finding.what, finding.do, code=code, warning=code in WARNINGS or finding.is_mild)
        for code, rule in RULES.items()
        for finding in rule(subject)
    ]
