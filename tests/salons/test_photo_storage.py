"""Where photos lie, on a disk or in a bucket; who fetches them; what becomes of files that no photo names."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from freezegun import freeze_time

from backend.core import jobs
from backend.salons.models import Photo, Salon
from backend.salons.operations import photos as operations
from tests.factories import SalonFactory, ServiceFactory, employ
from tests.support.api import Api, ok, refused
from tests.support.pictures import drawing, file_of, path_of, send, stored
from tests.support.s3 import Bucket

ROOT = Path(__file__).resolve().parents[2]
SECRET = "".join(chr(33 + n % 90) for n in range(0, 60 * 7, 7))
LOCAL = {"DATABASE_URL": "postgresql://mawid@127.0.0.1:1/mawid"}
PRODUCTION = LOCAL | {
    "APP_ENV": "production",
    "SECRET_KEY": SECRET,
    "ALLOWED_HOSTS": "api.example.sa",
    "PUBLIC_BASE_URL": "https://api.example.sa",
    "OTP_PROVIDER": "unifonic",
    "SMS_PROVIDER": "unifonic",
}
S3 = {
    "PHOTO_STORAGE": "s3",
    "S3_BUCKET": "salon-photos",
    "S3_REGION": "me-central-1",
    "S3_ACCESS_KEY_ID": "an-id",
    "S3_SECRET_ACCESS_KEY": "a-secret",
}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings anew under this environment and no other."""

    def run(environment: dict[str, str]) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", environment)
            return runpy.run_path(str(ROOT / "backend/config/settings.py"))

    return run


@pytest.fixture
def bucket(settings: Any, start: Any) -> Iterator[Bucket]:
    """This installation's photos lie in a bucket."""
    with Bucket(page=2) as found:
        chosen = start(LOCAL | found.environment())
        settings.PHOTO_STORAGE = "s3"
        settings.PHOTO_BASE_URL = chosen["PHOTO_BASE_URL"]
        settings.STORAGES = settings.STORAGES | {"photos": chosen["STORAGES"]["photos"]}
        yield found


@pytest.fixture
def salon(db: None) -> Salon:
    return SalonFactory.create()


@pytest.fixture
def owner(salon: Salon) -> Api:
    return Api(employ(salon, "owner"))


def sweep_all(now: datetime) -> int:
    """Every folder's turn, once."""
    return sum(operations.sweep_photo_files(now + timedelta(minutes=n)) for n in range(operations.ROUND))


def turn_of(key: str) -> datetime:
    """The next minute in which the folder of this key is swept."""
    minute = int(datetime.now(UTC).timestamp()) // 60
    minute += (int(key[:2], 16) - minute) % operations.ROUND
    return datetime.fromtimestamp(minute * 60, UTC)


# Settings ---------------------------------------------------------------------------------------


def test_a_laptop_keeps_photos_in_its_own_folder(start: Any) -> None:
    found = start(LOCAL | {"VAR_DIR": "/a/folder", "PORT": "8111"})
    assert found["PHOTO_STORAGE"] == "disk"
    assert found["STORAGES"]["photos"]["OPTIONS"] == {"location": "/a/folder/media"}
    assert found["PHOTO_BASE_URL"] == "http://127.0.0.1:8111/media"
    assert found["PHOTO_MAX_BYTES"] == 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (LOCAL | {"PHOTO_STORAGE": "tape"}, "PHOTO_STORAGE"),
        (LOCAL | {"PHOTO_MAX_BYTES": "0"}, "PHOTO_MAX_BYTES"),
        (LOCAL | {"PHOTO_MAX_BYTES": "8M"}, "PHOTO_MAX_BYTES"),
        *(
            (LOCAL | {k: v for k, v in S3.items() if k != name}, name)
            for name in S3
            if name != "PHOTO_STORAGE"
        ),
        (LOCAL | S3 | {"S3_ENDPOINT_URL": "objects.example.sa"}, "S3_ENDPOINT_URL"),
        (LOCAL | S3 | {"S3_PUBLIC_BASE_URL": "photos.example.sa"}, "S3_PUBLIC_BASE_URL"),
        (PRODUCTION, "PHOTO_STORAGE"),
        (PRODUCTION | {"PHOTO_STORAGE": "disk"}, "MEDIA_DIR"),
        (PRODUCTION | S3 | {"S3_ENDPOINT_URL": "http://minio:9000"}, "S3_PUBLIC_BASE_URL"),
        (PRODUCTION | S3 | {"S3_PUBLIC_BASE_URL": "http://photos.example.sa"}, "S3_PUBLIC_BASE_URL"),
    ],
)
def test_half_a_storage_stops_the_start_and_is_named(
    environment: dict[str, str], name: str, start: Any
) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name}\b") as refusal:
        start(environment)
    assert "a-secret" not in str(refusal.value)


