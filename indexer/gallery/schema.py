"""The tables of a gallery's database, as SQLAlchemy classes; `migrations/` creates them."""

from sqlalchemy import ForeignKey, UniqueConstraint, column, table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RUNNING, REPLACING, DONE = "running", "replacing", "done"
"""States of a source; REPLACING is a running build that will replace the published version."""

REMOVED = "removed"
"""Kind of a problem: the user took the image out, and only `add` brings it back."""


class Base(DeclarativeBase):
    """Root of the mapped classes."""


class GalleryRow(Base):
    """The single row that describes the gallery; `next_slot` counts every row ever written.

    `local_bytes` is the size of an image's local features; 0 for weights without them.
    """

    __tablename__ = "gallery"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    view: Mapped[str]
    weights_name: Mapped[str]
    weights_sha256: Mapped[str]
    descriptor_dim: Mapped[int]
    local_bytes: Mapped[int]
    index_kind: Mapped[str]
    next_slot: Mapped[int]
    generation: Mapped[int]
    revision: Mapped[int]


class SourceRow(Base):
    """One source of images; `state` is DONE once every image of it was tried."""

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("location", "options"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    location: Mapped[str]
    options: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]


class ImageRow(Base):
    """One image: its metadata, its descriptor's slot and its picture's name."""

    __tablename__ = "image"

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(unique=True)
    slot: Mapped[int] = mapped_column(unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    fingerprint: Mapped[str]
    content_sha256: Mapped[str]
    picture_sha256: Mapped[str]
    descriptor_crc32: Mapped[int]
    view: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    corners: Mapped[str | None]
    ground_m: Mapped[float | None]
    gsd_m: Mapped[float | None]
    altitude_m: Mapped[float | None]
    altitude_datum: Mapped[str | None]
    heading_deg: Mapped[float | None]
    gimbal_pitch_deg: Mapped[float | None]
    flight_id: Mapped[str | None]
    captured_at: Mapped[str | None]
    place_id: Mapped[str | None]
    source: Mapped[str]


class ProblemRow(Base):
    """An image of a source that is not in the gallery: skipped, failed or removed."""

    __tablename__ = "problem"
    __table_args__ = (UniqueConstraint("source_id", "image_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    image_id: Mapped[str]
    location: Mapped[str]
    kind: Mapped[str]
    reason: Mapped[str]


IMAGE_PLACE = table(
    "image_place",
    column("id"),
    column("west"),
    column("east"),
    column("south"),
    column("north"),
)
"""The R*Tree of image centres, kept by triggers; 32-bit boxes, rounded outwards."""
