"""The galleries of the store in a response."""

from pydantic import BaseModel

from service.schemas.values import Box


class GalleryName(BaseModel):
    """The gallery version that answered."""

    name: str
    view: str
    version: str
    size: int


class GalleryBody(GalleryName):
    """A loaded gallery; `bounds` are west, south, east, north, degrees."""

    bounds: Box | None
    weights_sha256: str
    descriptor_dim: int


class RefusedGallery(BaseModel):
    """A published gallery that cannot be searched, and the reason."""

    name: str
    reason: str


class GalleriesBody(BaseModel):
    """All galleries of the store."""

    galleries: list[GalleryBody]
    refused: list[RefusedGallery]
