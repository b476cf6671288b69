"""The demo's salons as plain data: invented names, believable services, prices in riyals, hours as people keep them.

Pairs are (Arabic, English). Minutes count from local midnight of the day a window opens on and may pass 1440.
Weekdays are ISO: Monday 1 to Sunday 7; the week of a Saudi salon begins on Saturday.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.salons.prayer import Prayer

Pair = tuple[str, str]
Window = tuple[int, int]

MON, TUE, WED, THU, FRI, SAT, SUN = range(1, 8)
ORDINARY_DAYS = (SAT, SUN, MON, TUE, WED)

CITIES: dict[str, Pair] = {
    "riyadh": ("الرياض", "Riyadh"),
    "jeddah": ("جدة", "Jeddah"),
    "dammam": ("الدمام", "Dammam"),
    "khobar": ("الخبر", "Khobar"),
}
CENTRES = {
    "riyadh": (24.7136, 46.6753),
    "jeddah": (21.5700, 39.1900),
    "dammam": (26.4150, 50.0700),
    "khobar": (26.2850, 50.1900),
}
DISTRICTS: dict[str, tuple[Pair, ...]] = {
    "riyadh": (
        ("حي العليا", "Al Olaya"),
        ("حي الملقا", "Al Malqa"),
        ("حي الصحافة", "As Sahafah"),
        ("حي حطين", "Hittin"),
        ("حي النخيل", "An Nakheel"),
        ("حي الياسمين", "Al Yasmin"),
        ("حي الورود", "Al Wurud"),
        ("حي قرطبة", "Qurtubah"),
    ),
    "jeddah": (
        ("حي الروضة", "Ar Rawdah"),
        ("حي الشاطئ", "Ash Shati"),
        ("حي المرجان", "Al Murjan"),
        ("حي الزهراء", "Az Zahra"),
        ("حي السلامة", "As Salamah"),
        ("حي النعيم", "An Naim"),
    ),
    "dammam": (
        ("حي الشاطئ الشرقي", "Ash Shati Ash Sharqi"),
        ("حي الفيصلية", "Al Faisaliyah"),
        ("حي المزروعية", "Al Mazruiyah"),
    ),
    "khobar": (
        ("حي الحزام الذهبي", "Al Hizam Adh Dhahabi"),
        ("حي العقربية", "Al Aqrabiyah"),
        ("حي الراكة", "Ar Rakah"),
    ),
}

CATEGORIES: dict[str, Pair] = {
    "cut": ("قص وتصفيف", "Cut and styling"),
    "colour": ("صبغة", "Colour"),
    "care": ("عناية بالشعر", "Hair care"),
    "nails": ("أظافر", "Nails"),
    "makeup": ("مكياج", "Makeup"),
    "lashes": ("رموش وحواجب", "Lashes and brows"),
    "skin": ("بشرة", "Skin"),
    "hair-removal": ("إزالة شعر", "Hair removal"),
    "henna": ("حناء", "Henna"),
    "massage": ("مساج", "Massage"),
    "hammam": ("حمام مغربي", "Moroccan bath"),
    "bridal": ("عروس", "Bridal"),
    "barber": ("حلاقة رجالية", "Barber"),
    "kids": ("أطفال", "Children"),
}


@dataclass(frozen=True)
class VariantPlan:
    """A line below a service, with a length and a price of its own."""

    name: Pair
    minutes: int
    price: int


@dataclass(frozen=True)
class ServicePlan:
    """`price` is riyals including VAT; `before` and `after` are buffers in minutes.

    From minute `gap[0]` to `gap[1]` the customer waits and the staff member is free. `needs` are kinds of resources,
    where the salon has any of them.
    """

    category: str
    name: Pair
    minutes: int
    price: int
    before: int = 0
    after: int = 0
    gap: Window | None = None
    needs: tuple[str, ...] = ()
    variants: tuple[VariantPlan, ...] = ()


def _by_length(*lengths: tuple[int, int]) -> tuple[VariantPlan, ...]:
    """Variants by the length of the hair, from (minutes, price) pairs."""
    names = (("شعر قصير", "Short hair"), ("شعر متوسط", "Medium hair"), ("شعر طويل", "Long hair"))
    return tuple(VariantPlan(name, *length) for name, length in zip(names, lengths, strict=True))


SERVICES: dict[str, ServicePlan] = {
    "haircut": ServicePlan("cut", ("قص شعر", "Haircut"), 45, 120, after=5),
    "blow_dry": ServicePlan(
        "cut", ("سشوار", "Blow-dry"), 45, 90, variants=_by_length((30, 80), (45, 110), (60, 150))
    ),
    "updo": ServicePlan("cut", ("تسريحة", "Updo"), 60, 220),
    "root_colour": ServicePlan("colour", ("صبغة جذور", "Root colour"), 90, 240, after=10, gap=(30, 65)),
    "full_colour": ServicePlan("colour", ("صبغة كاملة", "Full colour"), 120, 420, after=10, gap=(45, 85)),
    "highlights": ServicePlan("colour", ("هايلايت", "Highlights"), 180, 650, after=15, gap=(90, 130)),
    "keratin": ServicePlan(
        "care",
        ("كيراتين", "Keratin treatment"),
        150,
        800,
        after=15,
        variants=_by_length((120, 650), (150, 850), (180, 1100)),
    ),
    "protein": ServicePlan("care", ("بروتين", "Protein treatment"), 150, 700, after=15),
    "scalp_care": ServicePlan("care", ("عناية بفروة الرأس", "Scalp care"), 45, 160),
    "manicure": ServicePlan("nails", ("مناكير", "Manicure"), 45, 90, needs=("nail-table",)),
    "pedicure": ServicePlan("nails", ("باديكير", "Pedicure"), 60, 110, after=10),
    "gel_nails": ServicePlan("nails", ("أظافر جل", "Gel nails"), 75, 180, needs=("nail-table",)),
    "acrylic_nails": ServicePlan("nails", ("أظافر أكريليك", "Acrylic nails"), 90, 230, needs=("nail-table",)),
    "day_makeup": ServicePlan("makeup", ("مكياج ناعم", "Day makeup"), 60, 300, needs=("makeup-chair",)),
    "evening_makeup": ServicePlan(
        "makeup", ("مكياج سهرة", "Evening makeup"), 75, 450, before=5, needs=("makeup-chair",)
    ),
    "lash_set": ServicePlan("lashes", ("تركيب رموش", "Lash extensions"), 75, 220),
    "brows": ServicePlan("lashes", ("تنظيف وتشقير حواجب", "Brow shaping and tint"), 30, 60),
    "facial": ServicePlan("skin", ("تنظيف بشرة", "Facial"), 60, 250, after=10, needs=("treatment-room",)),
    "deep_facial": ServicePlan(
        "skin", ("تنظيف بشرة عميق", "Deep facial"), 90, 380, after=10, needs=("treatment-room",)
    ),
    "sugaring": ServicePlan("hair-removal", ("إزالة شعر بالحلاوة", "Sugaring"), 60, 140, after=5),
    "threading": ServicePlan("hair-removal", ("خيط للوجه", "Face threading"), 30, 50),
    "henna_hands": ServicePlan("henna", ("حناء اليدين", "Henna for hands"), 60, 150),
    "henna_feet": ServicePlan("henna", ("حناء القدمين", "Henna for feet"), 60, 150),
    "henna_full": ServicePlan("henna", ("نقش حناء كامل", "Full henna"), 120, 340, after=10),
    "henna_kids": ServicePlan("henna", ("حناء أطفال", "Henna for children"), 30, 50),
    "relaxing_massage": ServicePlan(
        "massage", ("مساج استرخاء", "Relaxing massage"), 60, 280, after=15, needs=("massage-room",)
    ),
    "deep_massage": ServicePlan(
        "massage", ("مساج عميق", "Deep tissue massage"), 90, 390, after=15, needs=("massage-room",)
    ),
    "stone_massage": ServicePlan(
        "massage", ("مساج بالأحجار الساخنة", "Hot stone massage"), 75, 350, after=15, needs=("massage-room",)
    ),
    "hammam": ServicePlan(
        "hammam", ("حمام مغربي", "Moroccan bath"), 90, 300, before=5, after=15, needs=("hammam",)
    ),
    "royal_hammam": ServicePlan(
        "hammam", ("حمام مغربي ملكي", "Royal Moroccan bath"), 120, 480, before=5, after=20, needs=("hammam",)
    ),
    "body_scrub": ServicePlan("hammam", ("سنفرة للجسم", "Body scrub"), 45, 180, after=10, needs=("hammam",)),
    "bridal_trial": ServicePlan("bridal", ("تجربة عروس", "Bridal trial"), 120, 600),
    "bridal_look": ServicePlan(
        "bridal",
        ("مكياج وتسريحة عروس", "Bridal makeup and hair"),
        180,
        1900,
        before=15,
        after=15,
        needs=("bridal-suite",),
    ),
    "bridal_day": ServicePlan(
        "bridal", ("باقة يوم العروس", "Bridal day"), 300, 3200, before=15, after=30, needs=("bridal-suite",)
    ),
    "men_cut": ServicePlan("barber", ("قص شعر", "Haircut"), 30, 50, after=5),
    "men_beard": ServicePlan("barber", ("تحديد وحلاقة ذقن", "Beard trim and shave"), 30, 40),
    "men_cut_beard": ServicePlan("barber", ("قص شعر وذقن", "Haircut and beard"), 45, 80, after=5),
    "men_colour": ServicePlan("colour", ("صبغة شعر أو ذقن", "Hair or beard colour"), 45, 110, after=5),
    "men_head_massage": ServicePlan("massage", ("مساج رأس وأكتاف", "Head and shoulder massage"), 30, 80),
    "men_styling": ServicePlan("cut", ("غسيل وتصفيف", "Wash and styling"), 20, 35),
    "men_facial": ServicePlan("skin", ("بخار وتنظيف بشرة", "Steam and facial"), 45, 120, after=5),
    "men_hammam": ServicePlan("hammam", ("حمام مغربي رجالي", "Moroccan bath for men"), 60, 220, after=15),
    "groom": ServicePlan("barber", ("باقة عريس", "Groom package"), 120, 450, after=10),
    "kids_cut": ServicePlan("kids", ("قص شعر أطفال", "Children's haircut"), 30, 50, after=5),
    "kids_first_cut": ServicePlan("kids", ("أول حلاقة", "First haircut"), 45, 90, after=5),
    "kids_braids": ServicePlan("kids", ("ضفائر", "Braids"), 45, 80),
    "kids_party": ServicePlan("kids", ("تسريحة حفلة", "Party hairdo"), 60, 150),
    "kids_nails": ServicePlan("kids", ("مناكير أطفال", "Children's manicure"), 30, 50),
    "kids_wash": ServicePlan("kids", ("غسيل وتصفيف", "Wash and styling"), 30, 45),
}


@dataclass(frozen=True)
class Skill:
    title: Pair
    services: tuple[str, ...]


SKILLS: dict[str, Skill] = {
    "hair": Skill(
        ("مختصة شعر", "Hair stylist"),
        ("haircut", "blow_dry", "updo", "root_colour", "full_colour", "highlights"),
    ),
    "care": Skill(("مختصة عناية بالشعر", "Hair care specialist"), ("keratin", "protein", "scalp_care")),
    "nails": Skill(("مختصة أظافر", "Nail artist"), ("manicure", "pedicure", "gel_nails", "acrylic_nails")),
    "makeup": Skill(("مختصة مكياج", "Makeup artist"), ("day_makeup", "evening_makeup", "lash_set", "brows")),
    "skin": Skill(("مختصة بشرة", "Skin therapist"), ("facial", "deep_facial", "sugaring", "threading")),
    "henna": Skill(("نقاشة حناء", "Henna artist"), ("henna_hands", "henna_feet", "henna_full", "henna_kids")),
    "massage": Skill(
        ("مختصة مساج", "Massage therapist"), ("relaxing_massage", "deep_massage", "stone_massage")
    ),
    "hammam": Skill(("مختصة حمام مغربي", "Hammam therapist"), ("hammam", "royal_hammam", "body_scrub")),
    "bridal": Skill(("مختصة عرائس", "Bridal artist"), ("bridal_trial", "bridal_look", "bridal_day")),
    "barber": Skill(
        ("حلاق", "Barber"),
        ("men_cut", "men_beard", "men_cut_beard", "men_colour", "men_head_massage", "men_styling"),
    ),
    "grooming": Skill(("مختص عناية", "Grooming specialist"), ("men_facial", "men_hammam", "groom")),
    "kids": Skill(
        ("مختصة أطفال", "Children's stylist"),
        ("kids_cut", "kids_first_cut", "kids_braids", "kids_party", "kids_nails", "kids_wash"),
    ),
}


def _week(
    *, ordinary: tuple[Window, ...], thu: tuple[Window, ...], fri: tuple[Window, ...]
) -> dict[int, tuple[Window, ...]]:
    return dict.fromkeys(ORDINARY_DAYS, ordinary) | {THU: thu, FRI: fri}


HOURS: dict[str, dict[int, tuple[Window, ...]]] = {
    # Every day; Friday opens after the noon prayer.
    "daily": _week(ordinary=((600, 1320),), thu=((600, 1440),), fri=((840, 1380),)),
    # A long break in the afternoon; Thursday past midnight.
    "split": _week(ordinary=((540, 780), (960, 1320)), thu=((540, 780), (960, 1500)), fri=((960, 1380),)),
    # Men's shops: late, and later still before the weekend.
    "late": _week(ordinary=((720, 1440),), thu=((720, 1560),), fri=((840, 1560),)),
    # Spas rest on Sunday.
    "spa": _week(ordinary=((780, 1380),), thu=((780, 1500),), fri=((900, 1440),)) | {SUN: ()},
    "evening": _week(ordinary=((960, 1380),), thu=((960, 1530),), fri=((960, 1500),)) | {SAT: ()},
    "afternoon": _week(ordinary=((900, 1260),), thu=((780, 1320),), fri=((960, 1320),)),
}  # fmt: skip


RESOURCES: dict[str, tuple[str, Pair]] = {
    "makeup-chair": ("M", ("كرسي مكياج", "Makeup chair")),
    "treatment-room": ("T", ("غرفة عناية", "Treatment room")),
    "nail-table": ("N", ("طاولة أظافر", "Nail table")),
    "massage-room": ("R", ("غرفة مساج", "Massage room")),
    "hammam": ("H", ("حمام مغربي", "Hammam")),
    "bridal-suite": ("B", ("جناح العروس", "Bridal suite")),
}
"""By kind: the letter on the doors, and the name."""

RAMADAN: Pair = ("رمضان", "Ramadan")
RAMADAN_HOURS: tuple[Window, ...] = ((780, 1020), (1260, 1560))
"""Every day of the month: an afternoon, and from after the night prayer until two."""


@dataclass(frozen=True)
class OtherHours:
    """What the week does not say: the hours of a day counted from today, or what is off of an ISO weekday."""

    day: int
    windows: tuple[Window, ...]
    reason: Pair


@dataclass(frozen=True)
class SalonPlan:
    """`teams` are (how many, skill), in the order of the price list. Percentages of the price and of the deposit.

    `rooms` are (how many, kind). `prayers` are paused for, besides the Friday noon prayer, which falls before these
    salons open. `once` is a date with hours of its own, `weekly_break` a part of every such weekday.
    """

    slug: str
    name: Pair
    city: str
    district: int
    audience: str
    hours: str
    teams: tuple[tuple[int, str], ...]
    description: Pair
    price_level: float = 1.0
    auto_confirm: bool = False
    deposit_percent: int = 0
    free_cancel_hours: int = 24
    late_cancel_percent: int = 50
    max_reschedules: int = 3
    respond_within_minutes: int = 240
    grid_minutes: int = 30
    busy: float = 1.0
    quality: float = 4.4
    status: str = "live"
    rooms: tuple[tuple[int, str], ...] = ()
    prayers: tuple[Prayer, ...] = ()
    ramadan: bool = False
    once: OtherHours | None = None
    weekly_break: OtherHours | None = None


SALONS: tuple[SalonPlan, ...] = (
    SalonPlan(
        "lamsa", ("لمسة", "Lamsa"), "riyadh", 0, "women", "daily", ((4, "hair"), (2, "makeup")),
        ("صالون نسائي للشعر والمكياج في قلب العليا، كل زيارة بموعد.",
         "A women's salon for hair and makeup in the heart of Al Olaya, every visit by appointment."),
        deposit_percent=20, respond_within_minutes=1440, quality=4.7,
        rooms=((2, "makeup-chair"),), ramadan=True,
    ),
    SalonPlan(
        "noura", ("نورة", "Noura"), "riyadh", 1, "women", "daily", ((3, "hair"), (2, "nails")),
        ("قص وسشوار وأظافر بتأكيد فوري ودون دفعة مقدمة.",
         "Cuts, blow-dries and nails, confirmed at once and without a deposit."),
        auto_confirm=True, quality=4.5,
        rooms=((2, "nail-table"),), ramadan=True,
    ),
    SalonPlan(
        "rimal-barbers", ("رمال", "Rimal Barbers"), "riyadh", 2, "men", "late", ((5, "barber"),),
        ("حلاقة رجالية سريعة ومتقنة حتى ساعة متأخرة.", "Quick and careful barbering until late."),
        auto_confirm=True, grid_minutes=15, busy=1.3, quality=4.3,
    ),
    SalonPlan(
        "layali-spa", ("سبا ليالي الواحة", "Layali Oasis Spa"), "riyadh", 3, "women", "spa",
        ((3, "massage"), (2, "hammam")),
        ("حمام مغربي ومساج في أجواء هادئة.", "Moroccan baths and massage in a quiet setting."),
        price_level=1.2, deposit_percent=30, late_cancel_percent=100, quality=4.6,
        rooms=((2, "massage-room"), (1, "hammam")), ramadan=True,
    ),
    SalonPlan(
        "asala-barbers", ("حلاقة الأصيل", "Al Aseel Grooming"), "riyadh", 4, "men", "late",
        ((3, "barber"), (2, "grooming")),
        ("عناية رجالية كاملة: قص وذقن وبشرة وباقات عرسان.", "Complete grooming: hair, beard, skin and groom packages."),
        price_level=1.3, deposit_percent=10, auto_confirm=True, grid_minutes=15, quality=4.2,
    ),
    SalonPlan(
        "warda-kids", ("وردة الصغار", "Little Warda"), "riyadh", 5, "children", "afternoon", ((4, "kids"),),
        ("صالون للأطفال بكراسي مرحة وصبر طويل.", "A children's salon with cheerful chairs and much patience."),
        auto_confirm=True, quality=4.6,
        weekly_break=OtherHours(MON, ((1020, 1080),), ("اجتماع الفريق", "Team meeting")),
    ),
    SalonPlan(
        "qamar-bridal", ("قمر للعرائس", "Qamar Bridal"), "riyadh", 6, "women", "evening",
        ((3, "bridal"), (2, "makeup")),
        ("تجهيز العروس ليوم العمر، من التجربة إلى المساء.", "Everything for the bride, from the trial to the evening."),
        price_level=1.1, deposit_percent=50, free_cancel_hours=72, late_cancel_percent=100,
        respond_within_minutes=720, busy=0.7, quality=4.8,
        rooms=((2, "bridal-suite"), (2, "makeup-chair")), ramadan=True,
    ),
    SalonPlan(
        "rihana-house", ("بيت ريحانة", "Rihana House"), "riyadh", 7, "women", "split", ((3, "hair"), (2, "skin")),
        ("قص وصبغة وعناية بالبشرة على فترتين صباحا ومساء.", "Hair and skin care, open mornings and evenings."),
        deposit_percent=15, quality=4.1,
        rooms=((1, "treatment-room"),),
    ),
    SalonPlan(
        "dar-henna", ("دار النقش", "Dar An Naqsh"), "jeddah", 0, "women", "evening", ((3, "henna"), (2, "makeup")),
        ("نقوش حناء خليجية وهندية للمناسبات.", "Gulf and Indian henna designs for every occasion."),
        deposit_percent=20, respond_within_minutes=480, quality=4.7,
        prayers=(Prayer.MAGHRIB, Prayer.ISHA), ramadan=True,
    ),
    SalonPlan(
        "mawja-beauty", ("موجة للتجميل", "Mawja Beauty"), "jeddah", 1, "women", "daily",
        ((3, "hair"), (2, "nails")),
        ("شعر وأظافر على شاطئ جدة.", "Hair and nails by the Jeddah shore."),
        price_level=1.15, auto_confirm=True, deposit_percent=10, busy=1.2, quality=4.4,
        once=OtherHours(12, ((960, 1380),), ("تدريب الفريق صباحا", "Staff training in the morning")),
    ),
    SalonPlan(
        "mirsat-gents", ("مرساة للرجال", "Mirsat Gentlemen"), "jeddah", 2, "men", "late",
        ((4, "barber"), (1, "grooming")),
        ("حلاقة وعناية للرجال إلى ما بعد منتصف الليل.", "Barbering and care for men until after midnight."),
        auto_confirm=True, grid_minutes=15, busy=1.2, quality=4.3,
        prayers=(Prayer.ASR, Prayer.MAGHRIB, Prayer.ISHA), ramadan=True,
    ),
    SalonPlan(
        "ghaima", ("غيمة", "Ghaima"), "jeddah", 3, "women", "split", ((3, "care"), (2, "skin")),
        ("علاجات الشعر والبشرة بأيد خبيرة.", "Hair and skin treatments by experienced hands."),
        price_level=1.1, deposit_percent=25, quality=4.5,
        rooms=((1, "treatment-room"),), prayers=(Prayer.ASR, Prayer.MAGHRIB),
    ),
    SalonPlan(
        "bait-osra", ("بيت الأسرة", "Bait Al Osra"), "jeddah", 4, "family", "afternoon",
        ((2, "barber"), (3, "kids")),
        ("قسم للرجال وقسم للأطفال تحت سقف واحد.", "A men's section and a children's section under one roof."),
        respond_within_minutes=180, quality=4.0,
    ),
    SalonPlan(
        "danat-sharq", ("دانة الشرق", "Danat Ash Sharq"), "dammam", 0, "women", "daily",
        ((3, "hair"), (2, "makeup")),
        ("شعر ومكياج لأهل الشرقية.", "Hair and makeup for the people of the east."),
        deposit_percent=20, quality=4.4,
    ),
    SalonPlan(
        "bahhar-barbers", ("حلاقة البحار", "Al Bahhar Barbers"), "dammam", 1, "men", "late", ((5, "barber"),),
        ("حلاقة رجالية على الطريقة القديمة.", "Barbering the old way."),
        price_level=0.9, grid_minutes=15, quality=4.2,
        once=OtherHours(6, (), ("مناسبة عائلية", "A family occasion")),
    ),
    SalonPlan(
        "sadafa-nails", ("صدفة", "Sadafa Nails"), "khobar", 0, "women", "evening", ((3, "nails"), (2, "henna")),
        ("أظافر وحناء بألوان الموسم.", "Nails and henna in the season's colours."),
        auto_confirm=True, deposit_percent=15, quality=4.6,
    ),
    SalonPlan(
        "zulal-hammam", ("زلال", "Zulal Hammam"), "khobar", 1, "women", "spa", ((3, "hammam"), (2, "massage")),
        ("حمام مغربي ومساج في الخبر.", "Moroccan baths and massage in Khobar."),
        deposit_percent=30, respond_within_minutes=480, quality=4.5,
        rooms=((2, "hammam"), (1, "massage-room")), ramadan=True,
    ),
    SalonPlan(
        "nada-studio", ("ندى ستوديو", "Nada Studio"), "riyadh", 4, "women", "daily", ((2, "makeup"), (2, "nails")),
        ("مكياج وأظافر، بانتظار الاعتماد.", "Makeup and nails, waiting for approval."),
        auto_confirm=True, status="in_review",
    ),
    SalonPlan(
        "sukun", ("سكون", "Sukun"), "riyadh", 7, "women", "spa", ((2, "massage"), (1, "hammam")),
        ("سبا جديد قيد التجهيز.", "A new spa, being prepared."), status="draft",
    ),
    SalonPlan(
        "barq-barbers", ("برق", "Barq Barbers"), "dammam", 2, "men", "late", ((3, "barber"),),
        ("حلاقة سريعة.", "Quick barbering."), auto_confirm=True, status="suspended",
    ),
)  # fmt: skip
"""The first seventeen are live; the last three show how a salon comes and goes, and have no history."""
