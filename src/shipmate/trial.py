"""`canary.yml` and `pilot.yml`: what is tried, on whom, and the rules by which it is promoted or taken back."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta

from shipmate.errors import Problem
from shipmate.messages import Record
from shipmate.shape import AdapterChoice, Section
from shipmate.yaml_source import Source

__all__ = [
    "CANARY",
    "HARMS",
    "LAYERS_ON_TRIAL",
    "PILOT",
    "Canary",
    "CanaryFile",
    "Guardrails",
    "HallucinationRule",
    "HarmRule",
    "Judging",
    "PilotFile",
    "Primary",
    "Ramp",
    "Srm",
    "Step",
    "Variant",
    "faults_in_prompt",
    "fraction",
    "is_file",
    "off_promise",
    "ramp",
    "seconds",
    "split",
    "unsound",
    "unsound_pilot",
]

CANARY = "canary.yml"
# What may stand for a share, a difference of shares, and a time.
PERCENT = r"^\d{1,3}(\.\d{1,3})?%$"
POINTS = r"^\d{1,2}(\.\d{1,3})?pp$"
DURATION = r"^\d{1,6}(\.\d{1,3})?(ms|s|m|h|d)$"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
HUNDRED = 100
# How far from 100 the two parts of a split may be together: they are decimals.
CLOSE = 1e-6
# What looks like a place to be filled in: `{question}`, `{{ question }}`, `${question}`.
PLACEHOLDER = re.compile(r"\$?\{\{?\s*[A-Za-z_]\w*\s*\}?\}")
# A path, and not words.
FILE = re.compile(r"[\w./-]+\.(?:md|txt|ya?ml)")
PROMPT_CHARACTERS = 100_000
VARIANTS = 2
LAYERS_ON_TRIAL = ("model", "embedder", "reranker")
CHANGES = ("prompt", *LAYERS_ON_TRIAL, "curation")

Percent = Annotated[str, Meta(pattern=PERCENT, extra_json_schema={"examples": ["5%"]})]
Points = Annotated[str, Meta(pattern=POINTS, extra_json_schema={"examples": ["1.5pp"]})]
Duration = Annotated[str, Meta(pattern=DURATION, extra_json_schema={"examples": ["24h", "2.5s"]})]
Alpha = Annotated[float, Meta(gt=0, le=0.2, description="How often it may be wrong where there is nothing.")]
Harm = Literal["hallucination_flag", "error", "sandbox_kill", "thumbs_down", "handoff_request", "injection_block"]
HARMS: tuple[Harm, ...] = (
    "hallucination_flag",
    "error",
    "sandbox_kill",
    "thumbs_down",
    "handoff_request",
    "injection_block",
)


class Variant(Section, frozen=True, kw_only=True):
    """One arm. The control is what is live; the candidate says what is different."""

    name: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$", description="Its name, as events and reports carry it.")
    ]
    prompt: Annotated[
        str | None,
        Meta(description="What the model is told: the words themselves, or a file such as `prompts/v2.md`."),
    ] = None
    model: Annotated[AdapterChoice | None, Meta(description="What writes the answers, as in stack.yml.")] = None
    embedder: Annotated[AdapterChoice | None, Meta(description="What tells meanings apart, as in stack.yml.")] = None
    reranker: Annotated[AdapterChoice | None, Meta(description="What orders passages, as in stack.yml.")] = None
    curation: Annotated[
        str | None, Meta(description="A file of repairs in the place of curation.yml, such as `trials/curation.yml`.")
    ] = None
    release: Annotated[str, Meta(description="A release that was built before, in the place of all of the above.")] = ""

    @property
    def changes(self) -> tuple[str, ...]:
        """Return what it names as different."""
        return tuple(key for key in CHANGES if getattr(self, key) is not None)


class Step(Section, frozen=True, kw_only=True):
    """One step of the ramp."""

    share: Annotated[Percent, Meta(description="How many of the users the candidate answers.")]
    hold: Annotated[Duration | None, Meta(description="For so long.")] = None
    until: Annotated[Literal["decided"] | None, Meta(description="The last step: until there is a verdict.")] = None
    mode: Annotated[
        Literal["harm", "decide"], Meta(description="`harm`: it can be taken back, but not promoted yet.")
    ] = "decide"


class Primary(Section, frozen=True, kw_only=True):
    """What a candidate is promoted for."""

    metric: Annotated[
        Literal["ftr_fast"], Meta(description="First-turn resolution, as it shows within half an hour.")
    ] = "ftr_fast"
    test: Annotated[
        Literal["gst_obf"], Meta(description="Group-sequential: looked at once a day, strict at first.")
    ] = "gst_obf"
    alpha: Alpha = 0.05
    min_effect: Annotated[Points, Meta(description="A gain that is surely smaller is not worth waiting for.")] = "1.5pp"
    min_issues: Annotated[int, Meta(ge=1, description="Of each arm, before anything is decided.")] = 200


class HallucinationRule(Section, frozen=True, kw_only=True):
    """What its hallucination rate has to be."""

    rule: Annotated[
        Literal["beat", "not_worse"],
        Meta(description="`beat`: surely not worse, and lower as measured; `not_worse`: surely not worse."),
    ] = "beat"
    ni_margin: Annotated[Points, Meta(description="By so much more it counts as worse.")] = "0.6pp"
    alpha: Alpha = 0.05
    min_judged: Annotated[int, Meta(ge=1, description="Judged turns of each arm, before anything is decided.")] = 500
    min_human_labels: Annotated[int, Meta(ge=0, description="People's labels, before the judge may gate.")] = 150


class HarmRule(Section, frozen=True, kw_only=True):
    """What takes a candidate back at any moment."""

    alpha: Alpha = 0.01
    events: Annotated[tuple[Harm, ...], Meta(description="What counts as bad, once per user and hour.")] = HARMS


class LatencyRule(Section, frozen=True, kw_only=True):
    """How long answers may take."""

    max: Annotated[Duration, Meta(description="Never longer.")] = "2.5s"
    ni: Annotated[Percent, Meta(description="Not longer than the control's by more than this.")] = "10%"


class CostRule(Section, frozen=True, kw_only=True):
    """What a thousand turns may cost."""

    max: Annotated[float, Meta(gt=0, description="Never more, in US dollars.")] = 0.25
    ni: Annotated[Percent, Meta(description="Not more than the control by more than this.")] = "10%"


class RefusalRule(Section, frozen=True, kw_only=True):
    """How often it may refuse."""

    ni: Annotated[Points, Meta(description="Not more often than the control by more than this.")] = "2pp"


class SilenceRule(Section, frozen=True, kw_only=True):
    """How often users may fall silent: what is said of resolution rests on it."""

    ni: Annotated[Points, Meta(description="Not more often than the control by more than this.")] = "3pp"


class Guardrails(Section, frozen=True, kw_only=True):
    """What must not get worse."""

    latency_p95: LatencyRule = LatencyRule()
    cost_per_1k: CostRule = CostRule()
    refusal_rate: RefusalRule = RefusalRule()
    silence_rate: SilenceRule = SilenceRule()


class Srm(Section, frozen=True, kw_only=True):
    """Whether the arms get the shares of users that they are to get."""

    alpha: Annotated[float, Meta(gt=0, le=0.05, description="How often it may be wrong where nothing is amiss.")] = (
        0.001
    )
    on_fail: Annotated[Literal["hold"], Meta(description="Nothing is decided on arms that do not compare.")] = "hold"


class Judging(Section, frozen=True, kw_only=True):
    """How much the background judge reads; of the candidate, all."""

    control: Annotated[
        Percent,
        Meta(
            description="Of the control's turns, at random; they count for the others. Less than all halves what is seen "
            "of harm, and saves only what a judge costs."
        ),
    ] = "100%"


class Canary(Section, frozen=True, kw_only=True):
    """The rules of the trial."""

    unit: Annotated[Literal["user"], Meta(description="Who stays in one arm.")] = "user"
    steps: Annotated[
        tuple[Step, ...],
        Meta(description="The ramp; without it 24h at the candidate's share as a harm watch, 2d at 25%, then 50%."),
    ] = ()
    max_days: Annotated[int, Meta(ge=1, le=90, description="After so many days nothing more is waited for.")] = 14
    primary: Primary = Primary()
    hallucination: HallucinationRule = HallucinationRule()
    harm: HarmRule = HarmRule()
    guardrails: Guardrails = Guardrails()
    srm: Srm = Srm()
    judge: Judging = Judging()
    on_harm: Annotated[Literal["rollback"], Meta(description="The control answers everybody again, at once.")] = (
        "rollback"
    )
    on_inconclusive: Annotated[Literal["hold"], Meta(description="What was not shown is not shipped.")] = "hold"
    alert_env: Annotated[
        str, Meta(min_length=1, description="The environment variable with the address that verdicts are posted to.")
    ] = "SHIPMATE_ALERT_URL"


class CanaryFile(Section, frozen=True, kw_only=True):
    """What is tried on live traffic, and by which rules it is promoted or taken back."""

    version: Literal[1] = 1
    model: Annotated[str, Meta(description="The model that both arms use, for whoever reads the file.")] = ""
    variants: Annotated[tuple[Variant, ...], Meta(description="The control, and one candidate.")]
    traffic_split: Annotated[
        str | tuple[float | str, ...],
        Meta(
            description="The control's part and the candidate's, of 100.",
            extra_json_schema={"examples": ["95/5", "95%/5%"]},
        ),
    ] = "95/5"
    canary: Canary = Canary()

    @property
    def control(self) -> Variant:
        """Return what is live."""
        return self.variants[0]

    @property
    def candidate(self) -> Variant:
        """Return what is on trial."""
        return self.variants[1]


class Ramp(Record, frozen=True, kw_only=True):
    """A step in numbers."""

    share: float
    # 0: until there is a verdict.
    hold_s: float
    is_watch: bool


def fraction(written: str) -> float:
    """Return `5%` or `1.5pp` as a fraction."""
    return round(float(written.removesuffix("%").removesuffix("pp")) / HUNDRED, 9)


def seconds(written: str) -> float:
    """Return `24h` as seconds."""
    unit = written.lstrip("0123456789.")
    return float(written.removesuffix(unit)) * SECONDS[unit]


def split(written: str | tuple[float | str, ...]) -> tuple[float, ...]:
    """Return the parts of a split, of 100; nothing for what is none. A single part is the candidate's."""
    parts = written.split("/") if isinstance(written, str) else written
    try:
        numbers = tuple(float(str(part).strip().removesuffix("%").strip()) for part in parts)
    except ValueError:
        return ()
    return (HUNDRED - numbers[0], numbers[0]) if len(numbers) == 1 and isinstance(written, str) else numbers


