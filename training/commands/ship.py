"""`safenet-ship`: writes the weights of a run, or the mean of several runs, as a release.

Example: safenet-ship runs/best/weights.safetensors best.safetensors --figures eval.json
--note sources="NAIP, US public domain"
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand
from training.errors import DataError
from training.learning.shipping import Release, ship

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OneLineCommand)
def ship_command(
    weights: Annotated[Path, typer.Argument(help="Weights of a run, RUN/weights.safetensors.")],
    out: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    figures: Annotated[
        list[Path] | None, typer.Option(help="JSON file of safenet-eval --json; repeat for more.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="JSON file of safenet-index calibrate --out.")
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(help="key=text for the card, such as sources or licence; repeat for more."),
    ] = None,
    gallery_turns: Annotated[
        int | None,
        typer.Option(
            help="Number of rotations averaged of a gallery image: 1, 2, 4; default: the run's."
        ),
    ] = None,
    average: Annotated[
        list[Path] | None,
        typer.Option(
            help="Weights of another run from the same start, to average; repeat for more."
        ),
    ] = None,
    query_turns: Annotated[int | None, typer.Option(help="The same for a query image.")] = None,
    turn_zoom: Annotated[
        float | None,
        typer.Option(help="Share of the side that every second rotation shows, 0.3 to 1."),
    ] = None,
    local_from: Annotated[
        list[Path] | None,
        typer.Option(
            help="Training data to fit the local features' whitening to; repeat for more."
        ),
    ] = None,
    heads_from: Annotated[
        list[Path] | None,
        typer.Option(
            help="Training data to whiten the descriptor by: what differs between the views of "
            "one place counts less; repeat for more."
        ),
    ] = None,
) -> None:
    """Write weights for release: float16, with figures and sources in the card."""
    with one_line_errors():
        notes: dict[str, object] = dict(part.partition("=")[::2] for part in note or ())
        if calibration is not None:
            notes["calibration"] = _figures(calibration)
        release = Release(
            figures={file.stem: _figures(file) for file in figures or ()},
            notes=notes,
            gallery_turns=gallery_turns,
            query_turns=query_turns,
            turn_zoom=turn_zoom,
            averaged=average or (),
            local_from=local_from or (),
            heads_from=heads_from or (),
        )
        ship(weights, out, release)


def _figures(file: Path) -> object:
    try:
        return json.loads(file.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(
            f"{file}: is not readable JSON ({error}); write it with --json or --out again"
        ) from error
