"""An account moves to another number.

Whoever asks proves the new number by a code. Who also proves the old one, by a code to it, is moved at once: that
code is the recent sign-in that such a step needs. Without it (the old number is lost) the move waits for
PHONE_CHANGE_COOLING; the old number is told at once, every device sees it on `me`, and anybody signed in to the
account can stop it. Support may begin such a move for somebody who cannot sign in any more; it can prove nothing
for them, and always waits.

When a move takes effect, the old number is told and every device but the one that asked is signed out.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from backend.accounts import messages
from backend.accounts.models import Device, OtpChallenge, PhoneChange, SupportLook, User
from backend.accounts.operations import codes, limits, support
from backend.accounts.operations.codes import OtpExpired, OtpInvalid
from backend.accounts.operations.identity import require_confirmed
from backend.accounts.operations.sessions import SessionRevoked, end_sessions
from backend.core import limits as core_limits
from backend.core.errors import (
    Conflict,
    DomainError,
    NotFound,
    PermissionDenied,
    TooManyRequests,
    ValidationFailed,
)
from backend.core.limits import Limit
from backend.notifications import operations as notifications

PER_PERSON = Limit("phone-change", 5, timedelta(hours=1))
BATCH = 100

_Purpose = OtpChallenge.Purpose
_State = PhoneChange.State
OPEN = (_State.WAITING, _State.COOLING)


class PhoneTaken(Conflict):
    code = "phone_taken"
    message = _("This number belongs to another account.")
    client = "show"


class PhoneChangeOver(Conflict):
    code = "phone_change_over"
    message = _("This change of number has already taken effect.")


# Asking -----------------------------------------------------------------------------------------


def ask_phone_change(
    *,
    user: User,
    device: Device,
    new_phone: str,
    without_old: bool,
    app_hash: str | None,
    installation_id: uuid.UUID | None,
    network: str,
    language: str,
    now: datetime,
) -> PhoneChange:
    """Send a code to the new number, and one to the old unless `without_old`. It replaces an open change.

    The answer is the same whether or not the new number has an account. Raises IdentityUnconfirmed, what asking
    for a code raises, or ValidationFailed at `/new_phone`.
    """
    require_confirmed(user)
    return _ask(
        PhoneChange(user=user, device=device, new_phone=new_phone, needs_old=not without_old),
        app_hash=app_hash,
        installation_id=installation_id,
        network=network,
        language=language,
        now=now,
    )


def begin_assisted_change(
    *, by: User, person_id: uuid.UUID, new_phone: str, reason: str, network: str, now: datetime
) -> PhoneChange:
    """Support begins a change for somebody without the old number: a code goes to the new one.

    Not for oneself, and not for holders of a platform role or who may open the console. The look is recorded
    whatever comes of it. Raises NotFound, PermissionDenied, PhoneTaken (support may know), and what asking for a
    code raises.
    """
    support.count_look(by=by, now=now)
    person = User.objects.filter(pk=person_id, phone__isnull=False).first()
    support.record_look(by=by, person=person, what=SupportLook.What.PHONE_CHANGE, number=new_phone, now=now)
    if person is None:
        raise NotFound
    if person == by or person.platform_roles or person.is_staff or person.is_superuser:
        raise PermissionDenied
    if User.objects.filter(phone=new_phone).exclude(pk=person.pk).exists():
        raise PhoneTaken
    return _ask(
        PhoneChange(user=person, assisted_by=by, reason=reason, new_phone=new_phone, needs_old=False),
        app_hash=None,
        installation_id=None,
        network=network,
        language=person.spoken_language,
        now=now,
    )


def _ask(
    change: PhoneChange,
    *,
    app_hash: str | None,
    installation_id: uuid.UUID | None,
    network: str,
    language: str,
    now: datetime,
) -> PhoneChange:
    user = change.user
    assert user.phone is not None  # a closed account has neither devices nor help
    if change.new_phone == user.phone:
        raise ValidationFailed.at("/new_phone", "phone_unchanged")
    wait = core_limits.take(PER_PERSON, user.pk.hex, now=now)
    if wait:
        raise PER_PERSON.refusal(wait)
    # Both are counted before either is sent: a refusal must not cost a text.
    count = partial(limits.count_request, installation_id=installation_id, network=network, now=now)
    taken_new, taken_old = count(phone=change.new_phone), None
    if change.needs_old:
        try:
            taken_old = count(phone=user.phone)
        except TooManyRequests:
            taken_new.give_back()
            raise
    # Somebody else's number gets a text without the code: the same call, in the same time, at the same price.
    new_text = partial(messages.code_text, language=language, app_hash=app_hash)
    if User.objects.filter(phone=change.new_phone).exists():
        new_text = partial(messages.number_has_an_account, language=language)
    change.new_code = OtpChallenge(
        purpose=_Purpose.CHANGE_NEW, user=user, phone=change.new_phone, language=language
    )
    try:
        codes.send_code(change.new_code, new_text, taken=taken_new, now=now, pointer="/new_phone")
    except DomainError:
        if taken_old:
            taken_old.give_back()
        raise
    if taken_old:
        spoken = user.spoken_language
        change.old_code = OtpChallenge(
            purpose=_Purpose.CHANGE_OLD, user=user, phone=user.phone, language=spoken
        )
        leaving_text = partial(messages.leaving_code_text, language=spoken)
        codes.send_code(change.old_code, leaving_text, taken=taken_old, now=now)
    change.old_phone, change.created_at = user.phone, now
    with transaction.atomic():
        living = User.objects.select_for_update(no_key=True).filter(pk=user.pk, deleted_at__isnull=True)
        if living.first() is not None:
            stop_open_changes(user, now=now)
            change.save(force_insert=True)
            return change
    # Deleted while the codes were on their way: what names a person is gone, and stays gone.
    OtpChallenge.objects.filter(user=user).delete()
    raise SessionRevoked


# Proving ----------------------------------------------------------------------------------------


def confirm_phone_change(
    *,
    user: User,
    device: Device,
    change_id: uuid.UUID,
    new_code: str,
    old_code: str | None,
    now: datetime,
    network: str = "",
) -> PhoneChange:
    """Move the account, or begin the cooling period. Confirming a change that has come that far returns it.

    `device` is the one that stays signed in. Raises NotFound, OtpInvalid (`attempts_left`, and which codes were
    `wrong`), OtpExpired, OtpTooManyAttempts, TooManyRequests, PhoneTaken, IdentityUnconfirmed, or
    ValidationFailed when the old number's code is missing.
    """
    require_confirmed(user)
    change = change_of(user, change_id)
    if change.needs_old and change.state == _State.WAITING and not old_code:
        raise ValidationFailed.at("/old_code", "field_required")
    given = {"new": new_code} | ({"old": old_code} if old_code else {})
    return _prove(change, given, device=device, network=network, now=now)


def change_of(user: User, change_id: uuid.UUID) -> PhoneChange:
    """One of the person's own changes. Raises NotFound."""
    return _found(PhoneChange.objects.filter(user=user, pk=change_id).first())


