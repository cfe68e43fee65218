"""Spatial verification against a plain loop, and what it can tell that a descriptor cannot."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates
from threadpoolctl import threadpool_info

from model.checkpoint import save_checkpoint
from model.config import ModelConfig
from model.cpu_threads import limit_blas_threads
from model.embedder import Embedder
from model.errors import ConfigError
from model.fusion import fuse
from model.network import SafeNet
from model.verification import SHIFT, SIDE, TURNS, agreement, combined, quantised
from model.views import joint_local_features, unit_cells

WIDTH = 64


def grids(count: int, seed: int) -> NDArray[np.float32]:
    """Random grids of unit cells: [N, SIDE, SIDE, WIDTH]."""
    cells = np.random.default_rng(seed).normal(size=(count, SIDE, SIDE, WIDTH))
    return (cells / np.linalg.norm(cells, axis=3, keepdims=True)).astype(np.float32)


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((128, 128), Image.Resampling.NEAREST)


def flat(grids_NSSE: NDArray[np.float32]) -> NDArray[np.float32]:
    return grids_NSSE.reshape(len(grids_NSSE), -1)


def slow_agreement(query_SSE: NDArray[np.float32], tile_SSE: NDArray[np.float32]) -> float:
    """Every turn and shift, cell by cell; turned by SciPy."""
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    best = -1.0
    for turn in range(TURNS):
        a = 2 * np.pi * turn / TURNS
        at = np.stack((np.cos(a) * y - np.sin(a) * x, np.cos(a) * x + np.sin(a) * y)) + 3
        layers = [
            map_coordinates(np.pad(query_SSE[:, :, e], 1), at + 1, order=1) for e in range(WIDTH)
        ]
        turned_SSE = np.stack(layers, axis=2)
        norms = np.linalg.norm(turned_SSE, axis=2)
        for down in range(-SHIFT, SHIFT + 1):
            for right in range(-SHIFT, SHIFT + 1):
                total, cells = 0.0, 0
                for row in range(SIDE):
                    for column in range(SIDE):
                        r, c = row + down, column + right
                        if 0 <= r < SIDE and 0 <= c < SIDE and norms[r, c] > 1e-6:
                            cells += 1
                            total += turned_SSE[r, c] @ tile_SSE[row, column] / norms[r, c]
                best = max(best, total / np.sqrt(SIDE**2 * cells))
    return float(best)


def test_agreement_equals_the_loop_over_turns_and_shifts() -> None:
    query, tiles = grids(1, 0), grids(3, 1)
    found = agreement(flat(query)[None], quantised(flat(tiles))).scores_K
    expected = [slow_agreement(query[0], tile) for tile in tiles]
    np.testing.assert_allclose(found, expected, atol=0.02)  # int8 and clipping


def test_a_turned_and_shifted_grid_agrees_and_a_shuffled_one_does_not() -> None:
    tile = grids(1, 2)[0]
    shifted = np.zeros_like(tile)
    shifted[:-1, 2:] = np.rot90(tile)[1:, :-2]
    generator = np.random.default_rng(3)
    shuffled = generator.permutation(tile.reshape(-1, WIDTH)).reshape(tile.shape)
    found = agreement(flat(tile[None])[None], quantised(flat(np.stack((tile, shifted, shuffled)))))
    assert found.scores_K[0] == pytest.approx(1.0, abs=0.05)
    assert found.scores_K[1] == pytest.approx((6 * 5) / (7 * np.sqrt(6 * 5)), abs=0.08)
    assert found.scores_K[2] < 0.4
    assert found.up_K[:2] * SIDE == pytest.approx([0, 1], abs=0.1)
    assert found.right_K[:2] * SIDE == pytest.approx([0, 2], abs=0.1)
    assert found.turn_deg_K[1] == pytest.approx(270, abs=2)  # rot90 turns the tile to the left


def test_the_best_of_several_scales_counts_and_views_are_averaged() -> None:
    one, other = flat(grids(2, 4))
    tiles = quantised(np.stack((np.concatenate((one, other)), np.concatenate((other, other)))))
    alone = agreement(one[None, None], tiles).scores_K
    both = agreement(np.stack((one, other))[None], tiles).scores_K
    views = agreement(np.stack((one, other))[:, None], tiles).scores_K
    assert alone[0] > 0.9 > alone[1]
    assert (both > 0.9).all()
    np.testing.assert_allclose(
        views, (alone + agreement(other[None, None], tiles).scores_K) / 2, atol=1e-5
    )


def test_the_pose_lies_between_cells_and_turns_and_in_the_scale_that_agrees() -> None:
    inner = np.random.default_rng(6).normal(size=(9, 9, WIDTH))
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2

    def seen(up: float, right: float, turn_deg: float) -> NDArray[np.float32]:
        """Smooth ground around a place, seen with the top turned clockwise."""
        a = np.radians(turn_deg)
        at = np.stack((np.cos(a) * y + np.sin(a) * x - up, np.cos(a) * x - np.sin(a) * y + right))
        layers = [map_coordinates(inner[:, :, e], at / 2 + 4, order=3) for e in range(WIDTH)]
        cells = np.stack(layers, axis=2)
        return flat((cells / np.linalg.norm(cells, axis=2, keepdims=True))[None])

    query, tile, other = seen(0.4, 1.3, 100.0), seen(0, 0, 0), flat(grids(1, 7))
    tiles = quantised(np.stack((np.concatenate((tile, other)), np.concatenate((other, tile)))))
    found = agreement(query[None].astype(np.float32), tiles.reshape(2, -1), zoom=0.75)
    assert found.turn_deg_K == pytest.approx([100, 100], abs=4)
    assert found.up_K * SIDE == pytest.approx([0.4, 0.75 * 0.4], abs=0.2)
    assert found.right_K * SIDE == pytest.approx([1.3, 0.75 * 1.3], abs=0.2)


def test_of_several_views_the_place_is_averaged_and_the_first_one_tells_the_turn() -> None:
    tile = grids(1, 8)
    moved = np.zeros_like(tile)
    moved[:, 2:] = tile[:, :-2]  # the camera two cells up
    views = np.stack((flat(tile), flat(np.rot90(moved, axes=(1, 2)))))
    found = agreement(views, quantised(flat(tile)))
    assert found.up_K * SIDE == pytest.approx([(0 + 2) / 2], abs=0.1)
    assert found.right_K * SIDE == pytest.approx([0], abs=0.1)
    assert (found.turn_deg_K + 180) % 360 == pytest.approx([180], abs=2)


def test_no_candidates_have_no_agreement() -> None:
    none = np.empty((0, SIDE**2 * WIDTH), dtype=np.int8)
    assert agreement(flat(grids(1, 5))[None], none).scores_K.shape == (0,)


def test_a_program_limits_matrix_products_to_one_thread() -> None:
    limit_blas_threads()
    blas = [found for found in threadpool_info() if found["user_api"] == "blas"]
    assert blas
    assert {found["num_threads"] for found in blas} == {1}


def test_scores_are_weighted_means() -> None:
    found = combined(np.float32([0.3, 1.0]), np.float32([0.6, 1.0]))
    np.testing.assert_allclose(found, [0.5, 1.0], atol=1e-6)
    assert found.dtype == np.float32


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    return ModelConfig(
        backbone="test_efficientnet",
        input_size=128,
        embedding_dim=16,
        local_dim=WIDTH,
        gallery_turns=4,
        query_turns=4,
        turn_zoom=0.75,
    )


def test_both_sides_hold_the_grid_of_each_scale_turned_upright(
    config: ModelConfig, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = SafeNet(config).eval()
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, network, {})
    embedder = Embedder.load(path, device="cpu")
    pixels = np.stack([embedder.preprocess(picture(seed)) for seed in (0, 1)])
    rows = embedder.embed_gallery_pixels(pixels)
    asked = embedder.embed_query_pixels(pixels)
    assert fuse(asked).zoom == config.turn_zoom
    length = SIDE**2 * WIDTH
    assert rows.local_NL.shape == (2, embedder.local_bytes) == (2, 2 * length)
    for row, seen in zip(rows.local_NL, asked, strict=True):
        assert seen.local_SL is not None
        assert seen.local_SL.shape == (2, length)
        norms = np.linalg.norm(seen.local_SL.reshape(2, -1, WIDTH), axis=2)
        np.testing.assert_allclose(norms, 1.0, atol=1e-4)
        np.testing.assert_array_equal(row, quantised(seen.local_SL.reshape(1, -1))[0])
    assert agreement(asked[0].local_SL[None], rows.local_NL).scores_K[0] > 0.8


def test_grids_of_rotated_views_are_rotated_back() -> None:
    grid = np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 3)).astype(np.float32)
    grid /= np.linalg.norm(grid, axis=3, keepdims=True)
    views = np.stack([np.rot90(grid, view, (1, 2)).reshape(1, -1) for view in range(4)], axis=1)
    for scales in (1, 2):
        found = joint_local_features(views, scales)
        assert found.shape == (1, scales, SIDE**2 * 3)
        np.testing.assert_allclose(found[0, 0], grid.ravel(), atol=1e-6)
    assert unit_cells(np.zeros((3, 0), dtype=np.float32)).shape == (3, 0)


def test_more_features_than_channels_are_refused(config: ModelConfig) -> None:
    with pytest.raises(ConfigError, match="local_dim = 500: the map has only"):
        SafeNet(dataclasses.replace(config, local_dim=500))


def test_weights_without_local_features_hold_none(config: ModelConfig, tmp_path: Path) -> None:
    plain = dataclasses.replace(config, local_dim=0)
    save_checkpoint(tmp_path / "w.safetensors", SafeNet(plain).eval(), {})
    embedder = Embedder.load(tmp_path / "w.safetensors", device="cpu")
    pixels = embedder.preprocess(picture(0))[None]
    assert embedder.local_bytes == 0
    assert embedder.embed_gallery_pixels(pixels).local_NL.shape == (1, 0)
    assert embedder.embed_query_pixels(pixels)[0].local_SL is None
