"""Options that several `safenet-index` commands share, and the parsing of their values."""

import sys
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from model.dense import DenseTiles
    from model.embedder import Embedder

IN_MILVUS = (
    "build", "add", "update", "rebuild", "remove", "verify", "info", "export", "search", "track",
    "calibrate",
)  # fmt: skip
"""Commands that work on a Milvus store too."""


def _store(context: typer.Context, store: Path) -> Path:
    """Refuse a Milvus store for a command that works on folders only."""
    from indexer.gallery.milvus.address import is_milvus

    if is_milvus(store) and context.info_name not in IN_MILVUS:
        raise typer.BadParameter(
            f"{context.info_name} works on galleries in a folder; on milvus:// stores work "
            f"{', '.join(IN_MILVUS)}"
        )
    return store


Name = Annotated[str, typer.Argument(help="Name of the gallery.")]
Store = Annotated[
    Path,
    typer.Option(
        "--store",
        envvar="SAFENET_STORE",
        callback=_store,
        help="Folder that holds the galleries, or milvus://HOST:PORT/DATABASE.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        envvar="SAFENET_WEIGHTS",
        help="A .safetensors file with its JSON; default: the shipped one.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Dense = Annotated[
    bool,
    typer.Option(
        "--dense",
        help="Compute the ground of a map's overlapping tiles once: faster, a little less exact.",
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        help="ray, or ray:COUNT: embed on workers of the Ray cluster at RAY_ADDRESS, or of here.",
    ),
]
WorkerGpus = Annotated[
    float,
    typer.Option(
        "--worker-gpus", min=0.0, help="With --workers: GPUs of each; 0.25 lets four share one."
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        envvar="SAFENET_PRECISION",
        help="Arithmetic of the network on a CPU: fp32, or bf16 where the processor has it.",
    ),
]
MatcherName = Annotated[
    str,
    typer.Option(
        "--matcher",
        envvar="SAFENET_MATCHER",
        help="auto, xfeat, none, aliked-lightglue or disk-lightglue: compares the best matches.",
    ),
]
Log = Annotated[str, typer.Option(help="auto: a bar or plain lines; json: JSON lines.")]
Keep = Annotated[int, typer.Option(min=1, help="Published versions to keep.")]
Bbox = Annotated[
    str | None, typer.Option("--bbox", help="Only west,south,east,north, degrees WGS 84.")
]
Mask = Annotated[
    Path | None,
    typer.Option("--mask", help="Only inside any polygon of a GeoJSON file; holes are outside."),
]

DEFAULT_STORE = Path("var/galleries")


def load_weights(
    weights: Path | None, device: str, matcher: str = "auto", precision: str = "fp32"
) -> "Embedder":
    """Return the weights; the network's libraries are imported here, not for `--help`."""
    from model.embedder import Embedder

    return Embedder.load(weights, device=device, matcher=matcher, precision=precision)


def load_dense(weights: Path | None) -> "DenseTiles":
    """Return what computes the ground of overlapping tiles once."""
    from model.dense import dense_tiles

    return dense_tiles(weights)


def reporter(log: str) -> Any:
    """Return a bar on a terminal, plain lines elsewhere, JSON lines on request."""
    from indexer.building.progress import Bar, JsonLines, PlainLines

    if log not in ("auto", "json"):
        raise typer.BadParameter(f"--log {log!r}: choose auto or json")
    if log == "json":
        return JsonLines()
    return Bar() if sys.stderr.isatty() else PlainLines()


def index_kind(text: str) -> str:
    """Return a known index type.

    Raises:
        typer.BadParameter: there is no such type.
    """
    from indexer.gallery.vectors import INDEX_KINDS

    if text not in INDEX_KINDS:
        raise typer.BadParameter(f"--index {text!r}: choose from {', '.join(INDEX_KINDS)}")
    return text


def numbers(text: str, option: str, count: int | None = None) -> tuple[float, ...]:
    """Return comma-separated numbers.

    Raises:
        typer.BadParameter: the text holds something else, or too few or too many numbers.
    """
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r}: write numbers with commas") from error
    if count is not None and len(values) != count:
        raise typer.BadParameter(
            f"{option} {text!r}: {count} numbers with commas are needed, not {len(values)}"
        )
    return values


def seconds(text: str, option: str) -> float:
    """Return a time step above 0: 2, 2s or 500ms.

    Raises:
        typer.BadParameter: it is none.
    """
    units = {"ms": 0.001, "s": 1.0, "min": 60.0}
    number, unit = text.strip(), 1.0
    for name, size in units.items():
        if number.endswith(name) and not (name == "s" and number.endswith("ms")):
            number, unit = number.removesuffix(name), size
    try:
        step_s = float(number) * unit
    except ValueError:
        step_s = 0.0
    if not 0.0 < step_s < 86_400.0:
        raise typer.BadParameter(f"{option} {text!r}: write a time above 0, such as 1s or 500ms")
    return step_s


def latitude_longitude(text: str, option: str) -> tuple[float, float]:
    """Return a (latitude, longitude), degrees.

    Raises:
        typer.BadParameter: it is out of range.
    """
    latitude, longitude = numbers(text, option, 2)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise typer.BadParameter(
            f"{option} {text!r}: latitude is -90..90, longitude -180..180; write the latitude first"
        )
    return latitude, longitude


def moment(text: str | None, option: str, *, day_ends: bool = False) -> datetime | None:
    """Return a moment; without a time zone it is UTC. A date alone is its first or last moment.

    Raises:
        typer.BadParameter: it is not an ISO 8601 date.
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _moment(text, option)
    return datetime.combine(day, time.max if day_ends else time.min, UTC)


def _moment(text: str, option: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r}: write 2024-05-31 or an ISO moment") from error
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
