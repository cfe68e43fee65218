"""A track as one JSON object."""

import json
from dataclasses import asdict
from typing import Any

from indexer.tracking.fixes import Fix, Track
from indexer.tracking.outputs.moments import moment_text

POSITION_IS = "the ground in the middle of the photo, not the drone"
"""What every format says of its positions."""


def json_text(track: Track) -> str:
    """Return the track with all its fixes; coordinates have 7 decimals, metres 2."""
    return json.dumps(document(track), indent=1) + "\n"


def document(track: Track) -> dict[str, Any]:
    """Return what `json_text` writes."""
    return {
        "status": track.status,
        "confidence": round(track.confidence, 4),
        "position_is": POSITION_IS,
        "frames": len(track.fixes),
        "located": track.located,
        "notes": list(track.notes),
        "fixes": [fix_document(fix, track) for fix in track.fixes],
    }


def fix_document(fix: Fix, track: Track) -> dict[str, Any]:
    """Return one fix, rounded, with its moment where the flight has dates."""
    values = _rounded(asdict(fix))
    camera = None if fix.camera is None else _rounded(asdict(fix.camera))
    return {**values, "camera": camera, "time": moment_text(fix, track)}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    digits = {"latitude": 7, "longitude": 7, "confidence": 4, "time_s": 3}
    return {
        name: round(value, digits.get(name, 2)) if isinstance(value, float) else value
        for name, value in values.items()
    }
