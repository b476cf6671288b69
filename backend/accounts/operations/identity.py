"""Recycled numbers: who signs in to a long-dormant account may be the number's next holder.

Operators hand numbers out again (KSA facts 1.7). When no device of an account was seen for DORMANT_AFTER, a sign-in
on a new device opens a session without history: what is older stays hidden until the person says the account's
name, or says that the account is not theirs. An account without a name has nothing to ask: there the history stays
hidden on that device.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.accounts import tokens
from backend.accounts.models import Device, User
from backend.accounts.names import same_name
from backend.accounts.operations.codes import SignIn
from backend.accounts.operations.leaving import erase_person
from backend.accounts.operations.sessions import DeviceDetails, SessionRevoked, open_session
from backend.accounts.signals import phone_proven
from backend.core import limits
from backend.core.errors import Conflict, Invalid, NotAllowed, TooManyRequests
from backend.core.limits import Limit

NAMES_SAID = Limit("identity-name", 3, timedelta(days=1), scaled=False)


class IdentityUnconfirmed(NotAllowed):
    code = "identity_unconfirmed"
    message = _("Please confirm the name on this account first.")


class IdentityNameWrong(Invalid):
    code = "identity_name_wrong"
    message = _("This is not the name on the account. It may be somebody else's account.")


class IdentityTooManyAttempts(TooManyRequests):
    code = "identity_too_many_attempts"
    message = _("Too many attempts. Please try again tomorrow, or say that this is not your account.")
    client = "show"


class IdentityNotAsked(Conflict):
    code = "identity_not_asked"
    message = _("There is nothing to confirm on this account.")


def require_confirmed(user: User) -> None:
    """Refuse to a session that has yet to say the account's name. Raises IdentityUnconfirmed."""
    if user.name_asked:
        raise IdentityUnconfirmed


def confirm_name(*, user: User, device: Device, name: str, now: datetime) -> None:
    """Show this device the whole account if `name` is its name. Again is fine.

    Three names a day and account, whichever device says them. Raises IdentityNameWrong, IdentityTooManyAttempts, or
    SessionRevoked when the account was deleted meanwhile.
    """
    if not device.name_asked:
        return
    wait = limits.take(NAMES_SAID, user.pk.hex, now=now)
    if wait:
        raise NAMES_SAID.refusal(wait, IdentityTooManyAttempts)
    if not same_name(name, user.name):
        raise IdentityNameWrong
    with transaction.atomic():
        living = (
            User.objects.select_for_update(no_key=True).filter(pk=user.pk, deleted_at__isnull=True).first()
        )
        if living is None:
            raise SessionRevoked
        Device.objects.filter(pk=device.pk).update(history_from=None, name_asked=False)
        phone_proven.send(sender=User, user=living, now=now)
    device.history_from, device.name_asked = None, False
    user.history_from, user.name_asked = None, False


def disown(*, user: User, device: Device, now: datetime) -> SignIn:
    """This account is not theirs: a fresh one for the number, and this device signed in to it.

    The old account keeps its bookings and loses everything that names a person, the number first, as when
    somebody leaves. Raises IdentityNotAsked for a session that was never in doubt, SessionRevoked when a twin was
    first, and whatever an app above has against it.
    """
    with transaction.atomic():
        old = User.objects.select_for_update().get(pk=user.pk)
        current = Device.objects.filter(pk=device.pk, revoked_at__isnull=True).first()
        if current is None or old.phone is None:
            raise SessionRevoked
        if current.history_from is None:
            raise IdentityNotAsked
        phone = old.phone
        erase_person(User.objects.filter(pk=old.pk), now=now)
        User.objects.filter(pk=old.pk).update(recycled_at=now)
        fresh, is_new = User.objects.for_sign_in(phone, device_language=old.device_language, now=now)
        details = DeviceDetails(
            installation_id=current.installation_id,
            platform=current.platform,
            name=current.name,
            app_version=current.app_version,
        )
        opened = open_session(user=fresh, details=details, now=now)
    return SignIn(user=fresh, device=opened, tokens=tokens.pair_of(opened), is_new_user=is_new)
