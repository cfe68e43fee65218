"""Makes a release of a run's weights: half precision, with figures and sources in the card."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from model.errors import CheckpointError
from model.network import SafeNet
from training.data.places import Place
from training.data.training_data import training_places
from training.learning.head_whitening import whiten_heads
from training.learning.learner import load_trained
from training.learning.recipes import modern
from training.learning.whitening import fit_whitening


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a release adds to a run's weights; None keeps the run's own value.

    `averaged` are weights of other runs from the same start, which are averaged (Wortsman et al.,
    Model soups, 2022); the card lists their recipes too. `local_from` is the training data to which
    the local features' whitening is fitted again: a mean of several runs has none of its own.
    `heads_from` is the training data that the descriptor is whitened by.
    """

    figures: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[str, object] = field(default_factory=dict)
    gallery_turns: int | None = None
    query_turns: int | None = None
    turn_zoom: float | None = None
    averaged: Sequence[Path] = ()
    local_from: Sequence[Path] = ()
    heads_from: Sequence[Path] = ()


def ship(weights: Path, out: Path, release: Release) -> None:
    """Write OUT (.safetensors, float16) and its card: the run's own, with figures and notes added.

    Raises:
        CheckpointError: a run's weights cannot be read, or are of another network.
        ConfigError: a number of rotations or a zoom is not allowed.
        DataError: the training data cannot be read.
    """
    checkpoint = load_checkpoint(weights)
    if release.averaged:
        checkpoint = mean_of([checkpoint, *(load_checkpoint(path) for path in release.averaged)])
    card = {**checkpoint.card, **release.notes}
    if release.figures:
        card["metrics"] = {**card.get("metrics", {}), **release.figures}
    augmentation = {
        "gallery_turns": release.gallery_turns,
        "query_turns": release.query_turns,
        "turn_zoom": release.turn_zoom,
    }
    given: dict[str, Any] = {
        name: value for name, value in augmentation.items() if value is not None
    }
    config = dataclasses.replace(checkpoint.config, **given)
    checkpoint = dataclasses.replace(checkpoint, config=config)
    if release.local_from:
        network = SafeNet(dataclasses.replace(config, local_dim=modern().model.local_dim)).eval()
        load_trained(network, checkpoint.state)
        fit_whitening(network, _places(release.local_from))
    else:
        network = checkpoint.network()
    if release.heads_from:
        whiten_heads(network, _places(release.heads_from))
    save_checkpoint(out, network, card, dtype=torch.float16)


def _places(folders: Sequence[Path]) -> list[Place]:
    return [place for data in folders for place in training_places(data)]


def mean_of(runs: Sequence[Checkpoint]) -> Checkpoint:
    """Return the mean of the runs' weights, with the card of the first.

    Raises:
        CheckpointError: the runs are of different networks.
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
