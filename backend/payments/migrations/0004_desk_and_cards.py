"""Money taken at the desk, balances, tips and saved cards."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import backend.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_authorise_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DeskReceipt',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('method', models.CharField(choices=[('cash', 'Cash'), ('terminal', 'Terminal')], max_length=8)),
                ('amount_minor', models.PositiveIntegerField()),
                ('tip_minor', models.PositiveIntegerField(db_default=0, default=0)),
                ('currency', models.CharField(default='SAR', max_length=3)),
                ('note', models.CharField(blank=True, default='', max_length=200)),
                ('taken_at', models.DateTimeField()),
                ('voided_at', models.DateTimeField(blank=True, null=True)),
                ('void_reason', models.CharField(blank=True, default='', max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='Resolution',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('outcome', models.CharField(choices=[('refunded_outside', 'Refunded Outside'), ('accepted', 'Accepted'), ('retry', 'Retry')], max_length=16)),
                ('note', models.CharField(max_length=500)),
                ('resolved_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='SavedCard',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('token', models.CharField(max_length=130, unique=True)),
                ('status', models.CharField(choices=[('unread', 'Unread'), ('active', 'Active'), ('removing', 'Removing')], default='unread', max_length=8)),
                ('brand', models.CharField(blank=True, default='', max_length=20)),
                ('last_four', models.CharField(blank=True, default='', max_length=4)),
                ('month', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('year', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('next_attempt_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='payment',
            name='purpose',
            field=models.CharField(choices=[('deposit', 'Deposit'), ('balance', 'Balance')], db_default='deposit', default='deposit', max_length=7),
        ),
        migrations.AddField(
            model_name='payment',
            name='save_card',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('purpose__in', ['deposit', 'balance'])), name='payment_purpose_known'),
        ),
        migrations.AddField(
            model_name='deskreceipt',
            name='booking',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='bookings.booking'),
        ),
        migrations.AddField(
            model_name='deskreceipt',
            name='taken_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='deskreceipt',
            name='voided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='resolution',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='resolutions', to='payments.payment'),
        ),
        migrations.AddField(
            model_name='resolution',
            name='refund',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='resolutions', to='payments.refund'),
        ),
        migrations.AddField(
            model_name='resolution',
            name='resolved_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='savedcard',
            name='customer',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='cards', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='deskreceipt',
            index=models.Index(fields=['booking', '-taken_at', '-id'], name='receipt_by_booking'),
        ),
        migrations.AddConstraint(
            model_name='deskreceipt',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['cash', 'terminal'])), name='receipt_method_known'),
        ),
        migrations.AddConstraint(
            model_name='deskreceipt',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gte', 0), ('tip_minor__gte', 0), models.Q(('amount_minor__gt', 0), ('tip_minor__gt', 0), _connector='OR')), name='receipt_amounts_positive'),
        ),
        migrations.AddConstraint(
            model_name='deskreceipt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('void_reason', ''), ('voided_at__isnull', True), ('voided_by__isnull', True)), models.Q(('voided_at__isnull', False), ('voided_by__isnull', False), models.Q(('void_reason', ''), _negated=True)), _connector='OR'), name='receipt_voided_whole_or_not'),
        ),
        migrations.AddConstraint(
            model_name='resolution',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['refunded_outside', 'accepted', 'retry'])), name='resolution_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='resolution',
            constraint=models.CheckConstraint(condition=models.Q(('note', ''), _negated=True), name='resolution_says_why'),
        ),
        migrations.AddConstraint(
            model_name='resolution',
            constraint=models.UniqueConstraint(condition=models.Q(('outcome', 'retry'), _negated=True), fields=('refund',), name='resolution_closes_a_refund_once'),
        ),
        migrations.AddConstraint(
            model_name='resolution',
            constraint=models.UniqueConstraint(condition=models.Q(('refund__isnull', True), models.Q(('outcome', 'retry'), _negated=True)), fields=('payment',), name='resolution_closes_a_payment_once'),
        ),
        migrations.AddIndex(
            model_name='savedcard',
            index=models.Index(fields=['customer', '-created_at', '-id'], name='card_by_customer'),
        ),
        migrations.AddIndex(
            model_name='savedcard',
            index=models.Index(condition=models.Q(('status__in', ('unread', 'removing'))), fields=['next_attempt_at'], name='card_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='savedcard',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['unread', 'active', 'removing'])), name='card_status_known'),
        ),
        migrations.AddConstraint(
            model_name='savedcard',
            constraint=models.CheckConstraint(condition=models.Q(('token', ''), _negated=True), name='card_has_a_token'),
        ),
        migrations.AddConstraint(
            model_name='savedcard',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'active'), _negated=True), models.Q(('customer__isnull', False), ('last_four__regex', '^[0-9]{4}$'), ('month__gte', 1), ('month__lte', 12), ('year__gte', 2000)), _connector='OR'), name='card_in_use_is_known'),
        ),
        migrations.AddConstraint(
            model_name='savedcard',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'removing'), _negated=True), ('customer__isnull', True), _connector='OR'), name='card_removed_is_nobodys'),
        ),
    ]

