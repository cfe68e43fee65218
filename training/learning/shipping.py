"""Turn a run's weights into weights to hand out: half precision, figures and sources in the card.

Example: python -m training.learning.shipping runs/best/weights.safetensors best.safetensors
--figures eval.json --note sources="NAIP, US public domain"
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from model.errors import CheckpointError, SafeNetError
from model.network import SafeNet
from model.usage_errors import OneLineCommand
from training.commands.exits import failed
from training.data.training_data import training_places
from training.errors import DataError
from training.learning.learner import load_trained
from training.learning.recipes import modern
from training.learning.whitening import fit_whitening

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def ship(
    weights: Path,
    out: Path,
    figures: dict[str, object],
    notes: dict[str, object],
    gallery_turns: int | None = None,
    query_turns: int | None = None,
    turn_zoom: float | None = None,
    averaged: Sequence[Path] = (),
    local_from: Sequence[Path] = (),
) -> None:
    """Write OUT (.safetensors, float16) and its card: the run's own, with figures and notes added.

    `averaged` are weights of other runs from the same start, for the mean of all (Wortsman et al.,
    Model soups, 2022); their recipes go into the card too.

    The local features' whitening is fitted anew to the data at `local_from`, if any is given: a
    mean of several runs has none of its own.

    Raises:
        CheckpointError: a run's weights cannot be read, or are of another network.
        ConfigError: no such turns.
        DataError: the data to fit to cannot be read.
    """
    checkpoint = load_checkpoint(weights)
    if averaged:
        checkpoint = mean_of([checkpoint, *(load_checkpoint(path) for path in averaged)])
    card = {**checkpoint.card, **notes}
    if figures:
        card["metrics"] = {**card.get("metrics", {}), **figures}
    turns = {
        "gallery_turns": gallery_turns,
        "query_turns": query_turns,
        "turn_zoom": turn_zoom,
    }
    given: dict[str, Any] = {name: value for name, value in turns.items() if value is not None}
    config = dataclasses.replace(checkpoint.config, **given)
    checkpoint = dataclasses.replace(checkpoint, config=config)
    if local_from:
        network = SafeNet(dataclasses.replace(config, local_dim=modern().model.local_dim)).eval()
        load_trained(network, checkpoint.state)
        places = [place for data in local_from for place in training_places(data)]
        fit_whitening(network, places)
    else:
        network = checkpoint.network()
    save_checkpoint(out, network, card, dtype=torch.float16)


def mean_of(runs: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of the runs' weights, with the first one's card.

    Raises:
        CheckpointError: they are of several networks.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.config != first.config or other.state.keys() != first.state.keys():
            raise CheckpointError(
                f"weights {other.name} are of another network than {first.name}; "
                "average runs of one configuration"
            )
    state = {
        key: torch.stack([run.state[key].float() for run in runs]).mean(dim=0).to(value.dtype)
        for key, value in first.state.items()
    }
    card = {**first.card, "averaged_recipes": [run.card.get("recipe") for run in runs]}
    return dataclasses.replace(first, state=state, card=card)


@app.command(cls=OneLineCommand)
def main(
    weights: Annotated[Path, typer.Argument(help="RUN/weights.safetensors")],
    out: Annotated[Path, typer.Argument(help="What to write, .safetensors")],
    figures: Annotated[
        list[Path] | None, typer.Option(help="JSON files of safenet-eval --json; repeat.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="JSON file of safenet-index calibrate --out.")
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option(help="key=text for the card: sources, licence; repeat.")
    ] = None,
    gallery_turns: Annotated[
        int | None,
        typer.Option(
            help="Quarter turns of a gallery image averaged: 1, 2, 4; default: the run's."
        ),
    ] = None,
    average: Annotated[
        list[Path] | None,
        typer.Option(help="Weights of another run from the same start, for their mean; repeat."),
    ] = None,
    query_turns: Annotated[
        int | None, typer.Option(help="The same for an image that asks.")
    ] = None,
    turn_zoom: Annotated[
        float | None,
        typer.Option(help="Share of the side that every second turn shows, 0.3 to 1."),
    ] = None,
    local_from: Annotated[
        list[Path] | None,
        typer.Option(help="Training data to fit the local features' whitening to; repeat."),
    ] = None,
) -> None:
    """Write weights to hand out: float16, with figures and sources in the card."""
    try:
        measured: dict[str, object] = {file.stem: _figures(file) for file in figures or ()}
        notes: dict[str, object] = dict(part.partition("=")[::2] for part in note or ())
        if calibration is not None:
            notes["calibration"] = _figures(calibration)
        ship(
            weights,
            out,
            measured,
            notes,
            gallery_turns,
            query_turns,
            turn_zoom,
            average or (),
            local_from or (),
        )
    except SafeNetError as error:
        raise failed(error) from error


def _figures(file: Path) -> object:
    try:
        return json.loads(file.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(f"{file}: no JSON that can be read: {error}") from error


if __name__ == "__main__":
    app()
