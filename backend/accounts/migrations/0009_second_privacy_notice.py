"""The second privacy notice: what salons note about their clients, e-mail, replies, and how long a change of number shows.

It is the first one with these lines put in or exchanged; the first stays as it was published.
"""

from importlib import import_module

from django.db import migrations
from django.utils import timezone

VERSION = 2

FIRST = import_module("backend.accounts.migrations.0005_first_privacy_notice")

EXCHANGED_AR = {
    "- **اختيارية:** الاسم والجنس والملاحظات إلى الصالون والآراء. عدم ذكرها لا يمنع الحجز.": (
        "- **اختيارية:** الاسم والجنس والبريد الإلكتروني والملاحظات إلى الصالون والآراء. عدم ذكرها لا يمنع الحجز."
    ),
    "- **من الصالون:** الاسم ورقم الجوال عند تسجيل موعد لمن حضر أو اتصل دون استخدام التطبيق.": (
        "- **من الصالون:** الاسم ورقم الجوال عند تسجيل موعد لمن حضر أو اتصل دون استخدام التطبيق، وما يدونه الصالون"
        " لنفسه عن عملائه. لا يرى هذه الملاحظات غير الصالون الذي كتبها، ولا يدون ما يخص الصحة إلا بموافقة صاحبها.\n"
        "- **من الرسائل:** اختيار ما يصل ووسيلته، وطلب الإيقاف، وما طلب في الرد على رسالة (تأكيد أو إلغاء). لا نحفظ"
        " نص الرد."
    ),
    "- نص الرسائل والرقم المرسلة إليه: 90 يومًا.": (
        "- نص الرسائل والرقم أو البريد المرسلة إليه، والردود عليها: 90 يومًا.\n"
        "- تغيير رقم الجوال (الرقم السابق والجديد): 90 يومًا.\n"
        "- ملاحظات الصالون عن عميل: حتى حذفها من الصالون أو حذف الحساب."
    ),
    "- سجلات الحجوزات والدفعات: ست سنوات": "- سجلات الحجوزات والدفعات والفواتير: ست سنوات",
}

EXCHANGED_EN = {
    "- **Optional:** your name, gender, notes to the salon, reviews.": (
        "- **Optional:** your name, gender, e-mail address, notes to the salon, reviews."
    ),
    "when it writes down a visit for somebody who came or called without the app.": (
        "when it writes down a visit for somebody who came or called without the app; and what a salon notes about its"
        " clients for itself. Nobody but the salon that wrote such a note sees it, and nothing about health is noted"
        " without the person's consent.\n"
        "- **From messages:** what you choose to hear and how, a wish to stop, and what a reply asked for (confirm or"
        " cancel). The words of a reply are not kept."
    ),
    "- The text of messages and the number they went to: 90 days.": (
        "- The text of messages, the number or address they went to, and replies to them: 90 days.\n"
        "- A change of mobile number (the old one and the new one): 90 days.\n"
        "- A salon's notes about a client: until the salon deletes them or the account is deleted."
    ),
    "- Records of bookings and payments: six years": "- Records of bookings, payments and invoices: six years",
}


def second(text, exchanged):
    for old, new in exchanged.items():
        if text.count(old) != 1:
            raise ValueError(f"the first notice does not say once: {old}")
        text = text.replace(old, new)
    return text


def publish(apps, schema_editor):
    apps.get_model("accounts", "PrivacyNotice").objects.create(
        version=VERSION,
        published_at=timezone.now(),
        text_ar=second(FIRST.ARABIC, EXCHANGED_AR),
        text_en=second(FIRST.ENGLISH, EXCHANGED_EN),
    )


def withdraw(apps, schema_editor):
    apps.get_model("accounts", "PrivacyNotice").objects.filter(version=VERSION).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_email")]

    operations = [migrations.RunPython(publish, withdraw)]
