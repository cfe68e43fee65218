"""Places of a user's own map or mesh as training material."""

from dataclasses import dataclass
from pathlib import Path

from training.world.job_runner import run_jobs
from training.world.mesh.fly_jobs import FlySettings, fly_jobs, run_fly_job
from training.world.mesh.packed import packed
from training.world.mesh.source import MeshOptions
from training.world.orthophoto.map_jobs import DrapeSettings, drape_jobs, run_drape_job
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps
from training.world.output.view import LatLon

_MESH_SUFFIXES = {".glb", ".gltf", ".obj", ".ply"}
_TILESET = "tileset.json"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A map or a mesh, and how it is cut into places; metres.

    `surface_model` is of a map, `at` (degrees) of a mesh without coordinates of its own. `places`
    is the largest number of places, each a tile of `span_m` and `views` drone images.
    """

    path: Path
    surface_model: Path | None = None
    at: LatLon | None = None
    places: int = 400
    views: int = 6
    span_m: float = 150.0
    spacing_m: float = 100.0
    seed: int = 1

    @property
    def is_mesh(self) -> bool:
        """Whether the path is a mesh or a folder that holds one."""
        if not self.path.is_dir():
            return self.path.name == _TILESET or self.path.suffix.lower() in _MESH_SUFFIXES
        names = [file.name for file in self.path.iterdir() if file.is_file()]
        return _TILESET in names or any(
            Path(name).suffix.lower() in _MESH_SUFFIXES for name in names
        )


def render_places(ground: Ground, out: Path, workers: int) -> None:
    """Render all places into `out` in University-1652's layout, all of them below `train`.

    An interrupted render is continued.

    Raises:
        MapSourceError, MeshError: the ground cannot be read, or holds no place.
        WorldOutputError: `out` holds a render of another ground or of other settings.
    """
    (_fly if ground.is_mesh else _drape)(ground, out, workers)
    write_gps(out)


def _drape(ground: Ground, out: Path, workers: int) -> None:
    settings = DrapeSettings(
        map_file=str(ground.path),
        dsm_file=str(ground.surface_model or ""),
        views=ground.views,
        span_m=ground.span_m,
        spacing_m=ground.spacing_m,
    )
    jobs = drape_jobs(out, ground.seed, settings, ground.places)
    claim(out, ground.seed, settings)
    run_jobs(run_drape_job, jobs, workers, "places")


def _fly(ground: Ground, out: Path, workers: int) -> None:
    with packed(ground.path, MeshOptions(at=ground.at), out) as pack:
        settings = FlySettings(
            mesh=str(ground.path),
            digest=pack.digest,
            where=pack.where,
            views=ground.views,
            span_m=ground.span_m,
            spacing_m=ground.spacing_m,
        )
        jobs = fly_jobs(out, pack.folder, ground.seed, settings, ground.places)
        claim(out, ground.seed, settings)
        run_jobs(run_fly_job, jobs, workers, "places")