def assisted_change(change_id: uuid.UUID) -> PhoneChange:
    """A change that support began, which the person proves without being signed in. Raises NotFound."""
    return _found(PhoneChange.objects.filter(pk=change_id, assisted_by__isnull=False).first())


def prove_assisted_change(
    *, change_id: uuid.UUID, new_code: str, now: datetime, network: str = ""
) -> PhoneChange:
    """Prove the new number of a change that support began: the cooling period begins.

    Raises NotFound, OtpInvalid, OtpExpired, OtpTooManyAttempts.
    """
    return _prove(assisted_change(change_id), {"new": new_code}, device=None, network=network, now=now)


def _found(change: PhoneChange | None) -> PhoneChange:
    if change is None:
        raise NotFound
    return change


def _prove(
    change: PhoneChange, given: Mapping[str, str], *, device: Device | None, network: str, now: datetime
) -> PhoneChange:
    if change.state in (_State.COOLING, _State.DONE):
        return change
    asked = {"new": change.new_code} | ({"old": change.old_code} if change.needs_old else {})
    needed = {which: challenge for which, challenge in asked.items() if challenge is not None}
    if change.state != _State.WAITING or len(needed) < len(asked):
        raise OtpExpired
    left = {
        which: codes.try_code(challenge, given[which], network=network, now=now)
        for which, challenge in needed.items()
    }
    wrong = {which: tries for which, tries in left.items() if tries is not None}
    if wrong:
        raise OtpInvalid(attempts_left=min(wrong.values()), wrong=sorted(wrong))
    with transaction.atomic():
        change = _locked(change)
        if change.state in (_State.COOLING, _State.DONE):
            return change  # a twin was first
        use = partial(codes.use_code, network=network, now=now)
        if change.state != _State.WAITING or not all(use(challenge) for challenge in needed.values()):
            raise OtpExpired
        change.device = device
        change.save(update_fields=["device"])
        if change.needs_old:
            _take_effect(change, now=now)
        else:
            _cool(change, now=now)
    if change.state == _State.FAILED:
        raise PhoneTaken
    return change


