"""Stable pseudonyms for what tells whose host it is: domains, hosts, UUIDs, MAC and IP addresses, paths.

One key makes one set of pseudonyms: the same name reads the same everywhere in a bundle, and two bundles
cannot be joined. A name is replaced where it stands as a name, never wherever its letters occur: a domain may
be called "memory". At the end every file is searched for the names themselves; one that still holds any is
left out, and is a gap.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from xml.etree import ElementTree

from kvmedic.derive.pseudonym_forms import Forms
from kvmedic.errors import ParseError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.pve_conf import SAFE_KEYS as PVE_KEYS
from kvmedic.parse.qemu_command_line import SAFE_KEYS
from kvmedic.parse.safe_domain_xml import ATTRIBUTES, WITH_TEXT, WITHOUT_TEXT
from kvmedic.parse.xml_tree import parse_tree

Files = Mapping[str, bytes | Missing]
_NAME_IN_XML = re.compile(r"<name>([^<\n]{1,300})</name>")
_NAME_IN_ARGUMENTS = re.compile(r'"-name",\s*"(?:guest=)?((?:[^"\\,]|\\.){1,300})')
_NAME_IN_STATISTICS = re.compile(r"^Domain: '(.{1,300})'$", re.MULTILINE)
_NAME_IN_CONF = re.compile(r"^name: (\S{1,300})$", re.MULTILINE)
_ROW_OF_LIST = re.compile(
    r"^( *(?:-|\d+) +)(\S.*?)( +(?:running|idle|paused|in shutdown|shut off|crashed|pmsuspended) *)$",
    re.MULTILINE,
)
_VALUE_WITH_PLACE = re.compile(r"(\b(?:block|net)\.\d+\.(?:path|name|source|alias)=)(.+)")
_SCOPE = re.compile(r"(qemu(?:-|\\x2d)\d+(?:-|\\x2d))([^/\n]+?)(\.scope|\.libvirt-qemu|(?=[/\n])|$)")
_VIRSH = re.compile(r"(sos_commands/virsh/virsh_-r_[a-z]+(?:_--[a-z-]+)*_)([A-Za-z0-9._-]+)")
_DEFINITION = re.compile(r"((?:etc|run)/libvirt/qemu/(?:autostart/)?)([^/]+)(\.xml)")
_FIELD_OF_PAGE_MAP = re.compile(r'("(?:name|domain)":\s*)("(?:[^"\\]|\\.)*")')
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_VERSIONS = (
    "proc/version",
    "proc/sys/kernel/osrelease",
    "kvmedic/libvirt/state",
    "boot/",
    "sys/",
    "proc/config",
)
_WORDS_OF_FILES = (
    WITH_TEXT
    | WITHOUT_TEXT
    | ATTRIBUTES
    | SAFE_KEYS
    | PVE_KEYS
    | {
        *(
            "running",
            "paused",
            "crashed",
            "qemu",
            "guest",
            "host",
            "service",
            "daemon",
            "libvirt",
            "libvirtd",
        ),
        *(
            "machine",
            "system",
            "user",
            "session",
            "init",
            "scope",
            "slice",
            "emulator",
            "free",
            "bytes",
            "domains",
        ),
    }
)
_SHORTEST_SEARCHED = 4
_PLACES = frozenset({"file", "dev", "path", "bridge", "network"})


class Pseudonyms(Forms):
    """Replaces what is known to be a name. ``key`` is secret and thrown away after the bundle."""

    def __init__(self, key: bytes, domains: Iterable[str], hosts: Iterable[str]) -> None:
        super().__init__(key)
        self.domains = {name: self.of("domain", name) for name in domains}
        self.hosts = {name: self.of("host", name) for name in hosts}
        self._mangled = {_UNSAFE.sub("_", name): shown for name, shown in self.domains.items()}

    def path(self, path: str) -> str:
        """A path of evidence with the names of domains in it replaced."""
        path = _VIRSH.sub(
            lambda found: found[1] + self._mangled.get(found[2], self.of("domain", found[2])), path
        )
        path = _DEFINITION.sub(lambda found: found[1] + self._domain(found[2]) + found[3], path)
        return self._group(path) if path.startswith("sys/fs/cgroup/") else path

    def text(self, path: str, text: str) -> str:
        """The content of a file of evidence with all names replaced that its form shows to be names."""
        if path.startswith(_VERSIONS) and not path.startswith("sys/fs"):
            return text
        text = _rewriter(path)(self, text)
        return self.addresses(text)

    def leaks(self, data: bytes) -> bool:
        """Whether a name of a domain or the host still stands in the data as a word."""
        return any(pattern.search(data) for pattern in self._patterns())

    def _patterns(self) -> list[re.Pattern[bytes]]:
        names = [name for name in (*self.domains, *self.hosts) if _is_telling(name)]
        if not names:
            return []
        joined = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return [re.compile(rf"(?<![A-Za-z0-9_])(?:{joined})(?![A-Za-z0-9_])".encode())]

    def _domain(self, name: str) -> str:
        return self.domains.get(name) or self.of("domain", name)

    def _group(self, text: str) -> str:
        return _SCOPE.sub(lambda found: found[1] + self.of("group", found[2]) + found[3], text)

    def _place(self, place: str) -> str:
        return self.of("place", place) if place else place

    def rewrite_xml(self, text: str) -> str:
        """A definition: its name, and every attribute that says where something lies."""
        try:
            root = parse_tree(text, "definition")
        except ParseError:
            return ""
        for element in root.iter():
            if element.tag == "name" and element.text:
                element.text = self._domain(element.text)
            if element.tag == "partition" and element.text:
                element.text = "/" + self._place(element.text)
            is_place = element.tag in {"source", "host", "target"}
            for key, value in element.attrib.items():
                if key in _PLACES or (is_place and key == "name") or "/" in value:
                    element.set(key, self._place(value))
        return ElementTree.tostring(root, encoding="unicode")

    def rewrite_list(self, text: str) -> str:
        """Rows of ``virsh list``."""
        return _ROW_OF_LIST.sub(lambda found: found[1] + self._domain(found[2]) + found[3], text)

    def rewrite_statistics(self, text: str) -> str:
        """Rows of ``virsh domstats``."""
        text = _NAME_IN_STATISTICS.sub(lambda found: f"Domain: '{self._domain(found[1])}'", text)
        return _VALUE_WITH_PLACE.sub(lambda found: found[1] + self._place(found[2]), text)

    def rewrite_arguments(self, text: str) -> str:
        """Known-safe arguments of a QEMU: its name, and where its memory is backed."""
        text = _NAME_IN_ARGUMENTS.sub(lambda found: found[0].replace(found[1], self._domain(found[1])), text)
        return re.sub(r"(mem-path=)([^,\"]+)", lambda found: found[1] + self._place(found[2]), text)

    def rewrite_page_map(self, text: str) -> str:
        """kvmedic/page_map.json: fields that hold the name of a domain."""
        written = {
            json.dumps(name, ensure_ascii=False): json.dumps(shown) for name, shown in self.domains.items()
        }
        text = _FIELD_OF_PAGE_MAP.sub(lambda found: found[1] + written.get(found[2], found[2]), text)
        return self.rewrite_words(text)

    def rewrite_group(self, text: str) -> str:
        """/proc/PID/cgroup."""
        return self._group(text)

    def rewrite_conf(self, text: str) -> str:
        """A guest of Proxmox."""
        return _NAME_IN_CONF.sub(lambda found: f"name: {self._domain(found[1])}", text)

    def rewrite_words(self, text: str) -> str:
        """Anything else: names that stand as words, where they are long enough not to be something else."""
        for name, shown in {**self.hosts, **self.domains}.items():
            if _is_telling(name):
                text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", shown, text)
        return text

    def rewrite_host(self, text: str) -> str:
        """The host's own name, whatever its length."""
        return self.hosts.get(text.strip(), self.of("host", text.strip())) + "\n"


