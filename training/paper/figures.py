"""Figures 7 to 11 of the paper for any weights and data in University-1652's layout."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from model.embedder import Embedder
from training.data.image_sets import Benchmark, Direction
from training.errors import DataError
from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import Rules, embedded, score_matrix
from training.evaluation.metrics import best_matches
from training.evaluation.sheets import GREEN, PLAIN, RED, Tile, sheet, square_image
from training.evaluation.sweeps import by_thirds
from training.paper.drawing import aligned, heated, ringed

TOP = 5


def figure_7(benchmark: Benchmark, models: Sequence[ImageSetEmbedder], rules: Rules) -> Figure:
    """Return bars of R@1 drone→satellite: a group for each distance, a bar for each weights."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(models)
    names: list[str] = []
    for number, model in enumerate(models):
        scores = by_thirds(benchmark, model, rules)
        names = list(scores)
        values = []
        for by_direction in scores.values():
            retrieval = next(iter(by_direction.values())).retrieval
            assert retrieval is not None
            values.append(retrieval.recall[1])
        places = np.arange(len(values)) + number * width
        axes.bar_label(axes.bar(places, values, width, label=model.name), fmt="%.1f", fontsize=7)
    axes.set_xticks(np.arange(len(names)) + 0.4 - width / 2, names)
    axes.set_ylabel("R@1 drone→satellite, %")
    axes.set_title(f"Distance to the target, protocol {rules.protocol}")
    axes.legend(fontsize=7)
    return figure


def figure_8(table: Path) -> Figure:
    """Return R@1 and mAP by number of parts, from the table F8 that `tables` wrote.

    Raises:
        DataError: the table is missing, or holds no measured figures.
    """
    try:
        rows = json.loads(table.read_text())["rows"]
        parts = [int(row["label"][0]) for row in rows]
        ours = np.array([np.mean(row["ours"], axis=0) for row in rows])
        columns = ours.reshape(len(parts), 4).T
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{table} holds no figures; run safenet-eval tables DATA --which F8 first"
        ) from error
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    for number, direction in enumerate(("drone→satellite", "satellite→drone")):
        axes = figure.add_subplot(1, 2, number + 1)
        for column, name in ((2 * number, "R@1"), (2 * number + 1, "mAP")):
            axes.plot(parts, columns[column], marker="o", label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(parts, [str(part) for part in parts])
        axes.set_xlabel("parts")
        axes.set_ylabel("%")
        axes.set_title(direction)
        axes.legend()
    return figure


def figure_9(benchmark: Benchmark, embedder: Embedder, places: int = 2) -> Image.Image:
    """Return input, aligned image, partition and heat of a satellite and three drone images."""
    columns = []
    for satellite, drones in _examples(benchmark, places):
        chosen = [satellite, drones[0], drones[len(drones) // 2], drones[-1]]
        names = ("satellite", "long", "middle", "short")
        columns += [
            _explained(file, name, embedder) for file, name in zip(chosen, names, strict=True)
        ]
    return sheet([list(row) for row in zip(*columns, strict=True)])


def _explained(file: Path, name: str, embedder: Embedder) -> list[Tile]:
    image = square_image(file)
    explanation = embedder.explain(image)
    straight = aligned(image, explanation.theta_23)
    rings = ringed(straight, explanation.ring_half_sides)
    words = (f"{name} {file.parent.name}", "aligned", "partition", "heat")
    images = (image, straight, rings, heated(straight, explanation.heat_HH))
    return [Tile(one, word) for one, word in zip(images, words, strict=True)]


def figure_10(benchmark: Benchmark, embedders: Sequence[Embedder], places: int = 3) -> Image.Image:
    """Return the heat of a satellite and a drone image under several weights, with similarity."""
    rows = []
    for satellite, drones in _examples(benchmark, places):
        pair = [square_image(satellite), square_image(drones[len(drones) // 2])]
        row = [Tile(one, satellite.parent.name) for one in pair]
        for embedder in embedders:
            both = embedder.embed(pair)
            score = float(both[0] @ both[1])
            for one in pair:
                explanation = embedder.explain(one)
                over = heated(aligned(one, explanation.theta_23), explanation.heat_HH)
                row.append(Tile(over, f"{embedder.name[:16]} {score:.3f}"))
        rows.append(row)
    return sheet(rows)


def figure_11(direction: Direction, embedder: ImageSetEmbedder, queries: int = 4) -> Image.Image:
    """Return queries and their five best matches, framed green (same place) or red."""
    query, gallery = embedded(direction, embedder)
    step = max(len(direction.query) // queries, 1)
    rows_Q = list(range(0, len(direction.query), step))[:queries]
    scores_QG = score_matrix(query.pick(rows_Q), gallery, verify=True)
    best_QK = best_matches(torch.from_numpy(scores_QG), TOP)
    rows = []
    for row, best_K in zip(rows_Q, best_QK.tolist(), strict=True):
        place = direction.query.places[row]
        tiles = [Tile(square_image(direction.query.files[row]), f"query {place}", PLAIN)]
        for match in best_K:
            found = direction.gallery.places[match]
            frame = GREEN if found == place else RED
            tiles.append(Tile(square_image(direction.gallery.files[match]), found, frame))
        rows.append(tiles)
    return sheet(rows)


def _examples(benchmark: Benchmark, places: int) -> list[tuple[Path, list[Path]]]:
    """Return a satellite image and all drone images, far to near, of evenly spread places."""
    direction = next(one for one in benchmark.directions if one.query.view == "drone")
    groups = direction.query.rows_by_place()
    satellites = dict(zip(direction.gallery.places, direction.gallery.files, strict=True))
    known = [place for place in groups if place in satellites]
    chosen = known[:: max(len(known) // places, 1)][:places]
    return [
        (satellites[place], [direction.query.files[row] for row in groups[place]])
        for place in chosen
    ]
