"""The report as a monitoring plugin's output: one line with performance data, then the findings."""

from __future__ import annotations

from kvmedic.model.report import Report, Verdict
from kvmedic.render import words
from kvmedic.render.options import RenderOptions
from kvmedic.render.sanitise import for_nagios, shortened

EXIT_CODES: dict[Verdict, int] = {"healthy": 0, "at-risk": 1, "failing": 2, "undetermined": 3}
"""What a monitoring system expects: OK, WARNING, CRITICAL, UNKNOWN."""
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
LONGEST_LINE = 300
MOST_FINDINGS = 10


def nagios_exit_code(report: Report) -> int:
    """0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
    return EXIT_CODES[report.verdict]


def render_report(report: Report, options: RenderOptions) -> str:
    """``KVMEDIC WARNING - sentence | performance data`` and a line for each finding."""
    state = STATES[nagios_exit_code(report)]
    told = for_nagios(shortened(words.headline(report), LONGEST_LINE))
    lines = [f"KVMEDIC {state} - {told} | {_performance(report)}"]
    lines += [
        for_nagios(
            f"{finding.severity}: {finding.cause}, {words.subject_words(finding.subject)},"
            f" {words.confidence_word(finding.confidence)}"
        )
        for finding in report.findings[:MOST_FINDINGS]
    ]
    left_out = len(report.findings) - MOST_FINDINGS
    return "\n".join([*lines, *([f"and {left_out} more"] if left_out > 0 else [])]) + "\n"


def _performance(report: Report) -> str:
    """Only what is known: a gap has no value here."""
    memory = report.host.memory
    counts = {
        "critical": sum(finding.severity == "critical" for finding in report.findings),
        "warning": sum(finding.severity == "warning" for finding in report.findings),
        "undetermined": len(report.undetermined),
    }
    sizes = {"available": memory.available_bytes, "stranded": memory.stranded_bytes}
    shown = [f"{name}={count};;;0" for name, count in counts.items()]
    most = "" if memory.total_bytes is None else str(memory.total_bytes)
    return " ".join(
        shown + [f"{name}={size}B;;;0;{most}" for name, size in sizes.items() if size is not None]
    )
