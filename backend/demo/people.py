"""Who appears in the demo, and what they say. Pairs are (Arabic, English); all of it is invented.

Phones come from one block that no demo shares with a person by accident of typing: 0550000001 to 0550000005 sign in
as the roles below, owners and customers follow. Salons have numbers of the 555-01xx kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.demo.catalogue import Pair

FEMALE_NAMES: tuple[Pair, ...] = (
    ("سارة", "Sara"), ("ريم", "Reem"), ("هند", "Hind"), ("لمى", "Lama"), ("مها", "Maha"), ("دانة", "Dana"),
    ("أمل", "Amal"), ("جواهر", "Jawaher"), ("شهد", "Shahad"), ("رنا", "Rana"), ("غادة", "Ghada"),
    ("ليان", "Layan"), ("منال", "Manal"), ("نوف", "Nouf"), ("وعد", "Waad"), ("هيا", "Haya"), ("بدور", "Budur"),
    ("العنود", "Alanoud"), ("رهف", "Rahaf"), ("سمر", "Samar"), ("عبير", "Abeer"), ("فاطمة", "Fatimah"),
    ("مريم", "Maryam"), ("خلود", "Khulud"), ("أسماء", "Asma"), ("إيمان", "Iman"), ("ندى", "Nada"),
    ("جود", "Joud"), ("ميسون", "Maysun"), ("حصة", "Hessa"), ("لطيفة", "Latifa"), ("أروى", "Arwa"),
    ("تهاني", "Tahani"), ("سلمى", "Salma"), ("زينب", "Zainab"), ("ابتسام", "Ibtisam"),
)  # fmt: skip
MALE_NAMES: tuple[Pair, ...] = (
    ("خالد", "Khalid"), ("فهد", "Fahad"), ("سلطان", "Sultan"), ("ماجد", "Majed"), ("عمر", "Omar"),
    ("ياسر", "Yasser"), ("بدر", "Badr"), ("تركي", "Turki"), ("سامي", "Sami"), ("حسن", "Hassan"),
    ("أحمد", "Ahmad"), ("نايف", "Nayef"), ("راشد", "Rashid"), ("طلال", "Talal"), ("وليد", "Waleed"),
    ("زياد", "Ziyad"), ("مشعل", "Mishal"), ("أنس", "Anas"), ("هاني", "Hani"), ("إبراهيم", "Ibrahim"),
    ("عبدالله", "Abdullah"), ("سعود", "Saud"), ("جابر", "Jaber"), ("كريم", "Karim"), ("عادل", "Adel"),
    ("مروان", "Marwan"), ("يوسف", "Yousef"), ("رائد", "Raed"),
)  # fmt: skip


@dataclass(frozen=True)
class DemoPerson:
    """`role` is customer, a role at the salon `lamsa` (owner, receptionist) or one on the whole platform."""

    phone: str
    role: str
    name: str
    gender: str


DEMO_PEOPLE = (
    DemoPerson("+966550000001", "customer", "سارة خالد", "female"),
    DemoPerson("+966550000002", "owner", "هند فهد", "female"),
    DemoPerson("+966550000003", "receptionist", "ريم سلطان", "female"),
    DemoPerson("+966550000004", "finance", "ماجد عمر", "male"),
    DemoPerson("+966550000005", "platform_admin", "بدر ياسر", "male"),
)


def owner_phone(number: int) -> str:
    """The owner of the `number`-th salon, from 0550000100 on: room for 9,900."""
    return f"+966550{number + 100:06d}"


def customer_phone(number: int) -> str:
    """The `number`-th customer, from 0550010000 on: room for 990,000."""
    return f"+966550{number + 10_000:06d}"


def salon_phone(number: int, city: str) -> str:
    area = {"riyadh": 11, "jeddah": 12}.get(city, 13)
    return f"+966{area}555{100 + number % 100:04d}"


GUESTS: tuple[str, ...] = ("أم خالد", "أم سلمان", "أبو فهد", "ضيفة", "أبو ريان", "أم لمى", "Guest", "زائر")

NOTES: tuple[str, ...] = (
    "", "", "", "", "", "", "", "الوصول بعد العصر بقليل إن أمكن.", "First visit, please allow a few minutes.",
    "يفضل الكرسي القريب من النافذة.", "الشعر طويل.", "Running late is possible, traffic permitting.",
)  # fmt: skip

COMMENTS: dict[int, tuple[str, ...]] = {
    5: (
        "خدمة رائعة ودقة في الموعد.", "Wonderful work, and exactly on time.", "تجربة مريحة من البداية إلى النهاية.",
        "أفضل صالون في الحي.", "Lovely people, spotless place.", "نتيجة أجمل من المتوقع.", "", "",
    ),
    4: (
        "خدمة جيدة والمكان نظيف.", "Good result, a little waiting.", "ممتاز، والسعر مناسب.",
        "Friendly and careful.", "", "",
    ),
    3: ("مقبول، والانتظار كان طويلا.", "Fine, but rushed at the end.", "جيد بشكل عام.", ""),
    2: ("تأخر الموعد نصف ساعة.", "Not what we had agreed on.", ""),
    1: ("تجربة غير موفقة.", "Would not come again."),
}  # fmt: skip
REPLIES: tuple[str, ...] = ("شكرا على هذا التقييم، وأهلا بكم دائما.", "نعتذر عن التأخير، ونعمل على تحسينه.")

DECLINE_REASONS = (
    "لا يوجد وقت متاح مع المختصة.",
    "طلب خارج ما يمكن إنجازه في هذا اليوم.",
    "Fully booked that evening.",
)
CANCEL_REASONS = ("ظرف طارئ", "تغير الموعد", "Travelling that day", "")
SALON_CANCEL_REASONS = ("غياب المختصة", "صيانة في الصالون", "Unexpected closure")
AWAY_REASONS: tuple[Pair, ...] = (("إجازة سنوية", "Annual leave"), ("دورة تدريبية", "Training"))
CLOSURE_REASON: Pair = ("صيانة", "Maintenance")
HIDDEN_BECAUSE = "عبارات غير لائقة"
REPORTED_BECAUSE = "لم تتم هذه الزيارة في الصالون."
SUSPENDED_BECAUSE = "انتهت صلاحية الترخيص."
