"""How often ``kvmedic why`` is right: the labelled incidents of tests/data/incidents, answered one by one.

    python benchmarks/why/bench_why.py [--all-forms] [--only NAME] [--failures] [--json FILE]

Each incident is shown in one form (dmesg, syslog, journal, sosreport, …), chosen by its name; --all-forms
shows it in all. ``why`` sees what an operator would see, the label stays here. Exit status 1: goals missed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))

from scoring import NOTHING, Answer, calibration, confusion, summary

from kvmedic.app.why import explain_target
from kvmedic.errors import KvmedicError
from kvmedic.lab.incident import Incident, load_all
from kvmedic.lab.renderings import FORMATS, end_of
from kvmedic.model.case import Window
from kvmedic.wiring import open_source

CORPUS = Path(__file__).parents[2] / "tests" / "data" / "incidents"
WHOLE = Window(domain=None, since_s=None, until_s=None, boot=None, zone_offset_s=0.0)
GOAL = 0.95
READ_LATER_S = 3600.0


def answer(incident: Incident, form: str, folder: Path) -> Answer:
    """Show one incident in one form to ``why``."""
    name, render = FORMATS[form]
    path = folder / incident.name / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(render(incident))
    started = time.perf_counter()
    findings = _findings(path, end_of(incident) + READ_LATER_S)
    return Answer(
        name=incident.name,
        form=form,
        truth=incident.label.cause or NOTHING,
        also=incident.label.also,
        held_out=incident.label.held_out,
        has_decoys=bool(incident.label.decoys),
        causes=tuple(cause for cause, _ in findings),
        confidences=tuple(confidence for _, confidence in findings),
        seconds=time.perf_counter() - started,
    )


def _findings(path: Path, now_s: float) -> list[tuple[str, float]]:
    """Cause and confidence of each finding that is more than information."""
    try:
        report = explain_target(
            open_source(str(path)), WHOLE, lambda _text, _share: None, now_s=now_s, zone_offset_s=0.0
        )
    except KvmedicError as error:
        return [(f"error: {error.message[:60]}", 0.0)]
    return [(found.cause, found.confidence) for found in report.findings if found.severity != "info"]


def forms_of(incident: Incident, is_all: bool) -> Sequence[str]:
    """All forms, or the one that the name chooses."""
    forms = incident.label.formats
    return forms if is_all else (forms[hashlib.sha256(incident.name.encode()).digest()[1] % len(forms)],)


def answers(corpus: Path, only: str, is_all: bool) -> Iterator[Answer]:
    """One answer for each incident and form."""
    with tempfile.TemporaryDirectory() as folder:
        for incident in load_all(corpus):
            if only in incident.name:
                for form in forms_of(incident, is_all):
                    yield answer(incident, form, Path(folder))


def report(told: Sequence[Answer], shows_failures: bool) -> list[str]:
    """All figures as lines."""
    tuned = [a for a in told if not a.held_out]
    held = [a for a in told if a.held_out]
    incidents = len({a.name for a in told})
    rows = [f"{incidents} incidents of {len({a.truth for a in told})} truths, {len(told)} answers"]
    rows += summary("all", told) + summary("seen while tuning", tuned) + summary("held out", held)
    rows += summary("with decoys", [a for a in told if a.has_decoys])
    rows += calibration(told) + confusion(told)
    wrong = [a for a in told if a.is_wrong_and_sure or (shows_failures and not a.is_right and not a.held_out)]
    rows += ["wrong answers:", *map(_in_words, wrong)]
    rows.append(f"time: median {sorted(a.seconds for a in told)[len(told) // 2]:.3f} s an answer")
    return rows


def _in_words(told: Answer) -> str:
    named = [f"{cause} {share:.2f}" for cause, share in zip(told.causes, told.confidences, strict=True)]
    return f"  {told.name} as {told.form}: {told.truth} -> {', '.join(named[:3]) or NOTHING}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures. 0: goals met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--all-forms", action="store_true", help="every form of every incident")
    parser.add_argument("--only", default="", metavar="NAME", help="incidents whose name holds this")
    parser.add_argument("--failures", action="store_true", help="list wrong answers (never held-out ones)")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the answers there as well")
    words = parser.parse_args(argv)
    told = list(answers(words.corpus, words.only, words.all_forms))
    if not told:
        print("no incident matches")
        return 2
    print("\n".join(report(told, words.failures)))
    if words.json:
        words.json.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))
    right = sum(a.is_right for a in told)
    return int(right / len(told) < GOAL or any(a.is_wrong_and_sure for a in told))


if __name__ == "__main__":
    raise SystemExit(main())
