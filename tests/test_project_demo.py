"""The demo reuses what it made, finds its own service again, and judges answers by the map."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.demo import process
from service.demo.errors import DemoError, PortTakenError, ServiceFailedError, StepFailedError
from service.demo.files import DemoFiles, run
from service.demo.process import DemoService
from service.demo.questions import DemoQuestion, Verdict, judge
from service.demo.truth import Truth

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)", "safenet-serve"]


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "serve.pid"


@pytest.fixture
def lookalike() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as sleeper:
        yield sleeper
        sleeper.kill()


def remember(pid_file: Path, pid: int) -> None:
    pid_file.write_text(json.dumps({"pid": pid, "port": 8000}))


@dataclass(frozen=True)
class TextFiles(DemoFiles):
    """The same steps, with commands that add a line to a file instead of an hour of work."""

    weather: str = "dry"

    def _append(self, made: Path, word: str) -> list[str]:
        code = (
            f"import pathlib; made = pathlib.Path({str(made)!r}); made.mkdir(exist_ok=True); "
            f"(made / 'runs').open('a').write({word!r} + ' ')"
        )
        return ["python", "-c", code]

    def render_command(self) -> list[str]:
        return self._append(self.world, self.weather)

    def build_commands(self) -> list[list[str]]:
        return [self._append(self.store, "tiles"), self._append(self.store, "drones")]

    def runs(self) -> tuple[str, str]:
        return (self.world / "runs").read_text(), (self.store / "runs").read_text()


def test_a_second_run_makes_nothing_again(tmp_path: Path) -> None:
    files = TextFiles(tmp_path)
    assert [files.prepare(), files.prepare()] == [True, False]
    assert files.runs() == ("dry ", "tiles drones ")


def test_another_world_replaces_the_old_one_and_its_galleries(tmp_path: Path) -> None:
    TextFiles(tmp_path).prepare()
    other = TextFiles(tmp_path, weather="wet")
    assert other.prepare() is True
    assert other.runs() == ("wet ", "tiles drones ")


def test_new_weights_rebuild_the_galleries_and_keep_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = TextFiles(tmp_path / "demo")
    files.prepare()
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "new.safetensors").write_bytes(b"new")
    monkeypatch.setattr("service.demo.files.WEIGHTS", weights)
    (files.world / "runs").write_text("kept ")
    assert files.prepare() is True
    assert files.runs() == ("kept ", "tiles drones ")


def test_what_a_stopped_run_left_is_made_anew(tmp_path: Path) -> None:
    files = TextFiles(tmp_path)
    files.prepare()
    (tmp_path / "world.stamp").unlink()
    assert files.prepare() is True
    assert files.runs() == ("dry ", "tiles drones ")


def test_a_step_that_fails_is_named_and_leaves_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="status 3"):
        run(["python", "-c", "raise SystemExit(3)"])
    assert list(tmp_path.iterdir()) == []


def test_commands_see_the_demo_settings_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFENET_API_KEYS", "theirs")
    environment = process.clean_environment(port="8001")
    assert {name for name in environment if name.startswith("SAFENET_")} == {"SAFENET_PORT"}
    assert environment["PATH"] == os.environ["PATH"]


def test_a_live_service_is_found_and_stopped(
    pid_file: Path, lookalike: subprocess.Popen[bytes]
) -> None:
    remember(pid_file, lookalike.pid)
    assert process.find(pid_file) == DemoService(pid=lookalike.pid, port=8000)
    assert process.stop(pid_file) is True
    assert process.find(pid_file) is None
    assert process.stop(pid_file) is False


@pytest.mark.parametrize("text", ["", "{}", "[]", "17", '{"pid": 999999999, "port": 1}'])
def test_a_pid_file_without_a_live_service_finds_none(pid_file: Path, text: str) -> None:
    pid_file.write_text(text)
    assert process.find(pid_file) is None


def test_a_reused_process_number_is_not_taken_for_the_service(pid_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        remember(pid_file, stranger.pid)
        assert process.find(pid_file) is None
        assert process.stop(pid_file) is False
        assert stranger.poll() is None
        stranger.kill()


def test_a_taken_port_is_refused_with_a_remedy(pid_file: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} .* make demo PORT={port + 1}"):
            process.start(pid_file, tmp_path, port)
    assert not pid_file.exists()


def test_a_service_that_ended_shows_the_end_of_its_log(pid_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    pid_file.with_suffix(".log").write_text("first\nno weights\n")
    with pytest.raises(ServiceFailedError, match="no weights"):
        process.wait_until_ready(DemoService(pid=ended.pid, port=9), pid_file)


HEADER = "path,target_latitude,target_longitude,footprint"
RINGS = {
    "satellite/a.jpg,46.5,15.6": "15.599 46.501, 15.601 46.501, 15.601 46.499, 15.599 46.499",
    "satellite/b.jpg,46.5,15.602": "15.601 46.501, 15.603 46.501, 15.603 46.499, 15.601 46.499",
    "drone/f/1.jpg,46.5,15.6": "15.600 46.502, 15.602 46.500, 15.600 46.498, 15.598 46.500",
}
"""Corners as longitude latitude; the drone's footprint is a square on its tip."""


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    lines = [
        f'{start},"POLYGON(({ring}, {ring.partition(",")[0]}))"' for start, ring in RINGS.items()
    ]
    (tmp_path / "gps.csv").write_text("\n".join([HEADER, *lines]))
    return Truth(tmp_path)


def judged(truth: Truth, path: str, image_id: str) -> Verdict:
    question = DemoQuestion(route="/localize", shot=truth.shot(path))
    match = {"image_id": image_id, "score": 0.5}
    estimate = {"latitude": 46.5001, "longitude": 15.6}
    return judge(question, {"matches": [match], "confidence": 0.9, "estimate": estimate}, truth)


def test_a_match_that_shows_the_true_point_is_right(truth: Truth) -> None:
    verdict = judged(truth, "drone/f/1.jpg", "satellite~a")
    assert verdict.is_right
    assert verdict.distance_m == pytest.approx(0.0, abs=0.01)
    assert "right" in str(verdict)
    assert "the estimate 11 m" in str(verdict)


def test_a_match_beside_the_true_point_is_wrong(truth: Truth) -> None:
    verdict = judged(truth, "drone/f/1.jpg", "satellite~b")
    assert not verdict.is_right
    assert verdict.distance_m == pytest.approx(153.3, abs=0.5)  # 0.002 degrees x cos 46.5 degrees
    assert "WRONG" in str(verdict)


@pytest.mark.parametrize(
    ("latitude", "longitude", "is_shown"),
    [(46.5, 15.6, True), (46.5015, 15.6, True), (46.5015, 15.6015, False), (46.503, 15.6, False)],
)
def test_a_turned_footprint_shows_its_inside_and_not_its_bounding_box(
    truth: Truth, latitude: float, longitude: float, is_shown: bool
) -> None:
    assert truth.shot("drone/f/1.jpg").shows(latitude, longitude) is is_shown


def test_an_image_of_another_world_is_refused(truth: Truth) -> None:
    with pytest.raises(DemoError, match="not of this world"):
        judged(truth, "drone/f/1.jpg", "elsewhere")
    with pytest.raises(DemoError, match=r"no line for drone/9\.jpg"):
        truth.shot("drone/9.jpg")
