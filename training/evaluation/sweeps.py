"""Scores by condition: distance, height, number of views, shift, angle, input size, weather.

Each study returns condition → direction → score; the gallery is always the same.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal, get_args

from training.data.image_sets import Benchmark, Direction
from training.errors import DataError
from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import (
    EmbeddedQueries,
    Rules,
    Score,
    embedded,
    evaluate,
    score,
)
from training.evaluation.perturbations import mirrored, rotated, shifted
from training.evaluation.weather import weathers

Study = Literal[
    "distance", "height", "views", "shift", "rotation", "mirror", "weather", "flip", "size"
]
STUDIES: tuple[Study, ...] = get_args(Study)

VIEWS = (1, 2, 3, 6, 9, 18, 27, 54)
"""Source: Table VI."""
SHIFTS_PX = (0, 10, 20, 30, 40, 50, 60)
"""Shifts of images of 256 px, as in the peers' tables."""
ANGLES_DEG = (0, 45, 90, 135, 180, 225, 270, 315)
SIZES_PX = (224, 256, 320, 384, 512)
"""Source: Table V."""
HEIGHT_STEP_M = 50
"""Our choice: SUES-200's step."""
UNKNOWN_M = -1

Scores = dict[str, dict[str, Score]]
LoadEmbedder = Callable[[int | None, bool], ImageSetEmbedder]
"""Returns the embedder of the weights for (input size or None, flip)."""


def run_study(study: Study, benchmark: Benchmark, load: LoadEmbedder, rules: Rules) -> Scores:
    """Return scores by condition and direction.

    Raises:
        DataError: the data does not have this study's conditions.
    """
    if study == "flip":
        return {
            name: evaluate(benchmark, load(None, flip), rules)
            for name, flip in (("one pass", False), ("with mirrored pass", True))
        }
    if study == "size":
        return {f"{size} px": evaluate(benchmark, load(size, False), rules) for size in SIZES_PX}
    embedder = load(None, False)
    if study == "distance":
        return by_thirds(benchmark, embedder, rules)
    if study == "height":
        return by_height(benchmark, embedder, rules)
    if study == "views":
        return by_views(benchmark, embedder, rules)
    perturbations = {
        "shift": {f"{pad} px": shifted(pad) if pad else None for pad in SHIFTS_PX},
        "rotation": {f"{angle}°": rotated(angle) if angle else None for angle in ANGLES_DEG},
        "mirror": {"as taken": None, "mirrored": mirrored()},
        "weather": weathers(),
    }[study]
    drone_queries = _drone_queries(benchmark)
    return {
        name: evaluate(drone_queries, embedder, rules, perturbation)
        for name, perturbation in perturbations.items()
    }


def by_thirds(benchmark: Benchmark, embedder: ImageSetEmbedder, rules: Rules) -> Scores:
    """Return scores by distance: thirds of every place's drone images, far to near (Fig. 7)."""

    def third(number: int) -> Callable[[EmbeddedQueries], list[int]]:
        return lambda query: [
            row
            for rows in query.images.rows_by_place().values()
            for row in rows[len(rows) * number // 3 : len(rows) * (number + 1) // 3]
        ]

    names = ("long", "middle", "short")
    return _by_rows(
        benchmark, embedder, rules, {name: third(number) for number, name in enumerate(names)}
    )


def by_height(benchmark: Benchmark, embedder: ImageSetEmbedder, rules: Rules) -> Scores:
    """Return scores of drone queries in bins of 50 m height; SUES-200's directions are by height.

    Raises:
        DataError: the data has no heights.
    """
    if benchmark.layout == "SUES-200":
        scores = evaluate(benchmark, embedder, rules)
        grouped: Scores = {}
        for name, value in scores.items():
            direction, _, height = name.partition(" ")
            grouped.setdefault(height, {})[direction] = value
        return grouped
    heights = {
        _bin_m(height)
        for direction in _drone_queries(benchmark).directions
        for height in direction.query.heights_m or ()
    } - {UNKNOWN_M}
    if not heights:
        raise DataError("--by height: the data has no heights; add a gps.csv with altitude_m")

    def at(height_m: int) -> Callable[[EmbeddedQueries], list[int]]:
        return lambda query: [
            row for row, h in enumerate(query.images.heights_m or ()) if _bin_m(h) == height_m
        ]

    return _by_rows(benchmark, embedder, rules, {f"{h} m": at(h) for h in sorted(heights)})


def by_views(benchmark: Benchmark, embedder: ImageSetEmbedder, rules: Rules) -> Scores:
    """Return scores of 1 to 54 drone views averaged into one query (Table VI), as far as they go.

    Raises:
        DataError: no direction has drone queries.
    """
    by_drone = _drone_queries(benchmark)
    sides = {one.name: embedded(one, embedder) for one in by_drone.directions}
    most = max(query.images.most_images() for query, _ in sides.values())
    return {
        str(views): {
            name: score(query, gallery, by_drone, dataclasses.replace(rules, multi_query=views))
            for name, (query, gallery) in sides.items()
        }
        for views in VIEWS
        if views <= most
    }


def _by_rows(
    benchmark: Benchmark,
    embedder: ImageSetEmbedder,
    rules: Rules,
    conditions: dict[str, Callable[[EmbeddedQueries], list[int]]],
) -> Scores:
    scores: Scores = {name: {} for name in conditions}
    for direction in _drone_queries(benchmark).directions:
        query, gallery = embedded(direction, embedder)
        for name, choose in conditions.items():
            rows = choose(query)
            if rows:
                scores[name][direction.name] = score(query.pick(rows), gallery, benchmark, rules)
    return {name: values for name, values in scores.items() if values}


def _drone_queries(benchmark: Benchmark) -> Benchmark:
    directions: tuple[Direction, ...] = tuple(
        direction for direction in benchmark.directions if direction.query.view == "drone"
    )
    return dataclasses.replace(benchmark, directions=directions)


def _bin_m(height_m: float) -> int:
    """Return the middle of a height's bin; UNKNOWN_M for an unknown height."""
    if math.isnan(height_m):
        return UNKNOWN_M
    return round(height_m / HEIGHT_STEP_M) * HEIGHT_STEP_M
