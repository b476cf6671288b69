"""Numbers for the reviewers of app stores: a fixed code until a fixed day, and no text (setting REVIEW_NUMBERS).

Everything else is as for anybody: the limits count, the code is kept as a keyed hash, tries are bounded. Each use
stays as a code request of the provider `review`, and as a line in the log.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings

from backend.accounts.models import User
from backend.accounts.roles import is_staff_anywhere
from backend.core.time import RIYADH

PROVIDER = "review"

logger = logging.getLogger("mawid.codes")


def fixed_code(phone: str, *, now: datetime) -> str | None:
    """The fixed code of a review number, to the end of its last day in Riyadh; never for somebody with a role."""
    if phone not in settings.REVIEW_NUMBERS:
        return None
    code, last_day = settings.REVIEW_NUMBERS[phone]
    if now.astimezone(RIYADH).date() > last_day:
        return None
    user = User.objects.filter(phone=phone).first()
    if user is not None and is_staff_anywhere(user):
        logger.error("a review number belongs to staff: its fixed code is refused")
        return None
    logger.warning("the fixed code of a review number was asked for")
    return code
