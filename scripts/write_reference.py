"""Write the reference pages from the code: `make docs`. A test holds the pages to it."""

import asyncio
import inspect
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from fastapi.routing import APIRoute

from shipmate import bootstrap, config, errors
from shipmate.adapters.onnx import OnnxSettings
from shipmate.adapters.openai_compatible import OpenAICompatibleSettings, OpenAIEmbedderSettings
from shipmate.adapters.openfeature import OpenFeatureSettings
from shipmate.adapters.posthog import PostHogSettings
from shipmate.adapters.sentence_transformer import SentenceTransformersSettings
from shipmate.adapters.sqlite.store import SqliteSettings
from shipmate.charter import RULES, WARNINGS
from shipmate.cli.app import COMMANDS, EXIT_CODES, app
from shipmate.evals import suite
from shipmate.evals.scoring import ANY, SCORERS
from shipmate.server.lobby import Lobby
from shipmate.server.metrics import METRICS
from shipmate.server.openapi import describe
from shipmate.server.problems import PROBLEMS
from shipmate.server.routes import create_routes
from shipmate.server.settings import ServerSettings

__all__ = ["pages"]

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Made by `make docs` from the code: change that instead. -->\n\n"
COLUMNS = 80
# A record's name, where the record stands in the same table.
UNLINKED = re.compile(r"\[\w+\]\(#\w+\)")
Schema = dict[str, Any]

# What may stand behind `adapter:` for each layer, and the settings beside it.
ADAPTERS: dict[str, dict[str, type[msgspec.Struct] | None]] = {
    "model": {"extractive": None, "openai_compatible": OpenAICompatibleSettings},
    "index": {"tantivy": None},
    "embedder": {
        "static": None,
        "onnx": OnnxSettings,
        "sentence_transformers": SentenceTransformersSettings,
        "openai_compatible": OpenAIEmbedderSettings,
        "none": None,
    },
    "reranker": {
        "light": None,
        "cross_encoder": OnnxSettings,
        "sentence_transformers": SentenceTransformersSettings,
    },
    "store": {"sqlite": SqliteSettings},
    "flags": {"hash": None, "openfeature": OpenFeatureSettings, "posthog": PostHogSettings},
}


