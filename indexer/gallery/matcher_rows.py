"""What a matcher needs of the gallery's images: stored beside the pictures, or made on demand.

A row depends on the picture and the matcher alone, so it is a file beside the picture. Galleries
that were built without a matcher have none; their rows are made from the pictures when a search
needs them, and kept in memory.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.gallery.pictures import Pictures
from model.images import open_image
from model.matching.interface import Matcher
from model.preprocessing import to_pixels

CACHED_ROWS = 1000
"""Number of rows kept in memory. Our choice: 49 MB of XFeat's."""


class MatcherRows:
    """Rows of a gallery's pictures; safe to read from several threads."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._cache: OrderedDict[tuple[str, str], NDArray[np.int8]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, picture_names: Sequence[str], matcher: Matcher, side: int) -> NDArray[np.int8]:
        """Return the rows of pictures: int8 [K, B].

        Args:
            picture_names: their SHA-256.
            matcher: whose rows.
            side: of the embedder's input, px.

        Raises:
            OSError: a picture is missing.
            ImageError: a picture is damaged.
        """
        row_format = matcher.row_format
        with self._lock:
            keys = {name: (name, row_format) for name in picture_names}
            rows = {name: self._cache[key] for name, key in keys.items() if key in self._cache}
        missing = [name for name in keys if name not in rows]
        rows |= self._pictures.matcher_rows(missing, row_format, matcher.row_bytes)
        for name in missing:
            if name not in rows:
                image = open_image(self._pictures.read(name))
                rows[name] = matcher.describe(to_pixels(image, side)[None])[0]
        with self._lock:
            for name, row_B in rows.items():
                self._cache[keys[name]] = row_B
                self._cache.move_to_end(keys[name])
            while len(self._cache) > CACHED_ROWS:
                self._cache.popitem(last=False)
        return np.stack([rows[name] for name in picture_names])
