"""Tiles from a tile server on loopback: polite, resumable, and then a source as any other."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import ColourEmbedder
from indexer_samples import FIRST_X, FIRST_Y, ZOOM, picture, tile_folder
from service_live import encoded
from typer.testing import CliRunner

from indexer.commands.app import app
from indexer.errors import SourceError
from indexer.geo import tile_corner
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.tiles import download as tile_download
from indexer.sources.tiles.download import TileRequest, download
from indexer.sources.tiles.quadkeys import quadkey


class TileServer(ThreadingHTTPServer):
    """Serves pictures named by their address, and fails as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.failures: dict[str, list[int]] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: TileServer = self.server  # type: ignore[assignment]
        server.asked[self.path] += 1
        server.agents.add(self.headers["User-Agent"])
        queue = server.failures.get(urlsplit(self.path).path, [])
        if queue:
            self.send_response(queue.pop(0))
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        data = encoded(picture(sum(self.path.encode())))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>" if "html" in self.path else data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch) -> Iterator[TileServer]:
    monkeypatch.setattr(tile_download.time, "sleep", lambda seconds: None)
    running = TileServer()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def bounds(columns: int = 2, rows: int = 2) -> tuple[float, float, float, float]:
    north, west = tile_corner(ZOOM, FIRST_X + 0.1, FIRST_Y + 0.1)
    south, east = tile_corner(ZOOM, FIRST_X + columns - 0.1, FIRST_Y + rows - 0.1)
    return west, south, east, north


def request(server: TileServer, path: str = "/{z}/{x}/{y}.jpg", **more) -> TileRequest:
    return TileRequest(
        **{"template": server.url + path, "bounds": bounds(), "zoom": ZOOM, "per_s": 100.0, **more}
    )


def test_tiles_of_a_box_become_a_folder_and_are_fetched_once(server, tmp_path) -> None:
    done = download(request(server, user_agent="surveyor/1 (mail@example.org)"), tmp_path / "t")
    assert (done.fetched, done.cached, done.absent) == (4, 0, 0)
    assert server.agents == {"surveyor/1 (mail@example.org)"}
    source = open_source(tmp_path / "t", SourceOptions())
    assert sorted(c.record.image_id for c in source.candidates()) == [
        f"{ZOOM}-{FIRST_X + i}-{FIRST_Y + j}" for i in (0, 1) for j in (0, 1)
    ]
    again = download(request(server), tmp_path / "t")
    assert (again.fetched, again.cached) == (0, 4)
    assert set(server.asked.values()) == {1}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/{z}/{x}/{-y}.png", f"/{ZOOM}/{FIRST_X}/{2**ZOOM - 1 - FIRST_Y}.png"),
        ("/w/{TileMatrix}/{TileRow}/{TileCol}", f"/w/{ZOOM}/{FIRST_Y}/{FIRST_X}"),
        ("/q/{q}.jpg", f"/q/{quadkey(ZOOM, FIRST_X, FIRST_Y)}.jpg"),
    ],
)
def test_addresses_are_written_as_servers_want_them(server, template, expected, tmp_path) -> None:
    download(request(server, template), tmp_path / "t")
    assert expected in server.asked


def test_quadkeys_are_those_of_bing_maps() -> None:
    assert quadkey(3, 3, 5) == "213"  # the example of its documentation


def test_a_wms_gets_a_box_in_metres(server, tmp_path) -> None:
    template = "/wms?REQUEST=GetMap&CRS=EPSG:3857&WIDTH=256&HEIGHT=256&BBOX={bbox-epsg-3857}"
    download(request(server, template), tmp_path / "t")
    boxes = [parse_qs(urlsplit(path).query)["BBOX"][0] for path in server.asked]
    west, south, east, north = map(float, boxes[0].split(","))
    assert east - west == pytest.approx(north - south) == pytest.approx(40_075_016.685578 / 2**ZOOM)
    # EPSG:3857 of the tile's corner, from its own formula.
    assert west == pytest.approx(-20_037_508.342789 + FIRST_X * (east - west))
    assert north == pytest.approx(20_037_508.342789 - FIRST_Y * (east - west))
    assert "REQUEST" not in (tmp_path / "t" / "tiles.json").read_text(), "a key may stand there"


def test_a_busy_server_gets_another_request_and_a_missing_tile_is_counted(server, tmp_path) -> None:
    first, second = (f"/{ZOOM}/{FIRST_X}/{FIRST_Y + row}.jpg" for row in (0, 1))
    server.failures = {first: [429, 503], second: [404]}
    done = download(request(server), tmp_path / "t")
    assert (done.fetched, done.absent) == (3, 1)
    assert server.asked[first] == 3


