"""Search finds what changed, and where: each salon has an entry that the database marks as stale, and indexes.

`catalogue_version` 0 marks an entry as stale. A change on any path raises the salon's version (0005), which marks its
entry; the few that are marked stand in an index of their own.
"""

from django.db import migrations

ENTRIES = """
CREATE FUNCTION salons_salon_enters_search() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    INSERT INTO salons_searchentry (salon_id, catalogue_version, terms, sort_key_ar, sort_key_en)
    VALUES (NEW.id, 0, '', '', '') ON CONFLICT DO NOTHING;
    RETURN NULL;
END $f$;
CREATE TRIGGER search_enters AFTER INSERT ON salons_salon
    FOR EACH ROW EXECUTE FUNCTION salons_salon_enters_search();
CREATE FUNCTION salons_salon_stales_search() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    UPDATE salons_searchentry SET catalogue_version = 0 WHERE salon_id = NEW.id AND catalogue_version <> 0;
    RETURN NULL;
END $f$;
CREATE TRIGGER search_stales AFTER UPDATE ON salons_salon
    FOR EACH ROW WHEN (OLD.catalogue_version IS DISTINCT FROM NEW.catalogue_version)
    EXECUTE FUNCTION salons_salon_stales_search();
INSERT INTO salons_searchentry (salon_id, catalogue_version, terms, sort_key_ar, sort_key_en)
SELECT id, 0, '', '', '' FROM salons_salon ON CONFLICT DO NOTHING;
"""

NO_ENTRIES = """
DROP TRIGGER search_enters ON salons_salon;
DROP FUNCTION salons_salon_enters_search();
DROP TRIGGER search_stales ON salons_salon;
DROP FUNCTION salons_salon_stales_search();
DELETE FROM salons_searchentry;
"""

INDEXES = {
    "search_entry_stale": "salons_searchentry (salon_id) WHERE catalogue_version = 0",
    "search_entry_by_price": "salons_searchentry (COALESCE(from_price_minor, 2147483647), salon_id)",
    "search_entry_by_name_ar": "salons_searchentry (sort_key_ar, salon_id)",
    "search_entry_by_name_en": "salons_searchentry (sort_key_en, salon_id)",
    # Not a GiST index over points: the planner guesses a thousandth for any box, and has true figures for two columns.
    "salon_live_by_place": "salons_salon (latitude, longitude) WHERE status = 'live'",
    "salon_live_by_district": "salons_salon (district_id, id) WHERE status = 'live'",
    "service_offered_by_category": "salons_service (category_id, salon_id) WHERE is_active",
    "review_published_ratings": "salons_review (salon_id, rating) WHERE status = 'published'",
}


class Migration(migrations.Migration):
    dependencies = [("salons", "0005_catalogue_version")]

    operations = [
        migrations.RunSQL(ENTRIES, NO_ENTRIES),
        # Otherwise every search reads through what was written since the last vacuum, and the planner shuns the index.
        migrations.RunSQL(
            "ALTER INDEX search_entry_terms SET (fastupdate = off)",
            "ALTER INDEX search_entry_terms RESET (fastupdate)",
        ),
        *[
            migrations.RunSQL(f"CREATE INDEX {name} ON {what}", f"DROP INDEX {name}")
            for name, what in INDEXES.items()
        ],
    ]
