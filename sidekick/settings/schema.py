"""The JSON schema of the configuration file, every installed sink and source type included."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from sidekick import sinks, sources
from sidekick.section import Section
from sidekick.settings.load import MAX_SINKS
from sidekick.settings.model import Settings

Schema = dict[str, Any]
Types = Mapping[str, Mapping[str, type[BaseModel]]]

_NAMES = "^[a-z0-9][a-z0-9_-]{0,62}$"
_REFERENCE = {"type": "string", "pattern": r"\$\{"}
"""What may stand in for a number, a truth value or a choice: a text with ``${NAME}`` in it."""


def json_schema() -> Schema:
    """The schema that editors and other checks use: numbers may also be ``${NAME}``."""
    schema: Schema = _relaxed(plain_schema())
    schema["patternProperties"] = {"^x-": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def plain_schema() -> Schema:
    """The schema of the values once texts are expanded; what the reference is printed from."""
    types = installed()
    named = {c: f"{key}-{t}" for key, by_type in types.items() for t, c in by_type.items()}
    classes: list[type[BaseModel]] = [Settings, *named]
    found, schema = models_json_schema(
        [(c, "validation") for c in classes], schema_generator=_Generator
    )
    new = {found[(c, "validation")]["$ref"]: f"#/$defs/{name}" for c, name in named.items()}
    definitions = {
        new.get(f"#/$defs/{n}", n).rpartition("/")[2]: d for n, d in schema["$defs"].items()
    }
    root: Schema = definitions.pop("Settings")
    for key, by_type in types.items():
        branches = [{"$ref": f"#/$defs/{key}-{name}"} for name in by_type]
        inner = {"type": "object", "required": ["type"], "oneOf": branches}
        root["properties"][key]["additionalProperties"] = inner
        root["properties"][key]["propertyNames"] = {"pattern": _NAMES}
    root["properties"]["sinks"]["maxProperties"] = MAX_SINKS
    whole: Schema = _renamed(root | {"$defs": dict(sorted(definitions.items()))}, new)
    return whole


def installed() -> Types:
    """The section classes of all sink and source types, by their keys in the file."""
    return {
        "sources": {name: sources.source_module(name).Config for name in sources.source_types()},
        "sinks": {name: sinks.sink_module(name).Config for name in sinks.sink_types()},
    }


def docstrings(section: type[BaseModel]) -> dict[str, str]:
    """The text beneath each key of a section class, those of its bases included."""
    found: dict[str, str] = {}
    for one in reversed(section.__mro__):
        if not issubclass(one, Section) or one is Section:
            continue
        definition = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        assert isinstance(definition, ast.ClassDef)
        for key, text in pairwise(definition.body):
            if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[ast.unparse(key.target)] = inspect.cleandoc(ast.literal_eval(text.value))
    return found


class _Generator(GenerateJsonSchema):
    """Takes the descriptions from the docstrings beneath the keys."""

    def model_schema(self, schema: Any) -> Schema:
        made = super().model_schema(schema)
        section: type[BaseModel] = schema["cls"]
        texts = docstrings(section)
        for name, field in section.model_fields.items():
            key = made["properties"][field.alias or name]
            key.pop("title", None)
            if name in texts:
                key["description"] = " ".join(texts[name].split())
        made.pop("title", None)
        return made


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same with other targets of ``$ref``."""
    if isinstance(value, dict):
        return {k: names.get(v, v) if k == "$ref" else _renamed(v, names) for k, v in value.items()}
    return [_renamed(v, names) for v in value] if isinstance(value, list) else value


def _relaxed(value: Any) -> Any:
    """The same with ``${NAME}`` allowed where no text is."""
    if isinstance(value, list):
        return [_relaxed(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: one if key == "default" else _relaxed(one) for key, one in value.items()}
    if made.get("type") in ("integer", "number", "boolean") or "enum" in made:
        about = {key: made.pop(key) for key in ("default", "description") if key in made}
        return {"anyOf": [made, _REFERENCE], **about}
    return made
