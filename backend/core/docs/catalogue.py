"""What the guides are called and in which order they are shown, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Entry:
    """A guide of `guides.files()`: its title, and what it answers."""

    name: str
    title: Any
    about: Any


@dataclass(frozen=True)
class Group:
    anchor: str
    title: Any
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        "start",
        _("Start here"),
        (
            Entry("readme", _("The contract"), _("Ten rules, the first call, and which file answers what")),
            Entry("conventions", _("Conventions"), _("Headers, money, times, phones, lists, caches, limits")),
            Entry("auth", _("Signing in"), _("The code by phone, tokens and how they are renewed, leaving")),
            Entry("errors", _("Errors"), _("One shape for every refusal, and how an app reacts to it")),
        ),
    ),
    Group(
        "bookings",
        _("Bookings and money"),
        (
            Entry(
                "bookings",
                pgettext_lazy("guide", "Bookings"),
                _("States, free times, one tap one booking, moving and cancelling"),
            ),
            Entry(
                "payments",
                pgettext_lazy("guide", "Payments"),
                _("Ways to pay, 3-D Secure, what comes afterwards, test cards"),
            ),
            Entry("sessions", _("Group sessions"), _("Seats in a class or a course")),
            Entry("rentals", _("Rentals"), _("Rooms and devices by themselves, and the hold against damage")),
            Entry("waitlist", _("Waiting list"), _("Waiting for a time, and the offer when one comes free")),
            Entry(
                "standing", _("Standing and deposits"), _("Why a deposit is higher, and how it falls again")
            ),
        ),
    ),
    Group(
        "messages",
        _("Messages, links and calendars"),
        (
            Entry(
                "messages",
                pgettext_lazy("guide", "Messages"),
                _("Every kind of message, the inbox, who wants what by which channel"),
            ),
            Entry("push", _("Push"), _("What a push carries, what to fetch, how its tokens live")),
            Entry("deep-links", _("Links into the app"), _("Which addresses open which screen")),
            Entry(
                "calendars",
                _("Calendars"),
                _("Bookings as calendar files and feeds, and busy times from elsewhere"),
            ),
        ),
    ),
    Group(
        "screens",
        _("Screen by screen"),
        (
            Entry("screens/launch", _("Launch"), _("What the app asks before it shows anything")),
            Entry("screens/sign-in", _("Signing in"), _("The number, then the code")),
            Entry("screens/home", _("Home"), _("Categories and salons nearby")),
            Entry("screens/search", _("Search"), _("Filters, pages, an empty result")),
            Entry("screens/salon", _("Salon"), _("Services, staff, hours and reviews")),
            Entry("screens/pick-time", _("Picking a time"), _("A week of free times")),
            Entry("screens/checkout", _("Checkout"), _("Price, booking, deposit")),
            Entry("screens/ticket", _("Ticket"), _("One booking with all that can be done to it")),
            Entry("screens/my-bookings", _("My bookings"), _("Coming, past and cancelled ones")),
            Entry("screens/profile", _("Profile"), _("Name, language, devices, leaving")),
            Entry("screens/staff-day", _("The salon's day"), _("Requests, walk-ins, gaps and closures")),
        ),
    ),
    Group(
        "lists",
        _("Lists and changes"),
        (
            Entry("enums", _("Values"), _("Every list of values with its words in both languages")),
            Entry(
                "compatibility",
                _("Compatibility"),
                _("What may change under an installed app, and what may not"),
            ),
            Entry("changelog", _("Changes"), _("What changed, and who must act")),
        ),
    ),
)
"""Every guide stands in one of them."""


def entry(name: str) -> Entry:
    """Raises KeyError for a name that no group has."""
    for group in GROUPS:
        for found in group.entries:
            if found.name == name:
                return found
    raise KeyError(name)
