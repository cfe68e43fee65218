"""The first schema: gallery, source, image, problem and the R*Tree of image centres."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    "CREATE VIRTUAL TABLE image_place USING rtree(id, west, east, south, north)",
    """CREATE TRIGGER image_placed AFTER INSERT ON image BEGIN
         INSERT INTO image_place
         VALUES (new.id, new.longitude, new.longitude, new.latitude, new.latitude);
       END""",
    """CREATE TRIGGER image_moved AFTER UPDATE OF latitude, longitude ON image BEGIN
         INSERT OR REPLACE INTO image_place
         VALUES (new.id, new.longitude, new.longitude, new.latitude, new.latitude);
       END""",
    """CREATE TRIGGER image_gone AFTER DELETE ON image BEGIN
         DELETE FROM image_place WHERE id = old.id;
       END""",
)


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "gallery",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("view", sa.String, nullable=False),
        sa.Column("weights_name", sa.String, nullable=False),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("descriptor_dim", sa.Integer, nullable=False),
        sa.Column("index_kind", sa.String, nullable=False),
        sa.Column("next_slot", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("options", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.UniqueConstraint("location", "options"),
    )
    op.create_table("image", *_image_columns(), sqlite_autoincrement=True)
    op.create_index("ix_image_source_id", "image", ["source_id"])
    op.create_table(
        "problem",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source_id", sa.Integer, sa.ForeignKey("source.id"), nullable=False),
        sa.Column("image_id", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.UniqueConstraint("source_id", "image_id"),
    )
    for statement in _STATEMENTS:
        op.execute(statement)


def _image_columns() -> list[sa.Column[object]]:
    required = ("fingerprint", "content_sha256", "picture_sha256", "view", "source")
    optional = ("corners", "altitude_datum", "flight_id", "captured_at", "place_id")
    numbers = ("ground_m", "gsd_m", "altitude_m", "heading_deg", "gimbal_pitch_deg")
    columns: list[sa.Column[object]] = [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.String, nullable=False, unique=True),
        sa.Column("slot", sa.Integer, nullable=False, unique=True),
        sa.Column("source_id", sa.Integer, sa.ForeignKey("source.id"), nullable=False),
        sa.Column("descriptor_crc32", sa.Integer, nullable=False),
        sa.Column("latitude", sa.Float, nullable=False),
        sa.Column("longitude", sa.Float, nullable=False),
    ]
    columns += [sa.Column(name, sa.String, nullable=False) for name in required]
    columns += [sa.Column(name, sa.String, nullable=True) for name in optional]
    columns += [sa.Column(name, sa.Float, nullable=True) for name in numbers]
    return columns
