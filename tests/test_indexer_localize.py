"""One library call answers a photo, whatever form it comes in."""

from pathlib import Path

import pytest
from conftest import ColourEmbedder
from indexer_samples import picture, tile_folder
from PIL import Image

from indexer import Gallery, Prior, localize
from indexer.building import operations
from indexer.errors import GalleryMismatchError
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.errors import ImageError

COLUMNS, ROWS = 8, 5
SEED, IMAGE_ID = 3002, "19-287287-178882"


@pytest.fixture(scope="module")
def store(tmp_path_factory, embedder) -> Path:
    root = tmp_path_factory.mktemp("localize")
    source = open_source(tile_folder(root / "tiles", COLUMNS, ROWS), SourceOptions())
    operations.build(root / "store", "map", source, embedder)
    return root / "store"


@pytest.fixture(scope="module")
def gallery(store, embedder):
    opened = Gallery.open(str(store), "map", embedder=embedder)
    yield opened
    opened.close()


@pytest.fixture
def photo(tmp_path) -> Path:
    picture(SEED).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_path_text_bytes_and_picture_give_one_answer(gallery, embedder, photo) -> None:
    forms = (photo, str(photo), photo.read_bytes(), Image.open(photo))
    answers = [localize(form, gallery, embedder) for form in forms]
    assert answers[0].matches[0].record.image_id == IMAGE_ID
    assert all(answer == answers[0] for answer in answers)


def test_several_views_of_a_place_are_one_query(gallery, embedder, photo) -> None:
    alone = localize(photo, gallery, embedder)
    twice = localize([photo, photo], gallery, embedder)
    both = localize([photo, picture(5001)], gallery, embedder)
    assert twice.matches[0].score == pytest.approx(alone.matches[0].score, abs=1e-6)
    assert twice.agreement == "agree"
    assert (both.agreement, both.estimate) == ("disagree", None)
    assert both.per_image is not None
    assert both.per_image[0] == alone


def test_the_answer_does_not_depend_on_how_many_matches_are_returned(
    gallery, embedder, photo
) -> None:
    few, many = (localize(photo, gallery, embedder, top_k=k) for k in (1, COLUMNS * ROWS))
    assert (len(few.matches), len(many.matches)) == (1, COLUMNS * ROWS)
    assert (few.status, few.confidence, few.estimate) == (
        many.status,
        many.confidence,
        many.estimate,
    )


def test_a_prior_far_from_the_gallery_leaves_no_match(gallery, embedder, photo) -> None:
    answer = localize(photo, gallery, embedder, prior=Prior(latitude=0, longitude=0, radius_m=1000))
    assert (answer.status, answer.confidence, answer.matches) == ("no_match", 0.0, [])
    assert answer.estimate is None


def test_other_weights_than_the_gallery_s_are_refused(gallery, photo) -> None:
    class Other(ColourEmbedder):
        sha256 = "f" * 64

    with pytest.raises(GalleryMismatchError, match="was made with weights"):
        localize(photo, gallery, Other())


def test_a_missing_file_and_a_damaged_one_are_image_errors(gallery, embedder, tmp_path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg.*check the file"):
        localize(tmp_path / "gone.jpg", gallery, embedder)
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.jpg is not an image"):
        localize(tmp_path / "text.jpg", gallery, embedder)
