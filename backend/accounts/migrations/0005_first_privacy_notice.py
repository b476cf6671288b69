"""The first privacy notice. Like any published notice it never changes: a new wording is a new version.

Retention periods named here are those of the code: `CODES_KEPT` (accounts), `WORDS_KEPT` (notifications),
`RECORDS_KEPT` (bookings, payments), `PROOFS_KEPT` (accounts).
"""

from django.db import migrations
from django.utils import timezone

VERSION = 1

ARABIC = """\
# إشعار الخصوصية

## من المسؤول عن بياناتك
الجهة المسؤولة عن بياناتك الشخصية هي {controller}. للتواصل معها: {contact}. وإذا عُيّن مسؤول لحماية البيانات الشخصية فوسيلة التواصل معه معروضة مع هذا الإشعار.

## ما البيانات التي نجمعها
- **إلزامية لتسجيل الدخول:** رقم الجوال، وبيانات الجهاز اللازمة لجلسة آمنة (نوعه واسمه وإصدار التطبيق ولغته). دونها لا يمكن فتح حساب.
- **إلزامية للحجز:** الصالون والخدمات والموعد والسعر، وحالة الدفع ومبلغه عند وجود عربون. لا نحفظ رقم البطاقة ولا رمزها: تصل مباشرة إلى شركة الدفع.
- **اختيارية:** الاسم والجنس والملاحظات إلى الصالون والآراء. عدم ذكرها لا يمنع الحجز. يرجى عدم كتابة معلومات صحية في الملاحظات.
- **من الصالون:** الاسم ورقم الجوال عند تسجيل موعد لمن حضر أو اتصل دون استخدام التطبيق.

## لماذا نستخدمها وعلى أي أساس
- **تنفيذ العقد:** فتح الحساب، والحجز وتعديله وإلغاؤه، والدفع والاسترداد، ورسائل الرمز والتأكيد والتذكير.
- **التزام نظامي:** السجلات المحاسبية والضريبية، وإثبات الموافقات، والرد على الجهات المختصة.
- **مصلحة مشروعة:** حماية الحسابات من الاحتيال وإساءة الاستخدام، دون استخدام بيانات حساسة.
- **موافقتك، لكل غرض على حدة:** العروض والأخبار، والصور، والملاحظات الصحية. كلها متوقفة حتى تتم الموافقة عليها، ولا يتوقف الحجز على أي منها.

## من يطلع عليها
- الصالون الذي تم الحجز لديه: الاسم إن ذُكر والموعد والخدمات، ورقم الجوال مخفي جزئيًا.
- مزودو خدمة يعملون بتعليماتنا: الدفع، وإيصال الرسائل، والإشعارات، والاستضافة. قد يعالج بعضهم البيانات خارج المملكة؛ عندئذ نرسل أقل قدر لازم وبالضمانات التي يشترطها النظام. لا تتضمن الإشعارات اسم شخص أو خدمة.
- الجهات المختصة متى أوجب النظام ذلك.

لا نبيع البيانات الشخصية ولا نتيحها لأحد لأغراضه التسويقية.

## مدة الاحتفاظ
- رموز التحقق: 7 أيام.
- نص الرسائل والرقم المرسلة إليه: 90 يومًا.
- الحساب: حتى حذفه، أو حتى إخفاء هوية صاحبه بعد انقطاع طويل عن استخدامه.
- اسم ورقم من سجله الصالون دون حساب: حتى إخفاء الهوية بعد الموعد بالمدة نفسها.
- سجلات الحجوزات والدفعات: ست سنوات وفق المتطلبات المحاسبية والضريبية، دون اسم بعد حذف الحساب.
- إثبات الموافقات وسجل الطلبات: خمس سنوات بعد انتهاء المعالجة.

## حقوقك وكيفية استخدامها
- **العلم والاطلاع والحصول على نسخة:** من التطبيق: الحساب ← نسخة من بياناتي.
- **التصحيح:** من التطبيق: الحساب ← بياناتي.
- **الإتلاف:** من التطبيق: الحساب ← حذف الحساب. ينفذ فورًا، ويعرض ما تم حذفه وما يبقى وسببه ومدته. تلغى الحجوزات القائمة وفق سياسة الإلغاء.
- **الاعتراض وأي طلب آخر:** عبر وسيلة التواصل أعلاه، كتابةً أو شفهيًا.

نرد خلال 30 يومًا، ويمكن تمديدها 30 يومًا أخرى مع إشعار مسبق بالسبب. استخدام الحقوق مجاني. ويمكن تقديم شكوى إلى الهيئة السعودية للبيانات والذكاء الاصطناعي (سدايا) خلال 90 يومًا من العلم بالواقعة.

## سحب الموافقة
كل موافقة تسحب بخطوة واحدة من التطبيق: الحساب ← الموافقات، وبالسهولة نفسها التي أعطيت بها. يسري السحب فورًا ولا يمس ما تم قبله.

## صغار السن
الحساب لمن بلغ الثامنة عشرة. ويحجز ولي الأمر لمن هو دونها.

## تغيير هذا الإشعار
لكل إشعار رقم وتاريخ، ولا يتغير بعد نشره. عند أي تغيير جوهري ينشر إشعار جديد ويتم التنبيه إليه قبل سريانه، وتبقى الإشعارات السابقة متاحة.
"""

