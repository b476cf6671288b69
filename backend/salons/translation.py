"""Which catalogue texts exist in Arabic and English."""

from modeltranslation.translator import TranslationOptions, register

from backend.salons.models import (
    Business,
    Category,
    City,
    Closure,
    District,
    Override,
    Photo,
    Rental,
    Resource,
    Salon,
    Season,
    Service,
    StaffMember,
)


@register([City, District, Category, Resource, Season])
class NameTranslation(TranslationOptions):
    fields = ("name",)


@register(Business)
class BusinessTranslation(TranslationOptions):
    fields = ("name", "address")


@register(Salon)
class SalonTranslation(TranslationOptions):
    fields = ("name", "description", "address")


@register([Service, Rental])
class ServiceTranslation(TranslationOptions):
    fields = ("name", "description")


@register(StaffMember)
class StaffMemberTranslation(TranslationOptions):
    fields = ("name", "title")


@register([Closure, Override])
class ReasonTranslation(TranslationOptions):
    fields = ("reason",)


@register(Photo)
class PhotoTranslation(TranslationOptions):
    fields = ("caption", "alt")
