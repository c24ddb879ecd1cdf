"""A strict reader of metrics text: what OpenMetrics and the text format 0.0.4 of Prometheus both allow."""

from __future__ import annotations

import re

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[-+]?[0-9]+)?)"
)
ONE_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
Labels = tuple[tuple[str, str], ...]


def read_metrics(text: str) -> dict[str, dict[Labels, float]]:
    """Families with their series. An AssertionError where the text breaks the grammar."""
    assert text.endswith("# EOF\n")
    families: dict[str, dict[Labels, float]] = {}
    current = ""
    for line in text.removesuffix("# EOF\n").splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in families, f"{current} is described twice"
            families[current] = {}
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {current} gauge"
        else:
            _read_sample(line, current, families[current])
    assert all(families.values()), "a family without series"
    return families


def _read_sample(line: str, family: str, series: dict[Labels, float]) -> None:
    match = SAMPLE.fullmatch(line)
    assert match, f"not a sample: {line!r}"
    assert match[1] == family, f"{match[1]} stands below {family}"
    labels = tuple((name, _unescaped(value)) for name, value in ONE_LABEL.findall(match[2] or ""))
    assert labels not in series, f"the same series twice: {line!r}"
    assert len(dict(labels)) == len(labels), f"the same label twice: {line!r}"
    series[labels] = float(match[3])


def _unescaped(value: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: ESCAPES[found[0]], value)
