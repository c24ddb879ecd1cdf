"""The board controller of a host, against a real HTTP server that speaks the few words of Redfish."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kvmedic.adapters.bmc import power_state, reset
from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, PreconditionFailedError
from kvmedic.model.policy import BoardController

SYSTEM = "/redfish/v1/Systems/437XR1138R2"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


class Controller(ThreadingHTTPServer):
    """One system, and everything that was asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, str, Any]] = []
        self.offered = ["On", "ForceOff", "ForceRestart"]
        self.target = RESET
        self.is_cutting_off = False


class Answering(BaseHTTPRequestHandler):
    """Answers as DSP0266 has it."""

    server: Controller

    def do_GET(self) -> None:
        self._note(None)
        if self.path == "/redfish/v1/Systems/elsewhere":
            self._say(302, {}, location=f"http://127.0.0.1:{self.server.server_port}{SYSTEM}")
        elif self.path != SYSTEM:
            self._say(404, {})
        else:
            allowed = {"target": self.server.target, "ResetType@Redfish.AllowableValues": self.server.offered}
            self._say(200, {"PowerState": "On", "Actions": {"#ComputerSystem.Reset": allowed}})

    def do_POST(self) -> None:
        self._note(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.is_cutting_off:
            self.connection.close()
        else:
            self._say(204, None)

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def _note(self, body: Any) -> None:
        self.server.asked.append((self.command, self.path, body))
        expected = base64.b64encode(b"admin:se cret").decode()
        assert self.headers["Authorization"] == f"Basic {expected}"

    def _say(self, code: int, body: Any, location: str | None = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def controller() -> Iterator[Controller]:
    with Controller() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def board(controller: Controller, tmp_path: Path) -> BoardController:
    (tmp_path / "password").write_text("se cret\n")
    return BoardController(
        kind="redfish",
        address=f"http://127.0.0.1:{controller.server_port}",
        user="admin",
        password_file=str(tmp_path / "password"),
        system="437XR1138R2",
    )


def test_the_power_state_is_read_with_the_password_of_the_file(board: BoardController) -> None:
    assert power_state(board) == "on"


def test_a_reset_is_ordered_once_where_the_controller_says(
    controller: Controller, board: BoardController
) -> None:
    reset(board)

    assert controller.asked == [("GET", SYSTEM, None), ("POST", RESET, {"ResetType": "ForceRestart"})]


def test_a_controller_that_offers_no_forced_restart_is_asked_for_none(
    controller: Controller, board: BoardController
) -> None:
    controller.offered = ["On", "GracefulShutdown"]

    with pytest.raises(ActionRefusedError, match="offers no forced restart"):
        reset(board)
    assert [verb for verb, _, _ in controller.asked] == ["GET"]


def test_an_order_whose_answer_is_lost_may_have_been_carried_out(
    controller: Controller, board: BoardController
) -> None:
    controller.is_cutting_off = True

    with pytest.raises(OutcomeUnknownError):
        reset(board)


def test_credentials_follow_no_redirect_and_no_other_address(
    controller: Controller, board: BoardController
) -> None:
    with pytest.raises(ActionRefusedError, match="302"):
        power_state(msgspec.structs.replace(board, system="elsewhere"))
    controller.target = "http://192.0.2.1/steal"
    with pytest.raises(PreconditionFailedError, match="as its target"):
        reset(board)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password_file": "/nonexistent"}, "cannot be read"),
        ({"address": "http://127.0.0.1:1"}, "did not answer"),
        ({"address": "file:///etc/passwd"}, "is no address"),
        ({"address": "http://user@127.0.0.1"}, "is no address"),
    ],
)
def test_what_cannot_be_asked_changed_nothing(
    board: BoardController, changes: dict[str, str], error: str
) -> None:
    with pytest.raises(PreconditionFailedError, match=error):
        power_state(msgspec.structs.replace(board, **changes))


def test_a_system_that_the_controller_does_not_know_is_refused(board: BoardController) -> None:
    with pytest.raises(ActionRefusedError, match="404"):
        reset(msgspec.structs.replace(board, system="nobody/../x"))
