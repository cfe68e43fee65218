"""`safenet-index calibrate`: fit a confidence on queries whose true position is known."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.commands import options as opt
from indexer.commands.errors import one_line_errors


def calibrate(
    name: opt.Name,
    images: Annotated[list[Path], typer.Argument(help="Queries inside and outside the map.")],
    truth: Annotated[Path, typer.Option(help="CSV with path, latitude, longitude of the queries.")],
    out: Annotated[Path, typer.Option(help="JSON for the weights' key 'calibration'.")],
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    diagram: Annotated[Path | None, typer.Option(help="Reliability diagram, .svg.")] = None,
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
) -> None:
    """Fit the confidence; report on the halves of the queries that were not used for the fit."""
    with one_line_errors():
        from indexer.errors import EmptySourceError
        from indexer.gallery.gallery import Gallery
        from indexer.localization import calibration
        from indexer.localization.evaluation import query_files, read_truth, samples
        from indexer.localization.reliability import diagram as diagram_of

        files = query_files(images)
        positions = read_truth(truth, files)
        embedder = opt.load_weights(weights, device, matcher)
        gallery = Gallery.open(store, name, embedder=embedder)
        found = list(samples(gallery, embedder, files, positions))
        gallery.close()
        try:
            fitted, report = calibration.fit(found), calibration.cross_validate(found)
        except ValueError as error:
            raise EmptySourceError(f"{truth.name}: {error}; give more queries") from error
        out.write_text(json.dumps(fitted.to_dict(), indent=2) + "\n")
        if diagram is not None:
            diagram.write_text(diagram_of(report.bins))
        for key, value in vars(report).items():
            print(f"{key:28} {value if not isinstance(value, float) else round(value, 4)}")