ENGLISH = """\
# Privacy notice

## Who is responsible for your data
The controller of your personal data is {controller}. Contact: {contact}. Where a data protection officer has been appointed, how to reach them is shown with this notice.

## What we collect
- **Mandatory to sign in:** your mobile number, and what a safe session needs to know about the device (its kind and name, the version and language of the app). Without them there is no account.
- **Mandatory to book:** the salon, services, time and price, and whether and how much was paid where there is a deposit. We do not keep card numbers or codes: they go straight to the payment company.
- **Optional:** your name, gender, notes to the salon, reviews. Leaving them out never prevents a booking. Please write nothing about your health into a note.
- **From a salon:** name and mobile number, when it writes down a visit for somebody who came or called without the app.

## Why we use it, and on what basis
- **To perform the contract:** your account; booking, moving and cancelling; paying and refunding; messages with codes, confirmations and reminders.
- **Legal obligation:** accounting and tax records, proof of consents, answers to competent authorities.
- **Legitimate interest:** protecting accounts from fraud and abuse, without sensitive data.
- **Your consent, one for each purpose:** offers and news; photos; health notes. All are off until you agree, and no booking depends on any of them.

## Who sees it
- The salon you book with: your name if you gave one, the time and the services; the number partly hidden.
- Companies that work on our instructions: payment, message delivery, push notifications, hosting. Some may process data outside the Kingdom; they are then sent the least that is needed, under the safeguards the law asks for. Push notifications name no person and no service.
- Competent authorities, where the law requires it.

We do not sell personal data, nor give it to anybody for their own marketing.

## How long we keep it
- Verification codes: 7 days.
- The text of messages and the number they went to: 90 days.
- Your account: until you delete it, or until it is pseudonymised after it has not been used for long.
- Name and number of guests a salon wrote down: until they are pseudonymised, after the same time.
- Records of bookings and payments: six years, as accounting and tax rules ask, without a name once the account is deleted.
- Proof of consents and of requests: five years after processing ended.

## Your rights, and how to use them
- **To know, to see and to have a copy:** in the app, Account → A copy of my data.
- **To have it corrected:** in the app, Account → My details.
- **To have it destroyed:** in the app, Account → Delete account. It happens at once and shows what was erased, what stays, why and until when. Live bookings are cancelled by their cancellation policy.
- **To object, and for any other request:** through the contact above, in writing or by voice.

We answer within 30 days, which may be extended by 30 more with notice and reasons given beforehand. Using your rights is free. You may complain to the Saudi Data and AI Authority (SDAIA) within 90 days of learning of the matter.

## Withdrawing consent
Each consent is withdrawn in one step, Account → Consents, as easily as it was given. This takes effect at once and does not touch what was done before.

## Minors
Accounts are for people of eighteen and above. A guardian books for anybody younger.

## Changes to this notice
Every notice has a number and a date and does not change once published. For any material change a new one is published and announced before it takes effect; earlier ones remain available.
"""


def publish(apps, schema_editor):
    notices = apps.get_model("accounts", "PrivacyNotice")
    notices.objects.create(
        version=VERSION, published_at=timezone.now(), text_ar=ARABIC, text_en=ENGLISH
    )


def withdraw(apps, schema_editor):
    apps.get_model("accounts", "PrivacyNotice").objects.filter(version=VERSION).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_privacy")]

    operations = [migrations.RunPython(publish, withdraw)]
