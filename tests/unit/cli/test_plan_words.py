"""The words of kvmedic plan: nobody's word is taken and then not listened to."""

from __future__ import annotations

from dataclasses import fields

import pytest

from kvmedic.cli.main import main
from kvmedic.cli.plan_wishes import HEARD_BY, PlanWishes, parse_size
from kvmedic.errors import UsageError
from kvmedic.plan.catalogue import REMEDIES
from kvmedic.units import GIB, MIB

USAGE = 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--remedy", "pin-memory", "--target", "6G"), "pin-memory does not listen to --target"),
        (
            ("--remedy", "deflate-balloon", "--power-cycle"),
            "deflate-balloon does not listen to --power-cycle",
        ),
        (("--remedy", "migrate-domain", "--bandwidth", "-5"), "--bandwidth -5 is no limit"),
        (("--remedy", "migrate-domain", "--timeout", "0"), "--timeout 0.0 is no limit"),
        (("--remedy", "migrate-domain", "--timeout", "nan"), "--timeout nan is no limit"),
        (("--remedy", "migrate-domain", "--emit", "sysctl"), "migrate-domain sets nothing that could be"),
        (("--remedy", "release-stranded-memory", "--emit", "tuned"), "sets nothing that could be emitted"),
        (("-o", "plan.json"), "there is no plan to write"),
        (("--emit", "sysctl", "-o", "plan.json"), "--emit prints, it writes no plan"),
        (("--remedy", "deflate-balloon", "--target", "12Q"), "'12Q' is no size"),
        (("--remedy", "deflate-balloon", "--target", "0"), "'0' is no size"),
    ],
)
def test_words_that_nobody_would_listen_to_are_refused_before_anything_is_read(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "/nonexistent", *words]) == USAGE
    assert said in capsys.readouterr().err


def test_every_word_is_heard_by_remedies_that_there_are() -> None:
    known = {remedy.id for remedy in REMEDIES}

    assert {field.name for field in fields(PlanWishes)} == set(HEARD_BY)
    assert {remedy for heard_by in HEARD_BY.values() for remedy in heard_by} <= known


def test_a_comparison_takes_every_word() -> None:
    assert PlanWishes(power_cycle=True, target_size="6G", to="qemu:///x").checked(None)


@pytest.mark.parametrize(("text", "size"), [("700M", 700 * MIB), ("6GiB", 6 * GIB), ("4096", 4096)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1G", "1.5G", "0M", "G", "1e9"])
def test_what_is_no_size_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_size(text)