def test_a_refusal_stops_at_once_and_the_next_run_continues(server, tmp_path) -> None:
    last = f"/{ZOOM}/{FIRST_X + 1}/{FIRST_Y + 1}.jpg"
    server.failures = {last: [403]}
    with pytest.raises(SourceError, match=r"refuses tile 19/.* \(HTTP 403\); check key, terms"):
        download(request(server), tmp_path / "t")
    assert server.asked[last] == 1
    assert download(request(server), tmp_path / "t").fetched == 1
    server.failures = {f"/{ZOOM}/{FIRST_X}/{FIRST_Y}.jpg": [500] * 9}
    with pytest.raises(SourceError, match=r"cannot be fetched \(HTTP 500\); run the same"):
        download(request(server), tmp_path / "other")


def test_what_is_no_picture_is_named(server, tmp_path) -> None:
    with pytest.raises(SourceError, match=r"is no picture \(b'<html>'\); check the address"):
        download(request(server, "/html/{z}/{x}/{y}"), tmp_path / "t")


def test_a_folder_holds_the_tiles_of_one_address(server, tmp_path) -> None:
    download(request(server), tmp_path / "t")
    with pytest.raises(SourceError, match="holds tiles of another address"):
        download(request(server, "/other/{z}/{x}/{y}"), tmp_path / "t")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"template": "ftp://x/{z}"}, "is no http"),
        ({"template": "http://x/tiles"}, "has no {z}"),
        ({"template": "http://x/{z}/{t}"}, "unknown part 't'"),
        ({"zoom": 40}, "outside 0..30"),
        ({"per_s": 0.0}, "outside 0.01..100"),
        ({"bounds": (10.0, 50.0, 20.0, 55.0)}, "more than 100,000; choose a smaller box"),
    ],
)
def test_bad_requests_are_refused_before_any_is_sent(change, why) -> None:
    good = {"template": "http://x/{z}/{x}/{y}", "bounds": bounds(), "zoom": ZOOM}
    with pytest.raises(SourceError, match=why):
        TileRequest(**{**good, **change})


def test_a_box_across_the_antimeridian_has_both_sides() -> None:
    across = TileRequest(template="http://x/{z}/{x}/{y}", bounds=(179.0, 0.0, -179.0, 1.0), zoom=8)
    assert {x for x, _ in across.addresses()} == {0, 255}
    assert across.number == len(list(across.addresses()))


def test_build_fetches_and_indexes(
    server, tmp_path: Path, monkeypatch, embedder: ColourEmbedder
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("indexer.commands.options.load_weights", lambda *_: embedder)
    box = ",".join(map(str, bounds()))
    template = f"{server.url}/{{z}}/{{x}}/{{y}}.jpg"
    arguments = ["build", "town", "cache", "--url-template", template, "--zoom", str(ZOOM)]
    dry = CliRunner().invoke(app, [*arguments, "--bbox", box, "--dry-run"])
    assert "4 of 4 tiles of zoom 19 would be fetched into cache, in 0.0 minutes" in dry.output
    assert "  extent      17.262337,49.524361," in dry.output
    assert not server.asked
    built = CliRunner().invoke(app, [*arguments, "--bbox", box, "--log", "json"])
    assert "town: 4 images" in built.output
    events = [json.loads(line) for line in built.stderr.splitlines()]
    assert any("4 fetched" in event.get("text", "") for event in events)
    lacking = CliRunner().invoke(app, arguments)
    assert "--url-template needs --bbox and --zoom" in lacking.output


def test_add_fetches_too_and_its_dry_run_counts_what_is_missing(
    server, tmp_path: Path, monkeypatch, embedder: ColourEmbedder
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("indexer.commands.options.load_weights", lambda *_: embedder)
    tile_folder(tmp_path / "own", 1, 1)
    assert CliRunner().invoke(app, ["build", "town", "own"]).exit_code == 0
    template = f"{server.url}/{{z}}/{{x}}/{{y}}.jpg"
    where = ["--bbox", ",".join(map(str, bounds())), "--zoom", str(ZOOM), "--id-prefix", "web-"]
    arguments = ["add", "town", "cache", "--url-template", template, *where]
    dry = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert "4 of 4 tiles of zoom 19 would be fetched into cache" in dry.output
    assert not server.asked
    added = CliRunner().invoke(app, arguments)
    assert "town: 5 images" in added.output
    asked = len(server.asked)
    again = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert "cache (XYZ tile folder): 4 images" in again.output
    assert len(server.asked) == asked
    nowhere = CliRunner().invoke(app, ["add", "city", *arguments[2:], "--dry-run"])
    assert nowhere.exit_code == 1
    assert "city" in nowhere.stderr
