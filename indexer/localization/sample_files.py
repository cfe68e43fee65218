"""Samples of a confidence as a JSON file, so that one fit can join several maps."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from indexer.errors import CalibrationError
from indexer.localization.calibration import Sample
from indexer.localization.confidence import Evidence


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples, one a line."""
    path.write_text("".join(json.dumps(asdict(item)) + "\n" for item in samples))


def read_samples(path: Path) -> list[Sample]:
    """Return the samples of a file.

    Raises:
        CalibrationError: a line is no sample.
        OSError: the file cannot be read.
    """
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            values = json.loads(line)
            found.append(Sample(**values | {"evidence": Evidence(**values["evidence"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise CalibrationError(
                f"{path.name}, line {number}: no sample; write the file again with: "
                "safenet-index calibrate … --samples"
            ) from error
    return found
