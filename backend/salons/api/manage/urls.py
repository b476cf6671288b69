from django.urls import path

from backend.salons.api.manage import offer, platform, rentals, views

_AT = "manage/salons/<str:salon>"

urlpatterns = [
    path("manage/salons", views.DeskCollection.as_view(), name="manage-salons"),
    path(_AT, views.DeskProfile.as_view(), name="manage-salon"),
    path(f"{_AT}/submit", views.SubmittedSalon.as_view(), name="manage-salon-submit"),
    path("manage/businesses", views.BusinessCollection.as_view(), name="manage-businesses"),
    path("manage/businesses/<id:business_id>", views.BusinessItem.as_view(), name="manage-business"),
    path(f"{_AT}/members", views.MemberCollection.as_view(), name="manage-members"),
    path(f"{_AT}/members/<id:member_id>", views.MemberItem.as_view(), name="manage-member"),
    path(f"{_AT}/services", offer.ServiceCollection.as_view(), name="manage-services"),
    path(f"{_AT}/services/order", offer.ServiceOrder.as_view(), name="manage-services-order"),
    path(f"{_AT}/services/<id:service_id>", offer.ServiceItem.as_view(), name="manage-service"),
    path(f"{_AT}/staff", offer.StaffCollection.as_view(), name="manage-staff"),
    path(f"{_AT}/staff/<id:staff_member_id>", offer.StaffItem.as_view(), name="manage-staff-member"),
    path(f"{_AT}/resources", offer.ResourceCollection.as_view(), name="manage-resources"),
    path(f"{_AT}/resources/<id:resource_id>", offer.ResourceItem.as_view(), name="manage-resource"),
    *rentals.routes,
    path("platform/salons", platform.PlatformSalons.as_view(), name="platform-salons"),
    path("platform/salons/<str:salon>", platform.PlatformSalon.as_view(), name="platform-salon"),
    *(
        path(f"platform/salons/<str:salon>/{verb}", view.as_view(), name=f"platform-salon-{verb}")
        for verb, view in platform.PLATFORM_VERBS.items()
    ),
]
