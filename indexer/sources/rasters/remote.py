"""Maps on web servers and in object stores, read in parts through GDAL's virtual file systems.

Credentials come from the environment, as GDAL reads it: AWS_* for s3://, AZURE_* for az://,
GOOGLE_APPLICATION_CREDENTIALS for gs://, GDAL_HTTP_HEADERS or GDAL_HTTP_USERPWD for https://.
"""

from typing import Any

import rasterio

from indexer.errors import SourceError

_SYSTEMS = {
    "https": "/vsicurl/https://",
    "http": "/vsicurl/http://",
    "s3": "/vsis3/",
    "gs": "/vsigs/",
    "az": "/vsiaz/",
}

_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_TIMEOUT": "60",
}
"""Our choice: no listing of the folder beside a map, and a server that hesitates is asked again."""


def check_url(url: str) -> None:
    """Refuse a URL with a password or a signature in it: galleries keep the places of sources.

    Raises:
        SourceError: it has one.
    """
    scheme, _, rest = url.partition("://")
    if "?" in rest or "@" in rest.partition("/")[0]:
        raise SourceError(
            f"{scheme}://… holds a query or credentials, which would be stored; give credentials "
            "in the environment (AWS_*, AZURE_*, GDAL_HTTP_HEADERS)"
        )


def gdal_name(url: str) -> str:
    """Return the name by which GDAL reads a URL in parts."""
    scheme, _, rest = url.partition("://")
    return _SYSTEMS[scheme] + rest


def remote_settings() -> Any:
    """Return the context in which GDAL reads from a server."""
    return rasterio.Env(**_OPTIONS)
