"""When a compaction goes on and when it ends; that it moves real pages the nested host shows (tests/live)."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmedic.adapters.compact_actor import MOST_PASSES, CompactActor
from kvmedic.model.plan import CompactNode, Step
from kvmedic.model.run import Intent

STEP = Step(
    number=1,
    title="compact node 0",
    action=CompactNode(node=0),
    host_name="kvm7",
    host_uri=None,
    is_disruptive=False,
    is_reversible=False,
)
INTENT = Intent(step=1, at="2026-11-25T03:00:00Z", before={}, restores={})


class Host:
    """A node whose passes have the given gains in blocks and moved pages, one after the other."""

    def __init__(self, root: Path, passes: list[tuple[int, int]]) -> None:
        self.root, self.passes, self.done = root, passes, 0
        (root / "proc").mkdir()
        self.blocks = self.pages = 0
        self.write()

    def write(self) -> None:
        cells = " ".join(["0"] * 9 + [str(self.blocks), "0"])
        (self.root / "proc/buddyinfo").write_text(f"Node 0, zone Normal {cells}\n")
        (self.root / "proc/vmstat").write_text(f"compact_isolated {2 * self.pages}\n")

    def compact(self, _: CompactNode) -> None:
        gain, moved = self.passes[self.done] if self.done < len(self.passes) else (0, 0)
        self.blocks, self.pages, self.done = self.blocks + gain, self.pages + moved, self.done + 1
        self.write()


@pytest.mark.parametrize(
    ("passes", "done"),
    [
        ([(30, 9000), (0, 6)], 2),
        ([(3, 6000), (30, 9000), (0, 1)], 3),
        ([(0, 0)], 1),
        ([(10, 4000)] * 40, MOST_PASSES),
    ],
    ids=["until one does nothing", "past one that prepares", "nothing to do", "never for ever"],
)
def test_passes_go_on_while_they_do_something(
    tmp_path: Path, passes: list[tuple[int, int]], done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, passes)
    actor = CompactActor(tmp_path)
    monkeypatch.setattr(actor, "_compact", host.compact)
    actor.act(STEP, INTENT, lambda *_: None)
    assert host.done == done
