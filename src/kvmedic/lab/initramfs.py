"""The first file system of a machine of the lab: busybox, our agent, a few modules, one start script.

Format: newc of cpio(5), written here so that no cpio program is needed.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kvmedic.errors import UsageError
from kvmedic.lab.kernel import Kernel, module_files

AGENT_SOURCE = Path(__file__).with_name("agent.c")
FOLDERS = ("bin", "dev", "proc", "sys", "run", "mem", "modules", "new", "low", "top")


def build_agent(target: Path, environment: Mapping[str, str]) -> Path:
    """Compile the agent to ``target``, once. Raises UsageError when there is no C compiler.

    ``environment`` marks the compiler as the bed's, so that clean-up ends it before it removes its folder.
    """
    if target.exists():
        return target
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise UsageError(
            "no C compiler for the guest's agent",
            hint="Install one, on Debian for example with `apt-get install gcc libc6-dev`.",
        )
    unfinished = target.with_suffix(".part")
    argv = [compiler, "-O1", "-static", "-o", str(unfinished), str(AGENT_SOURCE)]
    subprocess.run(argv, check=True, env=environment)
    unfinished.rename(target)
    return target


def find_busybox() -> Path:
    """A busybox that needs no library. Raises UsageError when there is none."""
    path = shutil.which("busybox")
    if path is None:
        raise UsageError(
            "no busybox for the guest's shell",
            hint="Install it, on Debian for example with `apt-get install busybox-static`.",
        )
    return Path(path)


def write_initramfs(target: Path, *, agent: Path, init: str, kernel: Kernel, modules: Sequence[str]) -> Path:
    """Write the archive. ``modules`` are loaded by the start script in the order of /modules/order."""
    archive = _Archive()
    for name in FOLDERS:
        archive.add_folder(name)
    archive.add_file("bin/busybox", find_busybox().read_bytes())
    archive.add_file("agent", agent.read_bytes())
    archive.add_file("init", init.encode())
    order = []
    for path in module_files(kernel, modules):
        name, content = _plain_module(path)
        archive.add_file(f"modules/{name}", content)
        order.append(name)
    archive.add_file("modules/order", ("\n".join(order) + "\n").encode())
    target.write_bytes(archive.finish())
    target.chmod(0o644)
    return target


def _plain_module(path: Path) -> tuple[str, bytes]:
    """A module ready to load; kernels that ship .zst unpack it themselves (MODULE_DECOMPRESS)."""
    match path.suffix:
        case ".xz":
            return path.stem, lzma.decompress(path.read_bytes())
        case ".gz":
            return path.stem, gzip.decompress(path.read_bytes())
        case _:
            return path.name, path.read_bytes()


class _Archive:
    """A cpio archive in memory."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def add_folder(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def add_file(self, name: str, content: bytes) -> None:
        self._add(name, stat.S_IFREG | 0o755, content)

    def finish(self) -> bytes:
        """The archive with its end mark. Not compressed: under software emulation unpacking costs seconds."""
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + encoded
        self._parts += [_padded(header), _padded(content)]


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)
