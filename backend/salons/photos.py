"""Turns a file that somebody sent into pictures of our own: nothing of the file itself is kept.

What comes in is untrusted. Its kind is told by its first bytes and proven by decoding; size and frames are read from
the header before a pixel is decoded; what leaves is encoded anew, upright, in sRGB, without metadata (place, device,
name) and without anything that hung behind the picture.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from dataclasses import dataclass
from io import BytesIO

import blurhash
from PIL import Image, ImageCms

WIDTHS = (320, 800, 1600)
LEAST_SIDE = 320
MOST_SLENDER = 4
"""How many times longer the longer side may be than the shorter one."""
MOST_PIXELS = {"JPEG": 40_000_000, "PNG": 20_000_000, "WEBP": 20_000_000}
"""A JPEG is decoded near the size needed. The others are decoded whole, at up to 16 bytes a pixel with our copies."""
MOST_SCANS = 40
"""Passes over a JPEG. Progressive ones make ten; a few bytes each, thousands would keep a decoder busy for hours."""
QUALITY = 80
BLUR_GRID = (4, 3)
BLUR_SAMPLE = 32

_SRGB = ImageCms.createProfile("sRGB")
_EXIF_ORIENTATION = 0x0112
_JPEG_SCAN = b"\xff\xda"
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECLARED = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/pjpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
}
_SAYS_NOTHING = ("", "application/octet-stream")

# What Pillow and its decoders raise over a file that is not what it says.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)

# A decoded picture is large (see MOST_PIXELS), so a process holds one at a time.
_decoding = threading.Lock()


class PhotoRefused(ValueError):
    """This file becomes no photo. `code` is the field error that says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Rendition:
    """One size of a picture, in pixels, as a WebP file."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Picture:
    """A picture in all its sizes, narrowest first, with a blurhash of 4 by 3 components."""

    renditions: tuple[Rendition, ...]
    blurhash: str

    @property
    def largest(self) -> Rendition:
        return self.renditions[-1]

    @property
    def content_hash(self) -> str:
        """SHA-256 of the largest rendition, hexadecimal: the same file sent twice has the same one."""
        return hashlib.sha256(self.largest.data).hexdigest()


def sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Width and height of every rendition of a picture whose largest has these, narrowest first."""
    smaller = [w for w in WIDTHS if w < width]
    return [*((w, max(1, round(height * w / width))) for w in smaller), (width, height)]


def read_photo(data: bytes, *, declared_type: str) -> Picture:
    """The pictures made from a JPEG, PNG or WebP file.

    `declared_type` is the media type the sender claimed; saying nothing is allowed, saying something else is not.
    Raises PhotoRefused: `photo_type_not_supported` (animations too), `photo_too_small`, `photo_too_narrow`,
    `photo_too_large` (pixels) or `photo_unreadable`.
    """
    kind = _kind(data)
    if kind is None:
        raise PhotoRefused("photo_type_not_supported")
    declared = declared_type.partition(";")[0].strip().lower()
    if declared not in _SAYS_NOTHING and _DECLARED.get(declared) != kind:
        raise PhotoRefused("photo_unreadable")
    if kind == "JPEG" and data.count(_JPEG_SCAN) > MOST_SCANS:
        raise PhotoRefused("photo_unreadable")
    with _decoding:
        try:
            return _encode(_decode(data, kind))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PhotoRefused("photo_too_large") from None
        except PhotoRefused:
            raise
        except _BROKEN as error:
            raise PhotoRefused("photo_unreadable") from error


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def _decode(data: bytes, kind: str) -> Image.Image:
    """The picture upright, in sRGB and no wider than the widest rendition."""
    with Image.open(BytesIO(data), formats=(kind,)) as image:
        _require_size(*image.size, most_pixels=MOST_PIXELS[kind])
        # Phones hang a second JPEG (depth, brightness) behind the first, which Pillow counts as another frame.
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise PhotoRefused("photo_type_not_supported")
        orientation = _orientation(image)
        lying = orientation >= 5
        width, height = reversed(image.size) if lying else image.size
        wanted = _within(width, height)
        size = (wanted[1], wanted[0]) if lying else wanted
        image.draft(None, size)
        image.load()
        small = _resizable(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        profile = image.info.get("icc_profile")
    colours = _in_srgb(_opaque(small), profile)
    return colours.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else colours


def _require_size(width: int, height: int, *, most_pixels: int) -> None:
    if min(width, height) < LEAST_SIDE:
        raise PhotoRefused("photo_too_small")
    if max(width, height) > MOST_SLENDER * min(width, height):
        raise PhotoRefused("photo_too_narrow")
    if width * height > most_pixels:
        raise PhotoRefused("photo_too_large")


def _within(width: int, height: int) -> tuple[int, int]:
    """These proportions no wider than the widest rendition; never larger than they are."""
    if width <= WIDTHS[-1]:
        return width, height
    return WIDTHS[-1], round(height * WIDTHS[-1] / width)


def _orientation(image: Image.Image) -> int:
    """EXIF's 1 to 8; a picture whose EXIF cannot be read is taken as it lies."""
    try:
        found = image.getexif().get(_EXIF_ORIENTATION, 1)
    except _BROKEN:
        return 1
    return found if found in _UPRIGHT else 1


def _resizable(image: Image.Image) -> Image.Image:
    """In a mode whose neighbouring values may be mixed: palettes and 16-bit greys may not."""
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode.startswith("I"):
        return image.point(lambda value: value / 256).convert("L")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """On white where it was transparent."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            found = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            found = None  # broken, or made for another kind of picture: its colours are read as they stand
        if found is not None:
            return found
    return image.convert("RGB")


def _encode(image: Image.Image) -> Picture:
    renditions = []
    for size in sizes(*image.size):
        scaled = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
        file = BytesIO()
        # Said outright, so that nothing is taken over from what the picture was made of.
        scaled.save(file, "WEBP", quality=QUALITY, method=4, exif=b"", xmp=b"", icc_profile=b"")
        renditions.append(Rendition(*size, data=file.getvalue()))
    return Picture(renditions=tuple(renditions), blurhash=_blurhash(image))


def _blurhash(image: Image.Image) -> str:
    sample = image.resize((BLUR_SAMPLE, BLUR_SAMPLE), Image.Resampling.BOX).tobytes()
    pixels = [sample[at : at + 3] for at in range(0, len(sample), 3)]
    rows = [pixels[at : at + BLUR_SAMPLE] for at in range(0, len(pixels), BLUR_SAMPLE)]
    return str(blurhash.encode(rows, *BLUR_GRID))
