"""Maps behind a URL are read in windows, from a web server and from an object store."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine

from indexer.building import operations
from indexer.errors import SourceError
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.detect import open_source

SERVER = Path(__file__).parent / "range_server.py"
SIDE_PX = 2_048


class Files:
    """A served folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url, self.address = (
            folder,
            f"http://127.0.0.1:{port}",
            f"127.0.0.1:{port}",
        )

    @property
    def sent(self) -> int:
        """Bytes of answers so far."""
        return int(httpx.get(f"{self.url}/bytes-sent").text)


def write_map(path: Path, seed: int) -> Path:
    """A GeoTIFF of 614 m of noise in blocks of 256 px, with overviews."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    cells = noise.integers(0, 256, (3, SIDE_PX // 4, SIDE_PX // 4), dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE_PX, height=SIDE_PX, count=3, dtype="uint8",
        crs="EPSG:32633", transform=Affine(0.3, 0, 500_000, 0, -0.3, 5_540_000),
        tiled=True, blockxsize=256, blockysize=256, compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(cells.repeat(4, axis=1).repeat(4, axis=2))
        dataset.build_overviews([2, 4])
    return path


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    command = [sys.executable, str(SERVER), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Files(folder, int(server.stdout.readline()))
        server.kill()


def options(**more: object) -> SourceOptions:
    return SourceOptions(tile_m=(100.0,), overlap=0.0, **more)  # type: ignore[arg-type]


def pictures(source: Source) -> dict[str, np.ndarray]:
    return {each.record.image_id: np.asarray(each.read().image) for each in source.candidates()}


def test_a_part_of_a_map_is_read_without_the_rest(files: Files) -> None:
    path = write_map(files.folder / "maps" / "town.tif", 1)
    url = f"{files.url}/maps/town.tif"
    box = (15.0, 49.0, 15.003, 51.0)
    here = pictures(open_source(path, options(bounds=box)))
    there = pictures(open_source(Path(url), options(bounds=box)))
    assert list(there) == list(here)
    assert len(here) >= 6
    for image_id, image in here.items():
        np.testing.assert_array_equal(there[image_id], image)
    assert 0 < files.sent < path.stat().st_size / 2


def test_an_object_store_is_read_likewise(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_map(files.folder / "bucket" / "town.tif", 2)
    for name, value in {
        "AWS_S3_ENDPOINT": files.address,
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }.items():
        monkeypatch.setenv(name, value)
    here, there = (
        pictures(open_source(place, options())) for place in (path, Path("s3://bucket/town.tif"))
    )
    assert list(there) == list(here)
    assert all((there[each] == here[each]).all() for each in here)


def test_a_gallery_remembers_the_url_and_is_updated_from_it(
    files: Files, tmp_path: Path, embedder: object
) -> None:
    write_map(files.folder / "town.tif", 3)
    url = f"{files.url}/town.tif"
    source = open_source(Path(url), options())
    built = operations.build(tmp_path / "store", "town", source, embedder)  # type: ignore[arg-type]
    assert built.size == 49
    same = operations.update(tmp_path / "store", "town", embedder)  # type: ignore[arg-type]
    assert (same.tally.added, same.tally.unchanged) == (0, 49)
    gallery = Gallery.open(tmp_path / "store", "town", embedder=None)
    assert gallery.source_names() == ["town.tif"]
    gallery.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{server}/none.tif", "cannot be read as a raster map .wrong address"),
        ("https://u:hidden@example.org/a.tif", "holds a query or credentials"),
        ("https://example.org/a.tif?signature=hidden", "holds a query or credentials"),
    ],
)
def test_what_cannot_be_read_is_one_line_without_a_secret(
    files: Files, url: str, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason) as refused:
        open_source(Path(url.format(server=files.url)), options())
    assert "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)
