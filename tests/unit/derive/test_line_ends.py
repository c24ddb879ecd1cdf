"""Line ends are counted alike by both ways of counting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmedic.derive.line_ends import FEW_BYTES, LARGE_BYTES, line_counter
from kvmedic.parse.logs.line_numbers import count_line_ends


@given(
    st.lists(st.sampled_from([b"\n", b"a", b"\r", b"line of a log\n"]), max_size=60),
    st.integers(1, 600),
    st.integers(0, 4 * FEW_BYTES),
    st.integers(0, 4 * FEW_BYTES),
)
def test_a_large_logs_line_ends_are_counted_as_those_of_a_small_one(
    pieces: list[bytes], times: int, first: int, second: int
) -> None:
    block = b"".join(pieces) * times
    begin, end = sorted((min(first, len(block)), min(second, len(block))))

    assert line_counter(LARGE_BYTES)(block, begin, end) == count_line_ends(block, begin, end)


def test_a_small_log_and_a_stream_do_without_numpy() -> None:
    assert line_counter(LARGE_BYTES - 1) is count_line_ends
    assert line_counter(None) is count_line_ends
