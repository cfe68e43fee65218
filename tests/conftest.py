"""What tests of several packages share."""

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.descriptor_model import GalleryRows, ImageEmbedding

pytest_plugins = ["service_live", "page_browser"]

TRAINING = re.compile(r"^(?:import|from) (?:torch|timm|kornia|training)\b", re.MULTILINE)


def _training_tests() -> list[str]:
    """Return the test files that need what the extra `training` installs."""
    files = Path(__file__).parent.glob("test_*.py")
    return sorted(file.name for file in files if TRAINING.search(file.read_text()))


collect_ignore = [] if importlib.util.find_spec("torch") else _training_tests()


def pytest_report_header() -> str | None:
    """Say what a plain install leaves out."""
    if not collect_ignore:
        return None
    return f"PyTorch is not installed: {len(collect_ignore)} files of tests are left out"


class ColourEmbedder:
    """A real, tiny descriptor model: the image's centred 16 x 16 colour thumbnail, unit length."""

    name = "colour-thumbnail"
    sha256 = hashlib.sha256(b"colour-thumbnail").hexdigest()
    descriptor_dim = 16 * 16 * 3
    local_bytes = 0
    matcher = None
    input_size = 16
    calibration = None

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize to the thumbnail: uint8 [3, 16, 16]."""
        small = image.convert("RGB").resize((16, 16), Image.Resampling.BOX)
        return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Centre and normalise: float32 [N, 768]."""
        flat_ND = pixels_N3SS.reshape(len(pixels_N3SS), -1).astype(np.float32)
        flat_ND = flat_ND - flat_ND.mean(axis=1, keepdims=True) + 1e-3
        norms_N1 = np.linalg.norm(flat_ND, axis=1, keepdims=True)
        return (flat_ND / norms_N1).astype(np.float32)

    def embed_query_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> list[ImageEmbedding]:
        """One scale, one heading, no local features."""
        return [ImageEmbedding(row_D[None, None]) for row_D in self.embed_pixels(pixels_N3SS)]

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        """The same as a query's."""
        local_NL = np.empty((len(pixels_N3SS), 0), dtype=np.int8)
        return GalleryRows(self.embed_pixels(pixels_N3SS), local_NL)

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Descriptors of pictures: float32 [N, 768]."""
        return self.embed_pixels(np.stack([self.preprocess(image) for image in images]))


@pytest.fixture(scope="session")
def embedder() -> ColourEmbedder:
    return ColourEmbedder()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, untrained, tiny Safe-Net checkpoint: 128 px, descriptor of 80."""
    torch = pytest.importorskip("torch", reason="untrained weights are made with PyTorch")
    from model.checkpoint import save_checkpoint
    from model.config import ModelConfig
    from model.network import SafeNet

    torch.manual_seed(0)
    config = ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=16)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(path, SafeNet(config).eval(), {"recipe": "none"})
    return path
