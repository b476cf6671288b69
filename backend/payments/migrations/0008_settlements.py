import backend.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0007_tax_documents'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.DeleteModel(
            name='Difference',
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='fees_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='fingerprint',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='found_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='gone_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='lines_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='note',
            field=models.CharField(blank=True, default='', max_length=20),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='settled_back_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='settled_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='theirs_captured_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='theirs_refunded_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='reconciliation',
            name='captured_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='reconciliation',
            name='refunded_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='DayClose',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('business_date', models.DateField(unique=True)),
                ('closed_at', models.DateTimeField()),
                ('closed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reconciliation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='closes', to='payments.reconciliation')),
            ],
        ),
        migrations.CreateModel(
            name='Difference',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('missing_here', 'Missing Here'), ('missing_there', 'Missing There'), ('currency', 'Currency'), ('amount', 'Amount'), ('metadata', 'Metadata'), ('status', 'Status'), ('refunded', 'Refunded'), ('duplicate', 'Duplicate'), ('orphan', 'Orphan'), ('settled_twice', 'Settled Twice'), ('settled_amount', 'Settled Amount'), ('fee', 'Fee'), ('wrong_day', 'Wrong Day'), ('unsettled', 'Unsettled'), ('chargeback', 'Chargeback'), ('chargeback_penalty', 'Chargeback Penalty'), ('settlement_total', 'Settlement Total')], max_length=20)),
                ('subject', models.CharField(max_length=60)),
                ('state', models.CharField(choices=[('open', 'Open'), ('healed', 'Healed'), ('resolved', 'Resolved'), ('gone', 'Gone')], default='open', max_length=8)),
                ('business_date', models.DateField()),
                ('payment_id', models.UUIDField(blank=True, db_index=True, null=True)),
                ('amount_minor', models.BigIntegerField(default=0)),
                ('facts', models.JSONField()),
                ('resolution', models.CharField(blank=True, choices=[('explained', 'Explained'), ('corrected', 'Corrected'), ('claimed', 'Claimed'), ('written_off', 'Written Off')], default='', max_length=12)),
                ('note', models.CharField(blank=True, default='', max_length=500)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('resolved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('is_healed', models.BooleanField(default=False)),
                ('difference', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='payments.difference')),
                ('reconciliation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='payments.reconciliation')),
            ],
        ),
        migrations.AddField(
            model_name='reconciliation',
            name='differences',
            field=models.ManyToManyField(related_name='runs', through='payments.Finding', to='payments.difference'),
        ),
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('gateway_id', models.CharField(max_length=80, unique=True)),
                ('source', models.CharField(choices=[('api', 'Api'), ('csv', 'Csv')], max_length=3)),
                ('currency', models.CharField(default='SAR', max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('fee_minor', models.BigIntegerField(default=0)),
                ('tax_minor', models.BigIntegerField(default=0)),
                ('reference', models.CharField(blank=True, default='', max_length=80)),
                ('line_count', models.PositiveIntegerField()),
                ('told_line_count', models.PositiveIntegerField(blank=True, null=True)),
                ('lines_minor', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('imported_at', models.DateTimeField()),
                ('imported_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='difference',
            name='settlement',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='differences', to='payments.settlement'),
        ),
        migrations.CreateModel(
            name='SettlementLine',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField()),
                ('gateway_payment_id', models.UUIDField(blank=True, db_index=True, null=True)),
                ('type', models.CharField(max_length=40)),
                ('currency', models.CharField(default='SAR', max_length=3)),
                ('payment_amount_minor', models.BigIntegerField()),
                ('net_minor', models.BigIntegerField()),
                ('fee_minor', models.BigIntegerField(default=0)),
                ('fee_vat_minor', models.BigIntegerField(default=0)),
                ('reference_number', models.CharField(blank=True, default='', max_length=80)),
                ('transacted_at', models.DateTimeField()),
                ('payment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='settlement_lines', to='payments.payment')),
                ('settlement', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='payments.settlement')),
            ],
        ),
        migrations.CreateModel(
            name='DifferenceEvent',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('act', models.CharField(choices=[('opened', 'Opened'), ('changed', 'Changed'), ('taken', 'Taken'), ('noted', 'Noted'), ('resolved', 'Resolved'), ('healed', 'Healed'), ('gone', 'Gone'), ('reopened', 'Reopened')], max_length=8)),
                ('resolution', models.CharField(blank=True, choices=[('explained', 'Explained'), ('corrected', 'Corrected'), ('claimed', 'Claimed'), ('written_off', 'Written Off')], default='', max_length=12)),
                ('note', models.CharField(blank=True, default='', max_length=500)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('difference', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='payments.difference')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('act__in', ['opened', 'changed', 'taken', 'noted', 'resolved', 'healed', 'gone', 'reopened'])), name='difference_act_known')],
            },
        ),
        migrations.AddConstraint(
            model_name='finding',
            constraint=models.UniqueConstraint(fields=('reconciliation', 'difference'), name='finding_once_a_run'),
        ),
        migrations.AddIndex(
            model_name='settlement',
            index=models.Index(fields=['-created_at', '-id'], name='settlement_newest_first'),
        ),
        migrations.AddConstraint(
            model_name='settlement',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['api', 'csv'])), name='settlement_source_known'),
        ),
        migrations.AddConstraint(
            model_name='settlement',
            constraint=models.CheckConstraint(condition=models.Q(('gateway_id', ''), _negated=True), name='settlement_has_an_id'),
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['business_date'], name='difference_standing'),
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(fields=['-opened_at', '-id'], name='difference_newest_first'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.UniqueConstraint(fields=('kind', 'subject'), name='difference_known_once'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['missing_here', 'missing_there', 'currency', 'amount', 'metadata', 'status', 'refunded', 'duplicate', 'orphan', 'settled_twice', 'settled_amount', 'fee', 'wrong_day', 'unsettled', 'chargeback', 'chargeback_penalty', 'settlement_total'])), name='difference_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'healed', 'resolved', 'gone'])), name='difference_state_known'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='difference_closed_whole_or_not'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution__in', ['explained', 'corrected', 'claimed', 'written_off']), ('resolved_by__isnull', False), ('state', 'resolved'), models.Q(('note', ''), _negated=True)), models.Q(models.Q(('state', 'resolved'), _negated=True), ('resolution', ''), ('resolved_by__isnull', True)), _connector='OR'), name='difference_resolved_with_a_name'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(fields=['transacted_at'], name='settlement_line_by_moment'),
        ),
        migrations.AddConstraint(
            model_name='settlementline',
            constraint=models.UniqueConstraint(fields=('settlement', 'position'), name='settlement_line_once'),
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER settlement_line_never_changes BEFORE UPDATE OR DELETE ON payments_settlementline
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER settlement_lines_are_never_emptied BEFORE TRUNCATE ON payments_settlementline
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER difference_event_never_changes BEFORE UPDATE OR DELETE ON payments_differenceevent
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER difference_events_are_never_emptied BEFORE TRUNCATE ON payments_differenceevent
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER day_close_never_changes BEFORE UPDATE OR DELETE ON payments_dayclose
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER day_closes_are_never_emptied BEFORE TRUNCATE ON payments_dayclose
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            """,
            reverse_sql="""
            DROP TRIGGER day_closes_are_never_emptied ON payments_dayclose;
            DROP TRIGGER day_close_never_changes ON payments_dayclose;
            DROP TRIGGER difference_events_are_never_emptied ON payments_differenceevent;
            DROP TRIGGER difference_event_never_changes ON payments_differenceevent;
            DROP TRIGGER settlement_lines_are_never_emptied ON payments_settlementline;
            DROP TRIGGER settlement_line_never_changes ON payments_settlementline;
            """,
        ),
    ]

