"""The web page and its static files: a fixed list, from this package and from Leaflet's."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from service.routes.conditional import cache_headers, not_modified
from service.schemas.operation import PageBody
from service.state import RunningService

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parent.parent / "web"
LEAFLET = "xstatic.pkg.leaflet"
"""Import name of the installed package (XStatic-Leaflet) whose data folder holds Leaflet."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


@router.get("/")
async def index(request: Request) -> Response:
    """The page; it holds no data and needs no key."""
    return _file(request, WEB / "index.html")


@router.get("/page-settings")
async def page_settings(running: RunningService) -> PageBody:
    """What the operator set for the page."""
    settings = running.settings
    return PageBody(base_map_url=settings.base_map_url, base_map_credit=settings.base_map_credit)


@router.get("/static/{path:path}")
async def static(request: Request, path: str) -> Response:
    """One static file by its listed name; nothing outside the list can be reached."""
    found = static_files().get(path)
    if found is None:
        raise HTTPException(404)
    return _file(request, found)


@cache
def static_files() -> dict[str, Path]:
    """Return every file below /static/ by its path there."""
    ours = {path.relative_to(WEB).as_posix(): path for path in _listed(WEB)}
    leaflet = leaflet_folder()
    theirs = {f"leaflet/{p.relative_to(leaflet).as_posix()}": p for p in _listed(leaflet)}
    return {**theirs, **ours}


def leaflet_folder() -> Path:
    """Return the folder of the installed Leaflet's leaflet-src.esm.js and leaflet.css."""
    spec = find_spec(LEAFLET)
    assert spec is not None, "a declared dependency"
    assert spec.origin is not None, "a regular package"
    return Path(spec.origin).parent / "data"


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in MEDIA_TYPES)


def _file(request: Request, path: Path) -> Response:
    """Return the file, or 304; browsers revalidate each time, so that no stale module runs."""
    stat = path.stat()
    headers = cache_headers(f"{stat.st_mtime_ns:x}-{stat.st_size:x}", "no-cache")
    return not_modified(request, headers) or FileResponse(
        path, media_type=MEDIA_TYPES[path.suffix], headers=headers
    )
