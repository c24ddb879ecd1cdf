"""Changes the balloon in a domain's inactive definition. Secrets stay in it, and out of the journal."""

from __future__ import annotations

from kvmedic.adapters.domain_step import action_of, state_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.errors import ActionRefusedError, ParseError, PreconditionFailedError
from kvmedic.execute.definition_edit import edited, is_as_wished, read_balloon, replaced
from kvmedic.model.plan import RedefineDomain, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress


class DefinitionActor:
    """The actor of redefine-domain. Only memballoon and currentMemory are ever written down."""

    def __init__(self, session: LibvirtSession) -> None:
        self._session = session

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """What the inactive definition says of the balloon, and whether it is as wished."""
        action = action_of(step, RedefineDomain)
        state = state_of(self._session, action.domain_uuid)
        if not state.is_persistent:
            raise PreconditionFailedError(
                f"domain {action.domain_name} is transient: it has no definition to change",
                hint="Change it where it is created.",
            )
        xml = self._read(action)
        now = read_balloon(xml)
        return Sight(
            is_reached=is_as_wished(xml, action),
            facts={
                "memballoon_model": now.model,
                "free_page_reporting": int(now.free_page_reporting),
                "current_is_maximum": int(now.current_is_maximum),
            },
            restores={"memballoon": now.balloon_text, "currentMemory": now.current_text},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Defines the same definition with the wished elements; libvirt validates it."""
        action = action_of(step, RedefineDomain)
        self._session.write("define", xml=edited(self._read(action), action))

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Puts back the elements that were there; whatever else was changed since stays.

        ActionRefusedError where somebody changed these very elements in the meantime.
        """
        action = action_of(step, RedefineDomain)
        xml = self._read(action)
        balloon, current = intent.restores.get("memballoon"), intent.restores.get("currentMemory")
        now = read_balloon(xml)
        if (now.balloon_text, now.current_text) == (balloon, current):
            return
        if not is_as_wished(xml, action):
            raise ActionRefusedError(
                f"the balloon of {action.domain_name} was redefined by somebody since; nothing was touched",
                hint="See virsh dumpxml --inactive.",
            )
        before = replaced(xml, balloon_text=_text(balloon), current_text=_text(current))
        self._session.write("define", xml=before)

    def _read(self, action: RedefineDomain) -> str:
        xml = str(self._session.read("definition", action.domain_uuid))
        try:
            read_balloon(xml)
        except ParseError as error:
            raise PreconditionFailedError(
                f"the definition of {action.domain_name} is not understood", hint="Nothing was touched."
            ) from error
        return xml


def _text(kept: str | int | None) -> str | None:
    return kept if isinstance(kept, str) else None
