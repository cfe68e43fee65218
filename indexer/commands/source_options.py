"""The options of `build` and `add` about the source."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from indexer.commands import options as opt

if TYPE_CHECKING:
    from indexer.sources.candidate import Source
    from indexer.sources.tiles.download import TileRequest


@dataclass(frozen=True, kw_only=True)
class SourceChoice:
    """A source, and which part of it becomes images of which kind."""

    source: Annotated[
        Path, typer.Argument(help="What to index: a map, tiles, a folder; see docs/galleries.md.")
    ]
    view: Annotated[str | None, typer.Option("--view", help="satellite or drone.")] = None
    zoom: Annotated[
        int | None, typer.Option(help="Zoom of a tile source; default: the deepest.")
    ] = None
    tms: Annotated[bool, typer.Option("--tms", help="The same as --rows tms.")] = False
    rows: Annotated[
        str | None,
        typer.Option(
            help="Tile rows count from the north (xyz) or the south (tms), or folders are "
            "{z}/{y}/{x} (zyx); default: what fits."
        ),
    ] = None
    tile_m: Annotated[
        str,
        typer.Option("--tile-m", help="Cut a map into tiles of these ground sizes, m: 150,300."),
    ] = ""
    overlap: Annotated[
        float,
        typer.Option(
            help="Overlap of cut tiles, 0..0.9 of their side; 0 misses photos between two."
        ),
    ] = 0.75
    gsd: Annotated[
        float | None, typer.Option("--gsd", help="Resample cut tiles to m per pixel.")
    ] = None
    bbox: opt.Bbox = None
    mask: opt.Mask = None
    min_opaque: Annotated[
        float, typer.Option("--min-opaque", help="Skip tiles with a smaller share of data, 0..1.")
    ] = 0.5
    id_prefix: Annotated[str, typer.Option("--id-prefix", help="Put before every image id.")] = ""
    captured_at: Annotated[
        str | None,
        typer.Option("--captured-at", help="Date or ISO moment of images that carry none (UTC)."),
    ] = None
    url_template: Annotated[
        str | None,
        typer.Option(
            "--url-template",
            help="Fetch tiles of --bbox and --zoom from here into SOURCE first: {z} {x} {y}, "
            "{-y}, {q}, {TileMatrix} {TileCol} {TileRow} or {bbox-epsg-3857}.",
        ),
    ] = None
    max_per_s: Annotated[
        float, typer.Option("--max-per-s", help="Tiles to request in a second.")
    ] = 4.0
    user_agent: Annotated[
        str, typer.Option("--user-agent", help="Your name in requests to the tile server.")
    ] = "safenet-geo/0.1"

    def open(self) -> "Source":
        """Return the source.

        Raises:
            SourceError: it cannot be read, or an option is out of its range.
        """
        from indexer.sources.candidate import SourceOptions
        from indexer.sources.detect import open_source
        from indexer.sources.tables.areas import read_polygons

        moment = opt.moment(self.captured_at, "--captured-at")
        options = SourceOptions(
            view=cast(Any, self.view),
            zoom=self.zoom,
            tms=self.tms,
            rows=cast(Any, self.rows),
            tile_m=opt.numbers(self.tile_m, "--tile-m"),
            overlap=self.overlap,
            gsd_m=self.gsd,
            bounds=self.bounds(),
            mask=() if self.mask is None else read_polygons(self.mask),
            min_opaque=self.min_opaque,
            id_prefix=self.id_prefix,
            captured_at="" if moment is None else moment.isoformat(),
        )
        return open_source(self.source, options)

    def fetch(self, report: Any) -> None:
        """Fetch the tiles that `--url-template` names and that the folder lacks.

        Raises:
            SourceError: the server refuses, or an option is out of its range.
        """
        request = self._request()
        if request is None:
            return
        from indexer.sources.tiles.download import download

        done = download(request, self.source, report.note)
        report.note(
            f"{done.fetched:,} fetched, {done.cached:,} lay there, {done.absent:,} the server "
            "does not have"
        )

    def to_fetch(self) -> str | None:
        """Return one line on what `fetch` would do; None where it would do nothing."""
        request = self._request()
        if request is None:
            return None
        from indexer.sources.tiles.download import number_in

        missing = request.number - number_in(request, self.source)
        if not missing:
            return None
        minutes = missing / request.per_s / 60
        return (
            f"{missing:,} of {request.number:,} tiles of zoom {request.zoom} would be fetched into "
            f"{self.source}, in {minutes:.1f} minutes or more"
        )

    def bounds(self) -> Any:
        """Return (west, south, east, north), degrees; None without `--bbox`."""
        return None if self.bbox is None else opt.numbers(self.bbox, "--bbox", 4)

    def _request(self) -> "TileRequest | None":
        if self.url_template is None:
            return None
        from indexer.sources.tiles.download import TileRequest

        if self.bbox is None or self.zoom is None:
            raise typer.BadParameter("--url-template needs --bbox and --zoom")
        return TileRequest(
            template=self.url_template,
            bounds=self.bounds(),
            zoom=self.zoom,
            per_s=self.max_per_s,
            user_agent=self.user_agent,
        )
