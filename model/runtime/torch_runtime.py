"""The network in PyTorch: on a GPU, or on a CPU for weights that were not exported.

Shapes: N images, S input side.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.checkpoint import Checkpoint
from model.errors import ConfigError
from model.network import SafeNet, View, descriptor
from model.normalisation import normalise, unit_range
from model.runtime.folding import folded
from model.runtime.interface import Inspection
from model.runtime.parallel_slices import CpuThreads

DEVICE_BATCH = 128
"""Number of images of a forward pass on a GPU at most. Our choice: it bounds the memory."""


class TorchRuntime:
    """A network on one device."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        *,
        view: View | None = None,
        flip: bool = False,
    ) -> None:
        """Move the network to its device.

        Args:
            checkpoint: the weights.
            device: a torch device, or `auto`: the GPU where there is one.
            view: whose backbone describes, where the two views have one each.
            flip: add the embeddings of the mirrored image, as the authors' code does.

        Raises:
            ConfigError: the device does not exist here.
            CheckpointError: the weights do not fit their configuration.
        """
        self._device = torch_device(device)
        self._network = inference_network(checkpoint).to(self._device)
        self._threads = CpuThreads() if self._device.type == "cpu" else None
        self._config, self._view, self._flip = checkpoint.config, view, flip

    @property
    def name(self) -> str:
        """Library, its version and device."""
        mirrored = ", with a mirrored pass" if self._flip else ""
        return f"torch {torch.__version__} {self._device.type}{mirrored}"

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit descriptors, then local features: float32 [N, D + L]."""
        pixels = torch.from_numpy(pixels_N3SS).to(self._device)
        if self._threads is not None:
            rows = self._threads.map(self._describe, pixels)
        else:
            rows = torch.cat([self._describe(part) for part in torch.split(pixels, DEVICE_BATCH)])
        described: NDArray[np.float32] = rows.cpu().numpy()
        return described

    @torch.inference_mode()
    def _describe(self, pixels_N3SS: Tensor) -> Tensor:
        images_N3SS = self._input(pixels_N3SS)
        rows_NR = self._network.describe_with_local(images_N3SS, self._view)
        if self._flip:
            both = self._network(images_N3SS, self._view)
            both += self._network(images_N3SS.flip(3), self._view)
            rows_NR[:, : self._config.descriptor_dim] = descriptor(both)
        return rows_NR

    @torch.inference_mode()
    def inspect(self, pixels_3SS: NDArray[np.uint8]) -> Inspection:
        """Return alignment, boundaries and heat of one image."""
        pixels = torch.from_numpy(pixels_3SS[None]).to(self._device)
        found = self._network.inspect(self._input(pixels), self._view)
        last_BK = found.boundaries_BK
        return Inspection(
            theta_23=found.theta_B23[0].cpu().numpy(),
            boundaries_K=None if last_BK is None else last_BK[0].cpu().numpy(),
            heat_HH=found.heat_BHH[0].cpu().numpy(),
        )

    def _input(self, pixels_N3SS: Tensor) -> Tensor:
        return normalise(unit_range(pixels_N3SS), self._config.normalisation)


def inference_network(checkpoint: Checkpoint) -> SafeNet:
    """Return the network of a checkpoint, arranged for inference alone."""
    network = checkpoint.network()
    if checkpoint.config.shared_backbone:
        side = checkpoint.config.input_size
        example = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        network = folded(network, example)
    return network.to(memory_format=torch.channels_last)


def torch_device(device: str) -> torch.device:
    """Return a device that exists here.

    Raises:
        ConfigError: it does not.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device = {device!r}: torch knows no such device") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device = {device!r}: no CUDA device here; use cpu or auto")
    return chosen
