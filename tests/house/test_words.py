"""What an operator reads is tested: help texts, exit codes, the commands of the README."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from kvmedic import errors
from kvmedic.cli.main import VERBS, main
from kvmedic.diagnose.report import EXIT_CODES

ROOT = Path(__file__).parents[2]
KVMEDIC = Path(sys.executable).parent / "kvmedic"


def error_classes() -> list[type[errors.KvmedicError]]:
    found = (item for _, item in inspect.getmembers(errors, inspect.isclass))
    return [item for item in found if issubclass(item, errors.KvmedicError)]


def documented_codes() -> set[int]:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    return {int(code) for code in rows}


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_exit_code_is_documented(error: type[errors.KvmedicError]) -> None:
    assert error.code in documented_codes()


def test_leaves_of_the_error_tree_have_codes_of_their_own() -> None:
    leaves = [item for item in error_classes() if not item.__subclasses__()]
    codes = [item.code for item in leaves]

    assert len(set(codes)) == len(codes)


def test_verdicts_have_the_documented_codes() -> None:
    assert EXIT_CODES == {"healthy": 0, "at-risk": 1, "failing": 1, "undetermined": 3}


@pytest.mark.parametrize("verb", [name for name, _ in VERBS])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert "Usage: kvmedic " + verb in capsys.readouterr().out


@pytest.mark.parametrize("verb", [name for name, _ in VERBS])
def test_every_parameter_of_a_verb_is_explained(verb: str) -> None:
    module = import_module(f"kvmedic.cli.{verb}")
    function = getattr(module, verb, None)
    if function is None:
        pytest.fail(f"kvmedic.cli.{verb} has no function {verb}")
    if not callable(function) or not hasattr(function, "__code__"):
        return
    text = inspect.getdoc(function) or ""
    unexplained = [
        name for name in inspect.signature(function).parameters if not re.search(rf"^{name}\n", text, re.M)
    ]

    assert unexplained == []


def test_a_wrong_word_is_a_usage_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc"]) == 2
    shown = capsys.readouterr().err
    assert "error:" in shown
    assert "HINT:" in shown


def test_a_target_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "/nowhere/at/all.tar.xz"]) == 2
    assert "HINT:" in capsys.readouterr().err


def test_the_command_starts_and_knows_its_version() -> None:
    done = subprocess.run([KVMEDIC, "--version"], capture_output=True, text=True, check=True)

    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_the_readme_names_the_two_commands_that_set_up() -> None:
    text = (ROOT / "README.md").read_text()

    assert "make run" in text
    assert "make test" in text


def test_every_kvmedic_command_in_the_readme_is_a_verb_we_have() -> None:
    text = (ROOT / "README.md").read_text()
    used = set(re.findall(r"^(?:\$ |sudo |.*\| )?(?:\.venv/bin/)?kvmedic ([a-z]+)", text, re.MULTILINE))

    assert used
    assert used <= {name for name, _ in VERBS}


def test_no_file_names_a_registry_or_a_path_of_a_workplace() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    bad = re.compile(r"https?://[^\s\"']*(?:/simple/|/packages/[0-9a-f]{2}/|registry\.)|/(?:work|farm)/main")
    hits = [
        name
        for name in listed.stdout.split("\n")
        if name
        and (path := ROOT / name).is_file()
        and path.suffix in (".py", ".md", ".txt", ".toml", ".sh", "")
        if bad.search(path.read_text(errors="replace")) and name != "tests/house/test_words.py"
    ]

    assert hits == []


def test_every_test_module_has_a_name_of_its_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    doubled = sorted({name for name in names if names.count(name) > 1})

    assert doubled == []
