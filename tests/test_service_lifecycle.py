"""Processes that are stopped, killed and cannot start."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from service_live import encoded, free_port, picture, process, publish, serving, settings_of

from service.app import create_app

JPEG = {"Content-Type": "image/jpeg"}


def wait_busy(port: int, questions: int) -> None:
    """Until so many questions are in progress at once."""
    for _ in range(1000):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        held = next(line for line in text.splitlines() if line.startswith("safenet_questions "))
        if float(held.split()[1]) >= questions:
            return
        time.sleep(0.01)
    raise TimeoutError("the service did not get busy")


@pytest.fixture
def own_store(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    publish(root, "map", "satellite", range(4), tmp_path / "first")
    return root


def test_killed_service_is_ready_again_with_the_last_published_gallery(
    own_store: Path, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = encoded(picture(2))
    with process(own_store, port) as first:
        assert httpx.post(f"{url}/localize", content=data, headers=JPEG).status_code == 200
        os.kill(first.pid, signal.SIGKILL)
        assert first.wait(10) == -signal.SIGKILL
    version = publish(own_store, "map", "satellite", range(6), tmp_path / "second")
    with process(own_store, port):
        body = httpx.post(f"{url}/localize", content=data, headers=JPEG).json()
    assert body["gallery"]["version"] == version
    assert body["gallery"]["size"] == 6
    assert body["matches"][0]["image_id"] == "satellite-002"


def test_sigterm_under_load_loses_no_accepted_request(own_store: Path) -> None:
    """Each request has its own connection; the only failure allowed is that none can be opened."""
    port = free_port()
    data = encoded(picture(2))
    answers: list[int] = []
    failures: list[Exception] = []

    def ask() -> None:
        while True:
            try:
                with httpx.Client() as own:
                    url = f"http://127.0.0.1:{port}/localize"
                    answers.append(own.post(url, content=data, headers=JPEG).status_code)
            except httpx.ConnectError:
                return
            except Exception as error:
                failures.append(error)

    with process(own_store, port, delay_s=0.1) as running:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        before = len(answers)
        wait_busy(port, questions=4)
        running.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert running.wait(60) in (0, -signal.SIGTERM)
    assert failures == []
    assert len(answers) >= before + 4, "what was running was finished"
    assert set(answers) == {200}
    log = (own_store.parent / "service.log").read_text()
    assert log.count('"status": 200') >= len(answers)


def test_service_that_cannot_load_its_weights_ends_with_1_and_says_why(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SAFENET_")}
    environment |= {
        "SAFENET_WEIGHTS": str(tmp_path / "none.safetensors"),
        "SAFENET_STORE": str(tmp_path),
        "SAFENET_PORT": "0",
        "SAFENET_LOG_FORMAT": "text",
    }
    command = [sys.executable, "-c", "from service.cli import app; app()"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert ended.returncode == 1
    assert "none.safetensors" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_service_that_listens_when_ready_refuses_no_first_request(own_store: Path) -> None:
    """The shipped weights take seconds to load, in which it would answer 503."""
    settings = settings_of(own_store, listen_when_ready=True, matcher="none")
    with serving(create_app(settings), settings) as client:
        assert client.get("/galleries").status_code == 200
