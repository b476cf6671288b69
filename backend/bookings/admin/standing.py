"""What owners let go of, in the console: to be read, with who did and why."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import Forgiveness
from backend.core.console import ReadOnlyAdmin, code, label, name, person, words

label(
    Forgiveness,
    _("mark let go of"),
    _("marks let go of"),
    salon=_("salon"),
    customer=_("customer"),
    booking=_("booking"),
    withdraws=_("takes back"),
    reason=_("reason"),
    by=_("person"),
    at=_("when"),
)


@admin.register(Forgiveness)
class ForgivenessAdmin(ReadOnlyAdmin[Forgiveness]):
    list_display = (
        "at",
        name("salon", _("salon")),
        person("customer", _("customer")),
        code("booking", _("booking")),
        person("by", _("person")),
    )
    list_filter = ("at",)
    ordering = ("-at", "-id")
    related = ("salon", "customer", "booking", "by", "withdraws")
    search_fields = ("salon__slug__iexact", "booking__reference__iexact")
    search_help_text = _("The salon's short name, or a booking's reference")
    fields = (
        "at",
        name("salon", _("salon")),
        person("customer", _("customer")),
        code("booking", _("booking")),
        person("by", _("person")),
        words("reason", _("reason")),
        code("withdraws", _("takes back")),
        code("pk", _("ID")),
    )

    def name_of(self, obj: Forgiveness) -> str:
        return f"{obj.salon.name} {obj.booking.reference if obj.booking else obj.pk}"
