"""The verb map: the page map of a target, and what it would look like after each remedy."""

from __future__ import annotations

import msgspec

from kvmedic.derive.picture_after import picture_after
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.errors import EvidenceError
from kvmedic.model.gap import Missing
from kvmedic.model.page_map import Forecast, PageMap
from kvmedic.model.record import Record
from kvmedic.model.request import CollectRequest
from kvmedic.ports import EvidenceSource, Progress

MOST_DOMAINS = 3
_HERE = "It takes root on a living host; a bundle holds one where its capture could read it."
_ELSEWHERE = "The script that runs over ssh reads none: run kvmedic map on that host itself."


class After(Record, frozen=True, kw_only=True):
    """The map as it would be after one remedy."""

    forecast: Forecast
    page_map: PageMap


class MapView(Record, frozen=True, kw_only=True):
    """A page map with the name of its host."""

    host: str
    page_map: PageMap


def map_of(source: EvidenceSource, request: CollectRequest, progress: Progress) -> MapView:
    """The page map of a target. EvidenceError where it has none, with the reason."""
    snapshot = assemble_snapshot(source.collect(request, progress))
    if isinstance(snapshot.page_map, Missing):
        raise EvidenceError(
            f"there is no page map ({snapshot.page_map})",
            hint=_ELSEWHERE if snapshot.target.kind == "ssh" else _HERE,
        )
    return MapView(host=snapshot.host.name, page_map=snapshot.page_map)


def pictures_after(page_map: PageMap) -> tuple[After, ...]:
    """One picture for each remedy that would change something; of what is done to one domain only the few
    that give back the most, or a host of a hundred guests would be a hundred pictures.
    """
    of_domains = [forecast for forecast in page_map.forecasts if forecast.domain is not None]
    most_useful = sorted(of_domains, key=lambda forecast: -forecast.most_bytes)[:MOST_DOMAINS]
    return tuple(
        After(forecast=forecast, page_map=picture_after(page_map, forecast.remedy, forecast.domain))
        for forecast in page_map.forecasts
        if (forecast.most_bytes > 0 or _frees_blocks(forecast))
        and (forecast.domain is None or forecast in most_useful)
    )


def _frees_blocks(forecast: Forecast) -> bool:
    return not isinstance(forecast.most_blocks, Missing) and forecast.most_blocks > 0


def map_json(view: MapView) -> bytes:
    """The map as JSON, to be read by people and machines."""
    return msgspec.json.format(msgspec.json.encode(view)) + b"\n"
