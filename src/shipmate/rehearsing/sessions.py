"""One evaluation from beginning to end: the suite of a folder on its assistant, and what is decided of it."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from shipmate import layers
from shipmate.adapters.folder import make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults
from shipmate.errors import Missing, NoIndex, UsageError
from shipmate.evals import suite as suites
from shipmate.evals.baseline import Baseline, compare, kept, pairs_of, read_baseline, write_baseline
from shipmate.evals.cache import Cache
from shipmate.evals.calibration import Calibration, calibrate, calibrated, may_gate, read_labels, write_calibration
from shipmate.evals.gate import EPOCHS, Decision, Verdict, blocked, decide
from shipmate.evals.judge import EXEMPT, OFFLINE, OFFLINE_RATES, GroundingJudge, Judge
from shipmate.evals.model_judge import MODEL_JUDGE, OPINIONS, ModelJudge
from shipmate.evals.outcome import Outcome
from shipmate.evals.player import ModelUser
from shipmate.evals.quarantine import Flaky, Quarantine, flaky, read_quarantine
from shipmate.evals.reports import Report
from shipmate.evals.results import MOST_ERRORS, Run, Status
from shipmate.evals.runner import Runner, Settings
from shipmate.evals.suite import EVALS, LABELS, Suite
from shipmate.messages import Record
from shipmate.ports import ChatModel
from shipmate.rehearsing.stage import open_rehearsal
from shipmate.versions import built_project, close, unread

__all__ = ["Options", "gate", "judge", "rehearse", "score_baseline"]

OUTCOMES = "outcomes-2.txt"
HISTORY = "history.jsonl"
# With fewer, `python -m benchmarks.canary` finds that the gate sends too much to people.
FEWEST_CASES = 300
# So many documents are named that are out of step with the index.
NAMED = 5
READ = "Run `shipmate ingest {}` first."
Progress = Callable[[int, int], None]


class Options(Record, frozen=True, kw_only=True):
    """How a suite is run, and what of it."""

    # A built release; empty: the folder as it is.
    release: str = ""
    settings: Settings = Settings()
    # Off: everything is asked anew.
    is_cached: bool = True
    # Only cases with one of these tags, of these kinds, or with these ids; empty: all.
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


class Session(NamedTuple):
    """A suite, and what runs it."""

    suite: Suite
    runner: Runner
    quarantine: Quarantine
    # Every try comes out like the first: quotes are no matter of chance.
    is_certain: bool


async def rehearse(project: Project, options: Options, progress: Progress) -> Report:
    """Run the cases. Raises `ProjectError` and `Missing` as reading them does, and what opening the assistant raises."""
    changed = _unread(project, options)
    async with _session(project, options, progress) as session:
        run = await session.runner.run(_chosen(session.suite, options), options.settings)
    run = msgspec.structs.replace(run, quarantined=session.quarantine.running)
    return Report(
        run=run,
        flaky=tuple(_remembered(project, run)),
        notes=(*([f"{changed} {READ.format(project.folder)}"] if changed else ()), *_notes(run, session.quarantine)),
    )


async def score_baseline(project: Project, options: Options, progress: Progress) -> tuple[Report, Path]:
    """Score what is good, in as many epochs as the gate may ask for, and write it down.

    Raises `NoIndex` while documents have changed since they were read.
    """
    _refuse_unread(project, options)
    async with _session(project, options, progress) as session:
        most = max(options.settings.epochs, EPOCHS[-1])
        run = await session.runner.run(session.suite, msgspec.structs.replace(options.settings, epochs=most))
    report = Report(run=run, notes=tuple(_notes(run, session.quarantine)))
    if not run.is_sound:
        raise UsageError(
            f"{run.errors_share:.1%} of the tries ended in an error: no baseline was written.", do=_first_error(run)
        )
    return report, write_baseline(project.folder, kept(run))


async def gate(project: Project, options: Options, progress: Progress) -> Report:
    """Run the cases in ever more epochs until it is decided whether the change may go on.

    Raises `UsageError` where there is nothing to compare with: a baseline of another suite or judge, a judge that
    nobody has calibrated. Raises `ProjectError` where a frozen stack was changed, and `NoIndex` while documents have
    changed since they were read: what is in the index then is not the change.
    """
    changed = built_project(project, options.release) if options.release else project
    layers.check_fit(changed, SystemClock())
    baseline = read_baseline(project.folder)
    _refuse_unread(project, options)
    async with _session(project, options, progress) as session:
        compare(baseline, session.suite.digest, session.runner.judge_of(session.suite))
        last = EPOCHS[0] if session.is_certain else EPOCHS[-1]
        for epochs in EPOCHS:
            run = await session.runner.run(session.suite, msgspec.structs.replace(options.settings, epochs=epochs))
            decision = _decided(project, run, baseline, session.quarantine, is_last=epochs == last)
            if decision.verdict is not Verdict.MORE:
                break
    run = msgspec.structs.replace(run, quarantined=session.quarantine.running)
    return Report(
        run=run,
        decision=decision,
        baseline=baseline,
        flaky=tuple(_remembered(project, run)),
        notes=tuple(_notes(run, session.quarantine)),
    )


async def judge(project: Project, labels: Path | None, *, by_model: bool) -> tuple[Calibration, Path]:
    """Hold a judge against people's labels, and write down how far it can be believed."""
    known = read_labels(labels or project.folder / EVALS / LABELS)
    judges, model = _judges(project, is_cached=True)
    try:
        named = next((name for name in judges if name.startswith(MODEL_JUDGE)), OFFLINE) if by_model else OFFLINE
        if by_model and named == OFFLINE:
            raise UsageError("There is no model to judge with.", do="Name one in stack.yml, below `model:`.")
        found = await calibrate(judges[named], known)
    finally:
        await close(model)
    return found, write_calibration(project.folder, found)


