"""The reference is what the code says, and leaves nothing out."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.routing import APIRoute

from shipmate import bootstrap, config, errors
from shipmate.charter import RULES
from shipmate.cli.app import COMMANDS, EXIT_CODES
from shipmate.errors import ProjectError
from shipmate.evals.cases import KINDS
from shipmate.evals.scoring import SCORERS
from shipmate.server.app import SOCKET_PATH, create_app
from shipmate.server.metrics import METRICS
from shipmate.server.routes import create_routes
from shipmate.server.settings import ServerSettings
from tests.docs.pages import ROOT
from tests.integration.fake_assistant import FakeAssistant

REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts" / "write_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(generator: ModuleType) -> dict[str, str]:
    pages: dict[str, str] = generator.pages()
    return pages


def test_the_pages_are_what_the_generator_makes(made: dict[str, str]) -> None:
    found = {str(path.relative_to(REFERENCE)) for path in REFERENCE.rglob("*") if path.is_file()}
    assert found == set(made), "run `make docs`"
    for name, text in made.items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, f"{name} is not up to date: run `make docs`"


def test_every_command_option_and_exit_code_is_there(made: dict[str, str]) -> None:
    for command in COMMANDS:
        assert f"\n## {command.name}\n" in made["commands.md"]
        for parameter in command.params:
            assert any(name in made["commands.md"] for name in (*parameter.opts, parameter.human_readable_name))
    for code in EXIT_CODES:
        assert f"\n| {code} |" in made["commands.md"]


def test_every_key_is_there(made: dict[str, str]) -> None:
    for file, schema in config.schemas().items():
        section = made["configuration.md"].split(f"\n## {file}\n")[1].split("\n## ")[0]
        documented = set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))
        assert documented == set(keys(schema, schema["$defs"], ""))


def keys(schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> list[str]:
    found = []
    for key, value in schema["properties"].items():
        found.append(f"{prefix}{key}")
        references = re.findall(r"#/\$defs/(\w+)", str(value))
        inner = f"{prefix}{key}{'[]' if value.get('type') == 'array' else ''}."
        found += [below for name in references for below in keys(definitions[name], definitions, inner)]
    return found


def test_every_kind_of_case_with_its_keys_and_every_scorer_is_there(made: dict[str, str]) -> None:
    for name, kind in KINDS.items():
        section = made["evals.md"].split(f"\n## kind: {name}\n")[1].split("\n## ")[0]
        documented = set(re.findall(r"^\| `([^`.\[]+)`", section, re.MULTILINE))
        assert documented == set(kind.__struct_encode_fields__)
    scorers = made["evals.md"].split("\n## Scorers\n")[1]
    assert set(re.findall(r"^\| `(\w+)`", scorers, re.MULTILINE)) == set(SCORERS)


def test_every_adapter_that_can_be_chosen_is_there(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    for layer, adapters in generator.ADAPTERS.items():
        (tmp_path / "stack.yml").write_text(f"version: 1\n{layer}: no-such-adapter\n")
        (problem,) = bootstrap.check(tmp_path)
        assert set(re.findall(r"`([^`]+)`", problem.do)) == set(adapters)


def test_every_rule_of_the_charter_is_there(made: dict[str, str]) -> None:
    assert set(re.findall(r"^\| (C\d+) ", made["configuration.md"], re.MULTILINE)) == set(RULES)


def test_every_error_is_there(made: dict[str, str]) -> None:
    names = {name for name in errors.__all__ if name != "Problem"}
    assert set(re.findall(r"^\| `(\w+)`", made["errors.md"], re.MULTILINE)) == names


def test_every_metric_is_there(made: dict[str, str]) -> None:
    assert re.findall(r"^\| `(\w+)`", made["metrics.md"], re.MULTILINE) == [metric.name for metric in METRICS]


def test_every_door_that_the_server_opens_is_there(made: dict[str, str]) -> None:
    app = create_app(FakeAssistant(), ServerSettings(), clock=bootstrap.clock())
    quiet = {route.path for route in create_routes(app.lobby).routes if isinstance(route, APIRoute)}
    listed = re.findall(r"^\| `(?:GET|POST) ([^`]+)` ", made["doors.md"], re.MULTILINE)
    assert sorted(set(listed)) == sorted({*app._doors, SOCKET_PATH, *quiet})


def test_errors_in_the_folder_name_keys_of_the_reference(tmp_path: Path, made: dict[str, str]) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "stack.yml").write_text("version: 1\nserver:\n  limits:\n    brst: 3\n")
    with pytest.raises(ProjectError) as refused:
        config.load(tmp_path)
    (near,) = re.findall(r"`(\w+)`", refused.value.problems[0].do)
    assert f"| `server.limits.{near}` |" in made["configuration.md"]
