"""Commands that try a candidate on live traffic: canary plan, build, start, status, verdict, verify, stop; and faq-only."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shipmate import bootstrap
from shipmate.cli.evaluate import BLOCKED, HELD
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import complain, say, say_json
from shipmate.errors import Missing, ProjectError, UsageError

if TYPE_CHECKING:
    from shipmate.config import Project
    from shipmate.release.canary.report import TrialShown
    from shipmate.release.canary.run import Run
    from shipmate.release.canary.traffic import Measured
    from shipmate.release.canary.verdict import Ruling

__all__ = ["canary", "faq_only"]


@click.group(epilog="\b\nExample:\n  shipmate canary plan my-assistant")
def canary() -> None:
    """Try the candidate of canary.yml on a share of the traffic.

    It is taken back at once when it harms, promoted when it is shown to be better, and held otherwise.
    """


@canary.command(epilog="\b\nExample:\n  shipmate canary plan my-assistant --turns-per-day 2000")
@folder
@click.option(
    "--turns-per-day",
    type=click.FloatRange(min=1, max=1e9),
    metavar="NUMBER",
    help="Expect so many; by default what the journal of the last two weeks tells.",
)
@json_option
def plan(folder: Path, *, turns_per_day: float | None, as_json: bool) -> None:
    """Say before anything starts what your own traffic can show.

    The least gain that would be found, the days until then, how each verdict's odds are, and how fast harm is seen.
    """
    from shipmate.cli.trial_shown import show_plan
    from shipmate.release.canary.plan import plan as planned
    from shipmate.trials.canary import quarter, rules_for

    project = bootstrap.load(folder)
    rules, judged_control = rules_for(project)
    found = asyncio.run(_measured(project, turns_per_day, judged_control))
    expected = planned(found.traffic, rules)
    lately = quarter(project, bootstrap.clock().now()) if project.state.is_dir() else None
    if as_json:
        say_json({"measured": found, "plan": expected, "quarter": lately})
    else:
        show_plan(found, expected, rules.max_days)
        say((lately.told if lately else "Nothing was tried here yet.", "dim"))


@canary.command(epilog="\b\nExample:\n  shipmate canary build my-assistant")
@folder
@json_option
def build(folder: Path, *, as_json: bool) -> None:
    """Build the candidate of canary.yml as a release, to hold it against the gate first."""
    from shipmate.trials.canary import wanted

    project = index_first(folder)
    release = _candidate(project, wanted(project).files, wanted(project).variant.release)
    if as_json:
        say_json({"release": release})
        return
    say((release, "bold"), " is the candidate.")
    say((f"  shipmate eval gate {folder} --release {release} --report out", "dim"))
    say((f"  shipmate canary start {folder} --gate out/report.json", "dim"))


@canary.command(epilog="\b\nExample:\n  shipmate canary start my-assistant --gate out/report.json")
@folder
@click.option(
    "--gate",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="The report.json of `shipmate eval gate` on this very candidate; it has to have passed.",
)
@click.option("--without-gate", is_flag=True, help="Begin without one. It is recorded, and the trial promotes nothing.")
@json_option
def start(folder: Path, *, gate: Path | None, without_gate: bool, as_json: bool) -> None:
    """Build the candidate, and let it answer the first share of the users.

    Whoever serves the assistant watches it from then on. Refused while another one is on trial, for a day after the
    same change was taken back for harm, and while more than three quarters of the error budget are spent.
    """
    from shipmate.trials.canary import passed_gate, wanted

    if bool(gate) == without_gate:
        raise UsageError(
            "A trial begins with a passing gate.", do="Name its report with --gate, or say --without-gate."
        )
    project = index_first(folder)
    tried = wanted(project)
    release = _candidate(project, tried.files, tried.variant.release)
    run = asyncio.run(_start(project, tried, release, passed_gate(gate, release) if gate else ""))
    if as_json:
        say_json(run)
        return
    share = 100 * run.rules.steps[0].share
    say((run.run, "bold"), f" has begun: {run.candidate} ({release}) answers {share:g} % of the users.")
    _warn_unserved(project)
    say((f"  shipmate canary status {folder}", "dim"))


@canary.command(epilog="\b\nExample:\n  shipmate canary shadow my-assistant --turns 600")
@folder
@click.option(
    "--turns", type=click.IntRange(10, 100_000), default=600, show_default=True, help="So many questions are asked."
)
@json_option
def shadow(folder: Path, *, turns: int, as_json: bool) -> None:
    """Let the candidate answer what people ask, without anybody seeing it, and judge both answers.

    It writes nothing but how the answers differ. It ends with ROLLBACK when the candidate is shown to be worse, and with
    HOLD otherwise: a shadow promotes nothing.
    """
    from shipmate.trials.canary import wanted

    project = index_first(folder)
    tried = wanted(project)
    release = _candidate(project, tried.files, tried.variant.release)
    run = asyncio.run(_start(project, tried, release, "", shadow_turns=turns))
    if as_json:
        say_json(run)
        return
    say((run.run, "bold"), f" has begun: {run.candidate} ({release}) answers {turns} questions, and nobody sees it.")
    _warn_unserved(project)
    say((f"  shipmate canary status {folder}", "dim"))


@canary.command(epilog="\b\nExample:\n  shipmate canary status my-assistant")
@folder
@json_option
def status(folder: Path, *, as_json: bool) -> None:
    """Show the trial that runs, or the last one: both arms, figures, harm, looks and reasons."""
    from shipmate.cli.trial_shown import show_trial
    from shipmate.live import read_live
    from shipmate.trials.canary import state_of

    project = bootstrap.load(folder)
    trial = asyncio.run(_state(project, state_of))
    if as_json:
        say_json(trial)
    elif trial is None:
        say("Nothing was tried here yet. Begin: `shipmate canary start`.")
    else:
        show_trial(trial)
        if not trial.ended and read_live(project.state).faq_only:
            say(("Only the FAQ answers: nothing is counted meanwhile, and the step begins anew after it.", "yellow"))


@canary.command(epilog="\b\nExample:\n  shipmate canary verdict my-assistant --file verdict.json")
@folder
@click.option("--run", default="", metavar="RUN", help="Of this run; by default of the last.")
@click.option(
    "--file", "output", type=click.Path(path_type=Path), metavar="FILE", help="Write the signed verdict there."
)
@json_option
def verdict(folder: Path, *, run: str, output: Path | None, as_json: bool) -> None:
    """Print the signed verdict of a run that has ended.

    Ends with code 9 for HOLD, and with 8 for ROLLBACK and FUTILE: neither counts as passing.
    """
    from shipmate.trials.canary import verdict_file

    path, ruling = verdict_file(bootstrap.load(folder), run)
    if output:
        output.write_bytes(path.read_bytes())
    _tell_ruling(ruling, as_json=as_json)


@canary.command(epilog="\b\nExample:\n  shipmate canary verify verdict.json my-assistant --release 3f47a4969920")
@click.argument("verdict", type=click.Path(path_type=Path), help="A signed verdict.")
@folder
@click.option("--release", default="", metavar="R", help="It has to be of this release.")
@click.option(
    "--prompt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="It has to be of this very prompt, and of nothing else.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key to trust besides those in trusted_keys."
)
@json_option
def verify(
    verdict: Path, folder: Path, *, release: str, prompt: Path | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Prove that a verdict is what was signed, and that it promotes this very change.

    Ends with code 0 for a PROMOTE on live traffic after a passing gate alone, which is no older than a week, with 9 for
    HOLD, with 8 for everything else that was signed, and with 6 for what was changed after that.
    """
    from shipmate.release.canary.verdict import prompt_digest, read_ruling, unfit_for_promotion
    from shipmate.trials.canary import trusted_by

    project = bootstrap.load(folder)
    ruling = read_ruling(verdict, [*trusted_by(project), *keys])
    words = prompt_digest(prompt.read_bytes()) if prompt else ""
    unfit = unfit_for_promotion(ruling, now=bootstrap.clock().now(), release=release, prompt=words)
    if as_json:
        say_json({"verdict": ruling, "unfit": unfit})
    elif unfit:
        say((unfit, "red"))
    else:
        say((ruling.release, "bold"), f" may be promoted: {ruling.verdict} of the run {ruling.run}.")
    if unfit:
        raise click.exceptions.Exit(HELD if ruling.verdict == "HOLD" else BLOCKED)


