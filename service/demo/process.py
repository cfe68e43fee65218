"""The demo's service as a background process: start it, find it again, stop it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from service.demo.errors import PortTakenError, ServiceFailedError

HOST = "127.0.0.1"
READY_TIMEOUT_S = 180.0
"""Our choice: three times what a cold import of PyTorch on a slow disk takes."""
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class DemoService:
    """A service that the demo started: its process id and its port."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """The service's address, without a trailing slash."""
        return f"http://{HOST}:{self.port}"


def command_path(name: str) -> str:
    """Return the path of a console command in this environment."""
    return str(Path(sys.executable).parent / name)


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with exactly these SAFENET_* settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAFENET_")}
    return kept | {f"SAFENET_{name.upper()}": value for name, value in settings.items()}


def find(pid_file: Path) -> DemoService | None:
    """Return the live service that this pid file names, or None."""
    try:
        running = DemoService(**json.loads(pid_file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if _is_alive(running.pid) else None


def start(pid_file: Path, store: Path, port: int) -> DemoService:
    """Start `safenet-serve` in the background and wait until it is ready.

    Args:
        pid_file: where the process is remembered; the log goes beside it.
        store: folder that holds the galleries.
        port: port on 127.0.0.1.

    Raises:
        PortTakenError: another program listens there.
        ServiceFailedError: it ended, or was not ready in time.
    """
    if _is_taken(port):
        raise PortTakenError(
            f"port {port} on {HOST} is taken by another program; stop it, or choose another "
            f"port: make demo PORT={port + 1}"
        )
    with _log_of(pid_file).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [command_path("safenet-serve")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=clean_environment(store=str(store.resolve()), host=HOST, port=str(port)),
        )
    running = DemoService(pid=process.pid, port=port)
    pid_file.write_text(json.dumps(asdict(running)))
    try:
        return wait_until_ready(running, pid_file)
    except BaseException:
        stop(pid_file)
        raise


def stop(pid_file: Path) -> bool:
    """Stop the service that this pid file names; False where none was running."""
    running = find(pid_file)
    pid_file.unlink(missing_ok=True)
    if running is None:
        return False
    os.kill(running.pid, signal.SIGTERM)
    give_up_at = time.monotonic() + STOP_TIMEOUT_S
    while _is_alive(running.pid) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    if _is_alive(running.pid):
        os.kill(running.pid, signal.SIGKILL)
    return True


def wait_until_ready(running: DemoService, pid_file: Path) -> DemoService:
    """Return the service once /readyz answers 200.

    Raises:
        ServiceFailedError: it ended, or was not ready in time.
    """
    log_file = _log_of(pid_file)
    give_up_at = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < give_up_at:
        if not _is_alive(running.pid):
            raise ServiceFailedError(f"the service ended while starting:\n{_tail(log_file)}")
        try:
            if httpx.get(f"{running.url}/readyz", timeout=2.0, trust_env=False).status_code == 200:
                return running
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise ServiceFailedError(
        f"the service was not ready within {READY_TIMEOUT_S:.0f} s; its log is {log_file}:\n"
        f"{_tail(log_file)}"
    )


def _log_of(pid_file: Path) -> Path:
    return pid_file.with_suffix(".log")


def _tail(log_file: Path, lines: int = 15) -> str:
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-lines:])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended would stay a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's process: the number was reused
        return False
    return _looks_like_ours(Path(f"/proc/{pid}"))


def _looks_like_ours(entry: Path) -> bool:
    """Return whether a live process is `safenet-serve`, if the system can tell."""
    try:
        state = entry.joinpath("stat").read_text().rpartition(")")[2].split()[0]
        command = entry.joinpath("cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
    just_started = command == b""
    return state != "Z" and (just_started or b"safenet-serve" in command)
