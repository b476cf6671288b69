"""Which catalogue texts exist in Arabic and English."""

from modeltranslation.translator import TranslationOptions, register

from backend.salons.models import Business, Category, City, Closure, Salon, Service, StaffMember


@register([City, Category, Business])
class NameTranslation(TranslationOptions):
    fields = ("name",)


@register(Salon)
class SalonTranslation(TranslationOptions):
    fields = ("name", "description", "district", "address")


@register(Service)
class ServiceTranslation(TranslationOptions):
    fields = ("name", "description")


@register(StaffMember)
class StaffMemberTranslation(TranslationOptions):
    fields = ("name", "title")


@register(Closure)
class ClosureTranslation(TranslationOptions):
    fields = ("reason",)
