"""Fits the confidence of searches without a matcher to a held-out part of a ground."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.localization.calibration import fit
from indexer.localization.evaluation import samples
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.embedder import Embedder
from model.files import write_atomically
from model.matching.choice import NONE
from model.weights_info import json_path
from training.data.gps_table import read_gps


def fit_confidence(
    weights: Path, rendered: Path, queries: Sequence[Path], scratch: Path, *, away_m: float
) -> None:
    """Write the key `calibration` into the card of weights.

    Args:
        weights: the .safetensors file.
        rendered: the folder of the places, whose tiles are the map.
        queries: drone images of the part; those that `rendered/gps.csv` does not list are left out.
        scratch: where a gallery is built and deleted again.
        away_m: each query is repeated without the tiles so near, as a query of other ground.

    Raises:
        ValueError: the queries' answers are all right or all wrong.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    embedder = Embedder.load(weights, matcher=NONE)
    build(scratch, "ground", open_source(rendered, SourceOptions(view="satellite")), embedder)
    truth = {row.file: row.position for row in read_gps(rendered) if row.view == "drone"}
    files = [file for file in queries if file in truth]
    gallery = Gallery.open(scratch, "ground", embedder=embedder)
    try:
        fitted = fit(list(samples(gallery, embedder, files, truth, remove_m=away_m)))
    finally:
        gallery.close()
        shutil.rmtree(scratch, ignore_errors=True)
    card = json.loads(json_path(weights).read_text())
    card["calibration"] = fitted.to_dict()
    text = json.dumps(card, indent=2, sort_keys=True) + "\n"
    write_atomically(json_path(weights), text.encode())
