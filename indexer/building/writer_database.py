"""Writes a gallery's database: one writer, each change in one transaction."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, create_engine, delete, event, insert, select, text, update
from sqlalchemy.orm import Session

from indexer.building.migrate import upgrade
from indexer.gallery.database import Database
from indexer.gallery.rows import Problem, SourceInfo, StoredImage, image_values, source_info
from indexer.gallery.schema import (
    DONE,
    IMAGE_PLACE,
    REMOVED,
    REPLACING,
    RUNNING,
    GalleryRow,
    ImageRow,
    ProblemRow,
    SourceRow,
)


class WriterDatabase(Database):
    """The writer's database, in WAL mode; changes that readers notice raise `revision`."""

    @classmethod
    def open_for_writing(cls, path: Path) -> Self:
        """Open or create the writer's database, brought to the newest schema."""
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _writer_pragmas)
        event.listen(engine, "begin", _begin)
        upgrade(engine)
        return cls(engine)

    def begin(self, row: GalleryRow, source: SourceRow) -> None:
        """Delete every image and source and start with the given row and source.

        Generation and revision continue from their old values.
        """
        with Session(self.engine) as session, session.begin():
            for table in (ProblemRow, ImageRow, SourceRow):
                session.execute(delete(table))
            before = session.scalars(select(GalleryRow)).first()
            if before is not None:
                row.generation = before.generation + 1
                row.revision = max(row.revision, before.revision) + 1
            session.merge(row)
            session.add(source)

    def set_index_kind(self, kind: str) -> None:
        """Set the index type of the next version."""
        with Session(self.engine) as session, session.begin():
            session.execute(
                update(GalleryRow).values(index_kind=kind, revision=GalleryRow.revision + 1)
            )

    def enter_source(self, location: str, options: str, kind: str) -> SourceInfo:
        """Return the source of that location and options, marked as not done; create it if new."""
        with Session(self.engine) as session, session.begin():
            query = select(SourceRow).filter_by(location=location, options=options)
            row = session.scalars(query).first()
            if row is None:
                row = SourceRow(location=location, options=options, kind=kind, state=RUNNING)
                session.add(row)
            row.state = REPLACING if row.state == REPLACING else RUNNING
            session.flush()
            return source_info(row)

    def finish_source(self, source_id: int) -> None:
        """Mark that every image of the source was tried."""
        with Session(self.engine) as session, session.begin():
            session.execute(update(SourceRow).where(SourceRow.id == source_id).values(state=DONE))

    def commit_batch(
        self, source_id: int, images: Sequence[StoredImage], problems: Sequence[Problem]
    ) -> None:
        """Store a batch in one transaction; images with known ids replace the stored ones."""
        ids = [image.record.image_id for image in images]
        tried = ids + [problem.image_id for problem in problems]
        own = ProblemRow.source_id == source_id
        with self.engine.begin() as connection:
            connection.execute(delete(ImageRow).where(ImageRow.image_id.in_(ids)))
            connection.execute(delete(ProblemRow).where(own, ProblemRow.image_id.in_(tried)))
            if problems:
                rows = [{"source_id": source_id, **asdict(problem)} for problem in problems]
                connection.execute(insert(ProblemRow), rows)
            if images:
                connection.execute(insert(ImageRow), [image_values(image) for image in images])
                last = max(image.slot for image in images)
                connection.execute(
                    update(GalleryRow).values(next_slot=last + 1, revision=GalleryRow.revision + 1)
                )

    def touch(self, fingerprints: dict[str, str]) -> None:
        """Store new fingerprints of images whose content did not change."""
        with Session(self.engine) as session, session.begin():
            for image_id, fingerprint in fingerprints.items():
                session.execute(
                    update(ImageRow)
                    .where(ImageRow.image_id == image_id)
                    .values(fingerprint=fingerprint)
                )

    def remove(self, image_ids: Iterable[str]) -> int:
        """Remove images in one transaction, record it and return their number.

        A source that has no image left is deleted.
        """
        removed, sources = 0, set[int]()
        with Session(self.engine) as session, session.begin():
            for part in _parts(list(image_ids), 500):
                which = ImageRow.image_id.in_(part)
                columns = select(ImageRow.source_id, ImageRow.image_id)
                found = [(source, name) for source, name in session.execute(columns.where(which))]
                session.execute(delete(ImageRow).where(which))
                sources.update(source_id for source_id, _ in found)
                if found:
                    session.execute(insert(ProblemRow), [_removed(*pair) for pair in found])
                removed += len(found)
            for source_id in sources:
                _forget_if_empty(session, source_id)
            if removed:
                session.execute(update(GalleryRow).values(revision=GalleryRow.revision + 1))
        return removed

    def delete_lost(self, image_ids: Iterable[str]) -> None:
        """Delete images whose picture is lost; `update` restores them."""
        with Session(self.engine) as session, session.begin():
            for part in _parts(list(image_ids), 500):
                session.execute(delete(ImageRow).where(ImageRow.image_id.in_(part)))

    def renumber(self, slots: Iterable[tuple[int, int]], *, generation: int, rows: int) -> None:
        """Move images to new slots (old, new; ascending, new <= old) of a new descriptor file."""
        statement = text("UPDATE image SET slot = :new WHERE slot = :old")
        with Session(self.engine) as session, session.begin():
            for old, new in slots:
                session.execute(statement, {"old": old, "new": new})
            session.execute(
                update(GalleryRow).values(
                    generation=generation, next_slot=rows, revision=GalleryRow.revision + 1
                )
            )

    def place_again(self) -> None:
        """Rebuild the R*Tree from the images."""
        columns = (ImageRow.longitude, ImageRow.longitude, ImageRow.latitude, ImageRow.latitude)
        with self.engine.begin() as connection:
            connection.execute(delete(IMAGE_PLACE))
            names = [column.name for column in IMAGE_PLACE.columns]
            connection.execute(
                insert(IMAGE_PLACE).from_select(names, select(ImageRow.id, *columns))
            )

    def set_crc(self, slot: int, crc32: int) -> None:
        """Store the check sum of a descriptor that was computed again."""
        with Session(self.engine) as session, session.begin():
            session.execute(
                update(ImageRow).where(ImageRow.slot == slot).values(descriptor_crc32=crc32)
            )
            session.execute(update(GalleryRow).values(revision=GalleryRow.revision + 1))


def _removed(source_id: int, image_id: str) -> dict[str, object]:
    reason = "taken out by hand"
    return {
        "source_id": source_id,
        "image_id": image_id,
        "location": "",
        "kind": REMOVED,
        "reason": reason,
    }


def _forget_if_empty(session: Session, source_id: int) -> None:
    kept = select(ImageRow.id).where(ImageRow.source_id == source_id).limit(1)
    if session.scalars(kept).first() is None:
        session.execute(delete(ProblemRow).where(ProblemRow.source_id == source_id))
        session.execute(delete(SourceRow).where(SourceRow.id == source_id))


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _writer_pragmas(connection: sqlite3.Connection, _: object) -> None:
    # The driver would commit before every CREATE; a killed migration must leave nothing.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _parts(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
