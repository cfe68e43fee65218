"""The demo's folder: a rendered map, a drone archive above it, and the two galleries made of them.

Each step leaves a stamp that names what it was made from, so that a second run reuses it, and new
weights or another world rebuild it.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import model
from service.demo.errors import StepFailedError
from service.demo.process import clean_environment, command_path

TILES = "demo-tiles"
"""Name of the satellite gallery."""
FLIGHTS = "demo-flights"
"""Name of the drone gallery."""
WEIGHTS = Path(model.__file__).parent / "weights"


@dataclass(frozen=True)
class DemoFiles:
    """Paths of the demo's files."""

    folder: Path

    @property
    def world(self) -> Path:
        """The rendered images, with gps.csv."""
        return self.folder / "world"

    @property
    def store(self) -> Path:
        """The galleries."""
        return self.folder / "galleries"

    @property
    def pid_file(self) -> Path:
        """The process of the running service."""
        return self.folder / "serve.pid"

    def render_command(self) -> list[str]:
        """Return the command that renders the world."""
        options = ["--tiles", "8x8", "--overlap", "0.75"]
        return ["safenet-world", "render-map", str(self.world), *options]

    def build_commands(self) -> list[list[str]]:
        """Return the commands that build the galleries."""
        build = ["safenet-index", "build"]
        options = ["--store", str(self.store)]
        return [
            [*build, TILES, str(self.world), "--view", "satellite", *options],
            [*build, FLIGHTS, str(self.world), "--view", "drone", *options],
        ]

    def prepare(self) -> bool:
        """Make what is missing or out of date; return whether the galleries are new.

        Raises:
            StepFailedError: a command failed; it has printed the reason.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        rendering = [self.render_command()]
        building = self.build_commands()
        new_world = self._step(self.world, rendering, stamp_of(rendering))
        stamp = stamp_of([*rendering, *building], weights_digest(WEIGHTS))
        if new_world:
            shutil.rmtree(self.store, ignore_errors=True)
            self._stamp_file(self.store).unlink(missing_ok=True)
        return self._step(self.store, building, stamp)

    def _step(self, made: Path, commands: Sequence[Sequence[str]], stamp: str) -> bool:
        """Run the commands unless their result carries this stamp; return whether they ran."""
        stamp_file = self._stamp_file(made)
        if stamp_file.exists() and stamp_file.read_text() == stamp:
            return False
        stamp_file.unlink(missing_ok=True)
        shutil.rmtree(made, ignore_errors=True)  # of other inputs, or of a run that was stopped
        for command in commands:
            run(command)
        stamp_file.write_text(stamp)
        return True

    def _stamp_file(self, made: Path) -> Path:
        return self.folder / f"{made.name}.stamp"


def stamp_of(commands: Sequence[Sequence[str]], *inputs: str) -> str:
    """Return a text that changes when the commands or inputs of a step change."""
    return json.dumps([*commands, *inputs], indent=1)


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the shipped weights' files, hex."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run(command: Sequence[str]) -> None:
    """Run one of our console commands with this terminal.

    Raises:
        StepFailedError: it ended with another status than 0.
    """
    print("$", *command, flush=True)
    status = subprocess.run(  # noqa: S603
        [command_path(command[0]), *command[1:]], check=False, env=clean_environment()
    ).returncode
    if status != 0:
        raise StepFailedError(f"`{' '.join(command)}` ended with status {status}; see above")
