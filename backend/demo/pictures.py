"""Pictures for the demo's first salons, drawn as they are needed: soft grounds, discs and waves, nothing downloaded.

They go the way of every photo: read, encoded anew, stored, and then their rows. Files are no part of a transaction, so
this comes after the load; what hangs already is not hung again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from backend.demo.catalogue import Pair
from backend.demo.world import dice
from backend.salons.models import Photo, Resource, Salon, Service
from backend.salons.operations.photos import Album, add_photo
from backend.salons.photos import read_photo

SIZE = (960, 640)
Colour = tuple[int, int, int]

PALETTES: dict[str, tuple[Colour, Colour, Colour]] = {
    "lamsa": ((250, 228, 222), (214, 150, 142), (126, 58, 72)),
    "noura": ((236, 240, 226), (168, 190, 150), (74, 104, 86)),
    "layali-spa": ((224, 236, 240), (132, 176, 188), (34, 84, 104)),
    "rimal-barbers": ((240, 230, 212), (190, 156, 108), (78, 60, 44)),
    "dar-henna": ((246, 232, 208), (206, 138, 84), (112, 52, 30)),
}
"""Ground, shapes and accents of each salon."""

_CAPTIONS: tuple[Pair, ...] = (("الاستقبال", "Reception"), ("صالة العمل", "The main room"))
_ALT: Pair = ("رسم تجريدي بألوان الصالون", "An abstract drawing in the salon's colours")


@dataclass(frozen=True)
class _Frame:
    """A picture to be hung: of the salon, of one of its rooms or of a service."""

    album: Album
    caption: Pair
    seed: str


def hang(*, now: datetime) -> int:
    """Draw and add what is missing; returns how many photos that were."""
    count = 0
    for salon in Salon.objects.filter(slug__in=PALETTES).order_by("slug"):
        if Photo.objects.filter(salon=salon).exists():
            continue
        for frame in _frames(salon):
            picture = read_photo(draw(salon.slug, frame.seed), declared_type="image/png")
            _photo, new = add_photo(
                album=frame.album,
                picture=picture,
                texts={"caption": _both(frame.caption), "alt": _both(_ALT)},
                now=now,
            )
            count += new
    return count


def draw(palette: str, seed: str) -> bytes:
    """A PNG of 960 by 640 pixels; the same words draw the same picture."""
    rng = dice("picture", palette, seed)
    ground, shape, accent = PALETTES[palette]
    image = Image.composite(
        Image.new("RGB", SIZE, ground),
        Image.new("RGB", SIZE, _mixed(ground, shape, 0.6)),
        Image.linear_gradient("L").resize(SIZE).rotate(rng.choice((0, 180))),
    )
    for colour in (shape, ground, accent):
        layer = Image.new("L", SIZE, 0)
        pen = ImageDraw.Draw(layer)
        _discs(pen, rng) if rng.random() < 0.5 else _waves(pen, rng)
        image.paste(
            colour, mask=layer.filter(ImageFilter.GaussianBlur(1.5)).point(lambda value: value * 0.55)
        )
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _discs(pen: ImageDraw.ImageDraw, rng: Random) -> None:
    for _ in range(rng.randrange(3, 7)):
        x, y, radius = rng.randrange(SIZE[0]), rng.randrange(SIZE[1]), rng.randrange(50, 190)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randrange(140, 256))


def _waves(pen: ImageDraw.ImageDraw, rng: Random) -> None:
    base, length = rng.randrange(200, 520), rng.uniform(220, 420)
    for step in range(rng.randrange(2, 5)):
        height, shift = rng.uniform(20, 60), rng.uniform(0, 7)
        crest = [
            (x, base + step * 60 + height * math.sin(x / length * math.tau + shift))
            for x in range(0, SIZE[0] + 8, 8)
        ]
        pen.polygon([*crest, (SIZE[0], SIZE[1]), (0, SIZE[1])], fill=110 + 40 * step)


def _frames(salon: Salon) -> Iterator[_Frame]:
    for place, caption in enumerate(_CAPTIONS):
        yield _Frame(Album(salon), caption, f"salon {place}")
    room = Resource.objects.filter(salon=salon).first()
    if room is not None:
        yield _Frame(Album(salon, resource_id=room.pk), _pair(room), "room")
    service = Service.objects.filter(salon=salon, variant_of=None).first()
    if service is not None:
        yield _Frame(Album(salon, service_id=service.pk), _pair(service), "service")


def _pair(row: Resource | Service) -> Pair:
    texts = vars(row)
    return texts["name_ar"], texts["name_en"]


def _both(pair: Pair) -> dict[str, str]:
    return {"ar": pair[0], "en": pair[1]}


def _mixed(one: Colour, other: Colour, part: float) -> Colour:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
