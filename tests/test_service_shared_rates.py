"""Two services count rates together in a real Redis, and alone while it is away."""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ColourEmbedder
from service_live import encoded, free_port, picture, serving, settings_of

from service.app import create_app
from service.errors import RateLimitedError, SettingsError
from service.middleware.rates import Rates
from service.middleware.shared_rates import SharedRates
from service.settings import read_settings

pytest.importorskip("redis", reason="the package redis is missing: install the extra scale")
Starter = Callable[[], subprocess.Popen[bytes]]
PASSWORD = "hidden-word"


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[tuple[str, Starter]]:
    """The URL of a Redis, and what starts it."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is missing: apt-get install redis-server")
    port, running = free_port(), list[subprocess.Popen[bytes]]()

    def start() -> subprocess.Popen[bytes]:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        options += ["--save", "", "--dir", str(tmp_path)]
        started = subprocess.Popen([program, *options], stdout=subprocess.PIPE)
        assert started.stdout is not None
        for line in started.stdout:
            if b"Ready to accept connections" in line:
                break
        running.append(started)
        return started

    yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0", start
    for each in running:
        each.kill()
        each.wait()
        if each.stdout is not None:
            each.stdout.close()


def allowed(rates: SharedRates, number: int) -> int:
    """Return how many of so many questions of one client are let through."""

    async def ask() -> int:
        through = 0
        for _ in range(number):
            with contextlib.suppress(RateLimitedError):
                await rates.count("tower", "question")
                through += 1
        await rates.close()
        return through

    return asyncio.run(ask())


def rates_of(url: str) -> SharedRates:
    return SharedRates(Rates(questions_per_minute=2), url)


def test_two_services_count_one_client_together(redis_server: tuple[str, Starter]) -> None:
    url, start = redis_server
    start()
    assert allowed(rates_of(url), 1) == 1
    assert allowed(rates_of(url), 3) == 1
    assert allowed(rates_of(url), 2) == 0


def test_a_service_answers_and_counts_alone_while_redis_is_away(
    redis_server: tuple[str, Starter], store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, start = redis_server
    running = start()
    settings = settings_of(store, redis_url=url, rate_per_minute=2)
    body, headers = encoded(picture(1)), {"Content-Type": "image/jpeg"}
    with (
        serving(create_app(settings, ColourEmbedder()), settings) as one,
        serving(create_app(settings, ColourEmbedder()), settings) as other,
    ):
        answers = [each.post("/localize", content=body, headers=headers) for each in
                   (one, other, one, other)]  # fmt: skip
        assert [each.status_code for each in answers] == [200, 200, 429, 429]
        assert int(answers[2].headers["Retry-After"]) >= 1
        running.kill()
        running.wait()
        began = time.monotonic()
        codes = [one.post("/localize", content=body, headers=headers).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert time.monotonic() - began < 20
        assert one.get("/readyz").status_code == 200
    assert PASSWORD not in caplog.text
    assert "rates are counted by each service alone" in caplog.text


def test_a_bad_address_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError, match="SAFENET_REDIS_URL") as refused:
        read_settings({"SAFENET_REDIS_URL": f"http://:{PASSWORD}@here"})
    assert PASSWORD not in str(refused.value)
    with pytest.raises(SettingsError, match="write redis://HOST:PORT/NUMBER"):
        rates_of("redis://127.0.0.1:none/0")
