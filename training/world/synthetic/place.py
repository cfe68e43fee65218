"""One place of the world: its satellite view, its drone views and their true coordinates."""

import math
from dataclasses import dataclass, field, replace

from training.world.chance import RandomStream
from training.world.geo import to_latlon
from training.world.output.view import View
from training.world.plan.cell import plan_cell
from training.world.plan.lots import DISTRICTS
from training.world.rendering.camera import Camera, Jitter, fly
from training.world.rendering.raymarch import drone_view
from training.world.rendering.satellite import satellite_view
from training.world.rendering.sensor import Sensor, draw_sensor, expose
from training.world.rendering.weather import RenderedWeather, draw_weather, precipitate, through
from training.world.scene.light import draw_light
from training.world.scene.scene import LitScene, build_scene, light_scene
from training.world.scene.textures import load_textures

TEST_ROW = 120
"""Our choice: test places spiral out from cell (0, 120), 43 km north of training's (0, 0)."""


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """How places are rendered; metres and pixels."""

    preset: str = "university-1652"
    views: int = 54
    size_px: int = 256
    satellite_span_m: tuple[float, float] = (130.0, 153.0)
    misregistration_m: float = 3.0
    drone_lights: int = 1
    textures: str = ""
    texture_classes: str = ""
    weather_share: float = 0.0
    jitter: Jitter = field(default_factory=Jitter)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A rendered place."""

    index: int
    split: str
    district: str
    x_m: float
    y_m: float
    satellite: View
    drones: list[View]


def cell_of_place(index: int, split: str) -> tuple[int, int]:
    """Return the map cell of place `index`: a square spiral about the split's own centre cell."""
    ring = math.ceil((math.sqrt(index + 1) - 1) / 2)
    side, rest = 2 * ring, index - (2 * ring - 1) ** 2 if ring else 0
    k, step = (rest // side, rest % side) if ring else (0, 0)
    di, dj = (
        (ring, step - ring + 1),
        (ring - 1 - step, ring),
        (-ring, ring - 1 - step),
        (step - ring + 1, -ring),
    )[k]
    row = TEST_ROW if split == "test" else 0
    return (di, row + dj) if ring else (0, row)


def place_point(seed: int, index: int, split: str = "train") -> tuple[float, float]:
    """Return world (x, y), metres, of the landmark at the middle of place `index`."""
    return plan_cell(seed, *cell_of_place(index, split)).landmark


def render_place(seed: int, index: int, settings: RenderSettings, split: str = "train") -> Place:
    """Return place `index` of the world `seed`, rendered; equal arguments give equal pixels.

    Raises:
        UnknownPresetError: settings name no known flight.
    """
    cell = cell_of_place(index, split)
    plan = plan_cell(seed, *cell)
    x, y = plan.landmark
    rng = RandomStream(seed, 21, *cell)
    cameras = fly(settings.preset, settings.views, x, y, rng, settings.jitter)
    span = rng.between(*settings.satellite_span_m)
    bank = load_textures(settings.textures, settings.texture_classes) if settings.textures else None
    scene = build_scene(seed, x, y, _extent_m(cameras, x, y, span), textures=bank)
    satellite = _satellite(seed, light_scene(scene, draw_light(rng, 0)), x, y, span, settings, rng)
    lights = [
        light_scene(scene, draw_light(rng, 1))
        for _ in range(min(settings.drone_lights, settings.views))
    ]
    drones = []
    for k, camera in enumerate(cameras):
        sensor, haze = draw_sensor(rng, drone=True), 2e-4 + 9e-4 * rng.unit() ** 3
        weather = draw_weather(rng, settings.weather_share)
        weather = replace(weather, haze_per_m=weather.haze_per_m + haze)
        lit = lights[k % len(lights)]
        drones.append(expose_drone(seed, lit, camera, settings.size_px, sensor, weather))
    return Place(
        index=index,
        split=split,
        district=DISTRICTS[plan.district],
        x_m=x,
        y_m=y,
        satellite=satellite,
        drones=drones,
    )


def _extent_m(cameras: list[Camera], x: float, y: float, span_m: float) -> float:
    reach = [max(abs(px - x), abs(py - y)) for camera in cameras for px, py in camera.footprint()]
    return min(330.0, max([span_m / 2 + 8.0, *reach]) + 4.0)


def _satellite(
    seed: int,
    lit: LitScene,
    x: float,
    y: float,
    span: float,
    settings: RenderSettings,
    rng: RandomStream,
) -> View:
    offset = settings.misregistration_m
    shift = (offset * rng.between(-1, 1), offset * rng.between(-1, 1))
    sensor = draw_sensor(rng, drone=False)
    return expose_satellite(seed, lit, (x, y), span, settings.size_px, sensor, shift)


def expose_satellite(
    seed: int,
    lit: LitScene,
    middle: tuple[float, float],
    span_m: float,
    size_px: int,
    sensor: Sensor,
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> View:
    """Return the tile of side `span_m` about world point `middle`; its pixels are `shift_m` off."""
    x, y = middle
    half = span_m / 2
    view = satellite_view(lit, x + shift_m[0], y + shift_m[1], size_px, span_m / size_px)
    corners = (
        (x - half, y + half),
        (x + half, y + half),
        (x + half, y - half),
        (x - half, y - half),
    )
    latitude, longitude = to_latlon(seed, x, y)
    return View(
        kind="satellite",
        latitude=latitude,
        longitude=longitude,
        altitude_m=None,
        heading_deg=0.0,
        gimbal_pitch_deg=-90.0,
        gsd_m=span_m / size_px,
        field_of_view_deg=None,
        footprint=tuple(to_latlon(seed, *c) for c in corners),
        target=(latitude, longitude),
        jpeg_quality=sensor.jpeg_quality,
        pixels=expose(view, sensor),
    )


def expose_drone(
    seed: int, lit: LitScene, camera: Camera, size_px: int, sensor: Sensor, weather: RenderedWeather
) -> View:
    """Return the image that `camera` records of the lit scene in that weather."""
    view = drone_view(lit, camera, size_px, haze_per_m=weather.haze_per_m)
    view = precipitate(view, weather, sensor.seed + 1)
    latitude, longitude = to_latlon(seed, camera.x_m, camera.y_m)
    slant = camera.z_m / math.sin(math.radians(-camera.gimbal_pitch_deg))
    gsd = 2 * slant * math.tan(math.radians(camera.field_of_view_deg) / 2) / size_px
    return View(
        kind="drone",
        latitude=latitude,
        longitude=longitude,
        altitude_m=camera.z_m,
        heading_deg=camera.heading_deg,
        gimbal_pitch_deg=camera.gimbal_pitch_deg,
        gsd_m=gsd,
        field_of_view_deg=camera.field_of_view_deg,
        footprint=tuple(to_latlon(seed, *c) for c in camera.footprint()),
        target=to_latlon(seed, *camera.ground_point(0.0, 0.0)),
        jpeg_quality=sensor.jpeg_quality,
        pixels=expose(view, through(sensor, weather)),
        weather=weather.name,
    )
