"""Health, a reload of the galleries, and what the operator set for the page."""

from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.galleries import RefusedGallery


class HealthBody(BaseModel):
    """Whether the service is alive."""

    status: Literal["alive", "ready"]
    refused_galleries: int | None = Field(
        default=None, description="Galleries that are refused or damaged; null where there is none."
    )


class ReloadBody(BaseModel):
    """The galleries that a reload changed, each with its version now, or null if it is gone."""

    changed: dict[str, str | None]
    refused: list[RefusedGallery]


class PageBody(BaseModel):
    """What the operator set for the page."""

    base_map_url: str = Field(description="Template of tiles from elsewhere; empty: none.")
    base_map_credit: str
