"""Reads a gallery's SQLite database, the source of truth about its images (SQLAlchemy)."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from indexer.gallery.rows import Known, Problem, SourceInfo, StoredImage, source_info, stored_image
from indexer.gallery.schema import REMOVED, GalleryRow, ImageRow, ProblemRow, SourceRow


class Database:
    """Read access to a gallery's database; that of a published version never changes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open_snapshot(cls, path: Path) -> Self:
        """Open a published version's database, which no process ever changes."""
        return cls(
            create_engine(
                f"sqlite:///file:{_quoted(path)}?mode=ro&immutable=1&uri=true",
                pool_size=8,
                max_overflow=56,
            )
        )

    @classmethod
    def open_beside_writer(cls, path: Path) -> Self:
        """Open the writer's database, read-only; another process may be writing it."""
        if not path.with_name(f"{path.name}-wal").exists():
            return cls.open_snapshot(path)
        return cls(create_engine(f"sqlite:///file:{_quoted(path)}?mode=ro&uri=true"))

    def faults(self) -> list[str]:
        """Return the faults that SQLite and its R*Tree report; [] means none."""
        found = []
        with self.engine.connect() as connection:
            for query in ("PRAGMA quick_check", "SELECT rtreecheck('image_place')"):
                result = str(connection.execute(text(query)).scalar())
                found += [] if result == "ok" else [result]
            places = connection.execute(text("SELECT count(*) FROM image_place")).scalar()
        return found if places == self.count() else [*found, "the R*Tree lacks images"]

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def snapshot(self, path: Path) -> None:
        """Write a consistent copy of the database as a single file."""
        raw = self.engine.raw_connection()
        try:
            copy = sqlite3.connect(path)
            cast(sqlite3.Connection, raw.driver_connection).backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.close()
        finally:
            raw.close()

    def gallery(self) -> GalleryRow | None:
        """Return the gallery's own row, detached; None before the first `create`."""
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT * FROM gallery")).mappings().first()
        # A database that no writer of this release has opened lacks the newest column.
        return None if found is None else GalleryRow(**{"local_bytes": 0, **found})

    def sources(self) -> list[SourceInfo]:
        """Return all sources, oldest first."""
        with Session(self.engine) as session:
            return [source_info(row) for row in session.scalars(select(SourceRow))]

    def count(self) -> int:
        """Return the number of images."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).select_from(ImageRow)) or 0

    def slots(self) -> NDArray[np.int64]:
        """Return the slots of all images, ascending: int64 [N]."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(ImageRow.slot).order_by(ImageRow.slot))
            return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def ground_sizes_m(self) -> list[float]:
        """Return the smallest and the largest ground side of an image, m; [] if none is known."""
        columns = (func.min(ImageRow.ground_m), func.max(ImageRow.ground_m))
        with self.engine.connect() as connection:
            return [value for value in connection.execute(select(*columns)).one() if value]

    def image_ids_at(self, slots: Sequence[int]) -> list[str]:
        """Return the ids of the images in the given slots."""
        found: list[str] = []
        with Session(self.engine) as session:
            for start in range(0, len(slots), 500):
                part = slots[start : start + 500]
                found += session.scalars(select(ImageRow.image_id).where(ImageRow.slot.in_(part)))
        return found

    def picture_names(self) -> Iterator[str]:
        """Yield the SHA-256 of every picture that an image uses."""
        with self.engine.connect() as connection:
            for (name,) in connection.execute(select(ImageRow.picture_sha256)):
                yield name

    def known(self, image_ids: Sequence[str]) -> dict[str, Known]:
        """Return the stored images among the ids, with what detects a change."""
        columns = (
            ImageRow.image_id,
            ImageRow.source_id,
            ImageRow.fingerprint,
            ImageRow.content_sha256,
        )
        with Session(self.engine) as session:
            rows = session.execute(select(*columns).where(ImageRow.image_id.in_(image_ids)))
            return {
                image_id: Known(source_id=source, fingerprint=mark, content_sha256=sha256)
                for image_id, source, mark, sha256 in rows
            }

    def stored(self, *, page: int = 500) -> Iterator[StoredImage]:
        """Yield every image in the order of its slots; rows are read a page at a time."""
        last = -1
        while True:
            query = select(ImageRow).where(ImageRow.slot > last).order_by(ImageRow.slot)
            with Session(self.engine) as session:
                rows = [stored_image(row) for row in session.scalars(query.limit(page))]
            yield from rows
            if len(rows) < page:
                return
            last = rows[-1].slot

    def slots_of(self, source_ids: Sequence[int]) -> NDArray[np.int64]:
        """Return the slots of the sources' images, ascending: int64 [N]."""
        query = select(ImageRow.slot).where(ImageRow.source_id.in_(source_ids))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(ImageRow.slot))
            return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def removed(self, source_id: int, image_ids: Sequence[str]) -> set[str]:
        """Return the ids among these that a user removed from the source."""
        query = select(ProblemRow.image_id).where(
            ProblemRow.source_id == source_id,
            ProblemRow.kind == REMOVED,
            ProblemRow.image_id.in_(image_ids),
        )
        with Session(self.engine) as session:
            return set(session.scalars(query))

    def problems(self) -> Iterator[Problem]:
        """Yield the images that failed or were skipped, in the order they were tried."""
        query = select(ProblemRow).where(ProblemRow.kind != REMOVED).order_by(ProblemRow.id)
        with Session(self.engine) as session:
            for row in session.scalars(query):
                yield Problem(
                    image_id=row.image_id, location=row.location, kind=row.kind, reason=row.reason
                )


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
