"""Photos: looked at here, uploaded by the salon; hidden and shown again through the operation."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.core.console import ReadOnlyAdmin, label, label_translated, name
from backend.salons.admin.shared import BY_SALON, SALON
from backend.salons.models import Photo
from backend.salons.operations.photos import change_photo
from backend.salons.photos import sizes

label(
    Photo,
    _("photo"),
    _("photos"),
    salon=_("salon"),
    width=_("width"),
    height=_("height"),
    caption=_("caption"),
    alt=_("description for screen readers"),
    is_primary=_("main photo"),
    is_hidden=_("hidden"),
    position=_("position in lists"),
    created_at=_("created"),
)
label_translated(Photo, "caption", "alt")

_THUMB_HEIGHT = 60


@admin.display(description=_("photo"))
def thumbnail(obj: Photo) -> SafeString:
    """The narrowest rendition where this server keeps it; else a link, as the console loads nothing from elsewhere."""
    width, height = sizes(obj.width, obj.height)[0]
    if settings.PHOTO_STORAGE != "disk":
        url = f"{settings.PHOTO_BASE_URL}/{obj.key}/{width}.webp"
        return format_html('<a href="{}" rel="noreferrer">{}</a>', url, gettext("Open the picture"))
    return format_html(
        '<img src="/media/{}/{}.webp" width="{}" height="{}" alt="{}" loading="lazy">',
        obj.key,
        width,
        round(width * _THUMB_HEIGHT / height),
        _THUMB_HEIGHT,
        obj.alt or "",
    )


@admin.register(Photo)
class PhotoAdmin(ReadOnlyAdmin[Photo]):
    list_display = (thumbnail, SALON, "caption_ar", "is_primary", "is_hidden", "created_at")
    list_filter = ("is_hidden", "is_primary")
    ordering = ("-id",)
    related = ("salon", "resource", "staff_member", "service")
    search_fields = ("salon__slug__iexact",)
    search_help_text = BY_SALON
    actions = ("hide", "show")
    fields = (
        thumbnail,
        SALON,
        name("resource", _("resource")),
        name("staff_member", _("staff member")),
        name("service", _("service")),
        "caption_ar",
        "caption_en",
        "alt_ar",
        "alt_en",
        "is_primary",
        "is_hidden",
        "position",
        "created_at",
    )

    def name_of(self, obj: Photo) -> str:
        return str(obj.caption or obj.salon.name)

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "moderate")

    @admin.action(description=_("Hide"), permissions=["moderate"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Photo]) -> None:
        self._turn(request, queryset, hidden=True)

    @admin.action(description=_("Show"), permissions=["moderate"])
    def show(self, request: HttpRequest, queryset: QuerySet[Photo]) -> None:
        self._turn(request, queryset, hidden=False)

    def _turn(self, request: HttpRequest, queryset: QuerySet[Photo], *, hidden: bool) -> None:
        def act(photo: Photo) -> None:
            change_photo(
                salon=photo.salon, photo_id=photo.pk, version=photo.version, changes={"is_hidden": hidden}
            )

        self.each(request, queryset, act, done="hide" if hidden else "show")
