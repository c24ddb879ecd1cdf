"""sysstat's reports as its versions 10 to 12 print them: three formats, five locales, two clocks."""
# ruff: noqa: E501 (rows stand as sar prints them)

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_samples import read

from kvmedic.model.log_event import HostSample
from kvmedic.parse.logs.sysstat import MOST_SAMPLES

KIB = 1024
SAR_C = """\
Linux 6.18.44-fc-v657 (vm) \t11/25/26 \t_x86_64_\t(2 CPU)

01:14:00     pswpin/s pswpout/s
01:14:02         0.00      1.50
01:14:04         0.00      0.00
Average:         0.00      0.75

01:14:00     pgpgin/s pgpgout/s   fault/s  majflt/s  pgfree/s pgscank/s pgscand/s pgsteal/s    %vmeff
01:14:02       528.00     20.00  25398.50      3.50  59418.00     12.00      7.00      0.00      0.00
01:14:04       448.00    514.00   8563.00      3.00  16962.50      0.00      0.00      0.00      0.00
Average:       488.00    267.00  16980.75      3.25  38190.25      6.00      3.50      0.00      0.00

01:14:00    kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   kbinact   kbdirty
01:14:02     21332244  22137112   2100480      8.51     29772    936764   9189752     37.23    340220   2467300     96816
01:14:04     21415556  22202208   2035340      8.25     28548    919812   7955760     32.23    336876   2411632     97408
Average:     21373900  22169660   2067910      8.38     29160    928288   8572756     34.73    338548   2439466     97112
"""
SAR_EN = """\
Linux 6.18.44-fc-v657 (vm) \t11/25/2026 \t_x86_64_\t(2 CPU)

01:14:00 PM kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   kbinact   kbdirty
01:14:02 PM  21332244  22137112   2100480      8.51     29772    936764   9189752     37.23    340220   2467300     96816
"""
SAR_DE = """\
Linux 6.18.44-fc-v657 (vm) \t25.11.2026 \t_x86_64_\t(2 CPU)

13:14:00    kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   kbinact   kbdirty
13:14:02     21332244  22137112   2100480      8,51     29772    936764   9189752     37,23    340220   2467300     96816
Durchschn.:  21332244  22137112   2100480      8,51     29772    936764   9189752     37,23    340220   2467300     96816
"""
SAR_ZH = """\
Linux 6.18.44-fc-v657 (vm) \t2026年11月25日 \t_x86_64_\t(2 CPU)

13时14分00秒 kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   kbinact   kbdirty
13时14分02秒  21332244  22137112   2100480      8.51     29772    936764   9189752     37.23    340220   2467300     96816
平均时间:  21332244  22137112   2100480      8.51     29772    936764   9189752     37.23    340220   2467300     96816
"""
CSV = """\
# hostname;interval;timestamp;pswpin/s;pswpout/s
vm;2;2026-11-25 13:14:02 UTC;0.00;1.50
vm;-1;2026-11-25 13:20:00 UTC;LINUX-RESTART\t(2 CPU)
# hostname;interval;timestamp;kbmemfree;kbavail;kbmemused;%memused
vm;2;2026-11-25 13:14:02 UTC;21332244;22137112;2100480;8.51
# hostname;interval;timestamp;runq-sz;plist-sz;ldavg-1;ldavg-5;ldavg-15;blocked
vm;2;2026-11-25 13:14:02 UTC;0;157;1.21;1.58;1.07;4
"""
JSON = """\
{"sysstat": {
\t"hosts": [
\t\t{
\t\t\t"nodename": "vm",
\t\t\t"statistics": [
\t\t\t\t{
\t\t\t\t\t"timestamp": {"date": "2026-11-25", "time": "13:14:02", "utc": 1, "interval": 2},
\t\t\t\t\t"swap-pages": {"pswpin": 0.00, "pswpout": 1.50},
\t\t\t\t\t"paging": {"pgpgin": 528.00, "majflt": 3.50, "pgscank": 12.00, "pgscand": 7.00},
\t\t\t\t\t"memory": {"memfree": 21332244, "avail": 22137112, "swpfree": 0, "swpused": 0},
\t\t\t\t\t"queue": {"runq-sz": 0, "ldavg-1": 1.21, "blocked": 4}
\t\t\t\t}
\t\t\t],
\t\t\t"restarts": [
\t\t\t]
\t\t}
\t]
}}
"""
AFTERNOON = datetime(2026, 11, 25, 13, 14, 2, tzinfo=UTC).timestamp()


def samples(text: str, source: str = "sar") -> tuple[HostSample, ...]:
    reading = read(text, source=source)

    assert reading.kind == "sysstat"

    return reading.samples


def test_what_stands_in_several_blocks_about_one_moment_is_one_sample() -> None:
    first, second = samples(SAR_C)

    assert first.at.wall_s == datetime(2026, 11, 25, 1, 14, 2, tzinfo=UTC).timestamp()
    assert (first.at.is_year_known, first.at.is_zone_known, first.interval_s) == (True, False, 2.0)
    assert (first.available_bytes, first.free_bytes) == (22137112 * KIB, 21332244 * KIB)
    assert (first.swapped_out_per_s, first.major_faults_per_s) == (1.5, 3.5)
    assert (first.scanned_by_kswapd_per_s, first.scanned_by_tasks_per_s) == (12.0, 7.0)
    assert (first.line.line_number, first.load_1min) == (14, None)
    assert second.swapped_out_per_s == 0.0


