"""A gallery's database: the truth about its images (SQLite in WAL mode through SQLAlchemy)."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from indexer.migrate import upgrade
from indexer.records import ImageRecord, View
from indexer.schema import GalleryRow, ImageRow, ProblemRow, SourceRow


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image's metadata with where its descriptor and picture lie."""

    record: ImageRecord
    slot: int
    source_id: int
    fingerprint: str
    picture_sha256: str
    descriptor_crc32: int


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is enough to know whether an image must be read again."""

    source_id: int
    fingerprint: str
    content_sha256: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An image that is not in the gallery, and why; kind is "failed" or "skipped"."""

    image_id: str
    location: str
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """One source of the gallery; state is "running" until every image of it was tried."""

    id: int
    location: str
    options: str
    kind: str
    state: str


class Database:
    """Opened for writing by one writer, or read-only and unchanging by readers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open_for_writing(cls, path: Path) -> "Database":
        """Open or create the writer's database, brought to the newest schema."""
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _writer_pragmas)
        event.listen(engine, "begin", _begin)
        upgrade(engine)
        return cls(engine)

    @classmethod
    def open_snapshot(cls, path: Path) -> "Database":
        """Open a published version's database, which no process ever changes."""
        quoted = str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        return cls(
            create_engine(
                f"sqlite:///file:{quoted}?mode=ro&immutable=1&uri=true",
                pool_size=8,
                max_overflow=56,
            )
        )

    def complaints(self) -> list[str]:
        """What SQLite and its R*Tree find wrong with themselves; [] is good."""
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

    # The gallery and its sources

    def gallery(self) -> GalleryRow | None:
        """The gallery's own row, detached; None before the first `create`."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(select(GalleryRow)).first()

    def create(self, row: GalleryRow) -> None:
        """Say what the gallery is."""
        with Session(self.engine) as session, session.begin():
            session.add(row)

    def reset(self, row: GalleryRow) -> None:
        """Forget every image and source; the gallery becomes what the row says."""
        with Session(self.engine) as session, session.begin():
            for table in (ProblemRow, ImageRow, SourceRow):
                session.execute(delete(table))
            session.execute(
                update(GalleryRow).values(
                    view=row.view,
                    weights_name=row.weights_name,
                    weights_sha256=row.weights_sha256,
                    descriptor_dim=row.descriptor_dim,
                    index_kind=row.index_kind,
                    next_slot=0,
                    generation=GalleryRow.generation + 1,
                    revision=GalleryRow.revision + 1,
                )
            )

    def set_index_kind(self, kind: str) -> None:
        """Choose another index type for the next publishing."""
        with Session(self.engine) as session, session.begin():
            session.execute(
                update(GalleryRow).values(index_kind=kind, revision=GalleryRow.revision + 1)
            )

    def sources(self) -> list[SourceInfo]:
        """All sources, oldest first."""
        with Session(self.engine) as session:
            return [_source_info(row) for row in session.scalars(select(SourceRow))]

    def enter_source(self, location: str, options: str, kind: str) -> SourceInfo:
        """The source of that location and options, now running; created where it is new."""
        with Session(self.engine) as session, session.begin():
            query = select(SourceRow).filter_by(location=location, options=options)
            row = session.scalars(query).first()
            if row is None:
                row = SourceRow(location=location, options=options, kind=kind, state="running")
                session.add(row)
            row.state = "running"
            session.flush()
            return _source_info(row)

    def finish_source(self, source_id: int) -> None:
        """Every image of the source was tried."""
        with Session(self.engine) as session, session.begin():
            session.execute(update(SourceRow).where(SourceRow.id == source_id).values(state="done"))

    # Images

    def count(self) -> int:
        """How many images the gallery holds."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).select_from(ImageRow)) or 0

    def slots(self) -> NDArray[np.int64]:
        """The slots of all images, ascending: int64 [N]."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(ImageRow.slot).order_by(ImageRow.slot))
            return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def ground_sizes_m(self) -> list[float]:
        """Smallest and largest ground side of an image, m; [] where none is known."""
        columns = (func.min(ImageRow.ground_m), func.max(ImageRow.ground_m))
        with self.engine.connect() as connection:
            return [value for value in connection.execute(select(*columns)).one() if value]

    def image_ids_at(self, slots: Sequence[int]) -> list[str]:
        """Ids of the images in the given slots."""
        found: list[str] = []
        with Session(self.engine) as session:
            for start in range(0, len(slots), 500):
                part = slots[start : start + 500]
                found += session.scalars(select(ImageRow.image_id).where(ImageRow.slot.in_(part)))
        return found

    def picture_names(self) -> Iterator[str]:
        """The sha256 of every picture that an image shows."""
        with self.engine.connect() as connection:
            for (name,) in connection.execute(select(ImageRow.picture_sha256)):
                yield name

    def known(self, image_ids: Sequence[str]) -> dict[str, Known]:
        """Those of the ids that are stored, with what says whether they changed."""
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

    def commit_batch(
        self, source_id: int, images: Sequence[StoredImage], problems: Sequence[Problem]
    ) -> None:
        """Store a batch whole or not at all; images of known ids replace what was stored."""
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
                connection.execute(insert(ImageRow), [_image_values(image) for image in images])
                last = max(image.slot for image in images)
                connection.execute(
                    update(GalleryRow).values(next_slot=last + 1, revision=GalleryRow.revision + 1)
                )

    def touch(self, fingerprints: dict[str, str]) -> None:
        """Remember new fingerprints of images whose content did not change."""
        with Session(self.engine) as session, session.begin():
            for image_id, fingerprint in fingerprints.items():
                session.execute(
                    update(ImageRow)
                    .where(ImageRow.image_id == image_id)
                    .values(fingerprint=fingerprint)
                )

    def remove(self, image_ids: Iterable[str]) -> int:
        """Delete images, all or none; returns how many there were."""
        removed = 0
        with Session(self.engine) as session, session.begin():
            for part in _parts(list(image_ids), 500):
                result = session.execute(delete(ImageRow).where(ImageRow.image_id.in_(part)))
                removed += cast(Any, result).rowcount
            if removed:
                session.execute(update(GalleryRow).values(revision=GalleryRow.revision + 1))
        return removed

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

    def set_crc(self, slot: int, crc32: int) -> None:
        """Remember the check sum of a descriptor that was made again."""
        with Session(self.engine) as session, session.begin():
            session.execute(
                update(ImageRow).where(ImageRow.slot == slot).values(descriptor_crc32=crc32)
            )
            session.execute(update(GalleryRow).values(revision=GalleryRow.revision + 1))

    def stored(self, *, page: int = 500) -> Iterator[StoredImage]:
        """Every image in the order of its slots, a page at a time."""
        last = -1
        while True:
            query = select(ImageRow).where(ImageRow.slot > last).order_by(ImageRow.slot)
            with Session(self.engine) as session:
                rows = [_stored(row) for row in session.scalars(query.limit(page))]
            yield from rows
            if len(rows) < page:
                return
            last = rows[-1].slot

    def problems(self) -> Iterator[Problem]:
        """Images that are not in the gallery, in the order they were tried."""
        with Session(self.engine) as session:
            for row in session.scalars(select(ProblemRow).order_by(ProblemRow.id)):
                yield Problem(
                    image_id=row.image_id, location=row.location, kind=row.kind, reason=row.reason
                )


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


def _source_info(row: SourceRow) -> SourceInfo:
    return SourceInfo(
        id=row.id, location=row.location, options=row.options, kind=row.kind, state=row.state
    )


def _image_values(image: StoredImage) -> dict[str, Any]:
    record = image.record
    return {
        "image_id": record.image_id,
        "slot": image.slot,
        "source_id": image.source_id,
        "fingerprint": image.fingerprint,
        "content_sha256": record.content_sha256,
        "picture_sha256": image.picture_sha256,
        "descriptor_crc32": image.descriptor_crc32,
        "view": record.view,
        "latitude": record.latitude,
        "longitude": record.longitude,
        "corners": None if record.corners is None else json.dumps(record.corners),
        "ground_m": record.ground_m,
        "gsd_m": record.gsd_m,
        "altitude_m": record.altitude_m,
        "altitude_datum": record.altitude_datum,
        "heading_deg": record.heading_deg,
        "gimbal_pitch_deg": record.gimbal_pitch_deg,
        "flight_id": record.flight_id,
        "captured_at": None if record.captured_at is None else utc_text(record.captured_at),
        "place_id": record.place_id,
        "source": record.source,
    }


def _stored(row: ImageRow) -> StoredImage:
    return StoredImage(
        record=record_of(row),
        slot=row.slot,
        source_id=row.source_id,
        fingerprint=row.fingerprint,
        picture_sha256=row.picture_sha256,
        descriptor_crc32=row.descriptor_crc32,
    )


def record_of(row: ImageRow) -> ImageRecord:
    """A row's metadata."""
    corners = None
    if row.corners is not None:
        corners = tuple((latitude, longitude) for latitude, longitude in json.loads(row.corners))
    return ImageRecord(
        image_id=row.image_id,
        view=cast(View, row.view),
        latitude=row.latitude,
        longitude=row.longitude,
        corners=cast(Any, corners),
        gsd_m=row.gsd_m,
        altitude_m=row.altitude_m,
        altitude_datum=row.altitude_datum,
        heading_deg=row.heading_deg,
        gimbal_pitch_deg=row.gimbal_pitch_deg,
        flight_id=row.flight_id,
        captured_at=None if row.captured_at is None else datetime.fromisoformat(row.captured_at),
        place_id=row.place_id,
        source=row.source,
        content_sha256=row.content_sha256,
    )


def utc_text(moment: datetime) -> str:
    """A moment as sortable UTC text; a moment without a zone is taken as UTC."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="seconds")
