"""Whoever changes what the engine or a customer reads about a salon raises its `catalogue_version`, on every path.

Statement triggers see the changed rows as a table, so a bulk change costs one update per salon.
"""

from django.db import migrations

# Table -> how a changed row `r` leads to salons.
PATHS = {
    "salons_service": "SELECT r.salon_id FROM rows r",
    "salons_staffmember": "SELECT r.salon_id FROM rows r",
    "salons_resource": "SELECT r.salon_id FROM rows r",
    "salons_season": "SELECT r.salon_id FROM rows r",
    "salons_workingwindow": "SELECT r.salon_id FROM rows r",
    "salons_override": "SELECT r.salon_id FROM rows r",
    "salons_closure": "SELECT r.salon_id FROM rows r",
    "salons_photo": "SELECT r.salon_id FROM rows r",
    "salons_staffservice": "SELECT s.salon_id FROM rows r JOIN salons_service s ON s.id = r.service_id",
    "salons_serviceneed": "SELECT s.salon_id FROM rows r JOIN salons_service s ON s.id = r.service_id",
    "salons_overridewindow": "SELECT o.salon_id FROM rows r JOIN salons_override o ON o.id = r.override_id",
    "salons_business": "SELECT s.id FROM rows r JOIN salons_salon s ON s.business_id = r.id",
    "salons_city": "SELECT s.id FROM rows r JOIN salons_salon s ON s.city_id = r.slug",
    "salons_district": "SELECT s.id FROM rows r JOIN salons_salon s ON s.district_id = r.slug",
    "salons_category": "SELECT s.salon_id FROM rows r JOIN salons_service s ON s.category_id = r.slug",
    "salons_hijrishift": "SELECT s.id FROM salons_salon s WHERE EXISTS (SELECT FROM rows)",
}

FUNCTION = """
CREATE FUNCTION {table}_bumps() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    UPDATE salons_salon SET catalogue_version = catalogue_version + 1
     WHERE id IN (SELECT id FROM salons_salon WHERE id IN ({path}) ORDER BY id FOR NO KEY UPDATE);
    RETURN NULL;
END $f$;
CREATE TRIGGER catalogue_version_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_bumps();
CREATE TRIGGER catalogue_version_delete AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_bumps();
CREATE TRIGGER catalogue_version_new AFTER UPDATE ON {table}
    REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_bumps();
CREATE TRIGGER catalogue_version_old AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_bumps();
"""

SALON = """
CREATE FUNCTION salons_salon_bumps() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    -- A review changes the rating, and an edit its own counter: neither is news to the engine or to search.
    IF to_jsonb(NEW) - '{rating_sum,rating_count,rating_score,version,catalogue_version}'::text[]
       IS DISTINCT FROM
       to_jsonb(OLD) - '{rating_sum,rating_count,rating_score,version,catalogue_version}'::text[]
    THEN
        NEW.catalogue_version := OLD.catalogue_version + 1;
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER catalogue_version_self BEFORE UPDATE ON salons_salon
    FOR EACH ROW EXECUTE FUNCTION salons_salon_bumps();
"""

TRIGGERS = ("insert", "delete", "new", "old")


def _down(table):
    drops = "".join(f"DROP TRIGGER catalogue_version_{name} ON {table};" for name in TRIGGERS)
    return f"{drops} DROP FUNCTION {table}_bumps();"


class Migration(migrations.Migration):
    dependencies = [("salons", "0004_district_texts_go")]

    operations = [
        *[
            migrations.RunSQL(FUNCTION.format(table=table, path=path), _down(table))
            for table, path in PATHS.items()
        ],
        migrations.RunSQL(
            SALON, "DROP TRIGGER catalogue_version_self ON salons_salon; DROP FUNCTION salons_salon_bumps();"
        ),
    ]
