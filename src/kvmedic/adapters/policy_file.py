"""The policy file: TOML, validated; an error names the key."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kvmedic.errors import UsageError
from kvmedic.model.policy import Policy


def load_policy(path: Path) -> Policy:
    """The policy in ``path``. UsageError where it cannot be read, or says what no policy says."""
    try:
        policy = msgspec.toml.decode(path.read_bytes(), type=Policy)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="See docs/policy.md.") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}", hint="See docs/policy.md for every key.") from error
    if policy.parallel_migrations > 1:
        raise UsageError(
            f"{path}: parallel_migrations = {policy.parallel_migrations}: guests move one after the other",
            hint="Set it to 1, or leave it out; docs/policy.md says why.",
        )
    return policy
