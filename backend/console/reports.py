"""Pages that add up: how the message carriers do, what messages cost, and those of finance (`finance`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from backend.console import finance, policy
from backend.console.days import asked_days
from backend.core.console import named
from backend.core.money import money
from backend.core.time import RIYADH
from backend.notifications import queries, tallies
from backend.notifications.models import ProviderHealth
from backend.notifications.queries import Total
from backend.notifications.tallies import Tally
from backend.salons.models import Salon

MOST_DAYS = 92
MOST_LINES = 200
"""Lines of one table; what is left out is in the total."""

TITLES: dict[str, Any] = {
    "message-health": gettext_lazy("How the message carriers do"),
    "message-costs": gettext_lazy("What messages cost"),
    "money-tasks": gettext_lazy("Money that waits for a person"),
    "salon-balances": gettext_lazy("What salons are owed"),
    "salon-statement": gettext_lazy("Statement of a salon"),
    "exports": gettext_lazy("Lists to take away"),
}
WHAT: dict[str, Any] = {
    "messages": gettext_lazy("messages"),
    "codes": gettext_lazy("one-time codes"),
}
CHANNELS: dict[str, Any] = {
    "sms": gettext_lazy("SMS"),
    "whatsapp": gettext_lazy("WhatsApp"),
    "push": gettext_lazy("push"),
    "email": gettext_lazy("e-mail"),
}


def urls(site: AdminSite) -> list[URLPattern]:
    pages = {
        "message-health": _health,
        "message-costs": _costs,
        "money-tasks": finance.tasks,
        "salon-balances": finance.balances,
        "salon-statement": finance.salon_statement,
        "exports": finance.exports,
    }
    return [
        *finance.urls(site),
        *(
            path(f"reports/{name}/", site.admin_view(_page(site, name, view)), name=name)
            for name, view in pages.items()
        ),
    ]


def as_app(request: HttpRequest) -> list[dict[str, Any]]:
    """The reports this person reads, in the form that Django lists the models of an app in; empty without any."""
    read = [name for name in policy.REPORTS if policy.may_read(request.user, name)]
    pages = [
        {
            "name": TITLES[name],
            "object_name": name,
            "admin_url": reverse(f"admin:{name}"),
            "add_url": None,
            "view_only": True,
        }
        for name in read
    ]
    if not pages:
        return []
    return [
        {
            "name": _("Reports"),
            "app_label": "reports",
            "app_url": pages[0]["admin_url"],
            "has_module_perms": True,
            "models": pages,
        }
    ]


def _page(
    site: AdminSite, name: str, view: Callable[[HttpRequest], dict[str, Any]]
) -> Callable[[HttpRequest], HttpResponse]:
    @require_GET
    def page(request: HttpRequest) -> HttpResponse:
        if not policy.may_read(request.user, name):
            raise PermissionDenied
        context = site.each_context(request) | {"title": TITLES[name]} | view(request)
        return TemplateResponse(request, f"console/{name.replace('-', '_')}.html", context)

    return page


# How the carriers do -----------------------------------------------------------------------------


def _health(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    hour, day = (_by_carrier(tallies.since(now - ago)) for ago in (timedelta(hours=1), timedelta(days=1)))
    circuits = {(row.provider, row.channel): row for row in queries.circuits()}
    told = {(provider, channel) for _what, provider, channel in day}
    quiet = [("messages", *key) for key in circuits if key not in told]
    lines = [
        {
            "what": str(WHAT.get(what, what)),
            "provider": provider,
            "channel": str(CHANNELS.get(channel, channel)),
            "rates": [_rate(period.get((what, provider, channel))) for period in (hour, day)],
            "error": _error(day.get((what, provider, channel)), circuits.get((provider, channel))),
            "circuit": circuits.get((provider, channel)),
        }
        for what, provider, channel in sorted([*day, *quiet])
    ]
    return {"lines": lines, "backlog": queries.backlog(now), "now": now}


def _by_carrier(found: dict[str, list[Tally]]) -> dict[tuple[str, str, str], Tally]:
    """Several tallies of one carrier (codes taken, codes refused) are one."""
    added: dict[tuple[str, str, str], Tally] = {}
    for what, several in found.items():
        for tally in several:
            key = (what, tally.provider, tally.channel)
            one = added.get(key, Tally(tally.provider, tally.channel))
            later = max(one, tally, key=lambda t: (t.last_error_at is not None, t.last_error_at))
            added[key] = Tally(
                tally.provider,
                tally.channel,
                accepted=one.accepted + tally.accepted,
                refused=one.refused + tally.refused,
                unknown=one.unknown + tally.unknown,
                last_error_class=later.last_error_class,
                last_error_at=later.last_error_at,
            )
    return added


def _rate(tally: Tally | None) -> dict[str, Any] | None:
    if tally is None or tally.success_rate is None:
        return None
    share = int(tally.success_rate * 1000) / 10  # never rounded up to a hundred
    return {
        "percent": f"{share:.1f}%",
        "accepted": tally.accepted,
        "all": tally.accepted + tally.refused + tally.unknown,
        "tone": "good" if share >= 99 else "open" if share >= 90 else "bad",
    }


def _error(tally: Tally | None, circuit: ProviderHealth | None) -> dict[str, Any] | None:
    if circuit is not None and circuit.last_failure_at is not None:
        return {"kind": circuit.last_error_class, "at": circuit.last_failure_at}
    if tally is not None and tally.last_error_at is not None:
        return {"kind": tally.last_error_class, "at": tally.last_error_at}
    return None


# What messages cost ------------------------------------------------------------------------------


def _costs(request: HttpRequest) -> dict[str, Any]:
    today = timezone.now().astimezone(RIYADH).date()
    first, last, problem = asked_days(request, today.replace(day=1), today, most=MOST_DAYS)
    rows = [] if problem else queries.costs(_midnight(first), _midnight(last + timedelta(days=1)))
    by_salon = queries.totals(rows, lambda row: row.salon_id)
    salons = Salon.objects.in_bulk([key for key, _total in by_salon[:MOST_LINES] if key is not None])
    tables = [
        {
            "title": _("By kind of message"),
            "code": True,
            "lines": _lines(queries.totals(rows, lambda r: r.kind)),
        },
        {
            "title": _("By salon"),
            "code": False,
            "lines": _lines(
                (named(salons[key]) if key in salons else _("The platform itself"), total)
                for key, total in by_salon
            ),
        },
        {
            "title": _("By carrier"),
            "code": False,
            "lines": _lines(
                (f"{provider} · {CHANNELS.get(channel, channel)}", total)
                for (provider, channel), total in queries.totals(rows, lambda r: (r.provider, r.channel))
            ),
        },
    ]
    everything = sum((total for _key, total in by_salon), Total())
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "problem": problem,
        "tables": tables,
        "total": _line("", everything),
        "most": MOST_LINES,
    }


def _lines(found: Iterable[tuple[Any, Total]]) -> list[dict[str, Any]]:
    return [_line(str(key), total) for key, total in found][:MOST_LINES]


def _line(name: str, total: Total) -> dict[str, Any]:
    return {
        "name": name,
        "messages": f"{total.messages:,}",
        "units": f"{total.units:,}",
        "cost": money(total.cost_minor)["display"],
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=RIYADH)
