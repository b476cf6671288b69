"""Tax documents: each follows the one before it, and none ever changes, on whatever path."""

import django.db.models.deletion
from django.db import migrations, models

import backend.core.ids

GUARDS = """
CREATE FUNCTION payments_documents_never_change() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    RAISE EXCEPTION 'tax documents never change' USING ERRCODE = 'integrity_constraint_violation';
END $f$;
CREATE TRIGGER document_never_changes BEFORE UPDATE OR DELETE ON payments_taxdocument
    FOR EACH ROW EXECUTE FUNCTION payments_documents_never_change();
CREATE TRIGGER document_never_truncated BEFORE TRUNCATE ON payments_taxdocument
    FOR EACH STATEMENT EXECUTE FUNCTION payments_documents_never_change();
CREATE TRIGGER document_series_never_deleted BEFORE DELETE ON payments_documentseries
    FOR EACH ROW EXECUTE FUNCTION payments_documents_never_change();
CREATE TRIGGER document_series_never_truncated BEFORE TRUNCATE ON payments_documentseries
    FOR EACH STATEMENT EXECUTE FUNCTION payments_documents_never_change();

CREATE FUNCTION payments_document_follows() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF NEW.counter > 1 AND NOT EXISTS (
        SELECT FROM payments_taxdocument d
         WHERE d.business_id = NEW.business_id AND d.counter = NEW.counter - 1 AND d.hash = NEW.previous_hash)
    OR NEW.number > 1 AND NOT EXISTS (
        SELECT FROM payments_taxdocument d
         WHERE d.business_id = NEW.business_id AND d.kind = NEW.kind AND d.number = NEW.number - 1)
    OR NEW.original_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM payments_taxdocument d
         WHERE d.id = NEW.original_id AND d.business_id = NEW.business_id AND d.kind = 'invoice')
    THEN
        RAISE EXCEPTION 'a tax document follows the one before it'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'document_follows';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER document_follows BEFORE INSERT ON payments_taxdocument
    FOR EACH ROW EXECUTE FUNCTION payments_document_follows();

CREATE FUNCTION payments_series_steps() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF NEW.business_id <> OLD.business_id OR NEW.counter <> OLD.counter + 1
       OR NEW.invoices < OLD.invoices OR NEW.credit_notes < OLD.credit_notes THEN
        RAISE EXCEPTION 'a series goes up by one' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER document_series_steps BEFORE UPDATE ON payments_documentseries
    FOR EACH ROW EXECUTE FUNCTION payments_series_steps();
"""
UNGUARDED = """
DROP TRIGGER document_series_steps ON payments_documentseries;
DROP TRIGGER document_follows ON payments_taxdocument;
DROP TRIGGER document_series_never_truncated ON payments_documentseries;
DROP TRIGGER document_series_never_deleted ON payments_documentseries;
DROP TRIGGER document_never_truncated ON payments_taxdocument;
DROP TRIGGER document_never_changes ON payments_taxdocument;
DROP FUNCTION payments_series_steps();
DROP FUNCTION payments_document_follows();
DROP FUNCTION payments_documents_never_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0009_wordings_and_reminders"),
        ("salons", "0013_sellers"),
        ("payments", "0006_ledger"),
    ]

    operations = [
        migrations.CreateModel(
            name='DocumentSeries',
            fields=[
                ('business', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='document_series', serialize=False, to='salons.business')),
                ('counter', models.PositiveBigIntegerField(default=0)),
                ('invoices', models.PositiveBigIntegerField(default=0)),
                ('credit_notes', models.PositiveBigIntegerField(default=0)),
                ('last_hash', models.CharField(default='5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9', max_length=64)),
                ('began_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'document series',
                'constraints': [models.CheckConstraint(condition=models.Q(('counter', models.F('invoices') + models.F('credit_notes'))), name='document_series_adds_up')],
            },
        ),
        migrations.CreateModel(
            name='TaxDocument',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('invoice', 'Invoice'), ('credit_note', 'Credit Note')], max_length=11)),
                ('number', models.PositiveBigIntegerField()),
                ('counter', models.PositiveBigIntegerField()),
                ('key', models.CharField(max_length=80, unique=True)),
                ('reason', models.CharField(blank=True, choices=[('supply_cancelled', 'Supply Cancelled'), ('price_changed', 'Price Changed'), ('mistake', 'Mistake')], default='', max_length=16)),
                ('issued_at', models.DateTimeField()),
                ('currency', models.CharField(default='SAR', max_length=3)),
                ('net_minor', models.PositiveIntegerField()),
                ('vat_minor', models.PositiveIntegerField()),
                ('total_minor', models.PositiveIntegerField()),
                ('previous_hash', models.CharField(max_length=64)),
                ('hash', models.CharField(max_length=64)),
                ('snapshot', models.JSONField()),
                ('booking', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tax_documents', to='bookings.booking')),
                ('business', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tax_documents', to='salons.business')),
                ('original', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='payments.taxdocument')),
                ('payment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tax_documents', to='payments.payment')),
                ('receipt', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tax_documents', to='payments.deskreceipt')),
            ],
            options={
                'indexes': [models.Index(fields=['-issued_at', '-id'], name='document_newest_first')],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('kind__in', ['invoice', 'credit_note'])), name='document_kind_known'),
                    models.CheckConstraint(condition=models.Q(('total_minor', models.F('net_minor') + models.F('vat_minor')), ('total_minor__gt', 0)), name='document_adds_up'),
                    models.CheckConstraint(condition=models.Q(models.Q(('kind', 'invoice'), ('original__isnull', True), ('reason', '')), models.Q(('kind', 'credit_note'), ('original__isnull', False), ('reason__in', ['supply_cancelled', 'price_changed', 'mistake'])), _connector='OR'), name='document_credits_an_invoice'),
                    models.CheckConstraint(condition=models.Q(models.Q(('payment__isnull', True), ('receipt__isnull', False)), models.Q(('payment__isnull', False), ('receipt__isnull', True)), _connector='OR'), name='document_of_one_movement'),
                    models.UniqueConstraint(fields=('business', 'counter'), name='document_counter_once'),
                    models.UniqueConstraint(fields=('business', 'kind', 'number'), name='document_number_once'),
                ],
            },
        ),
        migrations.AddIndex(
            model_name='deskreceipt',
            index=models.Index(fields=['-taken_at', '-id'], name='receipt_newest_first'),
        ),
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
