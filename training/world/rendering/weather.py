"""Bad weather in a rendered drone view: fog by distance, rain and snow at the lens, poor light.

Here the true distance of every pixel is known and the sensor comes afterwards. Two other modules
have only finished images: `training.learning.bad_weather` varies whole training batches, and
`training.evaluation.weather` reproduces the benchmark's ten weathers. They share no code, so that
an evaluation does not score weather made by the same functions as in training.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.world.chance import RandomStream
from training.world.rendering.sensor import Sensor

F32 = NDArray[np.float32]
NAMES = ("normal", "fog", "rain", "snow", "fog+rain", "fog+snow", "dark", "bright", "wind")


@dataclass(frozen=True, kw_only=True)
class RenderedWeather:
    """Weather of one rendered view; streaks and flakes are per million pixels."""

    name: str = "normal"
    haze_per_m: float = 0.0
    streaks: float = 0.0
    flakes: float = 0.0
    gain: float = 1.0
    motion_px: float = 0.0


def draw_weather(rng: RandomStream, share: float) -> RenderedWeather:
    """Return a random weather in `share` of the views (0-1), else a clear day."""
    if share <= 0.0 or not rng.chance(share):
        return RenderedWeather()
    name = NAMES[1 + rng.below(len(NAMES) - 1)]
    is_falling = "rain" in name or "snow" in name
    return RenderedWeather(
        name=name,
        haze_per_m=rng.between(0.0015, 0.005) if "fog" in name else 0.0004 * is_falling,
        streaks=rng.between(2500, 7000) if "rain" in name else 0.0,
        flakes=rng.between(2500, 9000) if "snow" in name else 0.0,
        gain={"dark": rng.between(0.25, 0.5), "bright": rng.between(1.5, 2.0)}.get(name, 1.0),
        motion_px=rng.between(5, 13) if name == "wind" else 0.0,
    )


def through(sensor: Sensor, weather: RenderedWeather) -> Sensor:
    """Return the sensor's settings in that weather."""
    return replace(
        sensor,
        gain=sensor.gain * weather.gain,
        motion_px=max(sensor.motion_px, weather.motion_px),
    )


def precipitate(view: F32, weather: RenderedWeather, seed: int) -> F32:
    """Return the view [H, W, 3] (0-255) behind rain streaks or snow flakes."""
    if not (weather.streaks or weather.flakes):
        return view
    height, width, _ = view.shape
    rng = np.random.default_rng(seed)
    cover = np.zeros((height, width), np.float32)
    count = int((weather.streaks or weather.flakes) * height * width / 1e6)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    length = max(2, height // 22) if weather.streaks else max(1, height // 128)
    lean = float(rng.uniform(-0.5, 0.5))
    for step in range(length):
        across = 0 if weather.streaks else step
        for side in range(across + 1):
            down = np.minimum(rows + step, height - 1)
            right = np.clip(columns + side + round(lean * step), 0, width - 1)
            cover[down, right] += 0.34 if weather.streaks else 0.75
    cover = np.minimum(cover, 0.8)[..., None]
    bright = np.float32(205.0 if weather.streaks else 245.0)
    return (view + cover * (bright - view)).astype(np.float32)
