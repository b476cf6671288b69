"""The bank's 3-D Secure page and the hosted checkout as the payer sees them, in Arabic and English."""

from __future__ import annotations

from html import escape

from backend.payments.sandbox.store import Record
from backend.payments.sandbox.values import amount_format

_STYLE = """
body{font-family:system-ui,sans-serif;background:#f4f4f2;color:#222;margin:0;padding:2rem 1rem}
main{max-width:26rem;margin:auto;background:#fff;border-radius:.75rem;padding:1.5rem;
box-shadow:0 1px 6px #0002}
h1{font-size:1.15rem;margin:.2rem 0}p{margin:.6rem 0;line-height:1.6}
.sum{font-size:1.5rem;text-align:center;margin:1rem 0}
button{display:block;width:100%;margin:.6rem 0;padding:.8rem;border:0;border-radius:.5rem;font:inherit;
cursor:pointer;background:#ddd}
button.yes{background:#0b6b4f;color:#fff}
small{color:#666}
"""

_BUTTONS = (
    ("AUTHENTICATED", "yes", "تأكيد الدفع", "Confirm the payment"),
    ("UNAUTHENTICATED", "", "رمز خاطئ", "Wrong code"),
    ("CANCELLED", "", "إلغاء", "Cancel"),
)


def _page(title: str, inside: str) -> str:
    return (
        '<!doctype html><html lang="ar" dir="rtl"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{inside}</main></body></html>"
    )


def challenge(record: Record) -> str:
    """The question, with one button for each way it can end."""
    doc = record.doc
    total = amount_format(doc["amount"], doc["currency"])
    digits = (doc["source"].get("number") or "")[-4:]
    buttons = "".join(
        f'<button name="result" value="{value}" class="{css}">'
        f'{arabic} · <bdi lang="en">{english}</bdi></button>'
        for value, css, arabic, english in _BUTTONS
    )
    return _page(
        "3-D Secure",
        "<h1>التحقق من الدفع</h1>"
        '<h1 lang="en" dir="ltr">Payment verification</h1>'
        f'<p class="sum"><bdi dir="ltr">{escape(total)}</bdi></p>'
        f'<p>البطاقة المنتهية بـ <bdi dir="ltr">{escape(digits)}</bdi></p>'
        f'<p lang="en" dir="ltr">Card ending in {escape(digits)}</p>'
        f'<form method="post">{buttons}</form>'
        "<small>صفحة تجريبية: لا تُسحب أي مبالغ حقيقية.</small><br>"
        '<small lang="en" dir="ltr">Sandbox page: no real money moves.</small>',
    )


def finished(record: Record, return_url: str | None) -> str:
    """The payment has ended; a reload or a second visit comes here."""
    back = (
        f'<p><a href="{escape(return_url, quote=True)}">العودة · <bdi lang="en">Return</bdi></a></p>'
        if return_url
        else ""
    )
    status = escape(str(record.doc["status"]))
    return _page(
        "3-D Secure",
        f'<h1>انتهت هذه العملية</h1><h1 lang="en" dir="ltr">This payment has ended</h1>'
        f'<p class="sum"><bdi dir="ltr">{status}</bdi></p>{back}',
    )


def invoice(record: Record, *, declined: bool) -> str:
    """The hosted checkout: what is to be paid, and one button for each way a card may behave."""
    doc = record.doc
    total = escape(amount_format(doc["amount"], doc["currency"]))
    said = (
        '<p>لم تكتمل العملية. يمكن المحاولة مرة أخرى.</p><p lang="en" dir="ltr">Not paid. You may try again.</p>'
        if declined
        else ""
    )
    if doc["status"] in ("initiated", "failed"):
        asked = (
            '<form method="post"><button name="choice" value="PAY" class="yes">'
            'الدفع بمدى · <bdi lang="en">Pay with mada</bdi></button>'
            '<button name="choice" value="VERIFY">'
            'الدفع مع تحقق البنك · <bdi lang="en">Pay, with the bank asking</bdi></button>'
            '<button name="choice" value="DECLINE">بطاقة بلا رصيد · <bdi lang="en">A card without funds</bdi>'
            "</button></form>"
        )
    else:
        asked = f'<p class="sum"><bdi dir="ltr">{escape(str(doc["status"]))}</bdi></p>'
    back = (
        f'<p><a href="{escape(doc["back_url"], quote=True)}">العودة · <bdi lang="en">Back</bdi></a></p>'
        if doc["back_url"]
        else ""
    )
    return _page(
        "Invoice",
        '<h1>صفحة الدفع</h1><h1 lang="en" dir="ltr">Payment page</h1>'
        f'<p class="sum"><bdi dir="ltr">{total}</bdi></p>'
        f'<p><bdi dir="auto">{escape(doc["description"])}</bdi></p>{said}{asked}{back}'
        "<small>صفحة تجريبية: لا تُسحب أي مبالغ حقيقية.</small><br>"
        '<small lang="en" dir="ltr">Sandbox page: no real money moves.</small>',
    )


def unknown() -> str:
    return _page(
        "3-D Secure",
        '<h1>الرابط غير صالح</h1><h1 lang="en" dir="ltr">This link is not valid</h1>',
    )


BLOCKED = (
    "<!doctype html><html><head><title>403</title></head><body><h1>Error 1010</h1>Access denied</body></html>"
)
"""What the CDN in front of the real API sends to callers it does not like."""
