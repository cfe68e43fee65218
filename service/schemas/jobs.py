"""A gallery that is built from uploaded files."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.values import NAME_PATTERN


class MapBody(BaseModel):
    """A gallery to be built from files that follow."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="Name of the new gallery.")
    view: Literal["satellite", "drone"] | None = Field(
        default=None, description="What the images show; null: as the files say."
    )
    tile_m: list[Annotated[float, Field(ge=1, le=100_000)]] = Field(
        default_factory=list,
        max_length=4,
        description="Ground sides of the tiles that a map is cut into, m; empty: chosen from it.",
    )


class JobBody(BaseModel):
    """One job that builds a gallery."""

    id: str
    gallery: str
    state: Literal[
        "uploading", "checking", "checked", "building", "published", "failed", "cancelled"
    ]
    files: int = Field(description="Files that have arrived.")
    bytes: int = Field(description="Their bytes.")
    forecast: dict[str, Any] | None = Field(
        description="What a build would bring: images, usable, store_bytes, extent (west, south, "
        "east, north), minutes, reasons; null before the check."
    )
    progress: dict[str, Any] | None = Field(
        description="The build: total, seen, added, skipped, failed, images_per_s, eta_s."
    )
    notes: list[str]
    error: str | None = Field(description="Why it failed.")
