"""The books: entries that balance and never change, and payouts."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import backend.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_hosted_pages"),
        ("bookings", "0009_wordings_and_reminders"),
        ("salons", "0014_commission"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='payment',
            name='suspended_minor',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('captured', 'Captured'), ('suspended', 'Suspended'), ('refund_owed', 'Refund Owed'), ('refund_done', 'Refund Done'), ('voided', 'Voided'), ('returned_outside', 'Returned Outside'), ('desk', 'Desk'), ('earned', 'Earned'), ('commission', 'Commission'), ('settled', 'Settled'), ('payout', 'Payout')], max_length=16)),
                ('key', models.CharField(max_length=80, unique=True)),
                ('at', models.DateTimeField()),
                ('business_date', models.DateField()),
                ('booking', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='bookings.booking')),
                ('business', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='salons.business')),
                ('payment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='payments.payment')),
                ('receipt', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='payments.deskreceipt')),
            ],
            options={
                'verbose_name_plural': 'entries',
            },
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account', models.CharField(choices=[('customer_receivable', 'Customer Receivable'), ('gateway_clearing', 'Gateway Clearing'), ('bank', 'Bank'), ('salon_payable', 'Salon Payable'), ('vat', 'Vat'), ('fees', 'Fees'), ('fee_vat', 'Fee Vat'), ('refunds', 'Refunds'), ('platform_revenue', 'Platform Revenue'), ('platform_vat', 'Platform Vat'), ('chargebacks', 'Chargebacks'), ('suspense', 'Suspense')], max_length=20)),
                ('amount_minor', models.BigIntegerField()),
                ('business_date', models.DateField()),
                ('service_id', models.UUIDField(blank=True, null=True)),
                ('staff_member_id', models.UUIDField(blank=True, null=True)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='payments.entry')),
                ('salon', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='salons.salon')),
            ],
        ),
        migrations.CreateModel(
            name='Payout',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('from_date', models.DateField()),
                ('to_date', models.DateField()),
                ('amount_minor', models.PositiveBigIntegerField()),
                ('bank_reference', models.CharField(max_length=80)),
                ('recorded_at', models.DateTimeField()),
                ('voided_at', models.DateTimeField(blank=True, null=True)),
                ('void_reason', models.CharField(blank=True, default='', max_length=200)),
                ('business', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='salons.business')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('salon', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='salons.salon')),
                ('voided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['business', 'business_date', 'id'], name='entry_by_business'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['business_date', 'id'], name='entry_by_day'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['captured', 'suspended', 'refund_owed', 'refund_done', 'voided', 'returned_outside', 'desk', 'earned', 'commission', 'settled', 'payout'])), name='entry_kind_known'),
        ),
        migrations.AddIndex(
            model_name='line',
            index=models.Index(fields=['salon', 'business_date'], include=('account', 'amount_minor', 'entry'), name='line_by_salon'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('account__in', ['customer_receivable', 'gateway_clearing', 'bank', 'salon_payable', 'vat', 'fees', 'fee_vat', 'refunds', 'platform_revenue', 'platform_vat', 'chargebacks', 'suspense'])), name='line_account_known'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor', 0), _negated=True), name='line_is_about_money'),
        ),
        migrations.AddIndex(
            model_name='payout',
            index=models.Index(fields=['-recorded_at', '-id'], name='payout_newest_first'),
        ),
        migrations.AddIndex(
            model_name='payout',
            index=models.Index(fields=['salon', '-recorded_at'], name='payout_by_salon'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='payout_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('to_date__gte', models.F('from_date'))), name='payout_days_in_order'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('bank_reference', ''), _negated=True), name='payout_has_a_reference'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('void_reason', ''), ('voided_at__isnull', True), ('voided_by__isnull', True)), models.Q(('voided_at__isnull', False), ('voided_by__isnull', False), models.Q(('void_reason', ''), _negated=True)), _connector='OR'), name='payout_voided_whole_or_not'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.UniqueConstraint(condition=models.Q(('voided_at__isnull', True)), fields=('salon', 'bank_reference'), name='payout_written_down_once'),
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION payments_books_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME
                    USING ERRCODE = 'integrity_constraint_violation';
            END
            $$;
            CREATE FUNCTION payments_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                written uuid := CASE TG_TABLE_NAME WHEN 'payments_entry' THEN to_jsonb(NEW) ->> 'id'
                                                   ELSE to_jsonb(NEW) ->> 'entry_id' END;
                balance bigint;
            BEGIN
                SELECT sum(amount_minor) INTO balance FROM payments_line WHERE entry_id = written;
                IF balance IS DISTINCT FROM 0 THEN
                    RAISE EXCEPTION 'entry % does not balance: %', written, coalesce(balance::text, 'no lines')
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balances', TABLE = TG_TABLE_NAME;
                END IF;
                RETURN NULL;
            END
            $$;
            CREATE TRIGGER entry_never_changes BEFORE UPDATE OR DELETE ON payments_entry
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER line_never_changes BEFORE UPDATE OR DELETE ON payments_line
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER entries_are_never_emptied BEFORE TRUNCATE ON payments_entry
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER lines_are_never_emptied BEFORE TRUNCATE ON payments_line
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON payments_entry DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION payments_entry_balances();
            CREATE CONSTRAINT TRIGGER line_balances AFTER INSERT ON payments_line DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION payments_entry_balances();
            """,
            reverse_sql="""
            DROP TRIGGER line_balances ON payments_line;
            DROP TRIGGER entry_balances ON payments_entry;
            DROP TRIGGER lines_are_never_emptied ON payments_line;
            DROP TRIGGER entries_are_never_emptied ON payments_entry;
            DROP TRIGGER line_never_changes ON payments_line;
            DROP TRIGGER entry_never_changes ON payments_entry;
            DROP FUNCTION payments_entry_balances();
            DROP FUNCTION payments_books_never_change();
            """,
        ),
    ]
