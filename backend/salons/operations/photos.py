"""Photos of a salon, its rooms, staff and services.

Files and rows cannot change together, so a row never names files that are not there: files are written before the
row that names them, and removed after it is gone. A crash in between leaves files that nobody names, and the sweep
removes those once they are a day old.
"""

from __future__ import annotations

import logging
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.core.errors import FieldError, NotFound, Refused, Unavailable, ValidationFailed, VersionConflict
from backend.salons.models import Photo, Resource, Salon, Service, StaffMember
from backend.salons.operations.editing import in_both, lock_row, lock_salon, save_changes
from backend.salons.photos import Picture

MOST_PHOTOS = 20
ORPHANS_KEPT_FOR = timedelta(days=1)
FOLDERS = 256
ROUND = 257
"""Minutes in which the sweep comes round. A prime, so that a tick every n minutes still meets every folder."""

_KEY_END = re.compile("[0-9a-f]{30}")
_SUBJECTS: dict[str, type[Resource] | type[StaffMember] | type[Service]] = {
    "resource_id": Resource,
    "staff_member_id": StaffMember,
    "service_id": Service,
}

logger = logging.getLogger("mawid.photos")


class TooManyPhotos(Refused):
    code = "too_many_photos"
    message = _("There can be at most %(most)d photos here.")


@dataclass(frozen=True)
class Album:
    """The photos of one subject: a resource, a staff member or a service, or with none of them the salon itself."""

    salon: Salon
    resource_id: uuid.UUID | None = None
    staff_member_id: uuid.UUID | None = None
    service_id: uuid.UUID | None = None

    def photos(self) -> QuerySet[Photo]:
        return Photo.objects.filter(salon=self.salon, **self.subject())

    def subject(self) -> dict[str, uuid.UUID | None]:
        return {name: getattr(self, name) for name in _SUBJECTS}

    def require(self) -> None:
        """Raises ValidationFailed unless it has at most one subject, which belongs to the salon."""
        named = {name: pk for name, pk in self.subject().items() if pk is not None}
        if len(named) > 1:
            raise ValidationFailed([FieldError("invalid_choice", pointer=f"/{name}") for name in named])
        for name, pk in named.items():
            if not _SUBJECTS[name]._default_manager.filter(pk=pk, salon=self.salon).exists():
                raise ValidationFailed.at(f"/{name}", "not_found")


def _album_of(photo: Photo, salon: Salon) -> Album:
    return Album(
        salon=salon,
        resource_id=photo.resource_id,
        staff_member_id=photo.staff_member_id,
        service_id=photo.service_id,
    )


def add_photo(
    *, album: Album, picture: Picture, texts: Mapping[str, Mapping[str, str]], now: datetime
) -> tuple[Photo, bool]:
    """The picture as the album's last photo, and whether it is new: sent again, it is the photo it became.

    `texts` holds `caption` and `alt`, each `{"ar", "en"}`. An album's first photo is its primary one. A staff
    member's starts hidden: showing a person is a second, deliberate step (facts 4.2: no photos of staff by default).
    Raises ValidationFailed for the subject, TooManyPhotos, or Unavailable when the files cannot be stored.
    """
    album.require()
    known = _known_or_room(album, picture)
    if known is not None:
        return known, False
    key = _write(picture)
    added: Photo | None = None
    try:
        with transaction.atomic():
            lock_salon(album.salon)
            album.require()
            known = _known_or_room(album, picture)
            if known is None:
                added = Photo.objects.create(
                    salon=album.salon,
                    **album.subject(),
                    key=key,
                    content_hash=picture.content_hash,
                    width=picture.largest.width,
                    height=picture.largest.height,
                    blurhash=picture.blurhash,
                    is_primary=not album.photos().filter(is_primary=True).exists(),
                    is_hidden=album.staff_member_id is not None,
                    position=album.photos().count(),
                    created_at=now,
                    **in_both("caption", texts["caption"]),
                    **in_both("alt", texts["alt"]),
                )
    finally:
        # With a row begun, a broken commit may still have happened: then the files wait for the sweep.
        if added is None:
            remove_files(key)
    if added is not None:
        return added, True
    assert known is not None
    return known, False


