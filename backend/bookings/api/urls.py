from django.urls import path

from backend.bookings.api import (
    announcing,
    auditing,
    calendar,
    clients,
    desk,
    diaries,
    finding,
    hours,
    manage_sessions,
    renting,
    reviewing,
    seasons,
    sessions,
    standing,
    support,
    times,
    verbs,
    views,
    waitlist,
    wordings,
)

urlpatterns = [
    path("salons", finding.SalonCollection.as_view(), name="salons"),
    path("salons/<str:salon>/availability", times.Availability.as_view(), name="availability"),
    path("quotes", views.QuoteCollection.as_view(), name="quotes"),
    path("bookings", views.BookingCollection.as_view(), name="bookings"),
    path("bookings/<uuid:booking_id>", views.BookingItem.as_view(), name="booking"),
    path("bookings/<uuid:booking_id>/events", views.BookingEvents.as_view(), name="booking-events"),
    path(
        "bookings/<uuid:booking_id>/reschedule", views.BookingReschedule.as_view(), name="booking-reschedule"
    ),
    *verbs.routes,
    *waitlist.routes,
    *renting.routes,
    *sessions.routes,
    *manage_sessions.routes,
    *reviewing.routes,
    *hours.routes,
    *seasons.routes,
    *announcing.routes,
    *auditing.routes,
    *wordings.routes,
    *clients.routes,
    *diaries.routes,
    *standing.routes,
    path("support/people", support.SupportPeople.as_view(), name="support-people"),
    path("manage/salons/<str:salon>/bookings", desk.DeskBookings.as_view(), name="manage-salon-bookings"),
    path("manage/salons/<str:salon>/calendar", calendar.DeskCalendar.as_view(), name="manage-salon-calendar"),
    path(
        "manage/bookings/<uuid:booking_id>/reschedule",
        desk.DeskReschedule.as_view(),
        name="manage-booking-reschedule",
    ),
    path("manage/bookings/<uuid:booking_id>", desk.DeskBooking.as_view(), name="manage-booking"),
    *(
        path(f"manage/bookings/<uuid:booking_id>/{verb}", view.as_view(), name=f"manage-booking-{verb}")
        for verb, view in desk.DESK_VERBS.items()
    ),
]
