"""Memory that was freed goes back to the system."""

import ctypes


def release_memory() -> None:
    """Give freed memory back to the system; does nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
