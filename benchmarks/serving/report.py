"""The run as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["table"]

# Figure, heading, decimals.
FIGURES = (
    ("turn_cpu_us", "turn CPU us", 0),
    ("turns_per_s_per_core", "turns/s/core", 0),
    ("first_time_turn_cpu_us", "first time us", 0),
    ("token_cpu_us", "token CPU us", 1),
    ("stream_cpu_ms", "stream CPU ms", 1),
    ("first_text_added_ms", "added ms p50", 1),
    ("first_text_added_p95_ms", "p95", 1),
    ("first_text_added_less_writing_ms", "less writing ms", 1),
    ("first_text_after_its_words_ms", "after words ms", 1),
    ("first_text_added_full_speed_ms", "full speed ms", 1),
    ("cold_start_cpu_s", "cold CPU s", 2),
    ("cold_start_wall_s", "cold wall s", 2),
    ("rss_mb", "RSS MB", 0),
)
LEGEND = """\
turn CPU: closed loop; echo and embedded 16 clients, the others 40 clients and a model that answers at once
first time: each question of the set once, right after the start, one at a time; caches are empty
token CPU: 16 streams of 100 tokens from a model at full speed
stream CPU and added: 4 streams/s, the model's first token after 20 ms and 40 tokens at 100/s
added: the client's first text minus the model's first token when it is asked directly
less writing: as added, without the time from the model's first token to the last one that the text needs
after words: the client's first text minus the model's last token that this text needs
full speed: as added, all tokens at once after the 20 ms
cold: process start to the first correct answer, index persisted"""


def table(result: Mapping[str, Any]) -> str:
    """Return figures, bars, steps and failures."""
    own = {f"shipmate {name}": figures for name, figures in result["shipmate"].items()}
    return "\n\n".join(
        part
        for part in (
            _figures({"echo": result["echo"], **own, **result["peers"]}),
            LEGEND,
            _bars(result["bars"]),
            _steps(result["steps_us"]),
            _lines("Failures", result["errors"]) or "Failures: none",
            _lines("Run", {key: result[key] for key in ("questions", "answers", "machine", "load_average")}),
            _lines("Versions", {name: peer["versions"] for name, peer in result["peers"].items()}),
        )
        if part
    )


def _figures(servers: Mapping[str, Mapping[str, float]]) -> str:
    shown = [figure for figure in FIGURES if any(figure[0] in server for server in servers.values())]
    rows = [["", *(heading for _, heading, _ in shown)]]
    for name, server in servers.items():
        if server:
            rows.append([name, *(_number(server.get(figure), decimals) for figure, _, decimals in shown)])
    return _aligned(rows)


def _bars(bars: Mapping[str, Mapping[str, Any]]) -> str:
    return _aligned(
        [
            [name, f"{bar['value']:.2f}", f"{bar['rule']} {bar['limit']:g}", "met" if bar["met"] else "NOT MET"]
            for name, bar in bars.items()
        ]
    )


def _steps(steps_us: Mapping[str, Mapping[str, float]]) -> str:
    return "\n".join(
        f"{name}, us by step: " + ", ".join(f"{step} {us:.0f}" for step, us in steps.items())
        for name, steps in steps_us.items()
    )


def _lines(heading: str, entries: Mapping[str, Any]) -> str:
    return "\n".join([f"{heading}:", *(f"  {key}: {value}" for key, value in entries.items())]) if entries else ""


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


def _aligned(rows: Iterable[list[str]]) -> str:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
