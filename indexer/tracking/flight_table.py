"""A table that names a flight's photos, and perhaps says when each was taken."""

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import BadTableError, EmptySourceError
from indexer.tracking.clock import since_first


@dataclass(frozen=True, kw_only=True)
class FlightTable:
    """Photos as they are listed, and their times, s; None where the table has none.

    `start` is the moment that seconds count from; None where the table has no moments.
    """

    files: tuple[Path, ...]
    seconds: tuple[float, ...] | None = None
    start: datetime | None = None


def read_table(path: Path) -> FlightTable:
    """Return what a CSV with the column `file`, and perhaps `time`, says.

    Raises:
        EmptySourceError: there is no line below the header.
        BadTableError: a column is missing, a line names no photo, or a time cannot be read.
    """
    rows = _rows(path)
    if not rows:
        raise EmptySourceError(f"{path} names no photo; check what it holds")
    if "file" not in rows[0]:
        raise BadTableError(f"{path.name}: lacks the column file; name each photo in one")
    names = [(row["file"] or "").strip() for row in rows]
    if not all(names):
        line = names.index("") + 2
        raise BadTableError(
            f"{path.name}, line {line}: names no photo; name one or delete the line"
        )
    files = tuple(path.parent / name for name in names)
    if "time" not in rows[0]:
        return FlightTable(files=files)
    times = [
        _time(row["time"], f"{path.name}, line {number}") for number, row in enumerate(rows, 2)
    ]
    moments = [each for each in times if isinstance(each, datetime)]
    if not moments:
        seconds = tuple(each for each in times if isinstance(each, float))
        return FlightTable(files=files, seconds=seconds)
    if len(moments) < len(files):
        raise BadTableError(f"{path.name}: some times are seconds, others moments; write one kind")
    return FlightTable(files=files, seconds=tuple(since_first(moments)), start=min(moments))


def _rows(path: Path) -> list[dict[str, str | None]]:
    """Return the lines of a CSV by column.

    Raises:
        BadTableError: it is no text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTableError(
            f"{path.name}: cannot be read as CSV; save it as CSV in UTF-8"
        ) from error


def _time(text: str | None, where: str) -> float | datetime:
    """Return a number of seconds or an ISO moment; without a zone it is UTC.

    Raises:
        BadTableError: it is neither.
    """
    try:
        seconds = float(text or "")
    except ValueError:
        pass
    else:
        if math.isfinite(seconds):
            return seconds
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise BadTableError(
            f"{where}: time {text!r} is no number of seconds or ISO time"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
