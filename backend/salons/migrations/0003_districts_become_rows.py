"""Each district named by a salon becomes a row of its city: the same name twice in a city is the same district."""

from django.db import migrations
from django.utils.text import slugify


def fill(apps, schema_editor):
    Salon = apps.get_model("salons", "Salon")
    District = apps.get_model("salons", "District")
    for salon in Salon.objects.exclude(district_ar="", district_en="").order_by("id"):
        ar, en = salon.district_ar or "", salon.district_en or ""
        if not ar and not en:
            continue
        base = f"{salon.city_id}-{slugify(en) or 'district'}"[:70]
        slug, number = base, 1
        while True:
            district, made = District.objects.get_or_create(
                slug=slug,
                defaults={"city_id": salon.city_id, "name": ar or en, "name_ar": ar or en, "name_en": en or ar},
            )
            if made or district.name_ar == (ar or en):
                break
            number += 1
            slug = f"{base}-{number}"
        Salon.objects.filter(pk=salon.pk).update(district=district)


def empty(apps, schema_editor):
    Salon = apps.get_model("salons", "Salon")
    for salon in Salon.objects.exclude(district=None).select_related("district"):
        salon.district_text = salon.district_ar = salon.district.name_ar or ""
        salon.district_en = salon.district.name_en or ""
        salon.district = None
        salon.save(update_fields=["district", "district_text", "district_ar", "district_en"])


class Migration(migrations.Migration):
    dependencies = [("salons", "0002_catalogue_in_depth")]

    operations = [migrations.RunPython(fill, empty, elidable=True)]