def _cool(change: PhoneChange, *, now: datetime) -> None:
    change.state, change.takes_effect_at = _State.COOLING, now + settings.PHONE_CHANGE_COOLING
    change.save(update_fields=["state", "takes_effect_at"])
    _tell_old_number(
        change,
        "phone_change_announced",
        messages.number_will_change(change.takes_effect_at, language=change.user.spoken_language),
        now=now,
    )


# Stopping and finishing -------------------------------------------------------------------------


def stop_phone_change(*, user: User, change_id: uuid.UUID, now: datetime) -> None:
    """Stop a change that has not taken effect. Again is fine.

    Raises IdentityUnconfirmed (the number's next holder must not stop who moves away from it), NotFound,
    PhoneChangeOver.
    """
    require_confirmed(user)
    change = change_of(user, change_id)
    with transaction.atomic():
        change = _locked(change)
        if change.state == _State.DONE:
            raise PhoneChangeOver
        if change.state in OPEN:
            _finish(change, _State.STOPPED, now=now)


def stop_open_changes(user: User, *, now: datetime) -> None:
    """Stop whatever is under way for a person, whose row the caller has locked."""
    PhoneChange.objects.filter(user=user, state__in=OPEN).update(state=_State.STOPPED, finished_at=now)


def finish_due_changes(now: datetime) -> int:
    """Put into effect what has cooled, and put away what nobody proved. Safe on many machines at once."""
    due = PhoneChange.objects.filter(state=_State.COOLING, takes_effect_at__lte=now).order_by("pk")[:BATCH]
    finished = 0
    for change in due:
        with suppress(NotFound), transaction.atomic():
            change = _locked(change)
            if change.state == _State.COOLING:
                _take_effect(change, now=now)
                finished += 1
    dead = PhoneChange.objects.filter(state=_State.WAITING, created_at__lt=now - 2 * settings.OTP_LIFETIME)
    return finished + dead.update(state=_State.STOPPED, finished_at=now)


def _locked(change: PhoneChange) -> PhoneChange:
    """The change and its person, locked in this order, as they are now. Raises NotFound: it went with its account."""
    user = User.objects.select_for_update().get(pk=change.user_id)
    change = _found(PhoneChange.objects.select_for_update().filter(pk=change.pk).first())
    change.user = user
    return change


def _take_effect(change: PhoneChange, *, now: datetime) -> None:
    """Give a locked account its new number, or fail when that went to somebody else, or the old one changed."""
    user = change.user
    if user.phone != change.old_phone:
        _finish(change, _State.FAILED, now=now)
        return
    user.phone = change.new_phone
    try:
        with transaction.atomic():
            user.save(update_fields=["phone"])
    except IntegrityError:
        _finish(change, _State.FAILED, now=now)
        return
    _finish(change, _State.DONE, now=now)
    end_sessions(Device.objects.filter(user=user).exclude(pk__in=[change.device_id]), now=now)
    _tell_old_number(change, "phone_changed", messages.number_changed(language=user.spoken_language), now=now)


def _finish(change: PhoneChange, state: str, *, now: datetime) -> None:
    change.state, change.finished_at = state, now
    change.save(update_fields=["state", "finished_at"])


def _tell_old_number(change: PhoneChange, kind: str, words: notifications.Words, *, now: datetime) -> None:
    notifications.enqueue(
        notifications.draft(
            recipient=change.user,
            to_phone=change.old_phone,
            language=change.user.spoken_language,
            kind=kind,
            audience="customer",
            words=words,
            event_key=f"phone-change:{change.pk}:{kind}",
            now=now,
        )
    )
