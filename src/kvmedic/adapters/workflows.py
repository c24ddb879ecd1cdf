"""Durable workflows on dbos, behind our own small port. One SQLite file a run, or one PostgreSQL database.

A run is a workflow whose steps are the moves of ``execute.next_move``. dbos keeps each move's entry; after a
kill, launching the same executor re-enters the workflow, replays what is kept and repeats only the move that
was cut, which looks before it acts. Nothing but ``apply`` imports this module, for launching resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._error import DBOSException
from dbos._serialization import Serializer
from sqlalchemy.exc import SQLAlchemyError

from kvmedic.errors import ActionError, OutcomeUnknownError, PreconditionFailedError
from kvmedic.execute.next_move import Finish, next_move
from kvmedic.model.plan import Plan
from kvmedic.model.run import Entry, RunState

APPLICATION_VERSION = "kvmedic-run-1"
"""Set by hand: dbos' own default is a hash of the code, and an upgrade would strand every run under way."""

GOING_ON = ("PENDING", "ENQUEUED")


class JsonSerializer(Serializer):
    """JSON, never pickle: whoever can write the store must not be able to run code."""

    def serialize(self, data: object) -> str:
        """The data as JSON; an exception as its text."""
        return msgspec.json.encode(data, enc_hook=lambda other: f"{type(other).__name__}: {other}").decode()

    def deserialize(self, serialized_data: str) -> object:
        """The JSON's data."""
        return msgspec.json.decode(serialized_data)

    def name(self) -> str:
        """The name that dbos stores beside what it keeps."""
        return "kvmedic_json"


_performer: list[Callable[[str], str]] = []
"""The one run's ``perform``: dbos resumes by the names of functions, so it cannot be an argument."""


@DBOS.step(name="kvmedic_move")
def _perform(move: str) -> str:
    return _performer[-1](move)


@DBOS.workflow(name="kvmedic_run")
def _run(plan_json: str, entries_json: str) -> str:
    plan = msgspec.json.decode(plan_json, type=Plan)
    entries = msgspec.json.decode(entries_json, type=list[Entry])
    while not isinstance(move := next_move(plan.steps, entries), Finish):
        entries.append(msgspec.json.decode(_perform(msgspec.json.encode(move).decode()), type=Entry))
    return move.state


def _text(data: object) -> str:
    return msgspec.json.encode(data).decode()


def _attempt(run: str) -> str:
    """The workflow to start or to go on with: a run that stopped by an error goes on as the next one."""
    number = 1
    while (
        status := DBOS.get_workflow_status(f"{run}.{number}")
    ) is not None and status.status not in GOING_ON:
        number += 1
    return f"{run}.{number}"


class DbosWorkflows:
    """The engine. ``url`` None keeps each run in a SQLite file below ``folder``; else a PostgreSQL URL."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._folder = folder
        self._url = url

    def carry_out(
        self, run: str, plan: Plan, entries: Sequence[Entry], perform: Callable[[str], str]
    ) -> RunState:
        """Starts the run, or goes on with it where it was cut. One run at a time in one process.

        What ``perform`` raises comes out here; the next call begins after ``entries``, the journal's.
        Where the engine's own store fails: PreconditionFailedError before the first move, then
        OutcomeUnknownError.
        """
        self._raised: list[Exception] = []
        self._moves = 0
        _performer.append(self._keeping(perform))
        try:
            self._make_folder()
            DBOS(config=self._config(run))
            DBOS.launch()
            with SetWorkflowID(_attempt(run)):
                handle = DBOS.start_workflow(_run, _text(plan), _text(list(entries)))
            state: RunState = msgspec.convert(handle.get_result(), RunState)
            return state
        except (SQLAlchemyError, DBOSException, OSError) as error:
            if self._raised:
                raise self._raised[-1] from None
            raise self._store_failed(run, error) from error
        except Exception:
            if self._raised:
                raise self._raised[-1] from None
            raise
        finally:
            _performer.pop()
            DBOS.destroy(workflow_completion_timeout_sec=0)

    def _keeping(self, perform: Callable[[str], str]) -> Callable[[str], str]:
        """``perform``, with its exception kept: the store holds only its text."""

        def performed(move: str) -> str:
            self._moves += 1
            try:
                return perform(move)
            except Exception as error:
                self._raised.append(error)
                raise

        return performed

    def _make_folder(self) -> None:
        """The store of a run tells what its plan tells: for its owner alone."""
        if self._url is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _store_failed(self, run: str, error: Exception) -> ActionError:
        """The database's own words, without the statement and its address, which may hold a password."""
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        where = f"below {self._folder}" if self._url is None else "in PostgreSQL"
        text = f"the engine's store {where} failed: {said}"
        hint = f"Make it writable (room, rights, the database), then kvmedic apply --resume {run}."
        if self._moves == 0:
            return PreconditionFailedError(f"{text}; no step was begun", hint=hint)
        return OutcomeUnknownError(f"{text}; the journal holds what was done", hint=hint)

    def _config(self, run: str) -> DBOSConfig:
        return {
            "name": "kvmedic",
            "system_database_url": self._url or f"sqlite:///{self._folder / run}.sqlite",
            "executor_id": run,
            "application_version": APPLICATION_VERSION,
            "serializer": JsonSerializer(),
            "log_level": "CRITICAL",
            "enable_otlp": False,
        }