@pytest.mark.parametrize("text", [SAR_EN, SAR_DE, SAR_ZH, CSV, JSON])
def test_every_format_and_locale_tells_the_same_moment_and_memory(text: str) -> None:
    (sample,) = samples(text)

    assert (sample.at.wall_s, sample.available_bytes) == (AFTERNOON, 22137112 * KIB)
    assert sample.at.is_zone_known == (text in (CSV, JSON))


@pytest.mark.parametrize("text", [CSV, JSON])
def test_sadf_tells_load_swap_and_interval_by_the_names_of_its_columns(text: str) -> None:
    (sample,) = samples(text)

    assert (sample.load_1min, sample.blocked_tasks, sample.swapped_out_per_s) == (1.21, 4.0, 1.5)
    assert sample.interval_s == 2.0


def test_sadf_with_seconds_since_the_epoch_is_read() -> None:
    (sample,) = samples(
        f"# hostname;interval;timestamp;kbmemfree;kbavail\nvm;600;{AFTERNOON:.0f};21332244;22137112\n"
    )

    assert (sample.at.wall_s, sample.at.is_zone_known) == (AFTERNOON, True)


def test_an_old_report_has_no_available_memory_and_restarts_between_its_blocks() -> None:
    text = (
        "Linux 3.10.0-514.el7.x86_64 (node7.example.com) \t03/01/2014 \t_x86_64_\t(8 CPU)\n\n"
        "12:00:01 AM kbmemfree kbmemused  %memused kbbuffers  kbcached kbswpfree kbswpused  %swpused  kbswpcad\n"
        "12:10:01 AM    262068    253408     49.16     43884    156456   1048568        16      0.00         0\n\n"
        "12:14:33 AM       LINUX RESTART\n\n"
        "12:20:01 AM kbmemfree kbmemused  %memused kbbuffers  kbcached kbswpfree kbswpused  %swpused  kbswpcad\n"
        "12:30:01 AM    261572    253904     49.26     44580    156448   1048584         0      0.00         0\n"
        "Average:       261820    253656     49.21     44232    156452   1048576         8      0.00         0\n"
    )

    first, second = samples(text)

    assert first.at.wall_s == datetime(2014, 3, 1, 0, 10, 1, tzinfo=UTC).timestamp()
    assert (first.available_bytes, first.free_bytes, first.swap_used_bytes) == (None, 262068 * KIB, 16 * KIB)
    assert second.at.wall_s == datetime(2014, 3, 1, 0, 30, 1, tzinfo=UTC).timestamp()


def test_a_row_behind_midnight_is_of_the_next_day() -> None:
    text = SAR_C.split("\n", maxsplit=1)[0] + "\n\n23:50:01 kbmemfree   kbavail\n00:00:01  100 200\n"

    (sample,) = samples(text)

    assert sample.at.wall_s == datetime(2026, 11, 26, 0, 0, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("source", "month", "day"), [("sar05", 4, 5), ("sar04", 5, 4), ("sar", 4, 5)])
def test_the_day_of_the_file_tells_day_from_month(source: str, month: int, day: int) -> None:
    text = "Linux 5.4.0 (vm) \t04/05/2022 \t_x86_64_\t(2 CPU)\n\n02:00:00 kbavail kbmemfree\n02:10:00 9 7\n"

    (sample,) = samples(text, source=f"sos_commands/sar/{source}")

    assert sample.at.wall_s == datetime(2022, month, day, 2, 10, tzinfo=UTC).timestamp()


def test_a_report_finer_than_needed_keeps_the_worst_of_each_stretch() -> None:
    begin = int(AFTERNOON)
    rows = "".join(f"vm;1;{begin + n};{1000 + n % 4};{n % 4}.00\n" for n in range(MOST_SAMPLES * 4))

    kept = samples("# hostname;interval;timestamp;kbavail;majflt/s\n" + rows)

    assert len(kept) == MOST_SAMPLES
    assert {sample.available_bytes for sample in kept} == {1000 * KIB}
    assert {sample.major_faults_per_s for sample in kept} == {3.0}


def test_a_log_of_a_kernel_is_no_report_of_sysstat() -> None:
    text = "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\n"

    assert read(text).kind == "text"


@pytest.mark.parametrize(
    "text", ['{"sysstat": {"hosts": [', '{"sysstat": 7}', '{"sysstat": {"hosts": [[1]]}}']
)
def test_a_broken_document_tells_nothing(text: str) -> None:
    assert samples(text) == ()


PIECES = [
    "Linux 6.1 (a) \t11/25/26 \t_x_\t(2 CPU)",
    "01:14:02 1 2",
    "01:14:00 kbavail kbmemfree",
    "25:99:99 1 2",
]
PIECES += [
    "# hostname;interval;timestamp;kbavail",
    "v;2;2026-13-45 99:99:99 UTC;7",
    "v;x;9;nan",
    "v;1;9999999999;1e400",
]


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=60)), max_size=20),
    st.sampled_from(PIECES[::4]),
)
def test_any_mixture_of_rows_is_read_to_its_end(lines: list[str], head: str) -> None:
    text = "\n".join([head, *lines])

    for sample in read(text).samples:
        assert sample.available_bytes is None or sample.available_bytes >= 0
        assert sample.line.line_number <= text.count("\n") + 40


def test_the_bytes_of_a_report_without_a_last_line_end_are_counted_as_they_are() -> None:
    assert read('{"sysstat"').bytes_total == len('{"sysstat"')
