"""The lint: every rule, held against a charter."""

from collections.abc import Callable, Iterator

from shipmate.charter import coverage, means, overlap, rules
from shipmate.charter.subject import Finding, Subject
from shipmate.errors import Problem
from shipmate.yaml_source import Source

__all__ = ["RULES", "WARNINGS", "lint"]

RULES: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "C001": rules.goal_is_smart,
    "C002": rules.metric_is_computed,
    "C003": rules.date_is_ahead,
    "C004": rules.target_is_reachable,
    "C005": rules.statement_has_a_number,
    "C010": rules.intents_are_few,
    "C011": rules.ids_are_unique,
    "C012": rules.examples_suffice,
    "C013": rules.success_is_said,
    "C014": rules.means_are_listed,
    "C015": rules.high_risk_is_confirmed,
    "C016": rules.skills_are_staffed,
    "C020": rules.refusals_are_written,
    "C021": rules.escalation_has_a_default,
    "C022": rules.places_are_named,
    "C030": overlap.intents_are_apart,
    "C031": overlap.intents_are_well_apart,
    "C040": coverage.intents_have_cases,
    "C041": coverage.limits_have_cases,
    "C042": coverage.languages_have_cases,
    "C050": means.means_exist,
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
