"""The house keeps its shape: small files and functions, no import circles, complete public names."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import shipmate

SRC = Path(shipmate.__file__).parent
FILES = sorted(SRC.rglob("*.py"))
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(SRC)], "shipmate.") if not m.name.endswith("__main__"))


def functions() -> Iterator[tuple[str, int]]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                yield f"{file.relative_to(SRC)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_file_is_longer_than_600_lines() -> None:
    long = {str(f): n for f in FILES if (n := len(f.read_text(encoding="utf-8").splitlines())) > 600}
    assert not long


def test_no_function_is_longer_than_60_lines() -> None:
    assert {name: lines for name, lines in functions() if lines > 60} == {}


def test_95_of_100_functions_have_at_most_45_lines() -> None:
    lengths = sorted(lines for _, lines in functions())
    assert lengths[int(len(lengths) * 0.95)] <= 45


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found & set(MODULES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {}
    for file in FILES:
        name = ".".join(("shipmate", *file.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = imports(file) - {name}
    while grounded := {name for name, below in graph.items() if not below & graph.keys()}:
        graph = {name: below for name, below in graph.items() if name not in grounded}
    assert graph == {}


def taken() -> dict[str, set[str]]:
    """Return for each module the names that other modules take from it."""
    names: dict[str, set[str]] = {module: set() for module in MODULES}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in names:
                names[node.module].update(alias.name for alias in node.names)
    return names


TAKEN = taken()


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_a_module_offers(name: str) -> None:
    """`__all__` is sorted, every name in it exists, and it holds all that other modules take."""
    module = importlib.import_module(name)
    taken_here = {n for n in TAKEN[name] if f"{name}.{n}" not in MODULES}
    is_face = Path(module.__file__ or "").name == "__init__.py" and not taken_here
    offered = list(getattr(module, "__all__", []))
    assert offered or is_face
    assert offered == sorted(offered, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert all(hasattr(module, n) for n in offered)
    assert taken_here <= set(offered)
