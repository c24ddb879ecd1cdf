"""The collector: one script, plain POSIX, complete, and short enough to be read."""

from __future__ import annotations

import re
import subprocess

import pytest

from kvmedic.adapters.collector import collector_script
from kvmedic.model.reading_list import AGAIN, CGROUP, DAEMONS, HOST
from kvmedic.parse.known_safe import is_reduced
from kvmedic.parse.qemu_arguments import parse_qemu_arguments


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
def test_every_shell_understands_it(shell: str) -> None:
    subprocess.run([*shell.split(), "-n"], input=collector_script().encode(), check=True, timeout=10)


def test_no_placeholder_is_left() -> None:
    assert not re.search(r"@[A-Z_]+@", collector_script())


def test_it_names_everything_on_the_reading_list() -> None:
    words = set(re.split(r"[\s']+", collector_script()))
    named = {pattern for pattern in HOST if not is_reduced(pattern)}
    assert named | set(AGAIN) | set(CGROUP) | DAEMONS <= words


def test_it_is_short_enough_to_be_read_in_ten_minutes() -> None:
    lines = collector_script().splitlines()
    assert len(lines) < 420
    assert max(map(len, lines)) < 240


def test_it_never_writes_outside_its_own_folder() -> None:
    """Every redirection goes to a variable of ours, to /dev/null, or to its own oom_score_adj."""
    code = "\n".join(line for line in collector_script().splitlines() if not line.lstrip().startswith("#"))
    allowed = (
        "/dev/null",
        "&1",
        "&2",
        '"$out',
        '"$work',
        '"$kinds"',
        '"$sleepers"',
        '"$to"',
        "/proc/$$/oom_score_adj",
    )
    targets = re.findall(r"(?<![-=$0-9a-z])2?>>? ?(\S+)", re.sub(r"'[^']*'", "''", code))
    assert targets
    assert [target for target in targets if not target.startswith(allowed)] == []


@pytest.mark.parametrize(
    "arguments",
    [["--unknown"], ["--interval", "1; reboot"], ["--interval", ""]],
    ids=["option", "command", "empty"],
)
def test_what_it_does_not_know_it_refuses(arguments: list[str]) -> None:
    ended = subprocess.run(
        ["sh", "-s", "--", *arguments],
        input=collector_script().encode(),
        capture_output=True,
        check=False,
        timeout=10,
    )
    assert ended.returncode == 2
    assert b"collector: " in ended.stderr
    assert ended.stdout == b""


def reduced(shell: str, *words: str) -> str:
    """What the collector keeps of a command line."""
    lines = collector_script().split("\n")
    lists = lines[: lines.index("set -u")]
    first = lines.index(next(line for line in lines if line.startswith("safe_arguments()")))
    function = lines[first : lines.index("}", first) + 1]
    script = "\n".join([*lists, *function, "safe_arguments"])
    given = "".join(f"{word}\0" for word in words).encode()
    done = subprocess.run([*shell.split(), "-c", script], input=given, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


def test_lists_and_commas_of_a_command_line_survive_the_collector() -> None:
    bound = '{"qom-type":"memory-backend-ram","id":"ram-node0","size":1,"host-nodes":[0,1],"policy":"bind"}'
    words = (
        "/usr/bin/qemu-system-x86_64",
        "-name",
        "guest=a,,b,debug-threads=on",
        "-object",
        bound,
        "-m",
        "size=1024",
    )
    found = parse_qemu_arguments(reduced("sh", *words), "x")
    assert (found.name, found.memory, found.backends[0].host_nodes) == ("a,b", "size=1024"[5:], "0,1")


def test_a_comma_inside_a_quoted_value_begins_no_new_key() -> None:
    tricky = (
        '{"qom-type":"memory-backend-file","id":"a","mem-path":"/x,share=on,\\"host-nodes","share":false}'
    )
    found = parse_qemu_arguments(reduced("sh", "/usr/bin/kvm", "-object", tricky), "x")
    assert found.backends[0].is_shared is not True
    assert found.backends[0].host_nodes is None


def filtered(shell: str, name: str, text: str) -> str:
    """What a filter of the collector leaves of a log."""
    lines = collector_script().split("\n")
    first = lines.index(next(line for line in lines if line.startswith(f"{name}()")))
    last = first if lines[first].endswith("}") else lines.index("}", first)
    script = "\n".join([*lines[first : last + 1], name])
    ended = subprocess.run(
        [*shell.split(), "-c", script], input=text.encode(), capture_output=True, check=False, timeout=10
    )
    assert ended.stderr == b""
    return ended.stdout.decode()


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("   cd / && run-parts --report /etc/cron.hourly", "run-parts /etc/cron.hourly"),
        ("/opt/backup.sh --password hunter2", "/opt/backup.sh"),
        ("PASSWORD=hunter2 /opt/backup.sh", ""),
        ("PASSWORD=ab/hunter2 /opt/backup.sh", ""),
        ("curl https://user:hunter2@example.com/", ""),
    ],
)
def test_of_a_cron_job_only_its_program_is_stored(shell: str, command: str, kept: str) -> None:
    head = "Nov 24 03:00:01 node7 CRON[4711]: (root) CMD ("

    assert filtered(shell, "safe_cron", f"{head}{command})\n") == f"{head}{kept} ...)\n"


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
def test_what_a_log_says_besides_cron_is_stored_as_it_is(shell: str) -> None:
    text = "Nov 24 03:00:01 node7 kernel: [1.0] Killed process 7 (qemu) total-vm:9kB\n"

    assert filtered(shell, "safe_cron", text) == text


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
def test_of_the_audit_log_only_records_about_guests_and_services_are_stored(shell: str) -> None:
    kept = (
        "type=VIRT_CONTROL msg=audit(1800000000.1:4): pid=1 msg='virt=kvm op=stop'\n"
        "node=a type=SERVICE_STOP msg=audit(1800000000.1:5): pid=1 msg='unit=libvirtd'\n"
    )
    told = (
        'type=EXECVE msg=audit(1800000000.1:6): argc=2 a0="mysql" a1="-phunter2"\n'
        "type=USER_CMD msg=audit(1800000000.1:7): pid=1 msg='cmd=68756E74657232'\n"
        "type=TTY msg=audit(1800000000.1:8): data=68756E7465723220\n"
    )

    assert filtered(shell, "safe_audit", told + kept) == kept


def test_it_names_the_tool_that_prints_what_sysstat_measured() -> None:
    assert 'sadf -d -U "$day" -- -r -S -B -W -q' in collector_script()
