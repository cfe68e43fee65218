"""Pictures in, descriptors out: what everyone who only uses weights needs.

Shapes: N images, S input side or scales, T turns, D descriptor length, L length of the local
features. Knows nothing of galleries or HTTP.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.checkpoint import Checkpoint, load_checkpoint
from model.descriptor_model import Explanation, GalleryRows, ImageEmbedding
from model.errors import CheckpointError, ConfigError
from model.folding import folded
from model.fusion import unit_mean
from model.local_features import unit_cells, upright
from model.network import SafeNet, turned
from model.preprocessing import normalise, to_pixels
from model.runtime.parallel_slices import CpuThreads
from model.verification import quantised

SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "safenet-lite0.safetensors"
"""The default weights; `docs/weights.md` says how they were made and what they score."""

BATCH_SIZE = 16
"""Images that `embed` hands over at a time."""

DEVICE_BATCH = 128
"""Images of a forward pass on a GPU at most. Ours: bounds its memory where each comes in turns."""


class Embedder:
    """Safe-Net with trained weights."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        if not checkpoint.config.shared_backbone:
            raise ConfigError(
                f"weights {checkpoint.name} have one backbone per view; "
                "an Embedder needs shared_backbone = true"
            )
        self._network = quick_network(checkpoint).to(device)
        self._device = device
        self._threads = CpuThreads() if device.type == "cpu" else None
        self.name = checkpoint.name
        self.sha256 = checkpoint.sha256
        self.config = checkpoint.config
        self.card: dict[str, Any] = checkpoint.card
        self.input_size = checkpoint.config.input_size
        self.descriptor_dim = checkpoint.config.descriptor_dim
        self.local_bytes = checkpoint.config.local_length(checkpoint.config.gallery_turns)

    @classmethod
    def load(cls, weights: Path | None = None, *, device: str = "auto") -> "Embedder":
        """Load weights: the shipped ones, or those at a path.

        Args:
            weights: a .safetensors file with its JSON beside it; None for the shipped ones.
            device: a torch device, or `auto`: the GPU where there is one.

        Raises:
            CheckpointError: the files are missing, damaged or do not fit together.
            ConfigError: the device does not exist here.
        """
        return cls(load_checkpoint(weights or SHIPPED_WEIGHTS), _device(device))

    @property
    def calibration(self) -> Mapping[str, float] | None:
        """Score calibration fitted on held-out data, where the weights carry one."""
        calibration = self.card.get("calibration")
        if calibration is not None and not isinstance(calibration, dict):
            raise CheckpointError(f"weights {self.name}: calibration must be an object of numbers")
        return calibration

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Centre square at input size, uint8 [3, S, S]; thread-safe."""
        return to_pixels(image, self.input_size)

    def embed_query_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> list[ImageEmbedding]:
        """What preprocessed pictures that ask look like, for `fusion.fuse`.

        Each at S scales in T headings, unit length; S * T is the weights' `query_turns`.
        """
        rows_NPD, local_NSL = self._turned(pixels_N3SS, self.config.query_turns)
        count, passes, length = rows_NPD.shape
        scales = self.config.scales(passes)
        by_heading_NTSD = rows_NPD.reshape(count, passes // scales, scales, length)
        shown_NSTD = np.ascontiguousarray(by_heading_NTSD.transpose(0, 2, 1, 3))
        if not self.config.local_dim:
            return [ImageEmbedding(shown_STD) for shown_STD in shown_NSTD]
        zoom = self.config.turn_zoom
        return [ImageEmbedding(*both, zoom) for both in zip(shown_NSTD, local_NSL, strict=True)]

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        """What a gallery keeps of preprocessed pictures.

        Each descriptor is the mean over `gallery_turns` quarter turns.
        """
        rows_NTD, local_NSL = self._turned(pixels_N3SS, self.config.gallery_turns)
        local_NL = local_NSL.reshape(len(pixels_N3SS), self.local_bytes)
        return GalleryRows(unit_mean(rows_NTD), quantised(local_NL))

    def _turned(
        self, pixels_N3SS: NDArray[np.uint8], turns: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Descriptors of every turn [N, T, D] and local features of every scale [N, S, L]."""
        pixels = torch.from_numpy(pixels_N3SS).to(self._device)
        rows_MR = self._pass(torch.cat(turned(pixels, turns, self.config.turn_zoom)))
        rows_NTR = rows_MR.view(turns, len(pixels), -1).transpose(0, 1)
        dim = self.descriptor_dim
        local_NSL = unit_cells(upright(rows_NTR[:, :, dim:], self.config.scales(turns)))
        return rows_NTR[:, :, :dim].cpu().numpy(), local_NSL.cpu().numpy()

    def _pass(self, pixels_N3SS: Tensor) -> Tensor:
        if self._threads is None:
            return torch.cat(
                [self._describe(part) for part in torch.split(pixels_N3SS, DEVICE_BATCH)]
            )
        return self._threads.map(self._describe, pixels_N3SS)

    @torch.inference_mode()
    def _describe(self, pixels_N3SS: Tensor) -> Tensor:
        return self._network.describe_with_local(normalise(pixels_N3SS, self.config.normalisation))

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Descriptors of pictures of any size and mode: float32 [N, D], unit length.

        Each is the mean over `query_turns` quarter turns.
        """
        if not images:
            return np.empty((0, self.descriptor_dim), dtype=np.float32)
        pixels_N3SS = np.stack([self.preprocess(image) for image in images])
        turns = self.config.query_turns
        batches = [
            unit_mean(self._turned(pixels_N3SS[start : start + BATCH_SIZE], turns)[0])
            for start in range(0, len(images), BATCH_SIZE)
        ]
        return np.concatenate(batches)

    @torch.inference_mode()
    def explain(self, image: Image.Image) -> Explanation:
        """Alignment, partition and heat of one picture."""
        pixels = torch.from_numpy(self.preprocess(image)[None]).to(self._device)
        seen = self._network.inspect(normalise(pixels, self.config.normalisation))
        heat_HH = seen.heat_BHH[0].cpu().numpy()
        spread = max(float(np.ptp(heat_HH)), 1e-6)
        rings = self._network.map_side // 2
        last_K = [] if seen.boundaries_BK is None else seen.boundaries_BK[0].tolist()
        return Explanation(
            theta_23=seen.theta_B23[0].cpu().numpy(),
            ring_half_sides=tuple(last / rings for last in last_K),
            heat_HH=(heat_HH - heat_HH.min()) / spread,
        )


def quick_network(checkpoint: Checkpoint) -> SafeNet:
    """The network of a checkpoint, arranged for inference alone."""
    network = checkpoint.network()
    if checkpoint.config.shared_backbone:
        side = checkpoint.config.input_size
        example = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        network = folded(network, example)
    return network.to(memory_format=torch.channels_last)


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device = {device!r}: torch knows no such device") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device = {device!r}: no CUDA device here; use cpu or auto")
    return chosen
