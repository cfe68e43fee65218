"""Images in, descriptors out: what everyone who only uses weights needs.

Shapes: N images, V views, S input side (in [N, S, T, D]: scales), T headings, D descriptor length,
L length of the local features. Knows nothing of galleries or HTTP.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.descriptor_model import Explanation, GalleryRows, ImageEmbedding
from model.fusion import unit_mean
from model.matching.choice import AUTO, load_matcher
from model.matching.interface import Matcher
from model.preprocessing import to_pixels
from model.runtime.choice import load_runtime
from model.runtime.interface import Runtime
from model.verification import quantised
from model.views import joint_local_features, make_views
from model.weights_info import SHIPPED_WEIGHTS, WeightsInfo

__all__ = ["BATCH_SIZE", "SHIPPED_WEIGHTS", "Embedder"]

BATCH_SIZE = 16
"""Number of images that `embed` hands over at a time."""


class Embedder:
    """Safe-Net with trained weights: a `DescriptorModel`."""

    def __init__(
        self, weights: WeightsInfo, runtime: Runtime, matcher: Matcher | None = None
    ) -> None:
        self.runtime = runtime
        self.matcher = matcher
        self.name = weights.name
        self.sha256 = weights.sha256
        self.config = weights.config
        self.card: dict[str, Any] = weights.card
        self.calibration: Mapping[str, float] | None = weights.calibration
        self.input_size = weights.config.input_size
        self.descriptor_dim = weights.config.descriptor_dim
        self.local_bytes = weights.config.local_length(weights.config.gallery_turns)

    @classmethod
    def load(
        cls,
        weights: Path | None = None,
        *,
        device: str = "auto",
        matcher: str = AUTO,
        precision: str = "fp32",
        threads: int = 0,
    ) -> "Embedder":
        """Load weights: the shipped ones, or those at a path.

        Args:
            weights: a .safetensors file with its JSON beside it; None for the shipped ones.
            device: cpu, cuda, or `auto`: the GPU where there is one.
            matcher: one of `model.matching.choice.MATCHERS`.
            precision: fp32, or bf16 on a processor that has it: faster, a little less exact.
            threads: CPU threads of a forward pass; 0: as many as there are cores.

        Raises:
            CheckpointError: the files are missing, damaged or do not fit together.
            ConfigError: the device, precision or matcher does not exist here, or needs PyTorch.
        """
        info, runtime = load_runtime(weights or SHIPPED_WEIGHTS, device, precision, threads)
        return cls(info, runtime, load_matcher(matcher))

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return the centre square at input size, uint8 [3, S, S]; thread-safe."""
        return to_pixels(image, self.input_size)

    def embed_query_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> list[ImageEmbedding]:
        """Return the embeddings of preprocessed query images, for `fusion.fuse`.

        Each has S scales in T headings; S * T is the weights' `query_turns`.
        """
        rows_NVD, local_NSL = self._describe(pixels_N3SS, self.config.query_turns)
        count, views, length = rows_NVD.shape
        scales = self.config.scales(views)
        by_heading_NTSD = rows_NVD.reshape(count, views // scales, scales, length)
        descriptors_NSTD = np.ascontiguousarray(by_heading_NTSD.transpose(0, 2, 1, 3))
        has_local, is_matched = self.config.local_dim > 0, self.matcher is not None
        return [
            ImageEmbedding(
                descriptors_NSTD[index],
                local_NSL[index] if has_local else None,
                self.config.turn_zoom if has_local else 1.0,
                pixels_N3SS[index] if is_matched else None,
            )
            for index in range(count)
        ]

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        """Return what a gallery keeps of preprocessed images.

        Each descriptor is the mean over `gallery_turns` views.
        """
        rows_NVD, local_NSL = self._describe(pixels_N3SS, self.config.gallery_turns)
        local_NL = local_NSL.reshape(len(pixels_N3SS), self.local_bytes)
        return GalleryRows(unit_mean(rows_NVD), quantised(local_NL))

    def _describe(
        self, pixels_N3SS: NDArray[np.uint8], views: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return descriptors of every view [N, V, D], local features of every scale [N, S, L]."""
        views_VN3SS = make_views(pixels_N3SS, views, self.config.turn_zoom)
        rows_MR = self.runtime.describe(views_VN3SS.reshape(-1, *pixels_N3SS.shape[1:]))
        rows_NVR = rows_MR.reshape(views, len(pixels_N3SS), -1).transpose(1, 0, 2)
        local_NVL = rows_NVR[:, :, self.descriptor_dim :]
        local_NSL = joint_local_features(local_NVL, self.config.scales(views))
        return rows_NVR[:, :, : self.descriptor_dim], local_NSL

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return descriptors of images of any size and mode: float32 [N, D], unit length.

        Each is the mean over `query_turns` views.
        """
        if not images:
            return np.empty((0, self.descriptor_dim), dtype=np.float32)
        pixels_N3SS = np.stack([self.preprocess(image) for image in images])
        batches = [
            unit_mean(
                self._describe(pixels_N3SS[start : start + BATCH_SIZE], self.config.query_turns)[0]
            )
            for start in range(0, len(images), BATCH_SIZE)
        ]
        return np.concatenate(batches)

    def explain(self, image: Image.Image) -> Explanation:
        """Return alignment, partition and heat of one image."""
        found = self.runtime.inspect(self.preprocess(image))
        heat_HH = found.heat_HH
        spread = max(float(np.ptp(heat_HH)), 1e-6)
        rings = len(heat_HH) // 2
        last_K = [] if found.boundaries_K is None else found.boundaries_K.tolist()
        return Explanation(
            theta_23=found.theta_23,
            ring_half_sides=tuple(last / rings for last in last_K),
            heat_HH=(heat_HH - heat_HH.min()) / spread,
        )
