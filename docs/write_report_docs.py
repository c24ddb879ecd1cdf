"""Writes what is made from the report's records: the JSON Schema and the table of fields in report.md."""

from __future__ import annotations

from pathlib import Path

from kvmedic.render.schema import field_tables, schema_text

DOCS = Path(__file__).parent
SCHEMA_FILE = DOCS / "schema" / "report-1.json"
PAGE = DOCS / "report.md"
BEGIN = "<!-- fields: made from src/kvmedic/model/report.py by docs/write_report_docs.py -->\n"
END = "<!-- end of fields -->\n"


def expected_page(page: str) -> str:
    """The page with its fields as they are now."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{field_tables()}\n{END}{after}"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(expected_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
