"""A report in which every string that comes from evidence is one given string."""

from __future__ import annotations

from typing import Any

import msgspec
from report_samples import AT_RISK, WHY_OOM

from kvmedic.model.report import Report

OURS = frozenset(
    {
        "schema",
        "kind",
        "verdict",
        "severity",
        "reason",
        "balloon_driver",
        "libvirt",
        "stranded_method",
        "method",
        "blame",
        "at",
        "taken_at",
    }
)
"""Keys whose values are words or times of our own, never a stranger's."""

ATTACKS = {
    "terminal escape": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b31m\r\x08\x7f",
    "bidirectional override": "safe\u202etxt.exe\u2066\u200b\ufeff\u2028next\u2029",
    "lone surrogate": "\udcff\ud800 broken",
    "rich markup": "[red]x[/red] [link=file:///etc/passwd]y[/link] :skull:",
    "html": "</title></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='x",
    "jinja": "{{ 7*7 }}{% raw %}{# x #}",
    "markdown": "](javascript:x) ![i](http://e.example/p.png) **b** `c` ``` | d | <b>e</b> @all #1 ~~f~~ $x$",
    "markdown block": "# h\n---\n- item\n> quote\n1. one\n```\ncode\n```",
    "metrics label": 'x"} 1\nkvmedic_verdict{verdict="healthy"} 1\n# EOF\\',
    "plugin output": "ok | stranded=0B;;;0\nOK - all is well|x=1",
    "shell": "web$(reboot)`id`;rm -rf / #'\"",
    "wide": "域名" * 40,
    "very long": "n" * 5000,
    "empty": "",
    "tag characters": "a\U000e0041\U000e007fb\ue000",
}


def hostile(text: str, template: Report = AT_RISK) -> Report:
    """``template`` with every string of a stranger replaced by ``text``."""
    return msgspec.convert(_replaced(msgspec.to_builtins(template), text, ""), Report)


def hostile_story(text: str) -> Report:
    """The same for a report after a failure."""
    return hostile(text, WHY_OOM)


def _replaced(value: Any, text: str, path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: item if _is_ours(path, key) else _replaced(item, text, key) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_replaced(item, text, path) for item in value]
    return text if isinstance(value, str) else value


def _is_ours(path: str, key: str) -> bool:
    return (key in OURS) or (path == "domains" and key == "source")
