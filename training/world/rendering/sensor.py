"""Imperfections of a camera: exposure, colour cast, blur, noise, JPEG."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.world.chance import RandomStream

_KNEE = 205.0
"""Our choice: pale roofs keep their detail."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """One exposure's settings; `motion_px` is the length of a straight motion blur.

    Values brighter than `knee` are compressed to stay below white.
    """

    gain: float = 1.0
    contrast: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    blur_px: float = 0.0
    motion_px: float = 0.0
    motion_down: bool = False
    noise: float = 0.0
    knee: float = 255.0
    jpeg_quality: int = 88
    seed: int = 0


def draw_sensor(rng: RandomStream, *, drone: bool) -> Sensor:
    """Return random settings of a drone camera or of a satellite product."""
    cast = (1 + 0.03 * rng.normal() * 0.7, 1.0, 1 + 0.03 * rng.normal() * 0.7)
    return Sensor(
        gain=rng.between(0.85, 1.2),
        contrast=rng.between(0.88, 1.15),
        cast=cast,
        saturation=rng.between(0.62, 1.0),
        blur_px=rng.between(0.0, 0.5) if drone else rng.between(0.15, 0.7),
        motion_px=rng.between(0, 2.5) if drone and rng.chance(0.2) else 0.0,
        motion_down=rng.chance(0.5),
        noise=rng.between(0.5, 4.0) if drone else rng.between(0.3, 2.5),
        knee=_KNEE,
        jpeg_quality=78 + rng.below(17),
        seed=rng.below(1 << 30),
    )


def _smooth(
    image: NDArray[np.float32], weights: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    reach = len(weights) // 2
    pad = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
    padded = np.pad(image, pad, mode="edge")
    out = np.zeros_like(image)
    for k, weight in enumerate(weights):
        window = [slice(None)] * 3
        window[axis] = slice(k, k + image.shape[axis])
        out += weight * padded[tuple(window)]
    return out


def _rolled_off(image: NDArray[np.float32], knee: float) -> NDArray[np.float32]:
    """Return the image with values over the knee compressed to stay below white."""
    start, room = np.float32(knee), np.float32(255.0 - knee)
    over = np.maximum(image - start, np.float32(0.0))
    bent: NDArray[np.float32] = np.minimum(image, start) + room * (1.0 - np.exp(-over / room))
    return bent.astype(np.float32)


def expose(view: NDArray[np.float32], sensor: Sensor) -> NDArray[np.uint8]:
    """Return the view [H, W, 3] (0-255) as the sensor records it, uint8."""
    image: NDArray[np.float32] = view
    if sensor.blur_px > 0.05:
        taps = np.exp(-0.5 * (np.arange(-2, 3) / sensor.blur_px) ** 2).astype(np.float32)
        image = _smooth(_smooth(image, taps / taps.sum(), 0), taps / taps.sum(), 1)
    if sensor.motion_px >= 1.0:
        count = 2 * int(sensor.motion_px / 2 + 0.5) + 1
        image = _smooth(
            image, np.full(count, 1 / count, np.float32), 0 if sensor.motion_down else 1
        )
    if sensor.saturation != 1.0:
        grey = image.mean(axis=2, keepdims=True)
        image = (grey + np.float32(sensor.saturation) * (image - grey)).astype(np.float32)
    gain = np.array(sensor.cast, np.float32) * np.float32(sensor.gain)
    image = ((image * gain - 118.0) * np.float32(sensor.contrast) + 118.0).astype(np.float32)
    if sensor.knee < 255.0:
        image = _rolled_off(image, sensor.knee)
    if sensor.noise > 0:
        grain = np.random.default_rng(sensor.seed).standard_normal(image.shape, dtype=np.float32)
        image = (image + np.float32(sensor.noise) * grain).astype(np.float32)
    pixels: NDArray[np.uint8] = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return pixels


def jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Return the JPEG bytes of an RGB image."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()
