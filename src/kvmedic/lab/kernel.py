"""The kernels installed on this machine that a guest or a nested host can boot, and their modules."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from kvmedic.errors import UsageError
from kvmedic.model.record import Record

BOOT = Path("/boot")
MODULES = Path("/lib/modules")


class Kernel(Record, frozen=True, kw_only=True):
    """A kernel image and the folder of its modules."""

    release: str
    image: Path
    modules: Path


def installed_kernels() -> list[Kernel]:
    """Every kernel with an image we may read and modules on disk, newest first by the numbers in its name."""
    found = [
        Kernel(release=folder.name, image=image, modules=folder)
        for folder in MODULES.glob("*")
        for image in (BOOT / f"vmlinuz-{folder.name}", folder / "vmlinuz")
        if (folder / "modules.dep").exists() and os.access(image, os.R_OK)
    ]
    return sorted(found, key=lambda kernel: _numbers(kernel.release), reverse=True)


def find_kernel(release: str | None = None) -> Kernel:
    """The oldest installed kernel (so that figures stay comparable), or the one that begins so."""
    for kernel in reversed(installed_kernels()):
        if release is None or kernel.release.startswith(release):
            return kernel
    raise UsageError(
        f"no bootable kernel {release or ''} with modules in {BOOT} and {MODULES}".replace("  ", " "),
        hint="Install one, on Debian for example with `apt-get install linux-image-amd64`.",
    )


def module_files(kernel: Kernel, names: Iterable[str]) -> list[Path]:
    """The files of these modules and of all they need, in an order in which they load.

    Built-in modules have no file and are left out. Source: modules.dep (depmod(8)), whose dependencies stand
    in reverse order of loading.
    """
    table = _dependencies(kernel)
    ordered: dict[Path, None] = {}
    for name in names:
        for path in table.get(name.replace("-", "_"), []):
            ordered.setdefault(kernel.modules / path)
    return list(ordered)


def _dependencies(kernel: Kernel) -> dict[str, list[str]]:
    table = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        table[_module_name(path)] = [*reversed(needs.split()), path]
    return table


def _module_name(path: str) -> str:
    return Path(path).name.split(".ko")[0].replace("-", "_")


def _numbers(release: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", release)]
