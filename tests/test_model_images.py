"""Decoding: the kinds that must work, and the ones that must be refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from model.errors import NotAnImageError, TooManyPixelsError, TruncatedImageError
from model.images import open_image, open_picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk


def test_cmyk_becomes_rgb() -> None:
    image = open_image(encoded(gradient().convert("CMYK"), "JPEG"))
    assert (image.mode, image.size) == ("RGB", (60, 40))


def test_sixteen_bit_grey_is_stretched_to_its_own_range() -> None:
    samples = np.linspace(1000, 5000, 2400).reshape(40, 60).astype(np.uint16)
    image = open_image(encoded(Image.fromarray(samples), "PNG"))
    values = np.asarray(image)[..., 0]
    assert (values.min(), values.max()) == (0, 255)


def test_palette_keeps_its_colours() -> None:
    flat = Image.new("RGB", (8, 8), (200, 30, 60)).quantize(4)
    assert open_image(encoded(flat, "PNG")).getpixel((3, 3)) == (200, 30, 60)


def test_alpha_is_laid_over_black() -> None:
    image = open_image(encoded(Image.new("RGBA", (8, 8), (255, 255, 255, 0)), "PNG"))
    assert image.getpixel((0, 0)) == (0, 0, 0)


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(encoded(gradient(), "JPEG", exif=exif))
    assert image.size == (40, 60)


def test_a_large_jpeg_may_be_decoded_at_reduced_scale() -> None:
    data = encoded(gradient(1600, 1200), "JPEG")
    reduced = open_image(data, min_side=256)
    assert reduced.size == (400, 300)


@pytest.mark.parametrize("data", [b"", b"hello, this is text", b"\xff\xd8\xff", b"%PDF-1.7\n"])
def test_other_bytes_are_not_an_image(data: bytes) -> None:
    with pytest.raises(NotAnImageError):
        open_image(data)


def test_a_cut_jpeg_is_truncated() -> None:
    data = encoded(gradient(), "JPEG")
    with pytest.raises(TruncatedImageError):
        open_image(data[: len(data) // 2])


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_its_pixels_are_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(TooManyPixelsError):
        open_image(png_header(*size) + b"\0\0\0\0IDAT")


def test_a_picture_keeps_the_upright_full_size_and_the_tags_of_its_header() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (47.0, 22.0, 30.0)
    data = encoded(gradient(1600, 1200), "JPEG", exif=exif, xmp=b"<x:xmpmeta/>")
    picture = open_picture(data, min_side=300)
    assert picture.image.size == (300, 400)
    assert (picture.width_px, picture.height_px) == (1200, 1600)
    tags = picture.exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert [float(part) for part in tags[ExifTags.GPS.GPSLatitude]] == [47.0, 22.0, 30.0]
    assert (picture.format, picture.xmp) == ("JPEG", b"<x:xmpmeta/>")
    assert not picture.as_stored


def test_a_picture_knows_its_opaque_share_and_whether_its_samples_are_plain() -> None:
    half = Image.new("RGBA", (10, 10), (9, 9, 9, 255))
    half.paste((0, 0, 0, 0), (0, 0, 10, 5))
    assert open_picture(encoded(half, "PNG")).opaque == 0.5
    plain = open_picture(encoded(gradient(), "JPEG"))
    assert (plain.opaque, plain.as_stored) == (1.0, True)
    assert not open_picture(encoded(gradient().convert("L"), "JPEG")).as_stored


def test_damaged_exif_does_not_stop_a_good_picture() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert dict(open_picture(data).exif) == {}
