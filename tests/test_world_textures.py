"""Real pictures as textures: they show, they change nothing but colour, and windows still fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.world.errors import MapSourceError
from training.world.scene.scene import build_scene
from training.world.scene.textures import load_textures
from training.world.scene.window import CROP, GRASS


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for name in ("agricultural", "forest", "golfcourse", "runway", "chaparral"):
        for k in range(2):
            pixels = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{k:02d}.jpg")
    (folder / "some_roofs").mkdir()
    Image.new("RGB", (125, 125), (140, 60, 60)).save(folder / "some_roofs" / "1_2.jpg")
    return folder


def test_textures_change_colours_only(pictures: Path) -> None:
    plain = build_scene(6, 30.0, 20.0, 60.0)
    real = build_scene(6, 30.0, 20.0, 60.0, textures=load_textures(str(pictures)))
    assert np.mean(plain.rgb != real.rgb) > 0.3
    assert np.array_equal(plain.height_m, real.height_m)
    assert np.array_equal(plain.material, real.material)


def test_textured_windows_agree_where_they_overlap(pictures: Path) -> None:
    bank = load_textures(str(pictures))
    left = build_scene(5, 100.0, -40.0, 60.0, textures=bank)
    right = build_scene(5, 139.0, -12.0, 60.0, textures=bank)
    rows, columns = left.iy0 - right.iy0, left.ix0 - right.ix0
    overlap = right.rgb[: left.rgb.shape[0] + rows, : left.rgb.shape[1] + columns]
    assert np.array_equal(left.rgb[-rows:, -columns:], overlap)


def test_classes_keep_only_what_is_named(pictures: Path) -> None:
    bank = load_textures(str(pictures), "forest,runway")
    assert len(bank.patches) == 4
    assert bank.number.tolist() == [2, 0, 2, 0, 0, 0, 0, 0]


def test_ploughed_fields_lie_on_crops_and_not_on_lawns(pictures: Path) -> None:
    bank = load_textures(str(pictures), "agricultural")
    assert bank.number[GRASS] == 0
    assert bank.number[CROP] == 2


def test_a_folder_without_known_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MapSourceError, match="no images of"):
        load_textures(str(tmp_path))
