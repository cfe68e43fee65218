"""How fast places of the rendered world are made, and what shadows and four rays a pixel cost."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path
from unittest.mock import patch

import numpy as np
from figure import Figure
from numpy.typing import NDArray

from training.world.chance import RandomStream
from training.world.rendering.camera import Jitter, fly
from training.world.rendering.raymarch import drone_view
from training.world.scene.light import draw_light
from training.world.scene.scene import Scene, build_scene, light_scene
from training.world.synthetic.place import RenderSettings, render_place
from training.world.synthetic.place_jobs import RenderJob, run_render_job

SEED = 7
TURNS = 3
SETTINGS = RenderSettings(views=54, size_px=256)
"""What `safenet-world render` writes unless told otherwise: 55 images a place."""
FEW_VIEWS = replace(SETTINGS, views=6)
SCENE_REACH_M = 250.0
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run() -> dict[str, Figure]:
    """Images a second on disk, and ratios of processor time; both sides of a ratio turn by turn."""
    scene = build_scene(SEED, 0.0, 0.0, SCENE_REACH_M)
    place = partial(render_place, SEED, 0, FEW_VIEWS)
    light = partial(light_scene, scene, draw_light(RandomStream(SEED), 1))
    views = partial(_views, scene)
    return {
        **_pace(),
        "render_place_shadows_over_none": _cpu_ratio(place, partial(_without_shadows, place)),
        "render_light_shadows_over_none": _cpu_ratio(light, partial(_without_shadows, light)),
        "render_view_4_rays_over_1": _cpu_ratio(views(supersample=2), views(supersample=1)),
    }


def _pace() -> dict[str, Figure]:
    """A turn renders another place, once in each process; two processes need two cores."""
    images = SETTINGS.views + 1
    alone, both, cpu = [], [], []
    with tempfile.TemporaryDirectory() as folder, _pool(1) as one, _pool(2) as two:
        for turn in range(TURNS):
            wall_s, cpu_s = _seconds(one, Path(folder), turn, 1)
            alone.append(images / wall_s)
            cpu.append(images / cpu_s)
            if CORES > 1:
                both.append(2 * images / _seconds(two, Path(folder), turn, 2)[0])
    figures = {
        "render_1_worker_images_per_s": Figure.of(alone, "images/s"),
        "render_images_per_cpu_s": Figure.of(cpu, "images/CPU s"),
    }
    if both:
        ratios = [pair / single for pair, single in zip(both, alone, strict=True)]
        figures["render_2_workers_images_per_s"] = Figure.of(both, "images/s")
        figures["render_2_workers_over_1"] = Figure.of(ratios, "ratio")
    return figures


@contextmanager
def _pool(workers: int) -> Iterator[Pool]:
    """Processes as `safenet-world` starts them, each with its compiled code at hand."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(_warm_up, range(workers), chunksize=1)
        yield pool


def _warm_up(_: int) -> None:
    render_place(SEED, 0, replace(SETTINGS, views=1))


def _job_cpu_seconds(job: RenderJob) -> float:
    return _cpu_seconds(partial(run_render_job, job))


def _seconds(pool: Pool, out: Path, place: int, copies: int) -> tuple[float, float]:
    """Wall-clock seconds of all copies, and the processor time of one."""
    jobs = [
        RenderJob(out=out / str(copy), seed=SEED, index=place, split="train", settings=SETTINGS)
        for copy in range(copies)
    ]
    started = time.perf_counter()
    cpu_s = pool.map(_job_cpu_seconds, jobs, chunksize=1)
    return time.perf_counter() - started, min(cpu_s)


def _cpu_ratio(full: Callable[[], object], part: Callable[[], object]) -> Figure:
    """Processor time of `full` over that of `part`; the first turn is warm-up."""
    turns = [(_cpu_seconds(full), _cpu_seconds(part)) for _ in range(TURNS + 1)]
    return Figure.of([full_s / part_s for full_s, part_s in turns[1:]], "ratio")


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _without_shadows(work: Callable[[], object]) -> None:
    def none(height: NDArray[np.float32], *_: object) -> NDArray[np.float32]:
        return np.full(height.shape, -1.0, np.float32)

    with patch("training.world.scene.scene.shadow_height", none):
        work()


def _views(scene: Scene, *, supersample: int) -> Callable[[], None]:
    """Nine views of the University flight, with 1 or 2 x 2 rays a pixel."""
    lit = light_scene(scene, draw_light(RandomStream(SEED), 1))
    cameras = fly(SETTINGS.preset, SETTINGS.views, 0.0, 0.0, RandomStream(SEED), Jitter())[::6]

    def render() -> None:
        for camera in cameras:
            drone_view(lit, camera, SETTINGS.size_px, supersample=supersample)

    return render
