"""Weights between the start and the end of a fine-tuning, each with local features of its own.

A mean of both (Wortsman et al., Robust fine-tuning of zero-shot models, 2022, Sec. 3) often finds
more than either: it keeps what the start knows of grounds that a run does not see.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from model.checkpoint import Checkpoint, save_checkpoint
from model.network import SafeNet
from training.data.places import Place
from training.learning.learner import load_trained
from training.learning.whitening import fit_whitening

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the fine-tuned weights that are tried; the rest is of the start's."""


def write_candidate(
    start: Checkpoint,
    tuned: Checkpoint,
    share: float,
    places: Sequence[Place],
    out: Path,
    *,
    notes: dict[str, object],
    workers: int = 0,
) -> None:
    """Write the weights `share` of the way from the start to the fine-tuned ones, as float16.

    Args:
        start: the weights that the run started from; their numbers of rotations are kept.
        tuned: the weights of the run.
        share: 0 to 1.
        places: what the whitening of the local features is fitted to.
        out: the .safetensors file; its card is written beside it.
        notes: added to the card, whose calibration and scores are left out.
        workers: decoding processes.
    """
    state = {
        key: torch.lerp(value.float(), tuned.state[key].float(), share).to(value.dtype)
        for key, value in start.state.items()
        if not key.startswith("local.")
    }
    network = SafeNet(start.config).eval()
    load_trained(network, state)
    fit_whitening(network, places, workers=workers)
    dropped = ("calibration", "metrics")
    card = {key: value for key, value in start.card.items() if key not in dropped}
    save_checkpoint(out, network, {**card, **notes}, dtype=torch.float16)
