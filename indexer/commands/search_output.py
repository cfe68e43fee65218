"""Lines that `safenet-index search` prints for one query: tab-separated values or JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from indexer.gallery.export import properties
from indexer.geojson import area
from indexer.localization.answer import Answer
from indexer.localization.estimate import Estimate

COLUMNS = (
    "query\trank\tscore\timage_id\tlatitude\tlongitude\tconfidence\tstatus\t"
    "estimate_latitude\testimate_longitude\taccuracy_m_68\theading_deg"
)
"""Header of `table_lines`; the last four columns are the estimate, empty without one."""


def table_lines(query: str, answer: Answer) -> Iterator[str]:
    """Yield the tab-separated values of `COLUMNS`, one line per match: degrees, metres."""
    estimate = answer.estimate
    place = "\t\t\t"
    if estimate is not None:
        heading = estimate.heading_deg
        place = (
            f"{estimate.latitude:.7f}\t{estimate.longitude:.7f}\t{estimate.accuracy_m_68:.1f}\t"
            + ("" if heading is None else f"{round(heading, 1) % 360:.1f}")
        )
    for match in answer.matches:
        record = match.record
        yield (
            f"{query}\t{match.rank}\t{match.score:.4f}\t{record.image_id}\t"
            f"{record.latitude:.7f}\t{record.longitude:.7f}\t"
            f"{answer.confidence:.3f}\t{answer.status}\t{place}"
        )
    if not answer.matches:
        yield f"{query}\t\t\t\t\t\t0.000\tno_match\t{place}"


def json_line(query: str, answer: Answer) -> str:
    """Return the answer as one JSON object on one line."""
    matches = [
        {"rank": match.rank, "score": round(match.score, 4), **properties(match.record)}
        for match in answer.matches
    ]
    return json.dumps(
        {
            "query": query,
            "status": answer.status,
            "confidence": round(answer.confidence, 4),
            "estimate": None if answer.estimate is None else _estimate(answer.estimate),
            "matches": matches,
        }
    )


def _estimate(estimate: Estimate) -> dict[str, Any]:
    ring = estimate.footprint
    return {**asdict(estimate), "footprint": None if ring is None else area(ring)}
