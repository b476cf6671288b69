"""Pictures made in the test, sent as a phone sends them."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

from django.core.files.storage import storages
from PIL import Image

from backend.salons.models import Salon
from tests.support import contract, recording
from tests.support.api import Api

RED, BLUE = (200, 30, 30), (30, 30, 200)


def drawing(width: int = 640, height: int = 480, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Red above, blue below, and a square somewhere that differs from seed to seed."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    place = random.Random(seed)
    x, y = place.randrange(width - 60), place.randrange(height - 60)
    image.paste((240, 240, place.randrange(256)), (x, y, x + 60, y + 60))
    return image.convert(mode, dither=Image.Dither.NONE)


def file_of(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def path_of(salon: Salon, *rest: Any) -> str:
    return "/".join(["manage/salons", str(salon.slug), "photos", *map(str, rest)])


def send(
    api: Api, salon: Salon, data: bytes | None = None, *, declared: str = "image/jpeg", **form: Any
) -> Any:
    """One photo as a phone sends it: a form with a file."""
    if data is None:
        data = file_of(drawing(seed=random.randrange(10**6)))
    path = f"/api/v1/{path_of(salon)}"
    file = BytesIO(data)
    file.name = "../../etc/passwd.html"
    file.content_type = declared  # type: ignore[attr-defined]
    response = api.client.post(path, {"file": file} | form, format="multipart", headers=api.headers)
    contract.check("POST", path, response.status_code, response.headers["Content-Type"], response.json())
    recording.note("POST", path, None, response, response.json())
    return response


def stored() -> list[str]:
    """Every file of every photo there is."""
    files = storages["photos"]
    try:
        shards = files.listdir("")[0]
    except FileNotFoundError:
        return []
    keys = [f"{shard}/{name}" for shard in shards for name in files.listdir(shard)[0]]
    return sorted(f"{key}/{name}" for key in keys for name in files.listdir(key)[1])