@canary.command(epilog="\b\nExample:\n  shipmate canary stop my-assistant")
@folder
def stop(folder: Path) -> None:
    """Take the candidate back by hand; its run ends with HOLD."""
    run = asyncio.run(_stop(bootstrap.load(folder, despite_problems=True)))
    say(f"The run {run} is over: the control answers everybody.")


@command("shipmate faq-only on my-assistant")
@click.argument("switch", type=click.Choice(["on", "off"]), metavar="on|off", help="`on`: nothing but the FAQ answers.")
@folder
def faq_only(switch: str, folder: Path) -> None:
    """Let nothing but the FAQ answer, or everything again.

    For when something goes wrong and nobody knows yet what it is. A running server heeds it from the next question on.
    """
    from shipmate.trials.canary import faq_only as switched

    switched(bootstrap.load(folder, despite_problems=True), on=switch == "on")
    say("Only the FAQ answers." if switch == "on" else "Everything answers again.")


def _candidate(project: "Project", files: dict[str, bytes], release: str) -> str:
    """Return the release of the candidate, which is built where it was not built before."""
    if release:
        from shipmate.release.shelf import found

        return found(project.state, release)
    from shipmate.shipping.build import build as built_of

    built = built_of(project, replaced=files)
    complain(ProjectError(built.warnings))
    return built.release


