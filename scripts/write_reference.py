"""Write the reference pages from the code: `python scripts/write_reference.py`. A test holds the pages to it."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer.main

from shipmate import config, errors
from shipmate.charter import RULES, WARNINGS
from shipmate.cli.app import EXIT_CODES, app
from shipmate.server.metrics import METRICS
from shipmate.server.openapi import described_doors

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Written by scripts/write_reference.py from the code; edit that instead. -->\n\n"


def pages() -> dict[str, str]:
    """Return every reference file by its path below docs/reference."""
    made = {
        "commands.md": commands(),
        "configuration.md": configuration(),
        "doors.md": doors(),
        "errors.md": error_tree(),
        "metrics.md": metrics(),
    }
    made = {name: NOTE + text for name, text in made.items()}
    for file, schema in config.schemas().items():
        made[f"schemas/{file.removesuffix('.yml')}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made


def commands() -> str:
    """Describe each command, its arguments and options, and the exit codes."""
    root = typer.main.get_command(app)
    assert isinstance(root, click.Group)
    text = "# Commands\n\nThe last argument of every command is the assistant's folder; without it, this folder is meant.\n"
    for name in root.commands:
        text += _command(name, root.commands[name])
    text += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n"
    return text + "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())


def _command(name: str, command: click.Command) -> str:
    usage = " ".join(
        f"[{p.human_readable_name}]" if not p.required else p.human_readable_name
        for p in command.params
        if isinstance(p, click.Argument)
    )
    text = f"\n## {name}\n\n`shipmate {name} {usage}`\n\n{command.help}\n\n{command.epilog}\n"
    options = [p for p in command.params if isinstance(p, click.Option) and p.name != "help"]
    if options:
        text += "\n| option | meaning |\n|---|---|\n"
        text += "".join(f"| `{' '.join(o.opts)}` | {o.help} |\n" for o in options)
    return text


def configuration() -> str:
    """Describe each key of each file of an assistant's folder, and the charter's lint rules."""
    text = "# The files of an assistant\n\nEvery key has a default unless it says *required*. The schemas for editors are in [schemas/](schemas/).\n"
    for file, schema in config.schemas().items():
        text += f"\n## {file}\n\n{schema.get('description', '')}\n\n| key | default | meaning |\n|---|---|---|\n"
        text += "".join(f"| `{key}` | {default} | {meaning} |\n" for key, default, meaning in _keys(schema, schema, ""))
    text += "\n## The charter's lint\n\n| rule | finds | stops a release |\n|---|---|---|\n"
    for code, rule in RULES.items():
        text += f"| {code} | {_first_line(rule)} | {'no' if code in WARNINGS else 'yes'} |\n"
    return text


def _keys(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        name = f"{prefix}{key}"
        inner = _resolved(value, root)
        default = "*required*" if key in required else f"`{json.dumps(value.get('default'), ensure_ascii=False)}`"
        items = _resolved(inner.get("items", {}), root)
        if inner.get("properties"):
            yield name, "", inner.get("description", "")
            yield from _keys(inner, root, f"{name}.")
        elif items.get("properties"):
            yield name, default, value.get("description") or items.get("description", "")
            yield from _keys(items, root, f"{name}[].")
        else:
            yield name, default, value.get("description", "")


def _resolved(value: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        found: dict[str, Any] = root["$defs"][name]
        return found
    return value


def doors() -> str:
    """List the server's doors from its OpenAPI document."""
    text = "# Doors\n\nThe running server describes every door, with all fields, at `/openapi.json`.\n\n| door | does |\n|---|---|\n"
    return text + "".join(f"| `{method} {path}` | {summary} |\n" for method, path, summary in described_doors())


def error_tree() -> str:
    """List every error with its exit code."""
    text = "# Errors\n\nEach says what happened, where, and what to do next.\n\n| error | means | exit code |\n|---|---|---|\n"
    for name in errors.__all__:
        error = getattr(errors, name)
        if inspect.isclass(error) and issubclass(error, errors.ShipmateError):
            text += f"| {name} | {_first_line(error)} | {error.exit_code} |\n"
    return text


def metrics() -> str:
    """List what `/metrics` counts."""
    text = "# Metrics\n\n`GET /metrics` in Prometheus' text format.\n\n| metric | type | meaning |\n|---|---|---|\n"
    return text + "".join(f"| `{m.name}` | {m.type} | {m.help} |\n" for m in METRICS)


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