def ramp(file: CanaryFile) -> tuple[Ramp, ...]:
    """Return the steps; where the file names none, those that begin with its split."""
    if file.canary.steps:
        return tuple(
            Ramp(share=fraction(step.share), hold_s=seconds(step.hold or "0s"), is_watch=step.mode == "harm")
            for step in file.canary.steps
        )
    first = round(split(file.traffic_split)[1] / HUNDRED, 9)
    steps = (
        Ramp(share=first, hold_s=SECONDS["d"], is_watch=True),
        Ramp(share=0.25, hold_s=2 * SECONDS["d"], is_watch=False),
        Ramp(share=max(0.5, first), hold_s=0, is_watch=False),
    )
    return (steps[0], *(step for step in steps[1:-1] if step.share > first), steps[-1])


def is_file(written: str) -> bool:
    """Return whether this names a file, such as `prompts/v2.md`, and is no prompt itself."""
    return FILE.fullmatch(written) is not None


def faults_in_prompt(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield what is wrong with the words of a prompt: at which character, what it is, and what to do."""
    if not text.strip():
        yield 0, "The prompt is empty.", "Write what the model is told."
    if "\0" in text:
        yield text.index("\0"), "The prompt holds a NUL.", "Take it out: it is no text."
    if len(text) > PROMPT_CHARACTERS:
        what = f"The prompt is longer than {PROMPT_CHARACTERS} characters."
        yield PROMPT_CHARACTERS, what, "Put documents into knowledge/."
    for place in PLACEHOLDER.finditer(text):
        what = f"`{place[0]}` is a placeholder that nothing fills in."
        yield place.start(), what, "Take it out: question and passages follow the prompt by themselves."


def unsound(file: CanaryFile, source: Source) -> Iterator[Problem]:
    """Yield what a file says that cannot be meant."""
    yield from _variants(file, source)
    yield from _split(file, source)
    yield from _steps(file.canary.steps, source)
    for number, event in enumerate(file.canary.harm.events):
        if event in file.canary.harm.events[:number]:
            path = ("canary", "harm", "events", number)
            yield source.problem(path, f"`{event}` stands here again.", "Name each once.")


def _variants(file: CanaryFile, source: Source) -> Iterator[Problem]:
    names = [variant.name for variant in file.variants]
    if len(names) < VARIANTS:
        what = f"There {'is one variant' if names else 'are no variants'}, and a trial compares two."
        yield source.problem(("variants",), what, "Name the control first, and the candidate after it.")
    if len(names) > VARIANTS:
        what = f"There are {len(names)} variants, and a trial compares two."
        yield source.problem(
            ("variants", VARIANTS), what, "Try one candidate at a time: each takes traffic of its own."
        )
    for number, variant in enumerate(file.variants):
        if variant.name in names[:number]:
            what = f"Two variants have the name `{variant.name}`."
            yield source.problem(("variants", number, "name"), what, "Give each a name of its own.")
        elif number and variant.name == "control":
            yield source.problem(("variants", number, "name"), "The control stands second.", "Put it first.")
        if variant.release and variant.changes:
            what = f"`{variant.name}` is a release, and `{variant.changes[0]}` would change it."
            yield source.problem(("variants", number, variant.changes[0]), what, "Keep one of the two.")
    if len(names) == VARIANTS and not (file.candidate.changes or file.candidate.release):
        what = f"`{file.candidate.name}` names nothing that is different from the control."
        yield source.problem(("variants", 1), what, "Give it a prompt, a model, a reranker, a curation or a release.")


def _split(file: CanaryFile, source: Source) -> Iterator[Problem]:
    path = ("traffic_split",)
    parts = split(file.traffic_split)
    written = file.traffic_split if isinstance(file.traffic_split, str) else list(file.traffic_split)
    if len(parts) != VARIANTS:
        yield source.problem(path, f"`traffic_split` is {written!r}.", "Write control/candidate, such as `95/5`.")
    elif abs(sum(parts) - HUNDRED) > CLOSE:
        what = f"`traffic_split` adds up to {sum(parts):g}, and not to 100."
        yield source.problem(path, what, f"Write `{HUNDRED - parts[1]:g}/{parts[1]:g}`, or another pair that does.")
    elif not 0 < parts[1] < HUNDRED:
        yield source.problem(path, f"`traffic_split` gives the candidate {parts[1]:g} %.", "Give both arms some.")
    elif "traffic_split" in source.data and (steps := file.canary.steps):
        first = fraction(steps[0].share) * HUNDRED
        if abs(first - parts[1]) > CLOSE:
            what = f"`traffic_split` gives the candidate {parts[1]:g} %, and the first step {first:g} %."
            yield source.problem(("canary", "steps", 0, "share"), what, "Write the same in both places.")


def _steps(steps: tuple[Step, ...], source: Source) -> Iterator[Problem]:
    before = 0.0
    for number, step in enumerate(steps):
        path: tuple[Any, ...] = ("canary", "steps", number)
        share = fraction(step.share)
        if not before < share < 1:
            what = f"The step's share is {step.share}."
            yield source.problem((*path, "share"), what, "Let shares rise from step to step, and stay below 100%.")
        before = max(before, share)
        is_last = number == len(steps) - 1
        if is_last and (step.until is None or step.hold):
            yield source.problem(path, "The last step has an end.", "Write `until: decided` in the place of `hold`.")
        if not is_last and (step.until or not step.hold):
            yield source.problem(path, "The step before the last has no end.", "Give it a `hold`, such as `hold: 24h`.")
        if is_last and step.mode == "harm":
            what = "The last step decides nothing."
            yield source.problem((*path, "mode"), what, "Take `mode: harm` out, or add a step that decides.")


PILOT = "pilot.yml"
# Each turn looks for its caller among them.
PILOT_USERS = 1000


class PilotFile(Section, frozen=True, kw_only=True):
    """Who tries a release before everybody else does."""

    version: Literal[1] = 1
    flag: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$", description="The flag that lets them in, as in the charter.")
    ] = "pilot"
    users: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(description="The names of their API keys, `local`, or the ids of their browsers."),
    ]
    candidate: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$", description="What events and reports call it.")
    ] = "candidate"
    release: Annotated[str, Meta(description="The built release that they try; or named at the start.")] = ""
    until: Annotated[date | None, Meta(description="The day on which it is to be over.")] = None


def unsound_pilot(file: PilotFile, source: Source) -> Iterator[Problem]:
    """Yield what a `pilot.yml` says that cannot be meant."""
    if not file.users:
        yield source.problem(("users",), "A pilot without users shows nothing.", "Name those who try it first.")
    if len(file.users) > PILOT_USERS:
        what = f"{len(file.users):,} users are named."
        yield source.problem(("users", PILOT_USERS), what, f"Name {PILOT_USERS:,}, or try it in a canary.")
    for number, user in enumerate(file.users[:PILOT_USERS]):
        if user in file.users[:number]:
            yield source.problem(("users", number), f"`{user}` stands here again.", "Name each user once.")
    if file.candidate == "control":
        yield source.problem(("candidate",), "The candidate is called `control`.", "Give it a name of its own.")


def off_promise(file: PilotFile, source: Source, promised: tuple[int, str] | None, today: date) -> Iterator[Problem]:
    """Yield where a pilot is not the one that a charter promises, with so many users and a flag, or is over."""
    if promised and len(file.users) != promised[0]:
        what = f"{len(file.users)} users are named, and the charter promises a pilot with {promised[0]}."
        yield source.problem(("users",), what, "Name as many, or change `pilot:` in charter.yml.", warning=True)
    if promised and file.flag != promised[1]:
        what = f"The flag is `{file.flag}`, and the charter's is `{promised[1]}`."
        yield source.problem(("flag",), what, "Write the same in both places.", warning=True)
    if file.until and file.until < today:
        what = f"The pilot was to be over on {file.until}."
        do = "Look at `shipmate pilot report`, and stop it or set another day."
        yield source.problem(("until",), what, do, warning=True)
