"""Measure how users are put into the arms of a trial: how fast, how evenly, and whether anybody moves.

    python -m benchmarks.flags [--users N] [--salts N] [--json]

us_per_arm       CPU microseconds in which the built-in source tells a caller's arm, mean
uniformity       over as many salts: chi-square of the users over all 10,000 buckets; its p has to be uniform itself, so
                 the smallest, the median and the p of a Kolmogorov-Smirnov test of all of them are printed
independence     for each salt and the next: the correlation of their candidates (half of the users each), as z;
                 the largest |z|, and the p of all of them together, which is uniform where salts are independent
moved_by_ramp    users who left the candidate in steps of 1, 5, 25, 50 and 100 %, each step asked of a new source
moved_by_restart users whose arm a new process tells otherwise than this one
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import NormalDist, median

import numpy as np

from shipmate.flags.hashed import HashFlags
from shipmate.live import BUCKETS, Trial, bucket

__all__ = ["main", "measure"]

NORMAL = NormalDist()
STEPS = (0.01, 0.05, 0.25, 0.5, 1.0)
TOLD_APART = 20_000
TELL = """
import sys
from shipmate.flags.hashed import HashFlags
from shipmate.live import Trial
trial = Trial(run="r", mode="canary", candidate="v2", release="r", share=0.5, salt="salt-0")
print("".join("1" if HashFlags().arm(trial, f"device-{n}") == "v2" else "0" for n in range(int(sys.argv[1]))))
"""


def measure(users: int, salts: int) -> dict[str, object]:
    """Return the figures."""
    names = [f"device-{number}" for number in range(users)]
    ps, zs = [], []
    last: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
    for number in range(salts):
        filled = np.fromiter((bucket(f"salt-{number}", name) for name in names), np.int64, users)
        ps.append(_evenness(filled))
        in_candidate = filled < BUCKETS // 2
        if last is not None:
            zs.append(float(np.corrcoef(last, in_candidate)[0, 1]) * math.sqrt(users))
        last = in_candidate
    return {
        "users": users,
        "salts": salts,
        "us_per_arm": round(_us_per_arm(names), 3),
        "uniformity": {"p_min": min(ps), "p_median": median(ps), "p_of_ps": _kolmogorov_smirnov(ps)},
        "independence": {
            "z_largest": max(map(abs, zs), default=0.0),
            "p": _kolmogorov_smirnov([2 * NORMAL.cdf(-abs(z)) for z in zs]),
        },
        "moved_by_ramp": _moved_by_ramp(names),
        "moved_by_restart": _moved_by_restart(names[:TOLD_APART]),
    }


def _trial(share: float, salt: str = "salt-0") -> Trial:
    return Trial(run="r", mode="canary", candidate="v2", release="r", share=share, salt=salt)


def _us_per_arm(names: Sequence[str]) -> float:
    """Return the best of five passes, so that a busy machine tells on none of them."""
    source, trial = HashFlags(), _trial(0.05)
    costs = []
    for _ in range(5):
        started_ns = time.process_time_ns()
        for name in names:
            source.arm(trial, name)
        costs.append((time.process_time_ns() - started_ns) / 1000 / len(names))
    return min(costs)


def _evenness(filled: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> float:
    """Return the p of chi-square over all buckets, by Wilson and Hilferty's cube root."""
    expected = len(filled) / BUCKETS
    counts = np.bincount(filled, minlength=BUCKETS)
    freedom = BUCKETS - 1
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    spread = 2 / (9 * freedom)
    return 1 - NORMAL.cdf(((chi_square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _kolmogorov_smirnov(ps: Sequence[float]) -> float:
    """Return how likely such a spread of p values is where they are uniform."""
    count = len(ps)
    if not count:
        return 1.0
    distance = max(max((n + 1) / count - p, p - n / count) for n, p in enumerate(sorted(ps)))
    scaled = distance * (math.sqrt(count) + 0.12 + 0.11 / math.sqrt(count))
    series = sum((1 if k % 2 else -1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * series))


def _moved_by_ramp(names: Sequence[str]) -> int:
    moved, before = 0, set[str]()
    for share in STEPS:
        source, trial = HashFlags(), _trial(share)
        now = {name for name in names if source.arm(trial, name) == "v2"}
        moved += len(before - now)
        before = now
    return moved


def _moved_by_restart(names: Sequence[str]) -> int:
    source, trial = HashFlags(), _trial(0.5)
    here = "".join("1" if source.arm(trial, name) == "v2" else "0" for name in names)
    done = subprocess.run([sys.executable, "-c", TELL, str(len(names))], capture_output=True, text=True, check=True)
    return sum(one != other for one, other in zip(here, done.stdout.strip(), strict=True))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--salts", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.users, options.salts)
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:17} {figure}")


if __name__ == "__main__":
    main()
