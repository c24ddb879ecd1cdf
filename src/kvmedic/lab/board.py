"""Board controllers of nested hosts: what answers presses the real power button of the QEMU (QMP).

Redfish is a small HTTP server of our own, IPMI is OpenIPMI's ``ipmi_sim``. Both run in the hub of a fleet, so
an operator beside the hosts reaches them. What is tried with them is the client, never the controller.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from kvmedic.errors import ActionError
from kvmedic.lab.fleet import Fleet, NestedFleetHost
from kvmedic.lab.qmp import qmp

USER, PASSWORD = "operator", "only-in-its-file"
SYSTEM = "/redfish/v1/Systems/lab"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
RESET_TYPES = ("ForceRestart",)
REDFISH_PORT, IPMI_PORT = 8000, 623
HUB_ADDRESS = "10.77.0.254"
POLICY = """
[hosts.bmc]
kind = "{kind}"
address = "{address}"
user = "{user}"
password_file = "{password_file}"
system = "lab"
"""
IPMI_LAN = """name "lab"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{press}"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
IPMI_EMULATION = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


class Board:
    """The running controller of one nested host. It belongs to the bed."""

    def __init__(self, fleet: Fleet, host: NestedFleetHost, kind: Literal["redfish", "ipmi"]) -> None:
        self.kind = kind
        self.folder = host.folder / kind
        self.folder.mkdir()
        self.password_file = self.folder / "password"
        self.password_file.write_text(f"{PASSWORD}\n")
        self.pressed_file = self.folder / "pressed"
        self._qmp = host.folder / "qmp.sock"
        self.pid = fleet.bed.start([*fleet.command_prefix, *self._command()], log=self.folder / "log")
        self._wait(fleet)

    def policy_text(self) -> str:
        """The controller in a policy file, after its host."""
        address = f"http://{HUB_ADDRESS}:{REDFISH_PORT}" if self.kind == "redfish" else HUB_ADDRESS
        return POLICY.format(kind=self.kind, address=address, user=USER, password_file=self.password_file)

    def pressed(self) -> int:
        """How often the power button was really pressed."""
        return len(self.pressed_file.read_text().splitlines()) if self.pressed_file.exists() else 0

    def _command(self) -> list[str]:
        words = [sys.executable, "-m", "kvmedic.lab.board"]
        files = [str(self._qmp), str(self.pressed_file)]
        if self.kind == "redfish":
            return [*words, "redfish", *files]
        press = self.folder / "press"
        press.write_text(f'#!/bin/sh\nexec {shlex.join([*words, "press", *files])} "$@"\n')
        press.chmod(0o755)
        lan = IPMI_LAN.format(
            address=HUB_ADDRESS, port=IPMI_PORT, press=f"{press} 0x20", user=USER, password=PASSWORD
        )
        (self.folder / "lan.conf").write_text(lan)
        (self.folder / "emulation").write_text(IPMI_EMULATION)
        state = ["-s", str(self.folder / "state")]
        return ["ipmi_sim", "-n", "-c", f"{self.folder}/lan.conf", "-f", f"{self.folder}/emulation", *state]

    def _wait(self, fleet: Fleet) -> None:
        """Until its port is bound in the hub. ActionError with its words where it ends before."""
        protocol = "-tln" if self.kind == "redfish" else "-uln"
        port = REDFISH_PORT if self.kind == "redfish" else IPMI_PORT
        while f"{HUB_ADDRESS}:{port} " not in fleet.run(["ss", protocol]).stdout:
            if not fleet.bed.is_running(self.pid):
                raise ActionError(f"no controller: {(self.folder / 'log').read_text()[-300:]}")
            time.sleep(0.1)


class RedfishServer(ThreadingHTTPServer):
    """One system (DSP0266) whose forced restart is the power button of a QEMU."""

    def __init__(self, monitor: Path, pressed: Path) -> None:
        super().__init__((HUB_ADDRESS, REDFISH_PORT), _Answering)
        self.monitor, self.pressed = monitor, pressed


class _Answering(BaseHTTPRequestHandler):
    server: RedfishServer

    def do_GET(self) -> None:
        if self._may(SYSTEM):
            action = {"target": RESET, "ResetType@Redfish.AllowableValues": RESET_TYPES}
            state = "On" if power_state(self.server.monitor) else "Off"
            self._say(200, {"PowerState": state, "Actions": {"#ComputerSystem.Reset": action}})

    def do_POST(self) -> None:
        if self._may(RESET):
            wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_known = wish.get("ResetType") in RESET_TYPES
            if is_known:
                press(self.server.monitor, self.server.pressed)
            self._say(204 if is_known else 400, None)

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def _may(self, path: str) -> bool:
        """Whether it is this path, and the password is right; else it was answered."""
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {expected}":
            self._say(401, None)
            return False
        if self.path != path:
            self._say(404, None)
            return False
        return True

    def _say(self, status: int, body: Any) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def power_state(monitor: Path) -> bool:
    """Whether the QEMU is there and not shut down."""
    try:
        return str(qmp(monitor, "query-status")["status"]) != "shutdown"
    except OSError:
        return False


def press(monitor: Path, pressed: Path) -> None:
    """Presses the button, and notes that it was pressed."""
    qmp(monitor, "system_reset")
    with pressed.open("a") as notes:
        notes.write("pressed\n")


def main(argv: Sequence[str]) -> int:
    """``redfish MONITOR PRESSED`` serves; ``press MONITOR PRESSED …`` answers ipmi_sim."""
    mode, monitor, pressed, *asked = argv
    if mode == "redfish":
        RedfishServer(Path(monitor), Path(pressed)).serve_forever()
    elif asked[1:3] == ["get", "power"]:
        sys.stdout.write(f"power:{int(power_state(Path(monitor)))}\n")
    elif asked[1:3] == ["set", "reset"]:
        press(Path(monitor), Path(pressed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
