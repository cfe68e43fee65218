"""Shifts, turns and the ten weathers do to a picture what they say."""

import pytest
import torch

from training.evaluation.embedding import Perturbation, perturbed
from training.evaluation.perturbations import mirrored, rotated, shifted
from training.evaluation.weather import weathers

GENERATOR = torch.Generator().manual_seed(0)
PIXELS = torch.randint(0, 256, (2, 3, 64, 64), generator=GENERATOR, dtype=torch.uint8)


def changed(pixels: torch.Tensor, perturbation: Perturbation | None, seed: int) -> torch.Tensor:
    """Perturbed pixels, as numbers that can be subtracted."""
    return perturbed(pixels, perturbation, seed).float()


def test_a_shift_puts_black_columns_on_the_left() -> None:
    moved = changed(PIXELS, shifted(8, of_side=128), 0)
    assert moved[..., :4].abs().max() == 0
    assert torch.equal(moved[..., 4:], PIXELS[..., :-4].float())


def test_a_quarter_turn_is_exact_and_a_full_one_changes_nothing() -> None:
    assert (changed(PIXELS, rotated(360), 0) - PIXELS).abs().max() <= 1
    quarter = changed(PIXELS, rotated(90), 0)
    either = [(quarter - PIXELS.rot90(turn, (2, 3))).abs().max() for turn in (1, 3)]
    assert min(either) <= 1


def test_an_eighth_turn_has_black_corners() -> None:
    turned = changed(PIXELS, rotated(45), 0)
    assert turned[..., 0, 0].abs().max() == 0


def test_mirroring_twice_is_nothing() -> None:
    once = perturbed(PIXELS, mirrored(), 0)
    assert torch.equal(perturbed(once, mirrored(), 0), PIXELS)


def test_there_are_ten_weathers_and_normal_changes_nothing() -> None:
    assert list(weathers()) == [
        "normal", "fog", "rain", "snow", "fog+rain", "fog+snow", "rain+snow", "dark",
        "over-exposure", "wind",
    ]  # fmt: skip
    assert weathers()["normal"] is None


@pytest.mark.parametrize("name", [name for name in weathers() if name != "normal"])
def test_a_weather_changes_pictures_stays_in_range_and_repeats(name: str) -> None:
    weather = weathers()[name]
    before = torch.random.get_rng_state()
    first, again, other = (changed(PIXELS, weather, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape == PIXELS.shape
    assert 0 <= first.min() <= first.max() <= 255.001
    assert (first - PIXELS).abs().mean() > 3
    assert name == "dark" or not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_darkness_and_over_exposure_are_the_benchmarks_arithmetic() -> None:
    grey = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    assert changed(grey, weathers()["dark"], 0)[0, 0, 0, 0].item() == pytest.approx(25, abs=0.01)
    lit = changed(grey, weathers()["over-exposure"], 0)[0, 0, 0, 0].item()
    assert 160 <= lit <= 190


def test_wind_blurs_along_one_direction() -> None:
    point = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    point[..., 32, 32] = 255
    blurred = changed(point, weathers()["wind"], 3)[0, 0]
    assert blurred.max() < 255 / 8
    assert (blurred > 1).sum() >= 10