def _warn_unserved(project: "Project") -> None:
    if not bootstrap.is_served(project):
        say(("Nobody serves this assistant now: the trial is watched while it is served.", "yellow"), err=True)


async def _measured(project: "Project", turns_per_day: float | None, judged_control: float) -> "Measured":
    from shipmate.release.canary.traffic import expected
    from shipmate.trials.canary import measured, opened_journal

    if turns_per_day is not None:
        return expected(turns_per_day, judged_control=judged_control)
    async with opened_journal(project) as journal:
        found = await measured(journal, bootstrap.clock().now(), judged_control)
    if not found.turns:
        raise Missing(
            "Nobody has asked anything in the last two weeks.", do="Say what you expect: --turns-per-day 2000"
        )
    return found


async def _start(project: "Project", tried: Any, release: str, gate: str, *, shadow_turns: int = 0) -> "Run":
    from shipmate.trials.canary import budget_spent, opened_journal
    from shipmate.trials.canary import start as started

    async with opened_journal(project) as journal:
        spent = await budget_spent(project, journal)
        return await started(project, tried, release, journal, gate=gate, spent=spent, shadow_turns=shadow_turns)


async def _stop(project: "Project") -> str:
    from shipmate.trials.canary import opened_journal
    from shipmate.trials.canary import stop as stopped

    async with opened_journal(project) as journal:
        return await stopped(project, journal)


async def _state(project: "Project", state_of: Any) -> "TrialShown | None":
    from shipmate.release.canary.report import shown
    from shipmate.reporting import test_callers
    from shipmate.trials.canary import known_run, opened_journal, quarter

    async with opened_journal(project) as journal:
        state = await state_of(journal, bootstrap.clock(), run=known_run(project.state), internal=test_callers(project))
    return shown(state, quarter(project, bootstrap.clock().now())) if state else None


def _tell_ruling(ruling: "Ruling", *, as_json: bool) -> None:
    if as_json:
        say_json(ruling)
    else:
        say((ruling.verdict, "bold"), f" of {ruling.candidate} ({ruling.release}) on {ruling.evidence} traffic")
        for reason in ruling.reasons:
            say(f"  {reason.text}")
    if ruling.verdict != "PROMOTE":
        raise click.exceptions.Exit(HELD if ruling.verdict == "HOLD" else BLOCKED)
