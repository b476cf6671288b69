"""A refund asked for may be withdrawn; what was written down of acts with money, and of proofs, stays as it was."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0010_damage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='refundrequest',
            name='refund_request_state_known',
        ),
        migrations.RemoveConstraint(
            model_name='refundrequest',
            name='refund_request_decided_whole_or_not',
        ),
        migrations.AlterField(
            model_name='refundrequest',
            name='state',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('made', 'Made'), ('declined', 'Turned Down'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn')], max_length=9),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'made', 'declined', 'expired', 'withdrawn'])), name='refund_request_state_known'),
        ),
        migrations.AddConstraint(
            model_name='refundrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decline_reason', ''), ('refund__isnull', False), ('state', 'made'), models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('needs_second', True)), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('needs_second', False)), _connector='OR')), models.Q(('needs_second', True), ('refund__isnull', True), ('state', 'declined'), ('decided_at__isnull', False), ('decided_by__isnull', False), models.Q(('decline_reason', ''), _negated=True)), models.Q(('decided_at__isnull', False), ('decided_by__isnull', True), ('decline_reason', ''), ('needs_second', True), ('refund__isnull', True), ('state', 'withdrawn')), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('decline_reason', ''), ('needs_second', True), ('refund__isnull', True), ('state__in', ('waiting', 'expired'))), _connector='OR'), name='refund_request_decided_whole_or_not'),
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION payments_facts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF to_jsonb(OLD) - TG_ARGV <> to_jsonb(NEW) - TG_ARGV THEN
                    RAISE EXCEPTION 'what was written down in % is never changed', TG_TABLE_NAME
                        USING ERRCODE = 'integrity_constraint_violation';
                END IF;
                RETURN NEW;
            END
            $$;
            CREATE FUNCTION payments_day_is_proven() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                proof payments_reconciliation;
            BEGIN
                SELECT * INTO proof FROM payments_reconciliation WHERE id = NEW.reconciliation_id;
                IF proof.finished_at IS NULL OR proof.from_date <> NEW.business_date OR proof.to_date <> NEW.business_date
                   OR proof.started_at < (NEW.business_date + 1)::timestamp AT TIME ZONE 'Asia/Riyadh' THEN
                    RAISE EXCEPTION 'no comparison proves %', NEW.business_date
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'day_close_is_proven', TABLE = TG_TABLE_NAME;
                END IF;
                IF EXISTS (SELECT FROM payments_difference d
                            WHERE d.state = 'open'
                              AND (d.business_date = NEW.business_date
                                   OR d.id IN (SELECT f.difference_id FROM payments_finding f
                                                WHERE f.reconciliation_id = proof.id))) THEN
                    RAISE EXCEPTION 'differences of % stand open', NEW.business_date
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'day_close_is_answered', TABLE = TG_TABLE_NAME;
                END IF;
                RETURN NEW;
            END
            $$;
            CREATE TRIGGER day_close_is_proven BEFORE INSERT ON payments_dayclose
                FOR EACH ROW EXECUTE FUNCTION payments_day_is_proven();

            CREATE TRIGGER proof_never_changes BEFORE UPDATE OR DELETE ON payments_reconciliation
                FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER proofs_are_never_emptied BEFORE TRUNCATE ON payments_reconciliation
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();

            CREATE TRIGGER payout_stays BEFORE UPDATE ON payments_payout
                FOR EACH ROW EXECUTE FUNCTION payments_facts_stay('voided_at', 'voided_by_id', 'void_reason');
            CREATE TRIGGER payout_is_voided_once BEFORE UPDATE ON payments_payout
                FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL) EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER payout_is_never_deleted BEFORE DELETE ON payments_payout
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            CREATE TRIGGER payouts_are_never_emptied BEFORE TRUNCATE ON payments_payout
                FOR EACH STATEMENT EXECUTE FUNCTION payments_books_never_change();

            CREATE TRIGGER receipt_stays BEFORE UPDATE ON payments_deskreceipt
                FOR EACH ROW EXECUTE FUNCTION payments_facts_stay('note', 'voided_at', 'voided_by_id', 'void_reason');
            CREATE TRIGGER receipt_is_voided_once BEFORE UPDATE ON payments_deskreceipt
                FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL)
                EXECUTE FUNCTION payments_facts_stay('note', 'void_reason');
            CREATE TRIGGER receipt_is_never_deleted BEFORE DELETE ON payments_deskreceipt
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();

            CREATE TRIGGER refund_request_stays BEFORE UPDATE ON payments_refundrequest
                FOR EACH ROW EXECUTE FUNCTION payments_facts_stay(
                    'state', 'refund_id', 'reason', 'decided_by_id', 'decided_at', 'decline_reason');
            CREATE TRIGGER refund_request_is_decided_once BEFORE UPDATE ON payments_refundrequest
                FOR EACH ROW WHEN (OLD.state <> 'waiting')
                EXECUTE FUNCTION payments_facts_stay('reason', 'decline_reason');
            CREATE TRIGGER refund_request_is_never_deleted BEFORE DELETE ON payments_refundrequest
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();

            CREATE TRIGGER resolution_never_changes BEFORE UPDATE OR DELETE ON payments_resolution
                FOR EACH ROW EXECUTE FUNCTION payments_books_never_change();
            """,
            reverse_sql="""
            DROP TRIGGER resolution_never_changes ON payments_resolution;
            DROP TRIGGER refund_request_is_never_deleted ON payments_refundrequest;
            DROP TRIGGER refund_request_is_decided_once ON payments_refundrequest;
            DROP TRIGGER refund_request_stays ON payments_refundrequest;
            DROP TRIGGER receipt_is_never_deleted ON payments_deskreceipt;
            DROP TRIGGER receipt_is_voided_once ON payments_deskreceipt;
            DROP TRIGGER receipt_stays ON payments_deskreceipt;
            DROP TRIGGER payouts_are_never_emptied ON payments_payout;
            DROP TRIGGER payout_is_never_deleted ON payments_payout;
            DROP TRIGGER payout_is_voided_once ON payments_payout;
            DROP TRIGGER payout_stays ON payments_payout;
            DROP TRIGGER proofs_are_never_emptied ON payments_reconciliation;
            DROP TRIGGER proof_never_changes ON payments_reconciliation;
            DROP TRIGGER day_close_is_proven ON payments_dayclose;
            DROP FUNCTION payments_day_is_proven();
            DROP FUNCTION payments_facts_stay();
            """,
        ),
    ]
