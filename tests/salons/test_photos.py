"""What becomes of a file that somebody sends as a photo."""

from __future__ import annotations

import random
import re
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from backend.core.errors import DomainError
from backend.salons.models import Photo, Resource, Salon, SalonStatus
from backend.salons.operations import photos as operations
from backend.salons.photos import PhotoRefused, Picture, read_photo, sizes
from tests.factories import SalonFactory, ServiceFactory, StaffMemberFactory, UserFactory, employ
from tests.support import contract
from tests.support.api import Api, ok, refused
from tests.support.pictures import BLUE, RED, drawing, file_of, path_of, send, stored
from tests.support.race import race


def seen(picture: Picture) -> Image.Image:
    """The largest rendition, as a phone decodes it."""
    return Image.open(BytesIO(picture.largest.data))


def about(colour: Any, expected: tuple[int, ...], *, within: int = 12) -> bool:
    return all(abs(a - b) <= within for a, b in zip(colour, expected, strict=True))


def code_of(data: bytes, declared_type: str = "") -> str:
    with pytest.raises(PhotoRefused) as refusal:
        read_photo(data, declared_type=declared_type)
    return refusal.value.code


def chunks(data: bytes) -> list[bytes]:
    """Names of the chunks of a WebP file (RIFF: name, length, padded body)."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    names, at = [], 12
    while at < len(data):
        names.append(data[at : at + 4])
        length = struct.unpack("<I", data[at + 4 : at + 8])[0]
        at += 8 + length + length % 2
    return names


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_leaves_in_three_widths(kind: str) -> None:
    picture = read_photo(file_of(drawing(2000, 1500), kind), declared_type=f"image/{kind.lower()}")
    assert [(r.width, r.height) for r in picture.renditions] == [(320, 240), (800, 600), (1600, 1200)]
    for rendition in picture.renditions:
        image = Image.open(BytesIO(rendition.data))
        assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (rendition.width, rendition.height))
        assert about(image.getpixel((5, 5)), RED)
        assert about(image.getpixel((5, rendition.height - 5)), BLUE)


def test_a_photo_is_never_enlarged() -> None:
    picture = read_photo(file_of(drawing(900, 701)), declared_type="image/jpeg")
    assert [(r.width, r.height) for r in picture.renditions] == [(320, 249), (800, 623), (900, 701)]
    assert [(r.width, r.height) for r in picture.renditions] == sizes(900, 701)
    assert sizes(320, 400) == [(320, 400)]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "size"), [("JPEG", (3400, 2550)), ("PNG", (640, 480)), ("WEBP", (640, 480))]
)
def test_a_photo_stands_upright_however_the_camera_was_held(
    kind: str, size: tuple[int, int], orientation: int
) -> None:
    upright = drawing(*size)
    lay_down = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    held = upright.transpose(lay_down[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_photo(file_of(held, kind, exif=exif), declared_type="")
    shown = seen(picture)
    expected = upright.resize(shown.size)
    assert shown.size == (min(1600, size[0]), min(1200, size[1]))
    places = [(x, y) for x in range(20, shown.width, 30) for y in range(20, shown.height, 30)]
    off = [p for p in places if not about(shown.getpixel(p), expected.getpixel(p), within=40)]  # type: ignore[arg-type]
    assert len(off) < len(places) / 20, "it lies otherwise than the original"


def test_no_metadata_leaves() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x8825] = {1: "N", 2: (24.0, 42.0, 49.0), 3: "E", 4: (46.0, 40.0, 30.0)}
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a-name-in-xmp</x:xmpmeta>"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP"):
        sent = file_of(drawing(), kind, exif=exif, xmp=xmp, icc_profile=profile)
        assert b"a maker" in sent
        for rendition in read_photo(sent, declared_type="").renditions:
            assert chunks(rendition.data) == [b"VP8 "], kind


def test_colours_of_another_space_are_brought_to_srgb() -> None:
    # A profile whose red and blue are exchanged: what is not converted stays red.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    picture = read_photo(file_of(drawing(), "PNG", icc_profile=bytes(profile)), declared_type="image/png")
    assert about(seen(picture).getpixel((5, 5)), (RED[2], RED[1], RED[0]), within=25)


def test_a_broken_colour_profile_spoils_nothing() -> None:
    picture = read_photo(file_of(drawing(), "PNG", icc_profile=b"nonsense" * 20), declared_type="image/png")
    assert about(seen(picture).getpixel((5, 5)), RED)


def test_a_profile_for_another_kind_of_picture_spoils_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_photo(file_of(drawing(mode="L"), icc_profile=profile), declared_type="image/jpeg")
    assert seen(picture).mode == "RGB"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
    ],
)
def test_every_way_to_store_pixels_is_understood(kind: str, mode: str) -> None:
    shown = seen(read_photo(file_of(drawing(1000, 800, mode=mode), kind), declared_type=""))
    expected = drawing(1000, 800, mode=mode).convert("RGB").getpixel((1, 1))
    assert about(shown.getpixel((1, 1)), expected, within=25)  # type: ignore[arg-type]


def test_sixteen_bits_of_grey_become_eight() -> None:
    deep = Image.new("I;16", (400, 400))
    for x in range(400):
        for y in range(400):
            deep.putpixel((x, y), x * 163)
    shown = seen(read_photo(file_of(deep, "PNG"), declared_type="image/png"))
    assert [about(shown.getpixel((x, 200)), (x * 163 // 256,) * 3) for x in (10, 200, 390)] == [True] * 3


def test_what_is_transparent_is_shown_on_white() -> None:
    clear = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    assert about(seen(read_photo(file_of(clear, "PNG"), declared_type="")).getpixel((5, 5)), (255, 255, 255))


def test_a_phones_double_jpeg_is_its_first_picture() -> None:
    double = file_of(drawing(), "MPO", save_all=True, append_images=[Image.new("RGB", (400, 400), "white")])
    with Image.open(BytesIO(double)) as opened:
        assert (opened.format, opened.n_frames) == ("MPO", 2)  # type: ignore[attr-defined]
    assert about(seen(read_photo(double, declared_type="image/jpeg")).getpixel((5, 5)), RED)


def test_what_hangs_behind_a_picture_is_left_behind() -> None:
    page = b"<html><script>alert(1)</script></html>"
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = read_photo(file_of(drawing(), kind) + page, declared_type="")
        assert all(b"script" not in r.data for r in picture.renditions)


def test_the_same_file_has_the_same_hash_and_another_has_not() -> None:
    one, other = file_of(drawing()), file_of(drawing(seed=1))
    first = read_photo(one, declared_type="")
    assert first.content_hash == read_photo(one, declared_type="").content_hash
    assert first.content_hash != read_photo(other, declared_type="").content_hash


def test_the_blurhash_is_a_small_likeness() -> None:
    import blurhash

    found = read_photo(file_of(drawing(1000, 800)), declared_type="").blurhash
    assert blurhash.components(found) == (4, 3)
    rows = blurhash.decode(found, 8, 8)
    assert rows[0][0][0] > rows[0][0][2], "red above"
    assert rows[7][7][2] > rows[7][7][0], "blue below"


@pytest.mark.parametrize(
    ("data", "declared_type"),
    [
        (b"", ""),
        (b"hello", "image/jpeg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (file_of(drawing(), "GIF"), "image/gif"),
        (file_of(drawing(), "GIF"), "image/png"),
        (file_of(drawing(), "BMP"), "image/bmp"),
        (file_of(drawing(), "TIFF"), "image/jpeg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "image/heic"),
        (b"%PDF-1.7\n", "application/pdf"),
    ],
)
def test_other_kinds_of_files_are_refused(data: bytes, declared_type: str) -> None:
    assert code_of(data, declared_type) == "photo_type_not_supported"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_moves_is_refused(kind: str) -> None:
    frames = [drawing(seed=n) for n in range(3)]
    moving = file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert code_of(moving) == "photo_type_not_supported"


@pytest.mark.parametrize("declared_type", ["image/png", "image/webp", "text/html", "image/gif"])
def test_a_file_that_is_not_what_was_declared_is_refused(declared_type: str) -> None:
    assert code_of(file_of(drawing(), "JPEG"), declared_type) == "photo_unreadable"


@pytest.mark.parametrize("declared_type", ["", "application/octet-stream", "image/jpg", "IMAGE/JPEG; x=y"])
def test_saying_nothing_or_the_same_in_other_words_is_allowed(declared_type: str) -> None:
    assert read_photo(file_of(drawing(), "JPEG"), declared_type=declared_type).largest.width == 640


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_half_a_file_is_refused(kind: str, share: float) -> None:
    noisy = Image.effect_noise((640, 480), 80).convert("RGB")
    data = file_of(noisy, kind)
    assert code_of(data[: int(len(data) * share)]) == "photo_unreadable"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_are_refused_or_read_and_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole = [file_of(drawing(340, 330), k, exif=exif, icc_profile=profile) for k in ("JPEG", "PNG", "WEBP")]
    chance = random.Random(7)
    outcomes = {"read": 0, "refused": 0}
    for turn in range(400):
        damaged = bytearray(whole[turn % 3])
        for _ in range(chance.choice((1, 4, 20))):
            damaged[chance.randrange(12, min(len(damaged), 1500))] = chance.randrange(256)
        try:
            read_photo(bytes(damaged), declared_type="")
            outcomes["read"] += 1
        except PhotoRefused:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20, outcomes


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (319, 1000, "photo_too_small"),
        (1000, 319, "photo_too_small"),
        (1, 1, "photo_too_small"),
        (400, 1601, "photo_too_narrow"),
        (1601, 400, "photo_too_narrow"),
    ],
)
def test_sides_have_limits(width: int, height: int, code: str) -> None:
    assert code_of(file_of(Image.new("RGB", (width, height)), "PNG")) == code


def test_sides_at_their_limits_are_fine() -> None:
    assert read_photo(file_of(Image.new("RGB", (320, 1280)), "PNG"), declared_type="").largest.height == 1280


@pytest.mark.parametrize("side", [5000, 20_000, 65_000])
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    # Decoding would stumble over the missing pixels and say "unreadable": it is never begun.
    bomb = (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")
    )
    assert code_of(bomb) == "photo_too_large"


def test_a_jpeg_of_endless_passes_is_not_begun() -> None:
    usual = file_of(drawing(), progressive=True)
    assert read_photo(usual, declared_type="").largest.width == 640
    last_pass = usual[usual.rindex(b"\xff\xda") : -2]
    assert read_photo(usual[:-2] + last_pass * 10 + usual[-2:], declared_type="").largest.width == 640
    assert code_of(usual[:-2] + last_pass * 1000 + usual[-2:]) == "photo_unreadable"


# The desk ---------------------------------------------------------------------------------------


@pytest.fixture
def salon(db: None) -> Salon:
    return SalonFactory.create()


@pytest.fixture
def owner(salon: Salon) -> Api:
    return Api(employ(salon, "owner"))


def ids(answer: Any) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_an_owner_adds_a_photo_and_anybody_can_fetch_it(owner: Api, salon: Salon) -> None:
    texts = {"caption_ar": "  الاستقبال ", "caption_en": "Reception", "alt_ar": "قاعة مضيئة"}
    found = ok(send(owner, salon, file_of(drawing(2000, 1500)), **texts), 201)
    assert found["caption"] == {"ar": "الاستقبال", "en": "Reception"}
    assert found["alt"] == {"ar": "قاعة مضيئة", "en": None}
    assert (found["is_primary"], found["is_hidden"], found["position"], found["version"]) == (
        True,
        False,
        0,
        1,
    )
    assert (found["resource_id"], found["staff_member_id"], found["service_id"]) == (None, None, None)
    assert [(r["width"], r["height"]) for r in found["renditions"]] == [(320, 240), (800, 600), (1600, 1200)]
    assert found["url"] == found["renditions"][-1]["url"]
    for rendition in found["renditions"]:
        url = rendition["url"]
        assert url.startswith("http://127.0.0.1:8000/media/")
        served = Api().client.get(url.removeprefix("http://127.0.0.1:8000"))
        assert Image.open(BytesIO(served.content)).size == (rendition["width"], rendition["height"])
    assert ok(owner.get(path_of(salon)))["items"] == [found]


def test_a_photo_sent_again_is_the_photo_it_became(owner: Api, salon: Salon) -> None:
    data = file_of(drawing())
    first = ok(send(owner, salon, data), 201)
    files = stored()
    assert ok(send(owner, salon, data, caption_en="again"), 200) == first
    assert stored() == files
    # For another subject it is another photo.
    service = ServiceFactory.create(salon=salon)
    assert ok(send(owner, salon, data, service_id=str(service.id)), 201)["id"] != first["id"]


def test_each_subject_has_its_own_album(owner: Api, salon: Salon) -> None:
    room = Resource.objects.create(salon=salon, kind="room", code="1", name_ar="غرفة", name_en="Room")
    subjects = {
        "resource_id": str(room.id),
        "staff_member_id": str(StaffMemberFactory.create(salon=salon).id),
        "service_id": str(ServiceFactory.create(salon=salon).id),
    }
    for name, value in subjects.items():
        added = ok(send(owner, salon, **{name: value}), 201)
        assert (added[name], added["is_primary"], added["position"]) == (value, True, 0)
        assert ids(ok(owner.get(path_of(salon), **{name: value}))) == [added["id"]]
    ok(send(owner, salon), 201)
    assert len(ok(owner.get(path_of(salon)))["items"]) == 4


def test_a_staff_members_photo_is_shown_only_on_purpose(owner: Api, salon: Salon) -> None:
    person = StaffMemberFactory.create(salon=salon)
    added = ok(send(owner, salon, staff_member_id=str(person.id)), 201)
    assert added["is_hidden"] is True
    shown = owner.send("PATCH", path_of(salon, added["id"]), body={"version": 1, "is_hidden": False})
    assert ok(shown)["is_hidden"] is False


def test_somebody_elses_subject_is_not_found(owner: Api, salon: Salon) -> None:
    elsewhere = ServiceFactory.create(salon=SalonFactory.create())
    problem = refused(send(owner, salon, service_id=str(elsewhere.id)), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/service_id", "not_found")]
    own = {
        "service_id": str(ServiceFactory.create(salon=salon).id),
        "staff_member_id": str(StaffMemberFactory.create(salon=salon).id),
    }
    problem = refused(send(owner, salon, **own), 400, "validation_failed")
    assert {e["pointer"] for e in problem["errors"]} == {"/service_id", "/staff_member_id"}
    assert stored() == []


@pytest.mark.parametrize(
    ("data", "code", "arabic", "english"),
    [
        (
            b"GIF89a",
            "photo_type_not_supported",
            "JPEG",
            "Photos can be JPEG, PNG or WebP files that do not move.",
        ),
        (b"\xff\xd8\xff\xe0", "photo_unreadable", "", "This file cannot be read as a photo."),
        (file_of(drawing(300, 300)), "photo_too_small", "320", "Each side needs at least 320 pixels."),
        (file_of(drawing(2000, 400)), "photo_too_narrow", "", "at most four times as long as the other"),
    ],
)
def test_a_refused_file_is_explained_in_both_languages(
    data: bytes, code: str, arabic: str, english: str, salon: Salon
) -> None:
    person = employ(salon, "manager")
    for language, words in (("ar", arabic), ("en", english)):
        person.language = language
        person.save(update_fields=["language"])
        problem = refused(send(Api(person, language=language), salon, data), 400, "validation_failed")
        (error,) = problem["errors"]
        assert (error["pointer"], error["code"]) == ("/file", code)
        assert words in error["detail"]
        assert bool(re.search("[ء-ي]", error["detail"])) == (language == "ar")
    assert stored() == []


@pytest.mark.parametrize("over", [1, 100_000])
def test_a_file_over_the_limit_is_refused(over: int, owner: Api, salon: Salon, settings: Any) -> None:
    data = file_of(Image.effect_noise((900, 900), 90).convert("RGB"), "PNG")
    settings.PHOTO_MAX_BYTES = len(data) - over
    problem = refused(send(owner, salon, data, declared="image/png"), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/file", "photo_too_large")]


def test_a_form_without_a_file_or_with_strange_fields_is_refused(owner: Api, salon: Salon) -> None:
    path = f"/api/v1/{path_of(salon)}"

    def problem(form: dict[str, Any]) -> dict[str, str]:
        response = owner.client.post(path, form, format="multipart", headers=owner.headers)
        return {e["pointer"]: e["code"] for e in refused(response, 400, "validation_failed")["errors"]}

    assert problem({"caption_ar": "نص"}) == {"/file": "field_required"}
    assert problem({"file": "text"}) == {"/file": "wrong_type"}
    good = file_of(drawing())
    assert problem({"file": BytesIO(good), "is_primary": "true"}) == {"/is_primary": "unknown_field"}
    assert problem({"file": BytesIO(good), "service_id": "1"}) == {"/service_id": "uuid_invalid"}
    assert problem({"file": BytesIO(good), "alt_en": "x" * 201}) == {"/alt_en": "too_long"}
    refused(owner.post(path_of(salon), {"file": "x"}), 415, "unsupported_media_type")
    broken = owner.client.generic(
        "POST", path, b"--x\r\nnonsense", content_type="multipart/form-data", headers=owner.headers
    )
    refused(broken, 400, "malformed_request")


def test_an_album_holds_twenty(owner: Api, salon: Salon) -> None:
    picture = read_photo(file_of(drawing()), declared_type="")
    for n in range(20):
        Photo.objects.create(
            salon=salon, key=f"00/{n}", content_hash=str(n), width=640, height=480, position=n,
            is_primary=n == 0, blurhash=picture.blurhash, created_at=salon.created_at,
        )  # fmt: skip
    problem = refused(send(owner, salon), 422, "too_many_photos")
    assert problem["params"] == {"most": 20}
    assert stored() == []
    service = ServiceFactory.create(salon=salon)
    ok(send(owner, salon, service_id=str(service.id)), 201)


def test_uploads_are_limited(owner: Api, salon: Salon, settings: Any) -> None:
    settings.LIMITS_SCALE = 0.01
    assert [send(owner, salon).status_code for _ in range(3)] == [201, 201, 429]


def test_a_photo_is_changed_at_the_version_that_was_seen(owner: Api, salon: Salon) -> None:
    added = ok(send(owner, salon, caption_ar="قديم", caption_en="Old"), 201)
    path = path_of(salon, added["id"])
    change = {"version": 1, "caption": {"ar": "جديد", "en": None}, "is_hidden": True}
    changed = ok(owner.send("PATCH", path, body=change))
    assert changed == added | {"caption": {"ar": "جديد", "en": None}, "is_hidden": True, "version": 2}
    problem = refused(owner.send("PATCH", path, body=change), 409, "version_conflict")
    assert problem["current"] == changed
    problem = refused(owner.send("PATCH", path, body={"caption": {"ar": 5}}), 400, "validation_failed")
    assert {e["pointer"]: e["code"] for e in problem["errors"]} == {
        "/version": "field_required",
        "/caption/ar": "wrong_type",
    }


def test_there_is_always_one_primary_photo(owner: Api, salon: Salon) -> None:
    first, second, third = (ok(send(owner, salon), 201) for _ in range(3))
    assert [p["is_primary"] for p in (first, second, third)] == [True, False, False]
    ok(owner.send("PATCH", path_of(salon, third["id"]), body={"version": 1, "is_primary": True}))
    listed = ok(owner.get(path_of(salon)))["items"]
    assert [(p["is_primary"], p["version"]) for p in listed] == [(False, 2), (False, 1), (True, 2)]
    down = owner.send("PATCH", path_of(salon, third["id"]), body={"version": 2, "is_primary": False})
    problem = refused(down, 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/is_primary", "invalid_choice")]
    # The heir is the first that customers can see.
    ok(owner.send("PATCH", path_of(salon, first["id"]), body={"version": 2, "is_hidden": True}))
    assert owner.send("DELETE", path_of(salon, third["id"])).status_code == 204
    listed = ok(owner.get(path_of(salon)))["items"]
    assert [(p["id"], p["is_primary"]) for p in listed] == [(first["id"], False), (second["id"], True)]


def test_a_deleted_photo_takes_its_files_along(owner: Api, salon: Salon) -> None:
    kept, gone = ok(send(owner, salon), 201), ok(send(owner, salon), 201)
    later = ok(send(owner, salon), 201)
    assert len(stored()) == 6
    assert owner.send("DELETE", path_of(salon, gone["id"])).status_code == 204
    assert len(stored()) == 4
    assert Api().client.get(gone["url"].removeprefix("http://127.0.0.1:8000")).status_code == 404
    refused(owner.send("DELETE", path_of(salon, gone["id"])), 404, "not_found")
    listed = ok(owner.get(path_of(salon)))["items"]
    assert [(p["id"], p["position"]) for p in listed] == [(kept["id"], 0), (later["id"], 1)]


def test_photos_are_put_in_order(owner: Api, salon: Salon) -> None:
    album = [ok(send(owner, salon), 201)["id"] for _ in range(3)]
    other = ok(send(owner, salon, service_id=str(ServiceFactory.create(salon=salon).id)), 201)["id"]
    wanted = [album[2], album[0], album[1]]
    put = {"photo_ids": wanted}
    answer = ok(owner.send("PUT", path_of(salon, "order"), body=put))
    assert ids(answer) == wanted
    assert [p["position"] for p in answer["items"]] == [0, 1, 2]
    assert [i for i in ids(ok(owner.get(path_of(salon)))) if i != other] == wanted

    def wrong(*photo_ids: Any) -> dict[str, str]:
        response = owner.send("PUT", path_of(salon, "order"), body={"photo_ids": list(photo_ids)})
        return {e["pointer"]: e["code"] for e in refused(response, 400, "validation_failed")["errors"]}

    foreign_salon = SalonFactory.create()
    foreign = ok(send(Api(employ(foreign_salon, "owner")), foreign_salon), 201)["id"]
    assert wrong(*album, other) == {"/photo_ids/3": "not_found"}
    assert wrong(*album, foreign) == {"/photo_ids/3": "not_found"}
    assert wrong(foreign) == {"/photo_ids/0": "not_found"}
    assert wrong(*album, album[1]) == {"/photo_ids/3": "invalid_choice"}
    assert wrong() == {"/photo_ids": "list_empty"}
    assert wrong(5) == {"/photo_ids/0": "wrong_type"}
    two = owner.send("PUT", path_of(salon, "order"), body={"photo_ids": album[:2]})
    refused(two, 409, "version_conflict")


@pytest.mark.parametrize("role", ["staff", "receptionist"])
def test_only_who_edits_the_catalogue_edits_photos(role: str, owner: Api, salon: Salon) -> None:
    added = ok(send(owner, salon), 201)
    somebody = Api(employ(salon, role))
    refused(send(somebody, salon), 403, "permission_denied")
    refused(somebody.get(path_of(salon)), 403, "permission_denied")
    refused(somebody.send("DELETE", path_of(salon, added["id"])), 403, "permission_denied")
    ok(send(Api(employ(salon, "manager")), salon), 201)


def test_another_salons_photo_does_not_exist(owner: Api, salon: Salon) -> None:
    added = ok(send(owner, salon), 201)
    hidden = SalonFactory.create(status=SalonStatus.DRAFT)
    elsewhere = Api(employ(SalonFactory.create(slug="elsewhere"), "owner"))
    there = Salon.objects.get(slug="elsewhere")
    for method, body in (("PATCH", {"version": 1}), ("DELETE", None)):
        refused(elsewhere.send(method, path_of(there, added["id"]), body=body), 404, "not_found")
        refused(elsewhere.send(method, path_of(hidden, added["id"]), body=body), 404, "not_found")
    refused(send(elsewhere, hidden), 404, "not_found")
    refused(send(Api(UserFactory.create()), salon), 403, "permission_denied")
    refused(send(Api(), salon), 401, "auth_required")
    assert Photo.objects.get().version == 1


def test_a_list_of_photos_costs_the_same_however_long(
    owner: Api, salon: Salon, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        ok(send(owner, salon), 201)
    with django_assert_max_num_queries(7):
        ok(owner.get(path_of(salon)))
    first = ok(owner.get(path_of(salon), limit=3))
    rest = ok(owner.get(path_of(salon), limit=3, cursor=first["next_cursor"]))
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)


def test_the_contract_says_that_a_file_is_sent() -> None:
    path = "/api/v1/manage/salons/{salon}/photos"
    content = contract.schema()["paths"][path]["post"]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    form = contract.resolve(content["multipart/form-data"]["schema"])
    assert form["required"] == ["file"]
    assert (form["properties"]["file"]["type"], form["properties"]["file"]["format"]) == ("string", "binary")


@pytest.mark.django_db(transaction=True)
def test_phones_racing_for_the_last_place_leave_twenty_photos_and_their_files() -> None:
    salon = SalonFactory.create()
    pictures = [read_photo(file_of(drawing(seed=n)), declared_type="") for n in range(24)]
    blank = {"caption": {"ar": "", "en": ""}, "alt": {"ar": "", "en": ""}}

    def add(picture: Picture) -> Any:
        album = operations.Album(salon=salon)
        return operations.add_photo(album=album, picture=picture, texts=blank, now=salon.created_at)

    for picture in pictures[:17]:
        add(picture)
    racing = [*pictures[17:23], pictures[17]]
    outcomes = race(*[lambda p=p: add(p) for p in racing])  # type: ignore[misc]
    full = [o for o in outcomes if isinstance(o, DomainError)]
    assert {type(o) for o in full} == {operations.TooManyPhotos}
    assert sum(is_new for o in outcomes if isinstance(o, tuple) for _, is_new in [o]) == 3
    photos = list(Photo.objects.order_by("position"))
    assert [p.position for p in photos] == list(range(20))
    assert [p.is_primary for p in photos] == [True] + [False] * 19
    assert len({p.content_hash for p in photos}) == 20
    assert {name.rpartition("/")[0] for name in stored()} == {p.key for p in photos}
