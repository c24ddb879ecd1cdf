"""The published JSON Schema of the report, made from its records; docs/schema/report-1.json is its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from kvmedic.model.report import Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:kvmedic:report:1"
INTRODUCTION = "Made from the records of kvmedic.model.report; do not edit by hand."


def report_schema() -> dict[str, Any]:
    """The schema as builtins; every record is a definition with its description."""
    made = msgspec.json.schema(Report)
    return {"$schema": DIALECT, "$id": ID, "title": "kvmedic report", "$comment": INTRODUCTION, **made}


def schema_text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def field_tables() -> str:
    """Markdown: for each record of the report its fields, their types, their meaning."""
    definitions: dict[str, Any] = report_schema()["$defs"]
    ordered = ["Report", *(name for name in definitions if name != "Report")]
    shown = [name for name in ordered if "properties" in definitions[name]]
    return "\n".join(_table(name, definitions[name]) for name in shown)


def _table(name: str, definition: Mapping[str, Any]) -> str:
    about = " ".join(definition.get("description", "").split())
    rows = [
        f"| `{field}` | {_type(schema)} | {schema.get('description', '')} |"
        for field, schema in definition["properties"].items()
    ]
    return "\n".join(
        [f"### {name}", "", about, "", "| field | type | meaning |", "| --- | --- | --- |", *rows, ""]
    )


def _type(schema: Mapping[str, Any]) -> str:
    """The type in words: "integer or null", "list of Because", "one of a, b"."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join("null" if word is None else f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "array":
        return (
            f"list of ({_type(schema['items'])})"
            if "anyOf" in schema["items"]
            else f"list of {_type(schema['items'])}"
        )
    if schema.get("type") == "object":
        return f"map to {_type(schema.get('additionalProperties', {}))}"
    return str(schema.get("type", "anything"))
