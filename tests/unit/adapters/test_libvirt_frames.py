"""Frames come whole or not at all, however the pipe cuts them, and nonsense ends the reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.adapters.libvirt_frames import Frame, FrameReader


def written(kind: str, path: str, data: bytes) -> bytes:
    """A frame as the child writes it."""
    return f"{kind} {len(path.encode())} {len(data)}\n".encode() + path.encode() + data


_FRAMES = st.lists(st.tuples(st.sampled_from("SFGD"), st.text(max_size=20), st.binary(max_size=40)))


@given(_FRAMES, st.integers(1, 9))
def test_frames_survive_any_cutting(frames: list[tuple[str, str, bytes]], size: int) -> None:
    stream = b"".join(written(*frame) for frame in frames)
    reader = FrameReader()
    found = [
        frame for start in range(0, len(stream), size) for frame in reader.feed(stream[start : start + size])
    ]
    assert found == [Frame(*frame) for frame in frames]
    assert not reader.is_broken


def test_a_frame_that_is_cut_off_is_not_taken() -> None:
    reader = FrameReader()
    whole, cut = written("F", "a", b"1234"), written("F", "b", b"5678")[:-1]
    assert [frame.path for frame in reader.feed(whole + cut)] == ["a"]


@pytest.mark.parametrize(
    "nonsense", [b"Traceback (most recent call last):\n", b"X 1 1\nab", b"F 1 999999999\n", b"\n"]
)
def test_nonsense_ends_the_reading(nonsense: bytes) -> None:
    reader = FrameReader()
    assert list(reader.feed(nonsense)) == []
    assert reader.is_broken
    assert list(reader.feed(written("F", "a", b""))) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_without_a_crash(data: bytes) -> None:
    list(FrameReader().feed(data))
