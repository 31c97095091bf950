"""What the commands about trials print."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shipmate.cli.screen import say

if TYPE_CHECKING:
    from shipmate.release.canary.plan import Plan
    from shipmate.release.canary.report import TrialShown
    from shipmate.release.canary.traffic import Measured

__all__ = ["show_plan", "show_trial"]

NOTHING = "not known yet"
SHOWN_DAYS = (1, 3, 7, 14)


def show_plan(found: "Measured", plan: "Plan", max_days: float) -> None:
    """Print what the traffic can show."""
    for note in found.notes:
        say((note, "dim"))
    say(("What your traffic can show", "bold"))
    days = [day for day in SHOWN_DAYS if day <= len(plan.least_gain_by_day)]
    for day in days:
        gain = plan.least_gain_by_day[day - 1]
        say(
            f"  after {day:>2} {'day ' if day == 1 else 'days'}  a gain of {100 * gain:.1f} points in first-turn resolution"
        )
    if plan.days_needed:
        say(f"  The smallest gain worth having is found on day {plan.days_needed}, four times in five.")
    else:
        say(f"  The smallest gain worth having is not found so often within {max_days:g} days.")
        say(("  Compare on past questions first (`shipmate compare`): 600 of them show 4 points.", "yellow"))
        say(("  The trial then watches for harm, finds what is larger, and holds what it cannot show.", "yellow"))
    say(("How it ends, by the true gain", "bold"))
    say(("  gain      PROMOTE   FUTILE   HOLD or taken back   days", "dim"))
    for odds in plan.odds:
        say(
            f"  {100 * odds.gain:+5.1f}     {100 * odds.promote:6.1f} %  {100 * odds.futile:5.1f} %  "
            f"{100 * odds.hold:6.1f} %             {odds.median_days:g}"
        )
    say(("Taken back within the first step, by the true rate of hallucination", "bold"))
    for harm in plan.harm:
        say(f"  {100 * harm.hallucination:4.1f} %   {100 * harm.stopped:5.1f} % of the times")


def show_trial(trial: "TrialShown") -> None:
    """Print a trial: both arms, figures, harm, and what happened."""
    ended = "ended" if trial.ended else "under way"
    say((trial.run, "bold"), f" ({ended}): ", (str(trial.verdict or NOTHING), "bold"))
    for reason in trial.reasons:
        say(f"  {reason.text}")
    if trial.trouble:
        say((trial.trouble, "red"))
    say(("Arms", "bold"))
    for arm in trial.arms:
        say(
            f"  {arm.name:12} {arm.release or 'the folder':14} {100 * arm.share:5.1f} %  {arm.users:,} users, "
            f"{arm.turns:,} turns, {arm.issues:,} issues, {arm.judged:,} judged, {arm.labelled:,} labelled"
        )
    say(("Figures: control, candidate, difference with its 95 % interval", "bold"))
    for figure in trial.figures:
        ours, theirs = _number(figure.control), _number(figure.candidate)
        gap = NOTHING if figure.difference is None else f"{figure.difference:+.4f}"
        bounds = f" [{figure.low:+.4f}, {figure.high:+.4f}]" if figure.low is not None else ""
        if figure.low is None and figure.difference is not None:
            bounds = f", interval {NOTHING}"
        say(
            f"  {figure.name:20} {ours:>14} {theirs:>14}  {gap}{bounds}  (n = {figure.n_control}, {figure.n_candidate})"
        )
    say(("Harm", "bold"), f"  evidence {trial.harm:,.1f}; {trial.harm_needed:,.0f} take it back")
    say(("Split", "bold"), f" evidence {trial.split:,.1f}; {trial.split_needed:,.0f} hold it")
    for step in trial.steps:
        say((f"  {_when(step.at)}  ", "dim"), f"{100 * step.share:g} % of the users. {step.reason}")
    for look in trial.looks:
        say((f"  {_when(look.at)}  ", "dim"), f"{look.verdict}: {look.reasons[0].text if look.reasons else ''}")
    if trial.quarter:
        say((trial.quarter.told, "dim"))
    if trial.next_look_at:
        say((f"The next look that may promote: {_when(trial.next_look_at)}", "dim"))


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