def test_a_secret_of_the_bucket_may_come_from_a_file(start: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    environment = {k: v for k, v in (LOCAL | S3).items() if k != "S3_SECRET_ACCESS_KEY"}
    found = start(environment | {"S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key")})
    assert found["STORAGES"]["photos"]["OPTIONS"]["secret_key"] == "from-a-file"


@pytest.mark.parametrize(
    ("more", "base_url"),
    [
        ({}, "https://salon-photos.s3.me-central-1.amazonaws.com"),
        ({"S3_ENDPOINT_URL": "https://objects.example.sa/"}, "https://objects.example.sa/salon-photos"),
        ({"S3_PUBLIC_BASE_URL": "https://cdn.example.sa/p/"}, "https://cdn.example.sa/p"),
    ],
)
def test_phones_fetch_photos_of_a_bucket_from_its_public_address(
    more: dict[str, str], base_url: str, start: Any
) -> None:
    assert start(PRODUCTION | S3 | more)["PHOTO_BASE_URL"] == base_url


def test_other_servers_than_amazons_need_no_region(start: Any) -> None:
    environment = {k: v for k, v in (LOCAL | S3).items() if k != "S3_REGION"}
    found = start(environment | {"S3_ENDPOINT_URL": "https://objects.example.sa"})
    assert found["STORAGES"]["photos"]["OPTIONS"]["region_name"] == "us-east-1"


# Serving from a disk ----------------------------------------------------------------------------


def local(url: str) -> str:
    return url.removeprefix("http://127.0.0.1:8000")


def test_a_photo_is_served_to_be_kept_forever(owner: Api, salon: Salon) -> None:
    url = local(ok(send(owner, salon), 201)["url"])
    response = Api().client.get(url, headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert response.content[:4] == b"RIFF", "not compressed once more"
    assert "Content-Encoding" not in response.headers
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Length"] == str(len(response.content))
    again = Api().client.get(url, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = ok(send(owner, salon), 201)["url"]
    assert Api().client.get(local(other)).headers["ETag"] != response.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/../manage.py",
        "/media/%2e%2e/%2e%2e/secret/320.webp",
        "/media/ab/../../../secret.webp",
        "/media/ab/{end}/320.webp",
        "/media/ab/{end}/321.webp",
        "/media/ab/{end}/320.png",
        "/media/ab/{end}/../../secret.webp",
        "/media/ab/{end}/320.webp%00",
        "/media/ab/{end}/320.webp%0a",
        "/media/AB/{end}/320.webp",
        "/media/ab/{end}/٣٢٠.webp",
        "/media/ab/{end}",
        "/media/ab",
    ],
)
def test_nothing_but_photos_is_served(path: str, client: Any) -> None:
    storages["photos"].save("secret.webp", ContentFile(b"secret"))
    response = client.get(path.replace("{end}", "c" * 30))
    assert response.status_code == 404
    assert b"secret" not in response.content


def test_addresses_cannot_be_guessed_from_one_another(owner: Api, salon: Salon) -> None:
    keys = {ok(send(owner, salon), 201)["url"].split("/media/")[1].rpartition("/")[0] for _ in range(3)}
    assert len(keys) == 3
    for key in keys:
        assert len(bytes.fromhex(key.replace("/", ""))) == 16
    assert keys == set(Photo.objects.values_list("key", flat=True))


# A bucket ---------------------------------------------------------------------------------------


def test_photos_in_a_bucket_are_written_named_and_deleted_there(
    owner: Api, salon: Salon, bucket: Bucket
) -> None:
    added = ok(send(owner, salon, file_of(drawing(2000, 1500))), 201)
    key = Photo.objects.get().key
    assert sorted(bucket.objects) == [f"{key}/{width}.webp" for width in (1600, 320, 800)]
    for rendition in added["renditions"]:
        assert rendition["url"] == f"{bucket.endpoint_url}/{bucket.name}/{key}/{rendition['width']}.webp"
        found = bucket.objects[f"{key}/{rendition['width']}.webp"]
        assert found.data[:4] == b"RIFF"
        assert found.headers == {
            "Content-Type": "image/webp",
            "Cache-Control": "public, max-age=31536000, immutable",
        }
    assert Api().client.get(f"/media/{key}/320.webp").status_code == 404, "the disk is not asked"
    assert owner.send("DELETE", path_of(salon, added["id"])).status_code == 204
    assert bucket.objects == {}


def test_a_bucket_out_of_order_is_a_passing_trouble(owner: Api, salon: Salon, bucket: Bucket) -> None:
    bucket.fails_with(503)
    problem = refused(send(owner, salon), 503, "unavailable")
    assert problem["retry_after"] > 0
    assert not Photo.objects.exists()
    bucket.fails_with(None)
    ok(send(owner, salon), 201)


