"""explain=true: pictures of what the model saw, made on demand and bounded in number."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from service_live import encoded, picture, serving, settings_of, write_source

from indexer.building.operations import build
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import Explanation
from model.embedder import Embedder
from service.app import create_app
from service.errors import UnknownExplanationError
from service.questions.explanations import SIDE_PX, Explainable, Explanations, draw

JPEG = {"Content-Type": "image/jpeg"}
NO_TURN = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
KEPT = 2


@pytest.fixture(scope="module")
def network(tiny_weights: Path) -> Embedder:
    return Embedder.load(tiny_weights, device="cpu")


@pytest.fixture(scope="module")
def explaining(
    network: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service with a real, untrained Safe-Net."""
    folder = tmp_path_factory.mktemp("explain")
    source = open_source(write_source(folder / "tiles", "satellite", range(4)), SourceOptions())
    build(folder / "store", "map", source, network)
    settings = settings_of(folder / "store", explanations_kept=KEPT)
    with serving(create_app(settings, network), settings) as client:
        yield client


def seen(**changes: object) -> Explanation:
    fields = {"theta_23": NO_TURN, "ring_half_sides": (), "heat_HH": np.zeros((8, 8), np.float32)}
    return Explanation(**(fields | changes))  # type: ignore[arg-type]


def asked(client: httpx.Client, seed: int) -> list[dict[str, str]]:
    url = "/localize?explain=true&top_k=2"
    body = client.post(url, content=encoded(picture(seed)), headers=JPEG).json()
    links: list[dict[str, str]] = body["explanation"]
    return links


def test_answer_links_to_three_pictures_of_query_and_matches(explaining: httpx.Client) -> None:
    links = asked(explaining, 1)
    assert [entry["image"] for entry in links] == ["query-1", "match-1", "match-2"]
    for entry in links:
        drawn = [explaining.get(entry[f"{kind}_url"]) for kind in ("aligned", "rings", "heatmap")]
        for response in drawn:
            assert response.headers["content-type"] == "image/jpeg"
            assert Image.open(io.BytesIO(response.content)).size == (SIDE_PX, SIDE_PX)
        assert len({response.content for response in drawn}) == 3


def test_answer_has_no_links_unless_asked(explaining: httpx.Client) -> None:
    body = explaining.post("/localize", content=encoded(picture(1)), headers=JPEG).json()
    assert body["explanation"] is None


def test_only_the_latest_questions_can_be_explained(explaining: httpx.Client) -> None:
    first = asked(explaining, 1)[0]["aligned_url"]
    assert explaining.get(first).status_code == 200
    for seed in range(KEPT):
        asked(explaining, seed)
    dropped = explaining.get(first)
    assert dropped.status_code == 404
    assert dropped.json()["type"] == "urn:safenet-geo:problem:unknown-explanation"


def test_explain_is_refused_where_the_model_cannot(live: httpx.Client) -> None:
    response = live.post("/localize?explain=true", content=encoded(picture(1)), headers=JPEG)
    assert response.status_code == 422
    assert "explain" in response.json()["detail"]


def test_store_forgets_the_oldest() -> None:
    store = Explanations(kept=1)
    old = store.remember(Explainable(gallery="g", queries=[picture(1)], match_ids=["a"]))
    new = store.remember(Explainable(gallery="g", queries=[picture(2)], match_ids=[]))
    assert store.find(new, "query-1").images == ["query-1"]
    for name, image in ((old, "query-1"), (new, "match-1"), ("x", "query-1")):
        with pytest.raises(UnknownExplanationError):
            store.find(name, image)


def test_aligned_view_without_a_turn_is_the_centre_square() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    drawn = np.asarray(draw(wide, seen(), "aligned"))
    assert np.abs(drawn.astype(int) - (0, 0, 255)).max() <= 1


def test_aligned_view_samples_where_the_alignment_says() -> None:
    """theta maps output to input: a shift by +0.5 shows what lies a quarter of the side right."""
    image = Image.new("RGB", (256, 256), "black")
    image.paste("white", (192, 0, 256, 256))
    shifted = NO_TURN.copy()
    shifted[0, 2] = 0.5
    drawn = np.asarray(draw(image, seen(theta_23=shifted), "aligned").convert("L"))
    bright = np.flatnonzero(drawn[SIDE_PX // 2] > 128)
    assert bright[0] == pytest.approx(SIDE_PX * 0.5, abs=2)
    assert bright[-1] == pytest.approx(SIDE_PX * 0.75, abs=2)


def test_rings_are_drawn_at_their_half_sides() -> None:
    plain = Image.new("RGB", (256, 256), "black")
    drawn = np.asarray(draw(plain, seen(ring_half_sides=(0.5,)), "rings").convert("L"))
    lit = np.flatnonzero(drawn[SIDE_PX // 2])
    assert lit[0] == pytest.approx(SIDE_PX * 0.25, abs=4)
    assert lit[-1] == pytest.approx(SIDE_PX * 0.75, abs=4)


def test_heat_is_red_where_hot_and_blue_where_cold() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:, 4:] = 1
    drawn = np.asarray(draw(Image.new("RGB", (256, 256), "black"), seen(heat_HH=heat), "heatmap"))
    assert drawn[256, 30, 2] > 100 > drawn[256, 30, 0]
    assert drawn[256, 480, 0] > 100 > drawn[256, 480, 2]


def test_explaining_changes_no_answer(explaining: httpx.Client) -> None:
    """A photo large enough to be decoded at a reduced scale."""
    data = encoded(picture(1, (2400, 1800)))
    answers = [
        explaining.post(f"/localize?explain={flag}", content=data, headers=JPEG).json()
        for flag in ("true", "false")
    ]
    assert answers[0]["matches"] == answers[1]["matches"]
    assert answers[0]["confidence"] == answers[1]["confidence"]
