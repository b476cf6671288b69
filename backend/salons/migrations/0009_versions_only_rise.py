"""A row saved whole from an old copy no longer brings an old `catalogue_version` back, and what was kept of it."""

from django.db import migrations

SALON = """
CREATE OR REPLACE FUNCTION salons_salon_bumps() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    -- A review changes the rating, and an edit its own counter: neither is news to the engine or to search.
    IF to_jsonb(NEW) - '{{rating_sum,rating_count,rating_score,version,catalogue_version}}'::text[]
       IS DISTINCT FROM
       to_jsonb(OLD) - '{{rating_sum,rating_count,rating_score,version,catalogue_version}}'::text[]
    THEN
        NEW.catalogue_version := OLD.catalogue_version + 1;
    {otherwise}
    END IF;
    RETURN NEW;
END $f$;
"""
NEVER_BACK = """ELSE
        NEW.catalogue_version := greatest(OLD.catalogue_version, NEW.catalogue_version);"""


class Migration(migrations.Migration):
    dependencies = [("salons", "0008_forms_are_whole")]

    operations = [
        migrations.RunSQL(SALON.format(otherwise=NEVER_BACK), SALON.format(otherwise="")),
    ]
