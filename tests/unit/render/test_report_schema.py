"""The JSON of a report, its published schema and its documentation agree."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import jsonschema
import msgspec
import pytest
from hostile_report import ATTACKS, hostile
from report_samples import AT_RISK, SAMPLES

from kvmedic.model.report import Report
from kvmedic.render import render
from kvmedic.render.schema import field_tables, report_schema, schema_text

DOCS = Path(__file__).parents[3] / "docs"


def test_the_published_schema_is_the_one_of_the_records() -> None:
    assert (DOCS / "schema" / "report-1.json").read_text(encoding="utf-8") == schema_text()


def test_the_documented_fields_are_those_of_the_records() -> None:
    page = (DOCS / "report.md").read_text(encoding="utf-8")
    assert field_tables() in page
    assert writer().expected_page(page) == page


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_report_docs", DOCS / "write_report_docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_is_a_valid_schema_with_an_id_and_descriptions() -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:kvmedic:report:1"
    assert all("description" in definition for definition in schema["$defs"].values())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_is_valid_by_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(render(SAMPLES[name], "json")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_names_leave_a_report_valid(attack: str) -> None:
    read = json.loads(render(hostile(ATTACKS[attack]), "json"))
    jsonschema.Draft202012Validator(report_schema()).validate(read)


def test_a_report_with_another_verdict_or_without_a_key_is_not_valid() -> None:
    validator = jsonschema.Draft202012Validator(report_schema())
    read = json.loads(render(AT_RISK, "json"))
    assert not validator.is_valid({**read, "verdict": "fine"})
    assert not validator.is_valid({key: value for key, value in read.items() if key != "gaps"})
    assert validator.is_valid({**read, "added_later": 1})


@pytest.mark.parametrize("name", SAMPLES)
def test_json_reads_back_as_the_same_report(name: str) -> None:
    assert msgspec.json.decode(render(SAMPLES[name], "json"), type=Report) == SAMPLES[name]


def test_keys_stand_in_the_published_order() -> None:
    read = json.loads(render(AT_RISK, "json"))
    assert list(read) == list(Report.__struct_fields__)
    assert list(read)[:5] == ["schema", "target", "taken_at", "verdict", "findings"]


def test_bytes_are_exact_integers_and_gaps_are_null() -> None:
    domain = json.loads(render(AT_RISK, "json"))["domains"][0]
    assert domain["memory_max_bytes"] == 8 * 1024**3
    assert domain["balloon_target_bytes"] is None
    assert domain["missing"] == {"balloon_target_bytes": "balloon target"}
