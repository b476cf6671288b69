"""Valid rows; a test names only what it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone

from backend.accounts.models import Device, PlatformRole, User
from backend.salons.models import (
    Business,
    Category,
    City,
    District,
    Membership,
    Rental,
    Resource,
    Salon,
    SalonStatus,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
    WorkingWindow,
)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    # A range no test writes by hand: a suite long enough would otherwise reach such a number.
    phone = factory.Sequence(lambda n: f"+96656{n:07d}")
    name = "سارة"


class FinanceFactory(UserFactory):
    class Meta:
        skip_postgeneration_save = True

    @factory.post_generation
    def role(self: Any, create: bool, extracted: Any, **kwargs: Any) -> None:
        PlatformRole.objects.create(user=self, role="finance")


class DeviceFactory(factory.django.DjangoModelFactory[Device]):
    class Meta:
        model = Device

    user = factory.SubFactory(UserFactory)


class CityFactory(factory.django.DjangoModelFactory[City]):
    class Meta:
        model = City
        django_get_or_create = ("slug",)

    slug = "riyadh"
    name_ar = "الرياض"
    name_en = "Riyadh"


class DistrictFactory(factory.django.DjangoModelFactory[District]):
    class Meta:
        model = District
        django_get_or_create = ("slug",)

    slug = "riyadh-al-olaya"
    city = factory.SubFactory(CityFactory)
    name_ar = "حي العليا"
    name_en = "Al Olaya"


class CategoryFactory(factory.django.DjangoModelFactory[Category]):
    class Meta:
        model = Category
        django_get_or_create = ("slug",)

    slug = "hair"
    name_ar = "شعر"
    name_en = "Hair"


class BusinessFactory(factory.django.DjangoModelFactory[Business]):
    class Meta:
        model = Business

    name_ar = "مؤسسة لمسة"
    name_en = "Lamsa Est."
    created_at = factory.LazyFunction(timezone.now)


class SalonFactory(factory.django.DjangoModelFactory[Salon]):
    """A live women's salon in Riyadh: confirms by hand, takes a deposit of 20 %."""

    class Meta:
        model = Salon

    business = factory.SubFactory(BusinessFactory)
    slug = factory.Sequence(lambda n: f"salon-{n}")
    name_ar = "صالون لمسة"
    name_en = "Lamsa Salon"
    city = factory.SubFactory(CityFactory)
    district = factory.SubFactory(DistrictFactory)
    prayer_pause = "none"
    audience = "women"
    status = SalonStatus.LIVE
    deposit_percent = 20
    created_at = factory.LazyFunction(timezone.now)


class ServiceFactory(factory.django.DjangoModelFactory[Service]):
    class Meta:
        model = Service

    salon = factory.SubFactory(SalonFactory)
    category = factory.SubFactory(CategoryFactory)
    name_ar = "قص شعر"
    name_en = "Haircut"
    duration_minutes = 45
    price_minor = 11500


class StaffMemberFactory(factory.django.DjangoModelFactory[StaffMember]):
    class Meta:
        model = StaffMember

    salon = factory.SubFactory(SalonFactory)
    name_ar = "نورة"
    name_en = "Noura"


class ResourceFactory(factory.django.DjangoModelFactory[Resource]):
    class Meta:
        model = Resource

    salon = factory.SubFactory(SalonFactory)
    kind = "room"
    code = factory.Sequence(lambda n: f"R{n}")
    name_ar = "غرفة"
    name_en = "Room"


class RentalFactory(factory.django.DjangoModelFactory[Rental]):
    class Meta:
        model = Rental

    salon = factory.SubFactory(SalonFactory)
    resource = factory.LazyAttribute(lambda of: ResourceFactory.create(salon=of.salon))
    name_ar = "جناح العروس"
    name_en = "Bridal suite"
    price_per_hour_minor = 20000
    price_per_day_minor = 150000
    min_minutes = 120
    max_minutes = 3 * 24 * 60


def open_salon(
    *,
    staff: int = 1,
    opens: int = 10 * 60,
    closes: int = 22 * 60,
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7),
    service: dict[str, Any] | None = None,
    **salon: Any,
) -> tuple[Salon, Service, list[StaffMember]]:
    """A salon that can be booked: one service, `staff` people who do it, open the same hours each weekday."""
    place = SalonFactory.create(**salon)
    offered = ServiceFactory.create(salon=place, **(service or {}))
    people = [StaffMemberFactory.create(salon=place, position=n) for n in range(staff)]
    for person in people:
        StaffService.objects.create(staff_member=person, service=offered)
    for weekday in weekdays:
        WorkingWindow.objects.create(salon=place, weekday=weekday, opens_minute=opens, closes_minute=closes)
    return place, offered, people


def performed_by(service: Service, *people: StaffMember) -> Service:
    """The same service, now done by these people too."""
    StaffService.objects.bulk_create(StaffService(staff_member=person, service=service) for person in people)
    return service


def needing(service: Service, *kinds: str) -> Service:
    """The same service, now taking one resource of each of these kinds."""
    ServiceNeed.objects.bulk_create(ServiceNeed(service=service, kind=kind) for kind in kinds)
    return service


def variant(service: Service, **values: Any) -> Service:
    """A line under this service."""
    return ServiceFactory.create(
        salon=service.salon,
        category=service.category,
        variant_of=service,
        **{"name_ar": "شعر طويل", "name_en": "Long hair"} | values,
    )


def employ(salon: Salon, role: str = "receptionist", user: User | None = None) -> User:
    """Somebody with a role at this salon's desk."""
    person = user or UserFactory.create()
    Membership.objects.create(
        user=person, salon=salon, role=role, created_at=timezone.now() - timedelta(days=1)
    )
    return person
