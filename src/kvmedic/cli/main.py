"""The command line: reads the words, runs one verb, turns its result or its error into an exit code."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from kvmedic import __version__
from kvmedic.cli.terminal import forget_stdout
from kvmedic.errors import InvariantError, KvmedicError, OutputError, UsageError

ROOM = "Make room where the output goes, or send it elsewhere."
INTERRUPTED = 130
BROKEN_PIPE = 141

EPILOGUE = (
    "TARGET is nothing (this host), ssh://user@host, a bundle or sosreport (folder or tar), "
    "a kernel log, or -.\n\n"
    "Exit codes: 0 healthy · 1 at risk or failing · 2 usage · 3 undetermined · "
    "10 and up an error (docs/exit-codes.md)."
)

VERBS: tuple[tuple[str, str], ...] = (
    ("check", "Examine a host now: verdict, findings, what to do. Changes nothing."),
    ("why", "After a failure: who it was, the likely causes with proof, and what to do."),
    ("map", "Show physical memory: who owns which block, what is stranded, what each remedy would free."),
    ("plan", "Compare remedies for this host now, or write one down as a plan. Changes nothing."),
    ("apply", "Carry a plan out step by step, and measure whether it helped."),
    ("undo", "Put back what a run changed."),
    ("runs", "List what was done on this host."),
    ("capture", "Write a bundle that a colleague can check elsewhere, secrets removed."),
    ("lab", "Bring failures about in disposable hosts, and see what kvmedic says of them."),
)


def build_app() -> App:
    """The command line with its verbs, each imported only when it is used."""
    app = App(
        name="kvmedic",
        help="Find out why a KVM host or its guests keep failing, and repair it safely.",
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=__version__,
    )
    for name, text in VERBS:
        app.command(f"kvmedic.cli.{name}:{name}", name=name, help=text)
    return app


def main(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Errors are told on stderr, with a hint."""
    try:
        return _call(arguments)
    except KvmedicError as error:
        if isinstance(error, InvariantError):
            traceback.print_exc()
        _tell(error)
        return error.code
    except KeyboardInterrupt:
        _say("interrupted; nothing was changed")
        return INTERRUPTED
    except BrokenPipeError:
        forget_stdout()
        return BROKEN_PIPE
    except Exception:
        traceback.print_exc()
        _tell(InvariantError("this is a bug in kvmedic", hint="Please report it with the lines above."))
        return InvariantError.code


def _call(arguments: Sequence[str]) -> int:
    app = build_app()
    try:
        code = app(
            _with_pipe(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        raise UsageError(str(error).strip(), hint="See kvmedic --help, or kvmedic VERB --help.") from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        forget_stdout()
        raise OutputError("the output could not be written: no space left", hint=ROOM) from error
    if sys.stdout is not None:
        sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _with_pipe(arguments: Sequence[str]) -> list[str]:
    """A lone - is the target that means standard input; the parser takes it for an option without a name."""
    return ["--target=-" if argument == "-" else argument for argument in arguments]


def _tell(error: KvmedicError) -> None:
    _say(f"error: {error.message}")
    if error.hint:
        _say(f"HINT: {error.hint}")


def _say(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{text}\n")
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode() + "\n")


def run() -> None:
    """The entry point of the ``kvmedic`` command."""
    code = main(sys.argv[1:])
    sys.exit(code)
