"""What the indexer raises.

SafeNetError
└── IndexerError
    ├── SourceError             a source cannot be read as what it seems to be
    │   ├── UnknownSourceError      no reader knows this path
    │   ├── EmptySourceError        the source holds no usable image
    │   ├── BadTableError           a CSV or GeoJSON lacks a column or holds a bad value
    │   ├── NotGeoreferencedError   a map without coordinate reference system or transform
    │   ├── NoPositionError         a photo without a usable GPS position
    │   ├── NoPictureError          a raster whose samples are no picture
    │   └── TooManyTilesError       a map cut into more or smaller tiles than are of use
    ├── StoreError              the gallery on disk cannot be used
    │   ├── UnknownGalleryError     no gallery of that name is published
    │   ├── UnknownImageError       no image of that id is in the gallery
    │   ├── DuplicateIdError        two images claim one id
    │   ├── GalleryMismatchError    index, database, descriptors or weights do not belong together
    │   ├── GalleryBusyError        another writer holds the gallery
    │   ├── GalleryExistsError      a gallery of that name was built from something else
    │   ├── StoreFullError          the disk has no room left
    │   ├── BadStoreError           a store's place or what is asked of it is not possible
    │   ├── StoreAccessError        the store's server refuses the user or the token
    │   └── StoreUnavailableError   the store's server does not answer
    ├── BadFilterError          a search filter is out of its range
    ├── OutOfOrderError         a frame of a flight is older than the last one
    ├── NoCameraError           a track without cameras cannot be the vehicle's
    ├── UnknownFormatError      nothing is written in the format that a file's suffix names
    ├── BadFieldOfViewError     a field of view that no pinhole camera has
    ├── CalibrationError        the weights' calibration has an unknown key or a bad value
    ├── WorkerError             the workers of a Ray cluster cannot do their part
    └── FaissConflictError      faiss-cpu and faiss-gpu are installed together
"""

from model.errors import SafeNetError


class IndexerError(SafeNetError):
    """Root of what the indexer raises."""


class SourceError(IndexerError):
    """A source cannot be read as what it seems to be."""


class UnknownSourceError(SourceError):
    """No reader knows this path."""


class EmptySourceError(SourceError):
    """The source holds no usable image."""


class BadTableError(SourceError):
    """A CSV or GeoJSON lacks a column or holds a bad value."""


class NotGeoreferencedError(SourceError):
    """A map without coordinate reference system or transform."""


class NoPositionError(SourceError):
    """A photo without a usable GPS position."""


class NoPictureError(SourceError):
    """A raster whose samples are no picture."""


class TooManyTilesError(SourceError):
    """A map cut into more or smaller tiles than are of use."""


class StoreError(IndexerError):
    """The gallery on disk cannot be used."""


class UnknownGalleryError(StoreError):
    """No gallery of that name is published."""


class UnknownImageError(StoreError):
    """No image of that id is in the gallery."""


class DuplicateIdError(StoreError):
    """Two images claim one id."""


class GalleryMismatchError(StoreError):
    """Index, database, descriptors or weights do not belong together."""


class GalleryBusyError(StoreError):
    """Another writer holds the gallery."""


class GalleryExistsError(StoreError):
    """A gallery of that name was built from something else."""


class StoreFullError(StoreError):
    """The disk has no room left."""


class BadStoreError(StoreError):
    """A store's place is none, or it does not support what is asked of it."""


class StoreAccessError(StoreError):
    """The store's server refuses the user or the token."""


class StoreUnavailableError(StoreError):
    """The store's server does not answer; it may later."""


class BadFilterError(IndexerError):
    """A search filter is out of its range."""


class OutOfOrderError(IndexerError):
    """A frame of a flight is older than the last one."""


class NoCameraError(IndexerError):
    """A track without cameras cannot be written as the vehicle's."""


class NoArchiveError(IndexerError):
    """A track is no flight archive: its frames are no photos, or have no place."""


class UnknownFormatError(IndexerError):
    """Nothing is written in the format that a file's suffix names."""


class BadFieldOfViewError(IndexerError):
    """A field of view that no pinhole camera has."""


class CalibrationError(IndexerError, ValueError):
    """The weights' calibration has an unknown key, lacks one or holds a bad value."""


class WorkerError(IndexerError):
    """The workers of a Ray cluster cannot do their part."""


class FaissConflictError(IndexerError):
    """faiss-cpu and faiss-gpu are installed together."""
