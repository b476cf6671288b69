"""Refunds that two people agree on, what finance searches payments by, and who took which list away."""

import backend.core.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0008_settlements'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ExportTaken',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('sheet', models.CharField(choices=[('payments', 'Payments'), ('refunds', 'Refunds'), ('ledger', 'Ledger'), ('settlements', 'Settlements')], max_length=12)),
                ('file_type', models.CharField(max_length=4)),
                ('from_date', models.DateField()),
                ('to_date', models.DateField()),
                ('taken_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'exports taken',
            },
        ),
        migrations.CreateModel(
            name='RefundRequest',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('amount_minor', models.PositiveIntegerField()),
                ('reason', models.CharField(max_length=200)),
                ('needs_second', models.BooleanField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('made', 'Made'), ('declined', 'Declined'), ('expired', 'Expired')], max_length=8)),
                ('requested_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decline_reason', models.CharField(blank=True, default='', max_length=200)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='refund',
            name='refund_once_per_reason',
        ),
        migrations.AddField(
            model_name='payment',
            name='card_last_four',
            field=models.CharField(blank=True, db_default='', default='', max_length=4),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['amount_minor', '-created_at', '-id'], name='payment_by_amount'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('card_last_four', ''), _negated=True), fields=['card_last_four', '-created_at', '-id'], name='payment_by_card'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('quarantined_because', ''), _negated=True), fields=['-created_at', '-id'], name='payment_quarantined'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('reason', 'goodwill'), _negated=True), fields=('payment', 'reason'), name='refund_once_per_reason'),
        ),
        migrations.AddField(
            model_name='exporttaken',
            name='taken_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='refundrequest',
            name='decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='refundrequest',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refund_requests', to='payments.payment'),
        ),
        migrations.AddField(
            model_name='refundrequest',
            name='refund',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='request', to='payments.refund'),
        ),
        migrations.AddField(
            model_name='refundrequest',
            name='requested_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='exporttaken',
            index=models.Index(fields=['-taken_at', '-id'], name='export_newest_first'),
        ),
        migrations.AddConstraint(
            model_name='exporttaken',
            constraint=models.CheckConstraint(condition=models.Q(('sheet__in', ['payments', 'refunds', 'ledger', 'settlements'])), name='export_sheet_known'),
        ),
        migrations.AddConstraint(
            model_name='exporttaken',
            constraint=models.CheckConstraint(condition=models.Q(('file_type__in', ['csv', 'xlsx'])), name='export_type_known'),
        ),
        migrations.AddConstraint(
            model_name='exporttaken',
            constraint=models.CheckConstraint(condition=models.Q(('to_date__gte', models.F('from_date'))), name='export_days_in_order'),
        ),
        migrations.AddIndex(
            model_name='refundrequest',
            index=models.Index(fields=['-requested_at', '-id'], name='refund_request_newest'),
        ),
        migrations.AddIndex(
            model_name='refundrequest',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['expires_at'], name='refund_request_waiting'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'made', 'declined', 'expired'])), name='refund_request_state_known'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='refund_request_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='refund_request_says_why'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(('decided_by', models.F('requested_by')), _negated=True), _connector='OR'), name='refund_request_four_eyes'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decline_reason', ''), ('refund__isnull', False), ('state', 'made'), models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('needs_second', True)), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('needs_second', False)), _connector='OR')), models.Q(('needs_second', True), ('refund__isnull', True), ('state', 'declined'), ('decided_at__isnull', False), ('decided_by__isnull', False), models.Q(('decline_reason', ''), _negated=True)), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('decline_reason', ''), ('needs_second', True), ('refund__isnull', True), ('state__in', ('waiting', 'expired'))), _connector='OR'), name='refund_request_decided_whole_or_not'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('payment',), name='refund_request_one_waits'),
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER export_never_changes BEFORE UPDATE OR DELETE ON payments_exporttaken
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER exports_are_never_emptied BEFORE TRUNCATE ON payments_exporttaken
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();
            """,
            reverse_sql="""
            DROP TRIGGER exports_are_never_emptied ON payments_exporttaken;
            DROP TRIGGER export_never_changes ON payments_exporttaken;
            """,
        ),
    ]
