"""The policy file: TOML, validated; an error names the key."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kvmedic.errors import UsageError
from kvmedic.model.policy import Policy


def load_policy(path: Path) -> Policy:
    """The policy in ``path``. UsageError where it cannot be read, or says what no policy says."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Policy)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="See docs/policy.md.") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}", hint="See docs/policy.md for every key.") from error