def pages() -> dict[str, str]:
    """Return every reference file by its path below docs/reference."""
    made = {
        "commands.md": commands(),
        "configuration.md": configuration(),
        "doors.md": doors(),
        "errors.md": error_tree(),
        "evals.md": evals(),
        "metrics.md": metrics(),
    }
    made = {name: NOTE + text for name, text in made.items()}
    for file, schema in {**config.schemas(), "evals.yml": suite.schema()}.items():
        made[f"schemas/{file.removesuffix('.yml')}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made


def commands() -> str:
    """Return each command's help, and the exit codes."""
    text = (
        "# Commands\n\nAnswers and results go to standard output, everything else to standard error.\n"
        "On a terminal they are styled, unless `NO_COLOR` is set; in a pipe they are plain text.\n"
    )
    root = click.Context(app, info_name="shipmate", **app.context_settings)
    for command in COMMANDS:
        text += _help(command, root, "##")
    return text + "\n## Exit codes\n\n" + _table(("code", "meaning"), EXIT_CODES.items())


def _help(command: click.Command, parent: click.Context, mark: str) -> str:
    """Return a command's help, and below it those of the commands in it."""
    with click.Context(command, parent=parent, info_name=command.name, terminal_width=COLUMNS) as context:
        text = f"\n{mark} {command.name}\n\n```text\n{command.get_help(context)}\n```\n"
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        return text + "".join(_help(one, context, f"{mark}#") for one in inner)


def configuration() -> str:
    """Return each key of each file, the settings of the adapters, and the charter's rules."""
    text = (
        "# The files of an assistant\n\n"
        "Only `knowledge/` is needed to ask. Each file begins with `version: 1`, which canary.yml may leave out; every other key has a default unless "
        "it says *required*.\nFor editors there are JSON Schemas in [schemas/](schemas/).\n"
    )
    for file, schema in config.schemas().items():
        text += f"\n## {file}\n\n{schema.get('description', '')}\n\n{_keys(schema)}"
    for layer, adapters in ADAPTERS.items():
        for name, settings in adapters.items():
            text += f"\n## {layer}: {name}\n\n"
            text += _keys(_schema(settings)) if settings else f"`{layer}: {name}` takes no settings.\n"
    rules = ((code, _first_line(rule), "no" if code in WARNINGS else "yes") for code, rule in RULES.items())
    text += "\n## The charter's rules\n\n`shipmate check` holds the charter against these.\n\n"
    return text + _table(("rule", "what it does", "is an error"), rules)


def evals() -> str:
    """Return each key of each kind of case, and the scorers."""
    schema = suite.schema()
    known = schema["$defs"]
    text = (
        "# Cases\n\nFiles in `evals/`: YAML that begins with `version: 1`, or JSON lines with a case in each.\n"
        "How they are used stands in [Evaluate a change before it ships](../how-to/evaluate.md); "
        "for editors there is a [JSON Schema](schemas/evals.json).\n\n## A file\n\n"
    )
    cases = schema["properties"].pop("cases")
    text += _keys(schema) + "\nand `cases`, a list of:\n"
    for kind in cases["items"]["discriminator"]["mapping"].values():
        case = {**known[kind.rpartition("/")[2]], "$defs": known}
        name = case["properties"].pop("kind")["enum"][0]
        text += f"\n## kind: {name}\n\n{case['description']}\n\n{_keys(case)}"
    rows = (
        (
            f"`{name}`",
            _first_line(getattr(scorer.run, "func", scorer.run)),
            f"{scorer.threshold:g}" if scorer.threshold > ANY else "more than 0",
            "yes" if scorer.needs_judge else "",
        )
        for name, scorer in SCORERS.items()
    )
    text += "\n## Scorers\n\nWhat a check of `checks:` may name. `set` scores the checks in it as one.\n"
    text += "A name that begins with `i` does not look at the case of letters.\n\n"
    return text + _table(("scorer", "does", "passes from", "asks a judge"), rows)


def doors() -> str:
    """Return what the server answers: each door, each record."""
    documented, plain = asyncio.run(_described())
    text = (
        "# Doors\n\nThe running server describes them for programs at `/openapi.json` and for people at `/docs`.\n"
        "With API keys, each but the public ones takes `Authorization: Bearer KEY`.\n\n"
    )
    listed = [(f"`{method} {path}`", summary) for method, path, summary in (*_operations(documented), *plain)]
    text += _table(("door", "does"), listed)
    for path, operations in documented["paths"].items():
        for method, operation in operations.items():
            text += f"\n## {method.upper()} {path}\n\n{operation.get('description') or operation['summary'] + '.'}\n\n"
            text += _parameters(operation)
            text += _table(("status", "means", "body"), _answers(operation))
    text += "\n## Records\n"
    for name, schema in documented["components"]["schemas"].items():
        text += f"\n### {name}\n\n{schema.get('description', '')}\n\n"
        fields = ((f"`{key}`", _type(value)) for key, value in schema.get("properties", {}).items())
        text += _table(("field", "type"), fields) if "properties" in schema else f"{_type(schema)}\n"
    return text


def error_tree() -> str:
    """Return every error with its exit code and its status over HTTP."""
    text = "# Errors\n\nEach says what happened, where, and what to do next.\n"
    text += "The exit code is the command line's, the status is the one over HTTP.\n\n"
    found = (getattr(errors, name) for name in errors.__all__)
    kinds = [kind for kind in found if inspect.isclass(kind) and issubclass(kind, errors.ShipmateError)]
    rows = ((f"`{kind.__name__}`", _first_line(kind), kind.exit_code, _status(kind)) for kind in kinds)
    return text + _table(("error", "means", "exit code", "status"), rows)


def metrics() -> str:
    """Return what `/metrics` counts."""
    text = "# Metrics\n\n`GET /metrics` tells them in Prometheus' text format.\n\n"
    return text + _table(("metric", "type", "meaning"), ((f"`{m.name}`", m.type, m.help) for m in METRICS))


def _keys(schema: Schema) -> str:
    return _table(("key", "takes", "default", "meaning"), _rows(schema, schema.get("$defs", {}), ""))


def _rows(
    schema: Schema, definitions: Schema, prefix: str, outer: tuple[Schema, ...] = ()
) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each key, those of inner mappings below their own, but for one that holds itself."""
    for key, value in schema["properties"].items():
        inner = _inner(value, definitions)
        default = "*required*" if key in schema["required"] else f"`{json.dumps(value['default'], ensure_ascii=False)}`"
        meaning = value.get("description") or inner.get("description", "")
        yield f"`{prefix}{key}`", UNLINKED.sub("mapping", _type(value)), "" if value.get("$ref") else default, meaning
        if "properties" in inner and inner not in (schema, *outer):
            below = f"{prefix}{key}{'[]' if value.get('type') == 'array' else ''}."
            yield from _rows(inner, definitions, below, (schema, *outer))


def _inner(value: Schema, definitions: Schema) -> Schema:
    """Return the mapping that a key or the items of its list hold; nothing when they hold none."""
    items = value.get("items", {})
    for part in (value, items, *value.get("anyOf", ()), *items.get("anyOf", ())):
        if "$ref" in part:
            found: Schema = definitions[part["$ref"].rpartition("/")[2]]
            return found
    return {}


def _type(value: Schema) -> str:
    """Say in a few words what a schema takes."""
    match value:
        case {"$ref": str(name)}:
            name = name.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(parts)} | {"oneOf": list(parts)}:
            return " or ".join(map(_type, parts))
        case {"enum": list(values)}:
            return " or ".join(f"`{json.dumps(one)}`" for one in values)
        case {"const": constant}:
            return f"`{json.dumps(constant)}`"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
    kind = value.get("format", value.get("type", "anything"))
    return f"{'mapping' if kind == 'object' else kind}{_range(value)}"


def _range(value: Schema) -> str:
    lower = value.get("minimum", value.get("exclusiveMinimum"))
    if lower is None:
        return ""
    above = "from" if "minimum" in value else "above"
    return f" {above} {lower}" + (f" to {value['maximum']}" if "maximum" in value else "")


def _schema(record: type[msgspec.Struct]) -> Schema:
    schema = msgspec.json.schema(record)
    top: Schema = schema["$defs"].pop(record.__name__)
    return {**top, "$defs": schema["$defs"]}


async def _described() -> tuple[Schema, list[tuple[str, str, str]]]:
    """Return the doors' description, and the doors that are for browsers alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "knowledge").mkdir()
        (folder / "knowledge" / "page.md").write_text("# A page\n\nIt holds a sentence.\n", encoding="utf-8")
        project = bootstrap.load(folder)
        await asyncio.to_thread(bootstrap.ingest, project, progress=lambda _: None)
        async with bootstrap.open_assistant(project) as assistant:
            routes = create_routes(Lobby(assistant, ServerSettings(), clock=bootstrap.clock()))
            described = describe(routes, title="", needs_key=False)
    hidden = [route for route in routes.routes if isinstance(route, APIRoute) and not route.include_in_schema]
    return described, [("GET", route.path, _first_line(route.endpoint).rstrip(".")) for route in hidden]


def _operations(documented: Schema) -> Iterator[tuple[str, str, str]]:
    for path, operations in documented["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation["summary"]


def _parameters(operation: Schema) -> str:
    rows = [(f"`{p['name']}`", p["in"], p.get("description", "")) for p in operation.get("parameters", ())]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [("body", kind, _type(content["schema"])) for kind, content in body.items()]
    return _table(("parameter", "in", "meaning"), rows) + "\n" if rows else ""


def _answers(operation: Schema) -> Iterator[tuple[str, str, str]]:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        body = "; ".join(f"{_body(kind, one)} as `{kind}`" for kind, one in content.items())
        yield status, answer["description"], body


def _body(kind: str, content: Schema) -> str:
    return "events" if kind == "text/event-stream" else _type(content["schema"])


def _status(kind: type[errors.ShipmateError]) -> str:
    row = next((PROBLEMS[parent] for parent in kind.__mro__ if parent in PROBLEMS), None)
    return str(row[0]) if row and row is not PROBLEMS[Exception] else ""


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
