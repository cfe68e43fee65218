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
    remove_m: Annotated[
        float | None,
        typer.Option(min=0, help="Also search without the map so near the truth, metres."),
    ] = None,
    samples_file: Annotated[
        Path | None, typer.Option("--samples", help="Also write the evidence of the queries here.")
    ] = None,
    join: Annotated[
        list[Path] | None,
        typer.Option(help="Fit with these samples of other maps too; repeat."),
    ] = None,
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
    precision: opt.Precision = "fp32",
) -> None:
    """Fit the confidence; report on queries that were not used for the fit.

    Of one map these are random halves of the queries, of several maps (--join) each map in turn.
    """
    with one_line_errors():
        from indexer.errors import EmptySourceError
        from indexer.gallery.stores import open_gallery
        from indexer.localization.calibration import fit
        from indexer.localization.calibration_report import cross_validate, without_each_source
        from indexer.localization.evaluation import query_files, read_truth, samples
        from indexer.localization.reliability import diagram as diagram_of
        from indexer.localization.sample_files import read_samples, write_samples

        files = query_files(images)
        positions = read_truth(truth, files)
        others = [item for path in join or () for item in read_samples(path)]
        embedder = opt.load_weights(weights, device, matcher, precision)
        gallery = open_gallery(store, name, embedder=embedder)
        found = list(samples(gallery, embedder, files, positions, remove_m=remove_m))
        gallery.close()
        if samples_file is not None:
            write_samples(samples_file, found)
        found += others
        try:
            fitted = fit(found)
            reports = without_each_source(found) if others else {name: cross_validate(found)}
        except ValueError as error:
            raise EmptySourceError(f"{truth.name}: {error}; give more queries") from error
        out.write_text(json.dumps(fitted.to_dict(), indent=2) + "\n")
        if diagram is not None:
            bins = {source: report.bins for source, report in reports.items()}
            diagram.write_text(diagram_of(bins))
        for source, report in reports.items():
            if others:
                print(f"source {source}, fitted on the others")
            for key, value in vars(report).items():
                print(f"{key:28} {value if not isinstance(value, float) else round(value, 4)}")
