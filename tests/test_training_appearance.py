"""Looks of two sources: transfers, seasons, compression against independent computations."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from training.errors import RecipeError
from training.learning.appearance import (
    Appearance,
    another_season,
    changed_ground,
    quantised,
    vegetation,
)
from training.learning.augmentation import StrongAugmentation
from training.learning.palettes import (
    LOW,
    Palettes,
    smooth_field,
    tone_quantiles,
    with_amplitudes,
    with_tones,
    within,
)
from training.learning.recipes import recipe


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, side: int = 64, seed: int = 9) -> Tensor:
    """Smooth random pictures: noise of 8 x 8 enlarged."""
    return torch.cat([smooth_field(count, 8, side, seeded(seed + k)) for k in range(3)], dim=1)


def test_a_picture_takes_the_tones_of_another() -> None:
    images, other = pictures(), 0.2 + 0.3 * pictures(seed=40)
    taken = with_tones(images, tone_quantiles(other))
    for ours, wanted in zip(taken.flatten(2), other.flatten(2), strict=True):
        got = np.quantile(ours.numpy(), [0.1, 0.5, 0.9], axis=1)
        np.testing.assert_allclose(
            got, np.quantile(wanted.numpy(), [0.1, 0.5, 0.9], axis=1), atol=0.02
        )


def test_tones_keep_the_order_of_pixels() -> None:
    images = pictures(1)
    taken = with_tones(images, tone_quantiles(pictures(1, seed=40)))
    order = images[0, 0].flatten().argsort()
    assert bool((taken[0, 0].flatten()[order].diff() >= -0.01).all())


def test_a_picture_with_its_own_tones_stays() -> None:
    images = pictures()
    torch.testing.assert_close(
        with_tones(images, tone_quantiles(images)), images, atol=0.01, rtol=0
    )


def test_low_waves_take_the_wanted_amplitudes_and_keep_their_phases() -> None:
    images, wanted = pictures(), Palettes.of(pictures(seed=40)).amplitudes_P3FF
    changed = with_amplitudes(images, wanted, torch.ones(4, 2 * LOW + 1, LOW + 1))
    before, after = (np.fft.fft2(one[0, 1].numpy()) / 64**2 for one in (images, changed))
    for down, across in ((0, 0), (2, 3), (-LOW, 1), (LOW, LOW)):
        assert abs(after[down, across]) == pytest.approx(
            float(wanted[0, 1, down + LOW, across]), abs=1e-5
        )
        assert np.angle(after[down, across] / before[down, across]) == pytest.approx(0, abs=1e-2)
    np.testing.assert_allclose(after[LOW + 2, 3], before[LOW + 2, 3], atol=1e-6)


def test_waves_beyond_the_radius_stay() -> None:
    images, wanted = pictures(), Palettes.of(pictures(seed=40)).amplitudes_P3FF
    changed = with_amplitudes(images, wanted, within(torch.zeros(4)))
    torch.testing.assert_close(
        changed - changed.mean(dim=(2, 3), keepdim=True),
        images - images.mean(dim=(2, 3), keepdim=True),
        atol=1e-5,
        rtol=0,
    )
    torch.testing.assert_close(changed.mean(dim=(2, 3)), wanted[:, :, LOW, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("quality", [30, 50, 75])
def test_compression_loses_what_pillows_jpeg_loses(quality: int) -> None:
    grey = (pictures(1)[0, 0] * 255).round().byte()
    stream = io.BytesIO()
    Image.fromarray(grey.numpy()).save(stream, "JPEG", quality=quality)
    stored = np.asarray(Image.open(stream)).astype(float)
    scale = torch.tensor([50 / quality if quality < 50 else 2 - quality / 50])
    ours = 255 * quantised(grey.float()[None, None].expand(1, 3, -1, -1) / 255, scale)[0, 1]
    assert np.abs(ours.numpy() - stored).mean() < 0.7
    assert np.abs(grey.numpy() - stored).mean() > 1.0


def test_compression_takes_sides_that_are_no_multiple_of_eight() -> None:
    images = pictures(2, side=50)
    stored = quantised(images, torch.full((2,), 0.05))
    assert stored.shape == images.shape
    torch.testing.assert_close(stored, images, atol=0.03, rtol=0)


def test_green_is_vegetation_and_grey_is_not() -> None:
    colours = torch.tensor([(0.2, 0.4, 0.15), (0.5, 0.5, 0.5), (0.5, 0.4, 0.3)])
    found = vegetation(colours[:, :, None, None])
    assert found.flatten().tolist() == [1.0, 0.0, 0.0]


def test_a_season_changes_vegetation_and_leaves_dark_roofs_and_roads() -> None:
    images = torch.full((16, 3, 8, 8), 0.2)
    images[:, :, :4] = torch.tensor((0.15, 0.35, 0.1))[:, None, None]
    turned = another_season(images, seeded())
    torch.testing.assert_close(turned[:, :, 4:], images[:, :, 4:])
    assert bool(((turned - images)[:, :, :4].abs().amax(dim=(1, 2, 3)) > 0.02).all())


def test_changed_ground_is_another_picture_s_in_some_cells() -> None:
    images = torch.arange(4.0)[:, None, None, None].expand(4, 3, 48, 48) / 4
    changed = changed_ground(images, seeded())
    other = images.roll(1, dims=0)
    is_other = changed == other
    assert bool((is_other | (changed == images)).all())
    assert 0.0 < float(is_other.double().mean()) < 0.2


def test_looks_depend_on_their_generator_alone_and_differ_between_the_sides() -> None:
    look = Appearance(palettes=Palettes.of(pictures(8, seed=40)))
    augment = StrongAugmentation(64, appearance=look)
    images, flat = pictures(6), torch.ones(6, dtype=torch.bool)
    first, again = (augment(images, images, flat, seeded(3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, one.clamp(0, 1))
    assert float((look(images, seeded(1)) - look(images, seeded(2))).abs().mean()) > 0.02


def test_pairs_of_one_source_are_not_given_new_appearances() -> None:
    palettes = Palettes.of(pictures(8, seed=40))
    strong = Appearance(palettes=palettes, season_share=1.0, palette_share=1.0)
    weak = Appearance(palettes=palettes, season_share=0.0, palette_share=0.0)
    images, flat = pictures(6), torch.ones(6, dtype=torch.bool)

    def drone(appearance: Appearance, share: float) -> Tensor:
        augment = StrongAugmentation(64, appearance=appearance, one_source_pairs=share)
        return augment(images, images, flat, seeded(3))[1]

    assert torch.equal(drone(strong, 1.0), drone(weak, 1.0))
    assert not torch.equal(drone(strong, 0.0), drone(weak, 0.0))


def test_palettes_come_from_files(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (40, 40), (60 * number, 100, 30)).save(files[-1])
    palettes = Palettes.read(files, 2, seeded())
    assert len(palettes) == 2
    torch.testing.assert_close(palettes.quantiles_P3Q[:, 1], torch.full((2, 33), 100 / 255))


def test_looks_of_two_sources_need_strong_augmentation() -> None:
    with pytest.raises(RecipeError, match="appearance = two-sources: goes with augmentation"):
        recipe("paper", ["appearance=two-sources"])
