"""Whether eval cases cover what the charter promises."""

from collections.abc import Iterator

from shipmate.charter.subject import Finding, Subject, Tally, intents

__all__ = ["FEWEST_CASES", "FEWEST_IN_LANGUAGE", "intents_have_cases", "languages_have_cases", "limits_have_cases"]

FEWEST_CASES = 10
FEWEST_IN_LANGUAGE = 0.2


def intents_have_cases(subject: Subject) -> Iterator[Finding]:
    """Find intents with fewer than 10 eval cases; only an intent with none stops a release."""
    tally = subject.facts.tally
    if tally is None:
        return
    if tally == Tally():
        what = "There are no eval cases: nothing tells whether a change makes answers worse."
        do = "Write some into evals/core.yml: ten for each intent, and one for each topic that is refused."
        yield Finding(("intents",), what, do, is_mild=not subject.facts.is_release)
        return
    for path, intent in intents(subject):
        count = tally.intents.get(intent.id, 0)
        if count < FEWEST_CASES:
            what = f"The intent `{intent.id}` has {count or 'no'} eval cases; {FEWEST_CASES} are needed."
            do = f"Add {FEWEST_CASES - count} or more with `intent: {intent.id}` to a file in evals/."
            yield Finding((*path, "id"), what, do, is_mild=count > 0)


def limits_have_cases(subject: Subject) -> Iterator[Finding]:
    """Find topics out of scope without a refusal case, and rules of escalation without a handoff case."""
    tally = subject.facts.tally
    if tally is None or tally == Tally():
        return
    for number, refused in enumerate(subject.charter.out_of_scope):
        if refused.topic not in tally.refused:
            what = f"No eval case shows that the topic `{refused.topic}` is refused."
            do = f"Add one to a file in evals/ with `kind: refusal` and `topic: {refused.topic}`."
            yield Finding(("out_of_scope", number, "topic"), what, do)
    for number, rule in enumerate(subject.charter.escalation.always):
        if rule not in tally.handed_off:
            what = f"No eval case shows that a person takes over when {rule}."
            do = f"Add one to a file in evals/ that expects a handoff, with `description: {rule}`."
            yield Finding(("escalation", "always", number), what, do)


def languages_have_cases(subject: Subject) -> Iterator[Finding]:
    """Find languages in which fewer than 20 % of the eval cases are."""
    tally = subject.facts.tally
    if tally is None or not (total := sum(tally.languages.values())):
        return
    for number, language in enumerate(subject.charter.languages):
        share = (tally.languages.get(language, 0) + (tally.languages.get("", 0) if number == 0 else 0)) / total
        if share < FEWEST_IN_LANGUAGE:
            what = f"{share:.0%} of the eval cases are in `{language}`; {FEWEST_IN_LANGUAGE:.0%} are needed."
            yield Finding(("languages", number), what, f"Add cases with `lang: {language}` to a file in evals/.")
