"""Where the samples of kernel files lie, and how to read them."""

from __future__ import annotations

from pathlib import Path

KERNELS = Path(__file__).parents[2] / "data" / "kernels"
ALL = sorted(folder.name for folder in KERNELS.iterdir() if folder.is_dir())
EL8, ARM64_CMA, FRAGMENTED, DEBIAN, MANY_NODES, HERE, NEWEST = (
    "4.18-el8-by-format",
    "5.10-arm64-cma-by-format",
    "6.1-fragmented",
    "6.1-two-nodes",
    "6.12-eight-nodes",
    "6.18-one-node",
    "7.1-by-format",
)


def sample(kernel: str, path: str) -> str:
    """The text of ``path`` on ``kernel``."""
    return (KERNELS / kernel / path).read_text()


def samples(path: str) -> list[str]:
    """The kernels that have ``path``."""
    return [kernel for kernel in ALL if (KERNELS / kernel / path).is_file()]
