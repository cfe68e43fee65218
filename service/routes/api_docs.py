"""/docs and /openapi.json: Swagger UI from an installed package, no content delivery network."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from service.media_types import PROBLEM
from service.middleware.api_keys import OPEN_PATHS, is_administration
from service.problems import Problem

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Safe-Net Geo: HTTP interface</title>
<link rel="icon" href="docs/assets/favicon.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script></body></html>
"""

_START = """SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  validatorUrl: null, presets: [SwaggerUIBundle.presets.apis]});
"""


def install(app: FastAPI, *, keys_required: bool) -> None:
    """Add the documentation routes and the finished OpenAPI document."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE)

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    assets = Path(str(files("fastapi_offline") / "static"))
    app.mount("/docs/assets", StaticFiles(directory=assets), name="docs-assets")
    app.openapi = lambda: _document(app, keys_required=keys_required)  # type: ignore[method-assign]


def _document(app: FastAPI, *, keys_required: bool) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = Problem.model_json_schema()
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                needed = is_administration(method.upper(), path) or (
                    keys_required and path not in OPEN_PATHS
                )
                operation["security"] = [{"bearer": []}, {"header": []}] if needed else []
        app.openapi_schema = document
    return app.openapi_schema


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of error responses, for a route's `responses`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": "Problem details", "content": {PROBLEM: {"schema": schema}}}
        for status in statuses
    }
