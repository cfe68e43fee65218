"""Frames of a video at equal distances in time, by PyAV."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from indexer.errors import EmptySourceError, SourceError

_INSTALL = "reading videos needs PyAV; run: pip install 'safenet-geo[flight]'"


def count(path: Path, every_s: float) -> int:
    """Return about how many frames `frames` yields, at least 1.

    Raises:
        SourceError: it is no video that can be read, or PyAV is not installed.
        EmptySourceError: there is no picture in it.
    """
    av = _av()
    with _opened(av, path) as container:
        stream = _stream(container, path)
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / av.time_base
    return max(1, int(seconds / every_s) + 1)


def frames(path: Path, every_s: float) -> Iterator[tuple[float, Image.Image]]:
    """Yield (seconds since the first frame, image): the first frame of every `every_s`.

    Times are those that the file gives to its frames, so a variable frame rate does no harm.

    Raises:
        SourceError: it is no video that can be read, or PyAV is not installed.
        EmptySourceError: there is no picture in it.
    """
    av = _av()
    with _opened(av, path) as container:
        stream = _stream(container, path)
        stream.thread_type = "AUTO"
        first_s: float | None = None
        next_s = 0.0
        try:
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                first_s = frame.time if first_s is None else first_s
                time_s = frame.time - first_s
                if time_s < next_s - 1e-6:
                    continue
                next_s = every_s * (int(time_s / every_s + 1e-6) + 1)
                yield time_s, frame.to_image()
        except av.FFmpegError as error:
            if first_s is None:
                raise SourceError(
                    f"{path.name}: no frame can be decoded ({error.strerror})"
                ) from error
            raise SourceError(
                f"{path.name} breaks off {time_s:.1f} s in ({error.strerror}); copy it again"
            ) from error
    if first_s is None:
        raise EmptySourceError(f"{path.name} holds no frame; check the file")


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise SourceError(_INSTALL) from error
    return av


def _opened(av: Any, path: Path) -> Any:
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"{path.name} is no folder, list or video that can be read ({error.strerror}); "
            "check the path"
        ) from error


def _stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise EmptySourceError(f"{path.name} has no picture in it; name a video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise SourceError(f"{path.name}: its codec is not known here; convert it to H.264")
    return stream
