"""A track as GeoJSON: a line for each segment and a point for each fix."""

import json
from typing import Any

from indexer.geojson import line, point
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.json_text import POSITION_IS, fix_document
from indexer.tracking.outputs.moments import moment_text
from indexer.tracking.track_parts import parts


def geojson_text(track: Track) -> str:
    """Return a FeatureCollection; lines carry the times of their positions (`coordTimes`)."""
    return json.dumps(document(track)) + "\n"


def document(track: Track) -> dict[str, Any]:
    """Return what `geojson_text` writes."""
    lines = [
        {
            "type": "Feature",
            "geometry": line([each.position for each in part]),
            "properties": {
                "segment": part[0].fix.segment,
                "coordTimes": [moment_text(each.fix, track) or each.fix.time_s for each in part],
            },
        }
        for part in parts(track)
        if len(part) > 1
    ]
    points = [
        {
            "type": "Feature",
            "geometry": point(*each.position),
            "properties": fix_document(each.fix, track),
        }
        for part in parts(track)
        for each in part
    ]
    return {
        "type": "FeatureCollection",
        "status": track.status,
        "confidence": round(track.confidence, 4),
        "position_is": POSITION_IS,
        "notes": list(track.notes),
        "features": [*lines, *points],
    }
