"""/proc/pressure/{memory,cpu,io} and a cgroup's *.pressure (kernel/sched/psi.c, psi_show)."""

from __future__ import annotations

from kvmedic.model.memory import Pressure, PressureLine
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_EXPECTED = "a row such as 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0'"


def parse_pressure(text: str, source: str) -> Pressure:
    """The rows "some" and "full"; averages in percent, total in microseconds. Other rows are passed over.

    "full" is missing for cpu before 5.13. A ParseError where "some" is not there.
    """
    rows: dict[str, PressureLine] = {}
    for line in numbered_lines(text, source):
        kind, *pairs = line.text.split()
        if kind not in {"some", "full"}:
            continue
        if kind in rows:
            raise line.error(f"{kind} only once")
        rows[kind] = _parse_row(line, pairs)
    if "some" not in rows:
        raise after_the_end(text, source, _EXPECTED)
    return Pressure(some=rows["some"], full=rows.get("full"))


def _parse_row(line: Line, pairs: list[str]) -> PressureLine:
    values = dict(pair.partition("=")[::2] for pair in pairs)
    if not {"avg10", "avg60", "avg300", "total"} <= values.keys():
        raise line.error(_EXPECTED)
    return PressureLine(
        avg10_percent=line.decimal(values["avg10"], _EXPECTED),
        avg60_percent=line.decimal(values["avg60"], _EXPECTED),
        avg300_percent=line.decimal(values["avg300"], _EXPECTED),
        total_us=line.whole(values["total"], _EXPECTED),
    )
