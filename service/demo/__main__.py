"""`python -m service.demo start|check|stop`: what `make demo`, `demo-check` and `demo-stop` run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from model.errors import SafeNetError
from service.demo import process
from service.demo.files import DemoFiles
from service.demo.process import DemoService
from service.demo.questions import DemoQuestion, check_answer
from service.demo.truth import Truth

LOCALIZE_IMAGE = "drone/flight-02-nadir-140/0052.jpg"
NAVIGATE_IMAGE = "satellite/r08c14.jpg"

app = typer.Typer(
    help="The demo: a rendered world, two galleries and a running service.", add_completion=False
)
FOLDER = Annotated[Path, typer.Option(help="Where the demo keeps its files.")]
PORT = Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")]
DEFAULT_FOLDER = Path("var/demo")


@app.command()
def start(folder: FOLDER = DEFAULT_FOLDER, port: PORT = 8000) -> None:
    """Make what is missing, start the service in the background, print one curl to try."""
    files = DemoFiles(folder)
    running = bring_up(files, port)
    shot = Truth(files.world).shot(LOCALIZE_IMAGE)
    print(
        f"\nReady: {running.url} (the page), {running.url}/docs (the API). Where is this photo?\n"
    )
    print(f"  curl -F image=@{shot.path} '{running.url}/localize?top_k=1'\n")
    print(f"It was taken looking at {shot.latitude:.6f}, {shot.longitude:.6f}.")
    print("Stop the service with: make demo-stop")


@app.command()
def check(folder: FOLDER = DEFAULT_FOLDER, port: PORT = 8000) -> None:
    """Start the demo, send two questions whose truth is known, and stop the service."""
    files = DemoFiles(folder)
    running = bring_up(files, port)
    try:
        truth = Truth(files.world)
        verdicts = [
            check_answer(running.url, DemoQuestion(route=route, shot=truth.shot(image)), truth)
            for route, image in (("/localize", LOCALIZE_IMAGE), ("/navigate", NAVIGATE_IMAGE))
        ]
    finally:
        process.stop(files.pid_file)
    print(*verdicts, sep="\n")
    if not all(verdict.is_right for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def stop(folder: FOLDER = DEFAULT_FOLDER) -> None:
    """Stop the service that `start` left running."""
    stopped = process.stop(DemoFiles(folder).pid_file)
    print("stopped" if stopped else "the demo's service is not running")


def bring_up(files: DemoFiles, port: int) -> DemoService:
    """Return a ready service over up-to-date galleries: the running one, or a new one."""
    is_new = files.prepare()
    running = process.find(files.pid_file)
    if running is not None and running.port == port and not is_new:
        return process.wait_until_ready(running, files.pid_file)
    process.stop(files.pid_file)
    return process.start(files.pid_file, files.store, port)


def main() -> None:
    """Run the command; what this project raises on purpose becomes one line."""
    try:
        app()
    except SafeNetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
