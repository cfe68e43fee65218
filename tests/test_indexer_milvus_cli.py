"""`safenet-index` on a Milvus store: what works, and what is refused in one line."""

import json
from pathlib import Path

import pytest
from indexer_samples import picture, tile_folder
from milvus_server import MilvusLite
from typer.testing import CliRunner

from indexer.commands import options
from indexer.commands.app import app


@pytest.fixture
def run(monkeypatch, tmp_path, embedder):
    """Run a command in an empty folder; weights are the colour thumbnail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "load_weights", lambda *_: embedder)

    def invoke(*arguments: object, ok: bool = True):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert (result.exit_code == 0) == ok, result.output
        return result

    return invoke


def test_a_gallery_is_built_searched_described_and_exported(run, tmp_path: Path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    picture(2001).save(tmp_path / "query.png")
    with MilvusLite(tmp_path / "milvus") as live:
        at = ("--store", live.address)
        built = run("build", "map", "tiles", "--view", "satellite", "--objects", "objects", *at)
        assert "map: 9 images, version 000001" in built.output
        facts = json.loads(run("info", "map", "--json", *at).output)
        assert (facts["images"], facts["index"]) == (9, "FLAT (Finished)")
        assert facts["server"].startswith("milvus_lite")
        answer = json.loads(run("search", "map", "query.png", "--json", *at).output)
        assert answer["matches"][0]["image_id"] == "19-287286-178881"
        tile_folder(tmp_path / "more", 1, 1)
        more = run("add", "map", "more", "--view", "satellite", "--id-prefix", "x-", *at)
        assert "map: 10 images, version 000002" in more.output
        assert "version 000002 is consistent" in run("verify", "map", *at).output
        assert "1 removed, 9 images left" in run("remove", "map", "--source", "more", *at).output
        assert "9 footprints" in run("export", "map", "out.geojson", *at).output
        assert "1 STAC items" in run("export", "map", "stac", "--stac", *at).output
        assert "map: 10 images, version 000004" in run("update", "map", *at).output
        assert (
            "0 pictures and 0 rows for the matcher made again" in run("rebuild", "map", *at).output
        )
        wrong = run("search", "map", "query.png", "--source", "none", *at, ok=False)
        assert "choose from: more, tiles" in wrong.stderr
        again = run("build", "map", "tiles", "--objects", "objects", *at, ok=False)
        assert "build --replace" in again.stderr


def test_images_that_cannot_be_read_are_listed_among_the_objects(run, tmp_path: Path) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    damaged = sorted((tmp_path / "tiles").rglob("*.png"))[0]
    damaged.write_bytes(b"no image")
    with MilvusLite(tmp_path / "milvus") as live:
        build = ("build", "map", "tiles", "--view", "satellite", "--objects", "objects")
        assert "1 failed, see failed.csv" in run(*build, "--store", live.address).output
    header, line = (tmp_path / "objects" / "map" / "failed.csv").read_text().splitlines()
    assert header == "image_id,location,reason"
    assert damaged.name in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("build", "map", "tiles", "--store", "milvus://127.0.0.1:1/x"), "needs --objects"),
        (("build", "map", "tiles", "--objects", "o"), "--objects needs --store milvus://"),
        (
            ("build", "map", "t", "--dsm", "d.tif", "--store", "milvus://127.0.0.1:1/x"),
            "--dsm works on galleries in a folder only",
        ),
        (("compact", "map", "--store", "milvus://127.0.0.1:1/x"), "works on galleries in a folder"),
        (("add", "map", "tiles", "--store", "milvus://127.0.0.1:1/x"), "does not answer"),
        (("info", "map", "--store", "milvus://127.0.0.1:1/x"), "does not answer"),
        (("info", "map", "--store", "milvus://u:secret@127.0.0.1:1/x"), "does not answer"),
        (("info", "map", "--store", "milvus://u:secret@/x"), "write milvus://HOST:PORT/DATABASE"),
    ],
)
def test_what_is_refused_is_one_line_without_a_password(
    run, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    tile_folder(tmp_path / "tiles", 1, 1)
    result = run(*arguments, ok=False)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert reason in lines[0]
    assert "secret" not in result.output
