"""What an evaluation scores is what a gallery answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_samples import university_test
from PIL import Image, ImageFilter, ImageOps

from indexer import Gallery, localize
from indexer.building import operations
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.layout import gallery_folder
from indexer.localization.sample_files import read_samples
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.checkpoint import save_checkpoint
from model.config import ModelConfig
from model.embedder import Embedder
from model.matching.choice import NONE
from model.matching.xfeat_matcher import XFeatMatcher
from model.network import SafeNet
from training.data.layouts import read_benchmark
from training.dev_set.answers import MirroredAnswers, part_answers
from training.dev_set.images import Shown, write_part
from training.evaluation.descriptor_cache import DescriptorCache
from training.evaluation.embedding import EmbeddingOptions, ImageSetEmbedder
from training.evaluation.evaluation import embedded, score_matrix

CONFIG = ModelConfig(
    backbone="test_efficientnet",
    input_size=128,
    embedding_dim=16,
    local_dim=8,
    gallery_turns=4,
    query_turns=4,
    turn_zoom=0.75,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "local.safetensors"
    save_checkpoint(path, SafeNet(CONFIG).eval(), {})
    return path


@pytest.mark.parametrize("matcher", [NONE, XFeatMatcher.name])
def test_rows_and_scores_of_an_evaluation_are_those_of_a_gallery(
    weights: Path, tmp_path: Path, matcher: str
) -> None:
    root = university_test(tmp_path / "data", queries=4, gallery=6, views=2)
    lines = ["path,id,view,latitude,longitude"]
    for place in range(6):
        name = f"test/gallery_satellite/{place:04d}/{place:04d}.jpg"
        lines.append(f"{name},{place:04d},satellite,{47 + place / 100},8.0")
    (root / "places.csv").write_text("\n".join(lines) + "\n")
    embedder, store = Embedder.load(weights, matcher=matcher), tmp_path / "store"
    operations.build(store, "map", open_source(root, SourceOptions()), embedder)
    gallery = Gallery.open(store, "map", embedder=embedder)
    options = EmbeddingOptions(
        weights=weights, workers=0, cache=DescriptorCache(tmp_path / "cache"), matcher=matcher
    )
    direction = next(one for one in read_benchmark(root).directions if one.query.view == "drone")
    for _ in ("embedded", "from the cache"):
        query, evaluated = embedded(direction, ImageSetEmbedder.load(options))
        scores_QG = score_matrix(query, evaluated, verify=True)
        for row, file in enumerate(query.images.files):
            answer = localize(file, gallery, embedder, top_k=6)
            by_latitude = sorted(answer.matches, key=lambda match: match.record.latitude)
            found = [match.score for match in by_latitude]
            np.testing.assert_allclose(scores_QG[row], found, atol=1e-6)
    place = gallery_folder(store, "map").version(gallery.version)
    file = DescriptorFile(place / "descriptors.f16", gallery.descriptor_dim, gallery.local_bytes)
    slots = {image.record.latitude: image.slot for image in gallery.database.stored()}
    order = [slots[latitude] for latitude in sorted(slots)]
    np.testing.assert_array_equal(file.gather(order), evaluated.rows.descriptors_ND)
    np.testing.assert_array_equal(file.local(order), evaluated.rows.local_NL)
    file.close()
    gallery.close()


def speckle(seed: int) -> Image.Image:
    chance = np.random.default_rng(seed)
    canvas = np.full((256, 256, 3), 120, np.uint8)
    for _ in range(120):
        top, left = chance.integers(0, 256, 2)
        height, width = chance.integers(6, 40, 2)
        canvas[top : top + height, left : left + width] = chance.integers(0, 255, 3)
    return Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(1))


def test_answers_to_a_part_are_also_judged_where_its_place_is_not_in_the_map(
    weights: Path, tmp_path: Path
) -> None:
    shown = [
        Shown(view=view, place=str(place), position=(40.0 + place, 8.0), pixels=speckle(place))
        for place in range(6)
        for view in ("satellite", "drone")
    ]
    write_part(tmp_path / "part", shown)
    embedder = Embedder.load(weights, matcher="xfeat")

    found = part_answers(tmp_path / "part", 30.0, embedder, tmp_path / "out", city="a town")

    assert found.recall1 == 100.0
    assert (found.confidence.first_right, found.confidence.answered_out_of_map) == (1.0, 0.0)
    assert (found.confidence.queries, found.confidence.out_of_map) == (12, 6)
    kept = read_samples(tmp_path / "out" / "part.jsonl")
    assert [item.in_map for item in kept] == [True, False] * 6
    assert {item.source for item in kept} == {"a town"}
    assert found.mirrored is None


def test_mirrored_views_that_are_a_match_are_counted_by_place(
    weights: Path, tmp_path: Path
) -> None:
    """The view of place 0 shows its tile mirrored, that of place 1 the tile of place 2."""
    tiles = [speckle(place) for place in range(6)]
    views = [ImageOps.mirror(tiles[0]), ImageOps.mirror(tiles[2]), *tiles[2:5]]
    shown = [
        Shown(view=view, place=str(place), position=(40.0 + place, 8.0), pixels=pixels)
        for view, pictures in (("satellite", tiles), ("drone", views))
        for place, pixels in enumerate(pictures)
    ]
    write_part(tmp_path / "part", shown)
    embedder = Embedder.load(weights, matcher="xfeat")

    found = part_answers(tmp_path / "part", 30.0, embedder, tmp_path / "out", mirrored=True)

    assert found.mirrored == MirroredAnswers(queries=5, matches=2, elsewhere=1)
