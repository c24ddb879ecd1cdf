"""Pseudonyms from a key, and those of names that their form alone betrays: UUIDs, MAC and IP addresses."""

from __future__ import annotations

import re
from hashlib import blake2b

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.-])")
_IPV6 = re.compile(
    r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?)(?![\w:])",
    re.IGNORECASE,
)


class Forms:
    """One key makes one set of pseudonyms; without it nobody can tell two names from one another."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, name: str) -> str:
        """The pseudonym of a name of this kind."""
        return f"{kind}-{self._digest(kind, name)[:8]}"

    def addresses(self, text: str) -> str:
        """UUIDs and addresses, which are told by their form alone."""
        text = _UUID.sub(lambda found: self._uuid(found[0]), text)
        text = _MAC.sub(lambda found: self._mac(found[0]), text)
        text = _IPV4.sub(lambda found: self._address(found[0]), text)
        return _IPV6.sub(lambda found: self._address(found[0]), text)

    def _digest(self, kind: str, name: str) -> str:
        return blake2b(f"{kind}\0{name}".encode(), key=self._key, digest_size=16).hexdigest()

    def _uuid(self, uuid: str) -> str:
        hexadecimal = self._digest("uuid", uuid.lower())
        return "-".join(
            hexadecimal[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        )

    def _mac(self, mac: str) -> str:
        digest = self._digest("mac", mac.lower())
        return ":".join(["02", *(digest[at : at + 2] for at in range(0, 10, 2))])

    def _address(self, address: str) -> str:
        """Loopback and unspecified addresses tell nothing and stay."""
        if address.startswith("127.") or address in {"0.0.0.0", "::", "::1"}:  # noqa: S104
            return address
        return self.of("address", address)
