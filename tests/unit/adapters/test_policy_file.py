"""The policy file: every key that its page shows is read, and anything else is named and refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmedic.adapters.policy_file import load_policy
from kvmedic.errors import UsageError
from kvmedic.model.policy import NO_POLICY, BoardController, FleetHost, Policy, Window

PAGE = Path(__file__).parents[3] / "docs/policy.md"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return path


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_is_a_policy_and_names_every_key(tmp_path: Path) -> None:
    policy = load_policy(written(tmp_path, example()))

    assert policy.protected_domains[0] == "db-1"
    assert policy.windows[0].days == ("sat", "sun")
    assert policy.hosts[0].bmc is not None
    for record in (Policy, Window, FleetHost, BoardController):
        for field in record.__struct_fields__:
            assert re.search(rf"\b{field}\b", example()), f"{field} is not on the page"


def test_an_empty_file_is_the_policy_without_one(tmp_path: Path) -> None:
    assert load_policy(written(tmp_path, "")) == NO_POLICY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("protect = ['db-1']", "protect"),
        ("cooldown_s = 'long'", "cooldown_s"),
        ("[[windows]]\ndays = ['noon']\nbegins = '1'\nends = '2'", "noon"),
        ("[[windows]]\ndays = ['mon']\nbegins = '9:00'\nends = '17:00'", "begins"),
        ("[[windows]]\ndays = ['mon']\nbegins = '09:00'\nends = '24:30'", "ends"),
        ("cooldown_s = -1.0", "cooldown_s"),
        ("parallel_migrations = 0", "parallel_migrations"),
        ("parallel_migrations = 2", "parallel_migrations = 2: guests move one after the other"),
        ("cooldown_s = ", "policy.toml"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        load_policy(written(tmp_path, text))
    assert "docs/policy.md" in str(refused.value.hint)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.toml")
