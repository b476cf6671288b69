"""Published notices and consents are proof: the database itself refuses to change or delete them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_first_privacy_notice")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION accounts_proof_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'rows of % are proof and never change', TG_TABLE_NAME
                    USING ERRCODE = 'integrity_constraint_violation';
            END
            $$;
            CREATE TRIGGER consent_never_changes
                BEFORE UPDATE OR DELETE ON accounts_consent
                FOR EACH ROW EXECUTE FUNCTION accounts_proof_never_changes();
            CREATE TRIGGER published_notice_never_changes
                BEFORE UPDATE OR DELETE ON accounts_privacynotice
                FOR EACH ROW WHEN (OLD.published_at IS NOT NULL)
                EXECUTE FUNCTION accounts_proof_never_changes();
            """,
            reverse_sql="""
            DROP TRIGGER published_notice_never_changes ON accounts_privacynotice;
            DROP TRIGGER consent_never_changes ON accounts_consent;
            DROP FUNCTION accounts_proof_never_changes();
            """,
        ),
    ]