def _refuse_unread(project: Project, options: Options) -> None:
    """Refuse to decide on documents as they were: raise `NoIndex` where the index does not hold them as they are."""
    if changed := _unread(project, options):
        raise NoIndex(changed, do=READ.format(project.folder))


def _unread(project: Project, options: Options) -> str:
    """Return which documents the index does not hold as they are now; a release holds its own."""
    if options.release:
        return ""
    names = unread(project)
    if not names:
        return ""
    others = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"Documents were added, changed or removed after they were read: {', '.join(names[:NAMED])}{others}."


@asynccontextmanager
async def _session(project: Project, options: Options, progress: Progress) -> AsyncIterator[Session]:
    suite = suites.read(project.folder)
    clock = SystemClock()
    today = datetime.fromtimestamp(clock.now(), UTC).date()
    quarantine = read_quarantine(project.folder, suite, today)
    make_state(project.state)
    cache = Cache(Outcome, project.state / EVALS / OUTCOMES, is_read=options.is_cached)
    judges, model = _judges(project, is_cached=options.is_cached)
    try:
        async with open_rehearsal(project, options.release) as subject:
            user = ModelUser(model) if model else None
            runner = Runner(subject, judges, clock, cache=cache, user=user, progress=progress)
            yield Session(suite, runner, quarantine, is_certain=not subject.model)
    finally:
        await close(model)


def _judges(project: Project, *, is_cached: bool) -> tuple[dict[str, Judge], ChatModel | None]:
    """Return who may judge: the default, and where there is a model, that; a case names it without the model's name."""
    offline = GroundingJudge()
    judges: dict[str, Judge] = {offline.version: offline}
    model = layers.open_model(project)
    if model:
        by_model = ModelJudge(model, Cache(str, project.state / EVALS / OPINIONS, is_read=is_cached))
        judges |= {MODEL_JUDGE: by_model, by_model.version: by_model}
    return judges, model