def with_pseudonyms(evidence: Evidence, key: bytes) -> Evidence:
    """The same evidence in which nothing tells whose host it is; gaps and paths included."""
    names = Pseudonyms(key, domains_of(evidence), _hosts_of(evidence))
    target = Target(kind=evidence.target.kind, name=names.of("host", evidence.target.name))
    return Evidence(
        target=target,
        taken_at=evidence.taken_at,
        interval_s=evidence.interval_s,
        files=_rewritten(evidence.files, names),
        again=_rewritten(evidence.again, names),
    )


def domains_of(evidence: Evidence) -> set[str]:
    """Every name of a domain that the evidence shows as one."""
    found: set[str] = set()
    for path, data in evidence.files.items():
        pattern = _pattern_of(path)
        if pattern is not None and isinstance(data, bytes):
            group = 2 if pattern is _ROW_OF_LIST else 1
            found.update(match[group] for match in pattern.finditer(data.decode(errors="replace")))
    return {name for name in found if name.strip()}


def _pattern_of(path: str) -> re.Pattern[str] | None:
    if path.endswith("/arguments"):
        return _NAME_IN_ARGUMENTS
    if path.endswith(".xml") or "_dumpxml_" in path:
        return _NAME_IN_XML
    if "virsh_-r_domstats" in path:
        return _NAME_IN_STATISTICS
    if "virsh_-r_list" in path:
        return _ROW_OF_LIST
    return _NAME_IN_CONF if path.startswith("etc/pve/") else None