def test_a_bucket_that_does_not_know_us_is_told_in_general_words(
    owner: Api, salon: Salon, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.secret_key = bucket.access_key = "another"
    refused(send(owner, salon), 503, "unavailable")
    assert "the bucket answered 403 AccessDenied" in caplog.text
    assert "a-secret-key" not in caplog.text


def test_a_bucket_that_cannot_be_reached_is_a_passing_trouble(
    owner: Api, salon: Salon, bucket: Bucket
) -> None:
    bucket.__exit__()
    refused(send(owner, salon), 503, "unavailable")


def test_a_deletion_the_bucket_misses_is_made_good_by_the_sweep(
    owner: Api, salon: Salon, bucket: Bucket
) -> None:
    kept, gone = ok(send(owner, salon), 201), ok(send(owner, salon), 201)
    key = Photo.objects.get(pk=gone["id"]).key
    bucket.fails_with(500)
    assert owner.send("DELETE", path_of(salon, gone["id"])).status_code == 204
    bucket.fails_with(None)
    assert {k.rpartition("/")[0] for k in bucket.objects} == {key, Photo.objects.get(pk=kept["id"]).key}
    for found in bucket.objects.values():
        found.modified_at = datetime.now(UTC) - timedelta(days=2)
    bucket.objects["notes/readme.txt"] = next(iter(bucket.objects.values()))
    bucket.objects[f"{key[:2]}/notes/readme.txt"] = bucket.objects["notes/readme.txt"]
    assert operations.sweep_photo_files(turn_of(key)) == 1
    left = {k.rpartition("/")[0] for k in bucket.objects}
    assert left == {Photo.objects.get().key, "notes", f"{key[:2]}/notes"}


def test_no_transaction_is_open_while_files_travel(
    salon: Salon, owner: Api, bucket: Bucket, transactional_db: None
) -> None:
    open_then: list[bool] = []
    answer = bucket._answer

    def watch(handler: Any, body: bytes) -> None:
        with connection.cursor() as cursor:  # this server thread's own connection
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            )
            open_then.append(cursor.fetchone()[0] > 0)
        connection.close()
        answer(handler, body)

    bucket._answer = watch  # type: ignore[method-assign]
    added = ok(send(owner, salon), 201)
    owner.send("DELETE", path_of(salon, added["id"]))
    assert len(open_then) > 3
    assert not any(open_then)


# The sweep --------------------------------------------------------------------------------------


def orphan(key: str, *, age: timedelta) -> Path:
    path = Path(storages["photos"].path(f"{key}/320.webp"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RIFF")
    moment = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_files_that_no_photo_names_go_after_a_day(owner: Api, salon: Salon) -> None:
    ok(send(owner, salon), 201)
    for name in stored():
        os.utime(storages["photos"].path(name), (0, 0))
    named = stored()
    old = [orphan(f"{n:02x}/" + "0" * 30, age=timedelta(hours=30)) for n in (0, 1, 127, 255)]
    young = orphan("02/" + "0" * 30, age=timedelta(hours=19))  # a round takes four hours
    assert sweep_all(datetime.now(UTC)) == len(old)
    assert [path.parent.exists() for path in old] == [False] * 4
    assert young.exists()
    assert set(stored()) == {*named, "02/" + "0" * 30 + "/320.webp"}


@pytest.mark.parametrize("minutes", [1, 5, 10, 15, 60, 1440])
def test_a_rare_tick_meets_every_folder_too(minutes: int) -> None:
    turns = {n * minutes % operations.ROUND for n in range(operations.ROUND)}
    assert turns >= set(range(operations.FOLDERS))


def test_files_of_photos_that_went_with_their_subject_are_swept(owner: Api, salon: Salon) -> None:
    service = ServiceFactory.create(salon=salon)
    ok(send(owner, salon, service_id=str(service.id)), 201)
    service.delete()
    assert not Photo.objects.exists()
    for name in stored():
        os.utime(storages["photos"].path(name), (0, 0))
    assert sweep_all(datetime.now(UTC)) == 1
    assert stored() == []


def test_a_row_that_is_refused_leaves_no_files(
    owner: Api, salon: Salon, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok(send(owner, salon), 201)
    files = stored()
    monkeypatch.setattr(operations, "MOST_PHOTOS", 1)
    refused(send(owner, salon), 422, "too_many_photos")
    assert stored() == files


def test_tick_sweeps_the_files_of_photos(db: None) -> None:
    assert jobs.registered()["photo-files"] is operations.sweep_photo_files
    with freeze_time(turn_of("07")):
        orphan("07/" + "0" * 30, age=timedelta(days=3))
        call_command("tick", stdout=(out := StringIO()))
    assert "photo-files: 1" in out.getvalue()
