"""Whole runs of the gate: `python -m benchmarks.gate_runs [--runs 300] [--cases 300] [--clusters N] [--seed N] [--json]`.

Each case passes with a probability of its own, drawn from a Beta distribution with a mean of 93 %. The baseline is
scored once; a change is tried in 1, 3, 5 and 7 epochs until `shipmate.evals.gate.decide` has decided. A drop takes the
same number of points from all cases alike (`spread`), or breaks as many cases wholly (`broken`).
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.evals.gate import EPOCHS, Decision, Pair, Verdict, decide
from shipmate.statistics.intervals import wilson

__all__ = ["Runs", "gate_run", "gate_runs", "main"]

BASELINE_PASSES = 0.93
# How alike cases are, as the sum of the Beta's two parameters: few are always right, few always wrong.
CONCENTRATION = 2.0


class Runs(NamedTuple):
    """How many runs have ended in which way, and how many epochs they took on average."""

    verdicts: Mapping[Verdict, int]
    epochs_mean: float


def gate_run(
    rng: np.random.Generator,
    *,
    drop: float,
    how: Literal["spread", "broken"] = "spread",
    cases: int = 300,
    clusters: int = 0,
    baseline_epochs: int = EPOCHS[-1],
) -> Decision:
    """Run the gate once on a change that takes `drop` of the score away; without clusters, each case is one."""
    a = BASELINE_PASSES * CONCENTRATION
    passes = rng.beta(a, CONCENTRATION - a, size=cases)
    after = _dropped(rng, passes, drop, how)
    before = _scored(rng, passes, baseline_epochs)
    tried = _scored(rng, after, EPOCHS[-1])
    names = [f"cluster {n % clusters}" if clusters else f"case {n}" for n in range(cases)]
    for epochs in EPOCHS:
        pairs = [Pair(f"{n:06}", names[n], before[n], tried[n][:epochs]) for n in range(cases)]
        decision = decide(pairs, is_last=epochs == EPOCHS[-1], seed=int(rng.integers(2**31)))
        if decision.verdict is not Verdict.MORE:
            break
    return decision


def gate_runs(seed: int, runs: int, *, drop: float, how: Literal["spread", "broken"] = "spread", **made: int) -> Runs:
    """Run the gate many times."""
    rng = np.random.default_rng(seed)
    decisions = [gate_run(rng, drop=drop, how=how, **made) for _ in range(runs)]
    counted = Counter(decision.verdict for decision in decisions)
    return Runs(counted, sum(decision.epochs for decision in decisions) / runs)


def _dropped(rng: np.random.Generator, passes: NDArray[np.float64], drop: float, how: str) -> NDArray[np.float64]:
    if how == "broken":
        broken = rng.random(len(passes)) < drop / BASELINE_PASSES
        return np.where(broken, 0.0, passes)
    return passes * (1 - drop / BASELINE_PASSES)


def _scored(rng: np.random.Generator, passes: NDArray[np.float64], epochs: int) -> list[list[float]]:
    scores: list[list[float]] = (rng.random((len(passes), epochs)) < passes[:, None]).astype(float).tolist()
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how often the gate ends in which way, after no change, a drop of 2.5 and one of 5 points."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="how many of each")
    parser.add_argument("--cases", type=int, default=300, help="how many cases the suite has")
    parser.add_argument(
        "--clusters", type=int, default=0, help="into how many clusters they fall; by default each is one"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    found: dict[str, dict[str, object]] = {}
    changes: tuple[tuple[float, Literal["spread", "broken"]], ...] = (
        (0.0, "spread"),
        (0.025, "spread"),
        (0.05, "spread"),
        (0.05, "broken"),
    )
    for drop, how in changes:
        runs = gate_runs(asked.seed, asked.runs, drop=drop, how=how, cases=asked.cases, clusters=asked.clusters)
        shares = {
            verdict.value: [round(share, 4) for share in wilson(runs.verdicts.get(verdict, 0), asked.runs)]
            for verdict in (Verdict.PASS, Verdict.BLOCK, Verdict.HOLD)
        }
        found[f"drop {drop:g} {how}"] = {**shares, "epochs_mean": round(runs.epochs_mean, 2)}
    if asked.json:
        print(json.dumps({"runs": asked.runs, "cases": asked.cases, "clusters": asked.clusters, **found}))
    else:
        print("\n".join(f"{name:18} {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
