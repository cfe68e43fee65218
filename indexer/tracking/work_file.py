"""What was found in each frame, in a file, so that a run that was cut off can go on."""

import json
from pathlib import Path
from typing import TextIO

from indexer.tracking.candidates import Sighting
from indexer.tracking.flight import FlightFrame


class WorkFile:
    """Lines of JSON: the key of the settings, then one sighting each.

    Other settings begin a new file.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        """Read what is known.

        Args:
            path: of the file; None: nothing is kept.
            key: of the settings.
        """
        self._found: dict[tuple[str, float, bool], Sighting] = {}
        self._stream: TextIO | None = None
        if path is None:
            return
        header = json.dumps({"flight": key})
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if not lines or lines[0] != header:
            lines = [header]
        for line in lines[1:]:
            try:
                each = Sighting.from_dict(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue  # the last line of a run that was cut off
            self._found[each.name, each.time_s, each.area_m2 is not None] = each
        self._stream = path.open("w", encoding="utf-8")
        self._write(header)
        for each in self._found.values():
            self._write(json.dumps(each.to_dict()))

    def take(self, frame: FlightFrame, *, nearby: bool = False) -> Sighting | None:
        """Return what a frame showed, on the whole map or around its place."""
        return self._found.get((frame.name, frame.time_s, nearby))

    def keep(self, each: Sighting) -> Sighting:
        """Write what a frame shows, and return it."""
        self._write(json.dumps(each.to_dict()))
        return each

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def _write(self, line: str) -> None:
        if self._stream is not None:
            self._stream.write(line + "\n")
            self._stream.flush()
