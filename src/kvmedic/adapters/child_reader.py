"""The disposable reader: run as a program of its own, it may hang in the kernel for ever without harm.

``python -I -S child_reader.py LIMIT_BYTES`` says "up", reads paths separated by NUL from standard input and
answers each with a line "NUMBER ERRNO LENGTH" and LENGTH bytes. It imports nothing of kvmedic.
"""

import os
import sys


def read_bounded(path: bytes, limit_bytes: int) -> bytes:
    """At most ``limit_bytes`` and one byte, so that the parent sees whether there was more."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        parts = []
        left = limit_bytes + 1
        while left > 0:
            part = os.read(descriptor, min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def answer(number: int, error: int, data: bytes) -> None:
    """One answer, flushed, so that what was read before a hang is not lost with it."""
    sys.stdout.buffer.write(b"%d %d %d\n" % (number, error, len(data)))
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def run() -> None:
    """Answer every path of standard input, in order."""
    limit_bytes = int(sys.argv[1])
    sys.stdout.buffer.write(b"up\n")
    sys.stdout.buffer.flush()
    for number, path in enumerate(sys.stdin.buffer.read().split(b"\0")):
        try:
            answer(number, 0, read_bounded(path, limit_bytes))
        except OSError as error:
            answer(number, error.errno or 0, b"")


if __name__ == "__main__":
    run()