def _hosts_of(evidence: Evidence) -> set[str]:
    raw = evidence.read("proc/sys/kernel/hostname")
    name = "" if isinstance(raw, Missing) else raw.decode(errors="replace").strip()
    return {each for each in (name, name.split(".", 1)[0], evidence.target.name) if each}


def _rewritten(files: Files, names: Pseudonyms) -> dict[str, bytes | Missing]:
    kept: dict[str, bytes | Missing] = {}
    for path, data in files.items():
        shown = names.path(path)
        if isinstance(data, Missing):
            detail = names.addresses(names.rewrite_words(data.detail))
            kept[shown] = Missing(source=names.path(data.source), reason=data.reason, detail=detail)
            continue
        kept[shown] = _safe_text(names, path, shown, data)
    return kept


def _safe_text(names: Pseudonyms, path: str, shown: str, data: bytes) -> bytes | Missing:
    if path == "proc/config.gz":
        return data
    text = names.text(path, data.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    if names.leaks(text) and not path.startswith(_VERSIONS):
        detail = "left out: a name in it could not be replaced"
        return Missing(source=shown, reason=Reason.NOT_COLLECTED, detail=detail)
    return text


def _is_telling(name: str) -> bool:
    """Whether the letters of a name, wherever they stand as a word, can only be that name."""
    return len(name) >= _SHORTEST_SEARCHED and name not in _WORDS_OF_FILES


Rewrite = Callable[[Pseudonyms, str], str]


def _rewriter(path: str) -> Rewrite:
    if path == "proc/sys/kernel/hostname":
        return Pseudonyms.rewrite_host
    if path.endswith(".xml") or "_dumpxml_" in path:
        return Pseudonyms.rewrite_xml
    if "virsh_-r_list" in path:
        return Pseudonyms.rewrite_list
    if "virsh_-r_domstats" in path:
        return Pseudonyms.rewrite_statistics
    if path.endswith("/arguments"):
        return Pseudonyms.rewrite_arguments
    if path.startswith("etc/pve/"):
        return Pseudonyms.rewrite_conf
    if path == "kvmedic/page_map.json":
        return Pseudonyms.rewrite_page_map
    if path.endswith("/cgroup"):
        return Pseudonyms.rewrite_group
    named = path.startswith(("sos_commands/", "kvmedic/")) or path.endswith("/comm")
    return Pseudonyms.rewrite_words if named or path == "proc/cmdline" else lambda _, text: text
