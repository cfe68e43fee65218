"""An answer as CSV (RFC 4180): a line for each match, the answer's own columns in each."""

import csv
import io

from indexer.csv_cells import safe_cell
from service.formats.places import found_matches
from service.schemas.answers import AnswerBody
from service.schemas.images import MatchBody

MATCH_COLUMNS = (
    "rank",
    "score",
    "image_id",
    "latitude",
    "longitude",
    "altitude_m",
    "altitude_datum",
    "heading_deg",
    "gimbal_pitch_deg",
    "flight_id",
    "captured_at",
    "source",
    "image_url",
)
ANSWER_COLUMNS = (
    "status",
    "confidence",
    "agreement",
    "estimate_latitude",
    "estimate_longitude",
    "estimate_accuracy_m_68",
    "estimate_accuracy_m_95",
    "estimate_heading_deg",
)
"""The estimate is the ground in the middle of the photo, not the drone's position."""


def csv_table(answer: AnswerBody) -> str:
    """Return a line per match; `no_match` is one line without a match.

    Text that a spreadsheet would run as a formula is quoted.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([*MATCH_COLUMNS, *ANSWER_COLUMNS])
    rows: list[MatchBody | None] = [*found_matches(answer)]
    for match in rows or [None]:
        fields = {} if match is None else match.model_dump(mode="json")
        cells = [safe_cell(fields.get(column)) for column in MATCH_COLUMNS]
        writer.writerow([*cells, *_answer_cells(answer)])
    return stream.getvalue()


def _answer_cells(answer: AnswerBody) -> list[object]:
    estimate = answer.estimate
    cells: list[object] = [answer.status, answer.confidence, answer.agreement]
    if estimate is None:
        return [*cells, None, None, None, None, None]
    return [
        *cells,
        estimate.latitude,
        estimate.longitude,
        estimate.accuracy_m_68,
        estimate.accuracy_m_95,
        estimate.heading_deg,
    ]
