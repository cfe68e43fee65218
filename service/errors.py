"""Errors of the service; `problems.py` gives each class its HTTP status.

SafeNetError
└── ServiceError
    ├── SettingsError            a SAFENET_* variable is unknown or out of its bound
    ├── ParameterError           parameters that are fine alone do not go together
    ├── QueryError               a query of OGC API - Features is malformed, which is its 400
    ├── UploadError
    │   ├── EmptyUploadError         no image arrived
    │   ├── BadMultipartError        the multipart body cannot be parsed
    │   ├── TooManyViewsError        more images than one question may have
    │   ├── UnknownFileError         a file under another name than the images
    │   ├── TooSmallImageError       a side of the image is below the limit
    │   ├── TooMuchMetadataError     the metadata of an image is larger than the limit
    │   ├── BodyTooLargeError        more bytes than one request may have
    │   ├── UnsupportedTypeError     the content type is neither multipart nor image/*
    │   └── SlowUploadError          the body did not arrive in time
    ├── AccessError              the key is missing or wrong
    ├── BusyError                no room now; has `retry_after_s`
    │   ├── QueueFullError           the service holds as much work as it may
    │   ├── TooManyTracksError       as many tracks as allowed are open
    │   ├── RateLimitedError         this client sent too many requests
    │   ├── BuildBusyError           another map is being uploaded or built
    │   └── DeadlineError            the answer was not ready in time
    ├── NotReadyError            the model or the galleries are still loading
    ├── JobStateError            a job cannot do that now, or the gallery's name is taken
    ├── UnknownJobError          no such job
    ├── StorageFullError         the disk has too little room for an upload
    ├── GalleryRefusedError      the published gallery does not fit the weights or is damaged
    ├── UnknownExplanationError  no such explanation, or it was dropped for newer ones
    ├── UnknownTrackError        no such track, or it expired
    ├── TrackFullError           the track has as many frames as it may have
    └── NotPlacedError           the photo has no place on the map, so no format can hold it
"""

from model.errors import SafeNetError


class ServiceError(SafeNetError):
    """Base class of the service's errors."""


class SettingsError(ServiceError):
    """A SAFENET_* variable is unknown or out of its bound."""


class ParameterError(ServiceError):
    """Parameters that are fine alone do not go together."""


class QueryError(ServiceError):
    """A query of OGC API - Features is malformed; that standard demands 400 and not 422."""


class UploadError(ServiceError):
    """The body of a question cannot be used."""


class EmptyUploadError(UploadError):
    """No image arrived."""


class BadMultipartError(UploadError):
    """The multipart body cannot be parsed."""


class TooManyViewsError(UploadError):
    """More images than one question may have."""


class UnknownFileError(UploadError):
    """A file arrived under another name than the images."""


class TooSmallImageError(UploadError):
    """A side of the image is below the limit."""


class TooMuchMetadataError(UploadError):
    """The metadata of an image is larger than the limit."""


class BodyTooLargeError(UploadError):
    """More bytes than one request may have."""


class UnsupportedTypeError(UploadError):
    """The content type is neither multipart nor image/*."""


class SlowUploadError(UploadError):
    """The body did not arrive in time."""


class AccessError(ServiceError):
    """The key is missing or wrong."""


class BusyError(ServiceError):
    """No room now; send the request again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(BusyError):
    """The service holds as much work as it may."""


class RateLimitedError(BusyError):
    """This client sent too many requests."""


class TooManyTracksError(BusyError):
    """As many tracks as allowed are open."""


class BuildBusyError(BusyError):
    """Another map is being uploaded or built."""


class JobStateError(ServiceError):
    """A job cannot do that now, or the gallery's name is taken."""


class UnknownJobError(ServiceError):
    """No such job."""


class StorageFullError(ServiceError):
    """The disk has too little room for an upload."""


class DeadlineError(BusyError):
    """The answer was not ready in time."""


class NotReadyError(ServiceError):
    """The model or the galleries are still loading."""


class GalleryRefusedError(ServiceError):
    """The published gallery does not fit the weights or is damaged."""


class NotPlacedError(ServiceError):
    """The photo has no place on the map, so no format can hold it."""


class UnknownExplanationError(ServiceError):
    """No such explanation, or it was dropped for newer ones."""


class UnknownTrackError(ServiceError):
    """No such track, or it expired."""


class TrackFullError(ServiceError):
    """The track has as many frames as it may have."""
