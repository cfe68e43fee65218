"""The open galleries: leased by requests, replaced when a new version is published."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import StoreError, StoreUnavailableError, UnknownGalleryError
from indexer.gallery.interface import OpenGallery
from indexer.gallery.stores import store_at
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError
from model.memory import release_memory
from service.errors import GalleryRefusedError, ParameterError

_log = logging.getLogger(__name__)


@dataclass
class _Open:
    """An open gallery version and how many requests read it."""

    gallery: OpenGallery
    readers: int = 0
    retired: bool = False


class OpenGalleries:
    """Open galleries by name; safe to use from several threads.

    A replaced version is closed by the last request that reads it, never under one.
    """

    def __init__(self, store: Path, embedder: DescriptorModel) -> None:
        """Open nothing yet; `refresh` does.

        Args:
            store: folder that holds the galleries, or `milvus://host:port/database`.
            embedder: the weights that make the queries.
        """
        self._place, self._store, self._embedder = store, store_at(store), embedder
        self._open: dict[str, _Open] = {}
        self._refused: dict[str, tuple[str, str]] = {}
        self._away: StoreUnavailableError | None = None
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()

    def refresh(self, *, retry: bool = False) -> dict[str, str | None]:
        """Open what is newly published, retire what is replaced or gone.

        One gallery that cannot be opened never keeps the others from being served.

        Args:
            retry: look again at versions that were refused.

        Returns:
            The new version by name of each gallery that changed; None where it is gone.
        """
        with self._refreshing:
            changed: dict[str, str | None] = {}
            away: list[StoreUnavailableError] = []
            try:
                names = self._store.names()
            except StoreUnavailableError as error:
                _log.error("the store cannot be reached", extra={"reason": str(error)})
                self._away = error
                return changed  # what is open answers again when the server is back
            for name in sorted(self.names() - set(names)):
                self._put(name, None)
                changed[name] = None
            kept = {} if retry else self._refused
            self._refused = {name: why for name, why in kept.items() if name in names}
            for name in names:
                version = self._load(name, away)
                if version is not None:
                    changed[name] = version
            self._away = away[0] if away else None
            if changed:
                release_memory()  # what opening a gallery took for a moment
            return changed

    def _load(self, name: str, away: list[StoreUnavailableError]) -> str | None:
        try:
            version = self._store.current_version(name)
            with self._lock:
                loaded = self._open.get(name)
            if loaded is not None and loaded.gallery.version == version:
                return None
            if self._refused.get(name, ("", ""))[0] == version:
                return None
            gallery = self._store.open(name, embedder=self._embedder)
        except StoreUnavailableError as error:
            away.append(error)
            return None  # the next look tries again
        except Exception as error:  # whatever is wrong with one gallery, the others are served
            if self._is_gone(name):
                return None  # removed between the listing and the look
            self._refuse(name, error)
            return None
        self._put(name, gallery)
        self._refused.pop(name, None)
        _log.info("gallery loaded", extra={"gallery": name, "version": gallery.version})
        return gallery.version

    def _without_place(self, text: str) -> str:
        for place in (str(self._place.resolve()), str(self._place), str(self._store)):
            text = text.replace(place, "STORE")
        return text

    def _without_server(self, error: StoreError) -> StoreError:
        """Return the error without a server's address, which clients need not know."""
        server = str(self._store)
        return type(error)(str(error).replace(server, "STORE")) if "://" in server else error

    def _is_gone(self, name: str) -> bool:
        try:
            return name not in self._store.names()
        except Exception:
            return False

    def _refuse(self, name: str, error: Exception) -> None:
        try:
            version = self._store.current_version(name)
        except Exception:
            version = ""
        reason = str(error) if isinstance(error, SafeNetError) else "its files cannot be read"
        if not isinstance(error, SafeNetError):
            _log.error("gallery %s cannot be read", name, exc_info=error)
        reason = self._without_place(reason)
        if self._refused.get(name) != (version, reason):
            _log.error("gallery refused", extra={"gallery": name, "reason": reason})
        self._refused[name] = (version, reason)

    def _put(self, name: str, gallery: OpenGallery | None) -> None:
        with self._lock:
            old = self._open.pop(name, None)
            if gallery is not None:
                self._open[name] = _Open(gallery)
            if old is not None:
                old.retired = True
            closable = old is not None and old.readers == 0
        if old is not None and closable:
            old.gallery.close()

    @contextmanager
    def lease(self, name: str) -> Iterator[OpenGallery]:
        """Keep the gallery of that name open while the block runs.

        Raises:
            UnknownGalleryError: no such gallery is open.
            StoreUnavailableError: it is not open, and the store cannot be reached.
            GalleryRefusedError: it is published and does not fit the weights, or its files are
                found to be damaged while the block runs; then it is no longer served.
        """
        with self._lock:
            entry = self._open.get(name)
            if entry is not None:
                entry.readers += 1
        if entry is None:
            raise self._missing(name)
        try:
            yield entry.gallery
        except StoreError as error:
            raise self._without_server(error) from error
        except SafeNetError:
            raise
        except Exception as error:
            reason = entry.gallery.damage(error)
            if reason is None:
                raise
            self._withdraw(name, entry, reason)
            raise self._missing(name) from error
        finally:
            with self._lock:
                entry.readers -= 1
                closable = entry.retired and entry.readers == 0
            if closable:
                entry.gallery.close()

    def _withdraw(self, name: str, entry: _Open, reason: str) -> None:
        """Stop serving a version whose files are damaged."""
        with self._lock:
            is_current = self._open.get(name) is entry
        if is_current:
            _log.error("gallery withdrawn", extra={"gallery": name, "reason": reason})
            self._refused[name] = (entry.gallery.version, reason)
            self._put(name, None)

    def _missing(self, name: str) -> Exception:
        if name in self._refused:
            return GalleryRefusedError(f"gallery {name!r} is refused: {self._refused[name][1]}")
        self.require_store()
        return UnknownGalleryError(
            f"no gallery {name[:100]!r} is loaded; GET /galleries lists those that are"
        )

    def require_store(self) -> None:
        """Check that the store answered when it was last looked at.

        Raises:
            StoreUnavailableError: it did not.
        """
        away = self._away
        if away is not None:
            raise self._without_server(away)

    def choose(self, view: str, default: str | None) -> str:
        """Return the gallery to search when a request names none.

        Raises:
            UnknownGalleryError: none holds that view.
            StoreUnavailableError: none does, and the store cannot be reached.
            ParameterError: several do and no default is set.
        """
        if default is not None:
            return default
        with self._lock:
            fitting = sorted(n for n, entry in self._open.items() if entry.gallery.view == view)
        if not fitting:
            self.require_store()
            raise UnknownGalleryError(
                f"no {view} gallery is loaded; publish one with safenet-index build --view {view}"
            )
        if len(fitting) > 1:
            raise ParameterError(f"gallery: choose one of {', '.join(fitting)}")
        return fitting[0]

    def names(self) -> set[str]:
        """Return the names of the open galleries."""
        with self._lock:
            return set(self._open)

    @property
    def refused(self) -> dict[str, str]:
        """The reason why a published gallery is not open, by name."""
        return {name: reason for name, (_, reason) in sorted(self._refused.items())}

    def close(self) -> None:
        """Retire every gallery."""
        for name in self.names():
            self._put(name, None)
        self._store.close()
