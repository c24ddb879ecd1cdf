"""The board controller of a host: reads its power state and resets it, by Redfish (DSP0266) or IPMI.

The password is read from the policy's file when it is used, and shown nowhere. A reset is asked for once;
whether it happened is seen by the host's boot id, never by an answer.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, PreconditionFailedError
from kvmedic.model.policy import BoardController

DEADLINE_S = 20.0
LARGEST_BYTES = 1024 * 1024
HINT = "See the policy's bmc: address, user, password_file, system."


def power_state(board: BoardController) -> str:
    """ "on" or "off", as the controller says. PreconditionFailedError where it does not tell."""
    if board.kind == "ipmi":
        said = _ipmitool(board, "power", "status").lower()
        return "on" if "is on" in said else "off"
    answer = _redfish(board, "GET", _system(board))
    return str(answer.get("PowerState", "unknown")).lower()


def reset(board: BoardController) -> None:
    """Asks for a forced restart. ActionRefusedError: it said no; OutcomeUnknownError: look at the host."""
    if board.kind == "ipmi":
        _ipmitool(board, "power", "reset")
        return
    system = _redfish(board, "GET", _system(board))
    action = system.get("Actions", {}).get("#ComputerSystem.Reset", {})
    target = str(action.get("target") or f"{_system(board)}/Actions/ComputerSystem.Reset")
    offered = action.get("ResetType@Redfish.AllowableValues") or ["ForceRestart"]
    kind = next((name for name in ("ForceRestart", "PowerCycle") if name in offered), None)
    if kind is None:
        raise ActionRefusedError(f"the controller offers no forced restart ({', '.join(offered)})", hint=HINT)
    _redfish(board, "POST", target, {"ResetType": kind})


def _system(board: BoardController) -> str:
    return f"/redfish/v1/Systems/{quote(board.system, safe='')}"


def _redfish(board: BoardController, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  (_url lets http and https through only)
        _url(board, path),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Basic {_credentials(board)}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        },
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _NoRedirect(),
    )
    try:
        with opener.open(request, timeout=DEADLINE_S) as answer:
            text = answer.read(LARGEST_BYTES)
    except urllib.error.HTTPError as error:
        raise ActionRefusedError(f"the controller answered {error.code} to {path}", hint=HINT) from error
    except (OSError, ValueError) as error:
        raise _lost(method, board, str(error)) from error
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise PreconditionFailedError(f"{board.address} does not speak Redfish", hint=HINT) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Credentials go to the controller that was named and to nobody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _url(board: BoardController, path: str) -> str:
    """Only http and https, only below the controller's own address."""
    base = board.address if "://" in board.address else f"https://{board.address}"
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise PreconditionFailedError(f"{board.address} is no address of a controller", hint=HINT)
    if not path.startswith("/"):
        raise PreconditionFailedError(f"the controller named {path!r} as its target", hint=HINT)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _lost(method: str, board: BoardController, detail: str) -> PreconditionFailedError | OutcomeUnknownError:
    """A question that was not answered changed nothing; an order may have been carried out."""
    text = f"the controller at {board.address} did not answer: {detail}"
    return (
        PreconditionFailedError(text, hint=HINT) if method == "GET" else OutcomeUnknownError(text, hint=HINT)
    )


def _credentials(board: BoardController) -> str:
    return base64.b64encode(f"{board.user}:{_password(board)}".encode()).decode()


def _password(board: BoardController) -> str:
    try:
        return Path(board.password_file).read_text().rstrip("\n")
    except OSError as error:
        raise PreconditionFailedError(
            f"the password file {board.password_file} cannot be read: {error.strerror}", hint=HINT
        ) from error


def _ipmitool(board: BoardController, *words: str) -> str:
    """The password goes by file: arguments are seen by everybody."""
    _password(board)
    host, port = _host_and_port(board.address)
    where = ["-I", "lanplus", "-H", host, *(["-p", port] if port else [])]
    argv = ["ipmitool", *where, "-U", board.user, "-f", board.password_file, *words]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    except FileNotFoundError as error:
        raise PreconditionFailedError("ipmitool is not installed", hint="Install ipmitool.") from error
    except subprocess.TimeoutExpired as error:
        raise OutcomeUnknownError(f"the controller at {board.address} did not answer", hint=HINT) from error
    if done.returncode:
        raise _ipmi_failure(board, " ".join(done.stderr.split())[:300])
    return done.stdout


def _ipmi_failure(board: BoardController, said: str) -> ActionRefusedError | OutcomeUnknownError:
    """An order that was sent and not answered may have been carried out; ipmitool says so in these words."""
    if "unable to set chassis power control" in said.lower():
        return OutcomeUnknownError(f"the controller at {board.address} did not answer the order", hint=HINT)
    return ActionRefusedError(f"ipmitool: {said}", hint=HINT)


def _host_and_port(address: str) -> tuple[str, str]:
    """``host:port`` apart; an IPv6 address needs brackets for that."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), port
    return address.strip("[]"), ""