def change_photo(*, salon: Salon, photo_id: uuid.UUID, version: int, changes: Mapping[str, Any]) -> Photo:
    """Change texts (`caption_ar` …), `is_hidden`, or make it the primary photo of its album.

    There is always a primary one: it steps down when another takes its place, never by itself. Raises NotFound,
    VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        lock_salon(salon)
        photo = lock_row(Photo.objects.filter(salon=salon), photo_id, version=version)
        primary = changes.get("is_primary", photo.is_primary)
        if photo.is_primary and not primary:
            raise ValidationFailed.at("/is_primary", "invalid_choice")
        if primary and not photo.is_primary:
            others = _album_of(photo, salon).photos().filter(is_primary=True)
            others.update(is_primary=False, version=F("version") + 1)
        save_changes(photo, changes)
    return photo


def order_photos(*, salon: Salon, photo_ids: Sequence[uuid.UUID]) -> list[Photo]:
    """Put the photos of one album in this order.

    The list names each photo of the album once. Raises ValidationFailed at `/photo_ids/n` for a photo that is
    not the salon's, not of the first one's album, or named before; VersionConflict when the album has others.
    """
    with transaction.atomic():
        lock_salon(salon)
        found = {photo.pk: photo for photo in Photo.objects.filter(salon=salon, pk__in=photo_ids)}
        first = found.get(photo_ids[0])
        album = _album_of(first, salon) if first else None
        wrong = []
        for place, pk in enumerate(photo_ids):
            photo = found.get(pk)
            if photo is None or _album_of(photo, salon) != album:
                wrong.append(FieldError("not_found", pointer=f"/photo_ids/{place}"))
            elif pk in photo_ids[:place]:
                wrong.append(FieldError("invalid_choice", pointer=f"/photo_ids/{place}"))
        if wrong or album is None:
            raise ValidationFailed(wrong)
        if album.photos().count() != len(photo_ids):
            raise VersionConflict
        ordered = [found[pk] for pk in photo_ids]
        for position, photo in enumerate(ordered):
            photo.position = position
        Photo.objects.bulk_update(ordered, ["position"])
    return ordered


def delete_photo(*, salon: Salon, photo_id: uuid.UUID) -> None:
    """Delete a photo; the next one of its album, a visible one if there is one, becomes primary. Raises NotFound."""
    with transaction.atomic():
        lock_salon(salon)
        photo = Photo.objects.filter(salon=salon, pk=photo_id).first()
        if photo is None:
            raise NotFound
        left = _album_of(photo, salon).photos()
        photo.delete()
        left.filter(position__gt=photo.position).update(position=F("position") - 1)
        if photo.is_primary:
            heir = left.order_by("is_hidden", "position", "id").first()
            if heir is not None:
                save_changes(heir, {"is_primary": True})
        transaction.on_commit(partial(remove_files, photo.key), robust=True)


def sweep_photo_files(now: datetime) -> int:
    """Remove files that no photo names and that are a day old. Returns how many photos' files went.

    Files lie in 256 folders by the first letters of their keys. Each minute has its folder, so that a run costs the
    same however many photos there are, and every folder's turn comes in about four hours.
    """
    folder = int(now.timestamp()) // 60 % ROUND
    if folder >= FOLDERS:
        return 0
    shard = f"{folder:02x}"
    keys = {f"{shard}/{name}" for name in _names(shard)[0] if _KEY_END.fullmatch(name)}
    keys -= set(Photo.objects.filter(key__startswith=f"{shard}/").values_list("key", flat=True))
    return sum(_remove_if_old(key, now=now) for key in sorted(keys))


def remove_files(key: str) -> bool:
    """Remove what is stored under a key. What cannot be removed now is left to the sweep."""
    files = _files()
    try:
        for name in _names(key)[1]:
            files.delete(f"{key}/{name}")
        files.delete(key)  # on a disk the folder stays behind
    except OSError as error:
        logger.warning("photo files stay for now", extra={"key": key, "reason": str(error)})
        return False
    return True


def _remove_if_old(key: str, *, now: datetime) -> bool:
    files = _files()
    try:
        paths = [f"{key}/{name}" for name in _names(key)[1]] or [key]
        youngest = max(files.get_modified_time(path) for path in paths)
    except FileNotFoundError:
        return False  # another machine's sweep was here
    if youngest > now - ORPHANS_KEPT_FOR:
        return False
    return remove_files(key)


def _known_or_room(album: Album, picture: Picture) -> Photo | None:
    """The photo this picture already is; None when there is room for it. Raises TooManyPhotos."""
    known = album.photos().filter(content_hash=picture.content_hash).first()
    if known is None and album.photos().count() >= MOST_PHOTOS:
        raise TooManyPhotos(most=MOST_PHOTOS)
    return known


def _write(picture: Picture) -> str:
    """Store every rendition under a new key that nobody can guess. Raises Unavailable."""
    name = secrets.token_hex(16)
    key = f"{name[:2]}/{name[2:]}"
    try:
        for rendition in picture.renditions:
            _files().save(f"{key}/{rendition.width}.webp", ContentFile(rendition.data))
    except OSError as error:
        logger.exception("photo files cannot be stored")
        raise Unavailable(extra={"retry_after": 5}) from error
    return key


def _files() -> Storage:
    return storages["photos"]


def _names(path: str) -> tuple[list[str], list[str]]:
    """Folders and files directly below; none when it is not there."""
    try:
        return _files().listdir(path)
    except FileNotFoundError:
        return [], []
