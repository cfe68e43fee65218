"""An answer as GeoJSON (RFC 7946): positions are [longitude, latitude]."""

import json
from collections.abc import Iterable
from typing import Any

from indexer.geojson import DECIMALS, box, line, point
from service.formats.places import Place, found_matches, places
from service.schemas.answers import AnswerBody, FlightBody
from service.schemas.images import MatchBody


def geojson(answer: AnswerBody) -> str:
    """Return a FeatureCollection: estimates, then each match as its ground area or position.

    Status and confidence stand in every feature, because few programs show those of a collection.
    """
    features = [_estimate(place) for place in places(answer)]
    features += _footprints(places(answer))
    features += _cameras(places(answer))
    features += [_match(match, answer) for match in found_matches(answer)]
    if answer.status != "no_match":
        features += [_flight(flight) for flight in answer.flights or [] if len(flight.track) > 1]
    facts = answer.model_dump(mode="json", exclude={"matches", "flights"})
    return json.dumps({"type": "FeatureCollection", "features": features, **facts})


def _estimate(place: Place) -> dict[str, Any]:
    estimate = place.estimate
    properties = {
        "role": "estimate",
        "name": place.name,
        "status": place.status,
        "confidence": place.confidence,
        **estimate.model_dump(mode="json", exclude={"footprint", "camera"}),
    }
    if place.image is not None:
        properties["image"] = place.image
    geometry = point(estimate.latitude, estimate.longitude)
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _footprints(places_found: Iterable[Place]) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "geometry": place.estimate.footprint,
            "properties": {"role": "footprint", "name": place.name, "status": place.status},
        }
        for place in places_found
        if place.estimate.footprint is not None
    ]


def _cameras(places_found: Iterable[Place]) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "geometry": point(camera.latitude, camera.longitude),
            "properties": {"role": "camera", "name": place.name, "status": place.status}
            | camera.model_dump(exclude={"latitude", "longitude"}),
        }
        for place in places_found
        if (camera := place.estimate.camera) is not None
    ]


def _match(match: MatchBody, answer: AnswerBody) -> dict[str, Any]:
    feature: dict[str, Any] = {"type": "Feature", "id": match.image_id}
    geometry = point(match.latitude, match.longitude)
    if match.bounds is not None:
        west, south, east, north = match.bounds
        geometry = box((west, south, east, north))
        feature["bbox"] = [round(value, DECIMALS) for value in match.bounds]
    properties = {
        "role": "match",
        "status": answer.status,
        "confidence": answer.confidence,
        **match.model_dump(mode="json", exclude={"bounds"}),
    }
    return {**feature, "geometry": geometry, "properties": properties}


def _flight(flight: FlightBody) -> dict[str, Any]:
    track = [(image.latitude, image.longitude) for image in flight.track]
    return {
        "type": "Feature",
        "geometry": line(track),
        "properties": {"role": "flight", "flight_id": flight.flight_id},
    }
