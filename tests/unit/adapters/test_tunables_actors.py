"""Kernel settings and our own files: written whole, never over somebody else's, put back as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "execute"))
from run_samples import step

from kvmedic.adapters.tunables_actor import MARK, PersistTunablesActor, WriteTunableActor
from kvmedic.errors import ActionRefusedError, PreconditionFailedError
from kvmedic.model.plan import PersistTunables, WriteTunable
from kvmedic.model.run import Intent, Sight

PATH = "proc/sys/vm/min_free_kbytes"
OUR_FILE = "etc/sysctl.d/90-kvmedic.conf"
CONTENT = f"{MARK}\nvm.x = 1\n"


def silent(_phrase: str, _share: float | None) -> None:
    """Nobody watches."""


def write(path: str = PATH, expected: str = "100") -> WriteTunable:
    return WriteTunable(path=path, expected=expected, value="150", reason="r", cost="c")


def intent(sight: Sight) -> Intent:
    return Intent(step=1, at="t", before=sight.facts, restores=sight.restores)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    setting = tmp_path / PATH
    setting.parent.mkdir(parents=True)
    setting.write_text("100\n")
    return tmp_path


def test_a_setting_is_written_seen_and_put_back(root: Path) -> None:
    actor, one = WriteTunableActor(root), step(1, write())
    before = intent(actor.look(one, None))

    actor.act(one, before, silent)
    assert actor.look(one, before).is_reached
    actor.undo(one, before, silent)

    assert (root / PATH).read_text() == "100"


def test_a_setting_that_changed_since_the_plan_is_not_touched(root: Path) -> None:
    with pytest.raises(PreconditionFailedError, match="is 100, and was 99 when the plan was made"):
        WriteTunableActor(root).look(step(1, write(expected="99")), None)


def test_a_setting_that_somebody_changed_after_us_is_not_put_back(root: Path) -> None:
    actor, one = WriteTunableActor(root), step(1, write())
    before = intent(actor.look(one, None))
    actor.act(one, before, silent)
    (root / PATH).write_text("777\n")

    with pytest.raises(ActionRefusedError, match="is 777 by somebody else now"):
        actor.undo(one, before, silent)


@pytest.mark.parametrize(
    "path", ["etc/passwd", "proc/sys/kernel/core_pattern", "proc/sys/vm/../kernel/x", "/proc/sys/vm/x"]
)
def test_a_plan_that_was_edited_cannot_write_elsewhere(root: Path, path: str) -> None:
    with pytest.raises(PreconditionFailedError, match="is no setting that kvmedic writes"):
        WriteTunableActor(root).look(step(1, write(path)), None)


def test_a_setting_that_this_kernel_lacks_is_refused(root: Path) -> None:
    with pytest.raises(PreconditionFailedError, match="cannot be read"):
        WriteTunableActor(root).look(step(1, write("proc/sys/vm/defrag_mode")), None)


def test_our_file_is_made_and_taken_away(root: Path) -> None:
    actor, one = PersistTunablesActor(root), step(1, PersistTunables(path=OUR_FILE, content=CONTENT))
    before = intent(actor.look(one, None))

    actor.act(one, before, silent)
    assert actor.look(one, before).is_reached
    assert (root / OUR_FILE).read_text() == CONTENT
    actor.undo(one, before, silent)

    assert list((root / "etc/sysctl.d").iterdir()) == []


def test_an_older_file_of_ours_comes_back(root: Path) -> None:
    (root / OUR_FILE).parent.mkdir(parents=True)
    (root / OUR_FILE).write_text(f"{MARK}\nvm.old = 1\n")
    actor, one = PersistTunablesActor(root), step(1, PersistTunables(path=OUR_FILE, content=CONTENT))
    before = intent(actor.look(one, None))
    actor.act(one, before, silent)
    actor.undo(one, before, silent)

    assert (root / OUR_FILE).read_text() == f"{MARK}\nvm.old = 1\n"


def test_what_an_earlier_run_keeps_for_the_next_boot_stays(root: Path) -> None:
    (root / OUR_FILE).parent.mkdir(parents=True)
    (root / OUR_FILE).write_text(f"{MARK}\nvm.old = 1\nvm.x = 7\n")
    actor, one = PersistTunablesActor(root), step(1, PersistTunables(path=OUR_FILE, content=CONTENT))
    before = intent(actor.look(one, None))

    actor.act(one, before, silent)

    assert (root / OUR_FILE).read_text() == f"{MARK}\nvm.old = 1\nvm.x = 1\n"
    assert actor.look(one, before).is_reached


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("etc/tmpfiles.d/kvmedic.conf", "f+ /root/.ssh/authorized_keys - - - - key"),
        ("etc/tmpfiles.d/kvmedic.conf", "w /proc/sys/kernel/core_pattern - - - - x"),
        ("etc/tmpfiles.d/kvmedic.conf", "w /sys/kernel/mm/transparent_hugepage/../../x - - - - 1"),
        (OUR_FILE, "kernel.core_pattern = x"),
        (OUR_FILE, ""),
    ],
)
def test_a_plan_that_was_edited_cannot_order_anything_for_the_next_boot(
    root: Path, path: str, line: str
) -> None:
    edited = step(1, PersistTunables(path=path, content=f"{CONTENT}{line}\n"))
    actor = PersistTunablesActor(root)

    with pytest.raises(PreconditionFailedError, match="a line that kvmedic never writes"):
        actor.act(edited, Intent(step=1, at="t", before={}, restores={"content": None}), silent)
    assert not (root / path).exists()


def test_a_file_of_somebody_else_is_never_overwritten(root: Path) -> None:
    (root / OUR_FILE).parent.mkdir(parents=True)
    (root / OUR_FILE).write_text("vm.theirs = 1\n")

    with pytest.raises(PreconditionFailedError, match="is not ours; it was not touched"):
        PersistTunablesActor(root).look(step(1, PersistTunables(path=OUR_FILE, content=CONTENT)), None)


def test_a_file_that_was_edited_since_is_not_taken_away(root: Path) -> None:
    actor, one = PersistTunablesActor(root), step(1, PersistTunables(path=OUR_FILE, content=CONTENT))
    before = intent(actor.look(one, None))
    actor.act(one, before, silent)
    (root / OUR_FILE).write_text(f"{CONTENT}vm.mine = 2\n")

    with pytest.raises(ActionRefusedError, match="was edited since"):
        actor.undo(one, before, silent)


def test_only_our_two_files_are_ever_written(root: Path) -> None:
    with pytest.raises(PreconditionFailedError, match="is no file that kvmedic writes"):
        PersistTunablesActor(root).look(step(1, PersistTunables(path="etc/crontab", content=CONTENT)), None)
