"""Whether a JSON value fits a JSON Schema, as far as replies need it: an unknown keyword is said, never passed over."""

import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["misfit", "unknown_keywords"]

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}
# They say nothing of a value.
SILENT = frozenset("$schema $id $comment title description default examples format".split())
KEYWORDS: dict[str, Callable[[Any, Any], bool]] = {
    "const": lambda value, wanted: value == wanted,
    "enum": lambda value, wanted: value in wanted,
    "minimum": lambda value, least: not _is_number(value) or value >= least,
    "maximum": lambda value, most: not _is_number(value) or value <= most,
    "exclusiveMinimum": lambda value, least: not _is_number(value) or value > least,
    "exclusiveMaximum": lambda value, most: not _is_number(value) or value < most,
    "minLength": lambda value, least: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda value, most: not isinstance(value, str) or len(value) <= most,
    "pattern": lambda value, pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
    "minItems": lambda value, least: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda value, most: not isinstance(value, list) or len(value) <= most,
    "required": lambda value, names: not isinstance(value, dict) or all(name in value for name in names),
    "type": lambda value, kinds: any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)),
    "anyOf": lambda value, schemas: any(not misfit(value, schema) for schema in schemas),
    "allOf": lambda value, schemas: all(not misfit(value, schema) for schema in schemas),
    "oneOf": lambda value, schemas: sum(not misfit(value, schema) for schema in schemas) == 1,
    "not": lambda value, schema: bool(misfit(value, schema)),
}
INNER = frozenset(("properties", "items", "additionalProperties"))


def misfit(value: Any, schema: Any, place: str = "$") -> str:
    """Return where a value does not fit a schema and why; empty when it does."""
    if isinstance(schema, bool):
        return "" if schema else f"{place} must not be there"
    for keyword, wanted in schema.items():
        fits = KEYWORDS.get(keyword)
        if fits and not fits(value, wanted):
            return f"{place} does not fit `{keyword}`: {wanted!r}"
    if isinstance(value, dict):
        return next(filter(None, _fields(value, schema, place)), "")
    if isinstance(value, list) and "items" in schema:
        return next(filter(None, (misfit(v, schema["items"], f"{place}[{n}]") for n, v in enumerate(value))), "")
    return ""


def unknown_keywords(schema: Any) -> set[str]:
    """Return the keywords of a schema, and of those in it, that are not heeded here."""
    if not isinstance(schema, dict):
        return set()
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    inner += [one for name in ("anyOf", "allOf", "oneOf") for one in schema.get(name, ())] + [schema.get("not")]
    return set(schema) - KEYWORDS.keys() - SILENT - INNER | {name for one in inner for name in unknown_keywords(one)}


def _fields(value: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name, inner in value.items():
        yield misfit(inner, known.get(name, schema.get("additionalProperties", True)), f"{place}.{name}")


def _is(value: Any, kind: str) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    is_flag = isinstance(value, bool)
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not is_flag) if kind in KINDS else False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