def _decided(project: Project, run: Run, baseline: Baseline, quarantine: Quarantine, *, is_last: bool) -> Decision:
    """Decide; what cannot be told of is never taken for a pass."""
    if reason := may_gate(run.judge.split(), calibrated(project.folder)):
        raise UsageError(
            reason, do="Label answers, then run `shipmate eval judge --model`; see docs/how-to/evaluate.md."
        )
    decision = decide(pairs_of(baseline, run, quarantine.running), is_last=is_last)
    # Also those that the baseline could not tell of, and that are no pair.
    if broken := [one.case_id for one in run.results if one.critical and one.status is Status.FAIL]:
        decision = blocked(decision, broken)
    reasons = (*decision.reasons, *_unsure(run, baseline, decision))
    if len(reasons) > len(decision.reasons) and decision.verdict in (Verdict.PASS, Verdict.MORE):
        return msgspec.structs.replace(decision, verdict=Verdict.HOLD, reasons=reasons)
    return msgspec.structs.replace(decision, reasons=reasons)


def _unsure(run: Run, baseline: Baseline, decision: Decision) -> Iterator[str]:
    """Yield why a run cannot pass, whatever its scores are."""
    if not run.is_sound:
        yield f"{run.errors_share:.1%} of the tries ended in an error: {_first_error(run)}"
    if unseen := [one.case_id for one in run.results if one.critical and not one.told]:
        yield f"Of critical cases it cannot be told whether they pass: {', '.join(unseen)}."
    known = {case.id for case in baseline.cases if case.passes}
    if lost := [one.case_id for one in run.results if one.case_id in known and not one.told]:
        share = len(lost) / len(known)
        if share > MOST_ERRORS:
            yield f"Of {share:.1%} of the cases that the baseline tells of, nothing can be told now: {', '.join(lost)}."
    if not decision.cases:
        yield "No case was scored both before and after."


def _chosen(suite: Suite, options: Options) -> Suite:
    """Return the cases that were asked for; raise `Missing` where there are none."""
    for case_id in options.ids:
        suite.case(case_id)
    chosen = [
        case
        for case in suite.cases
        if _is_among(case.tags, options.tags)
        and _is_among([case.kind], options.kinds)
        and _is_among([case.id], options.ids)
    ]
    if not chosen:
        raise Missing("No case is chosen.", do="Look at the tags and kinds that the cases have.")
    if len(chosen) == len(suite.cases):
        return suite
    return suites.suite_of(suite.name, chosen, places=suite.places, attached=suite.attached)


def _is_among(have: Collection[str], wanted: Collection[str]) -> bool:
    return not wanted or not set(have).isdisjoint(wanted)


def _notes(run: Run, quarantine: Quarantine) -> Iterator[str]:
    if not run.is_sound:
        yield f"{run.errors_share:.1%} of the tries ended in an error, so the run says nothing: {_first_error(run)}"
    for case_id, until in quarantine.running.items():
        yield f"`{case_id}` does not count until {until}."
    for case_id, until in quarantine.expired.items():
        yield f"`{case_id}` counts again: its quarantine ended on {until}."
    if len(run.results) < FEWEST_CASES:
        yield f"{len(run.results)} cases see only large drops: {FEWEST_CASES} see one of 5 points nine times in ten."
    if OFFLINE in run.judge.split():
        yield f"{OFFLINE}: {OFFLINE_RATES}; {EXEMPT}."


def _first_error(run: Run) -> str:
    tries = (one for result in run.results for one in result.tries if one.status is Status.ERROR)
    return next((one.error for one in tries), "")


def _remembered(project: Project, run: Run) -> list[Flaky]:
    """Add a run to those of the same assistant; return the cases that came out differently over the last ones."""
    if not run.model:
        return []
    file = project.state / EVALS / HISTORY
    line = Past(
        subject_sha=run.subject_sha,
        passes={one.case_id: sum(one.passes) / len(one.passes) for one in run.results if one.passes},
    )
    with disk_faults(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as history:
            history.write(msgspec.json.encode(line) + b"\n")
        lines = file.read_bytes().splitlines()
    return flaky(past.passes for past in _pasts(lines) if past.subject_sha == run.subject_sha)


class Past(Record, frozen=True, kw_only=True):
    """A run of the past: the share of passes of each case."""

    subject_sha: str
    passes: dict[str, float]


def _pasts(lines: Collection[bytes]) -> Iterator[Past]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Past)
        except msgspec.MsgspecError:
            # Cut short by a crash.
            continue
