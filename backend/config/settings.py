"""The one settings module. Environments differ in values, never in code; `.env.example` lists every variable."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from phonenumbers import SUPPORTED_REGIONS

from backend.config import env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))

LOCAL_SECRET = "local-development-only-never-a-real-secret-0123456789"  # noqa: S105 (production refuses it)

APP_ENV = env.text("APP_ENV", "local", choices=("local", "production"))
PRODUCTION = APP_ENV == "production"
DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", LOCAL_SECRET)
SIGNING_KEY = env.text("SIGNING_KEY", f"{SECRET_KEY}:tokens")
OTP_KEY = env.text("OTP_KEY", f"{SECRET_KEY}:codes")
PORT = env.integer("PORT", 8000, least=1, most=65535)
BEHIND_PROXY = env.flag("BEHIND_PROXY", PRODUCTION)
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 1 if BEHIND_PROXY else 0, least=0, most=10)
PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL", "" if PRODUCTION else f"http://127.0.0.1:{PORT}")
ALLOWED_HOSTS = env.several("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
LIMITS_SCALE = env.decimal("LIMITS_SCALE", 1, least=0.01)
DATABASE_URL = env.text("DATABASE_URL")

TEXT_PROVIDERS, PUSH_PROVIDERS, EMAIL_PROVIDERS = (
    ("console", "twilio", "unifonic"),
    ("console", "fcm"),
    ("console", "django"),
)
OTP_PROVIDER = env.several("OTP_PROVIDER", "" if PRODUCTION else "console", choices=TEXT_PROVIDERS)
SMS_PROVIDER = env.several("SMS_PROVIDER", "" if PRODUCTION else "console", choices=TEXT_PROVIDERS)
PUSH_PROVIDER = env.several("PUSH_PROVIDER", choices=PUSH_PROVIDERS)
EMAIL_PROVIDER = env.several("EMAIL_PROVIDER", choices=EMAIL_PROVIDERS)
MESSAGE_CHANNELS = env.several(
    "MESSAGE_CHANNELS", "push,whatsapp,sms,email", choices=("push", "whatsapp", "sms", "email")
)
ANNOUNCEMENT_RECIPIENTS = env.integer("ANNOUNCEMENT_RECIPIENTS", 2000, least=1, most=20_000)
MESSAGE_DELIVERY = env.text("MESSAGE_DELIVERY", "request", choices=("request", "worker"))
MESSAGE_PRICES = env.prices("MESSAGE_PRICES")
MESSAGE_SPEND_PER_DAY = env.integer("MESSAGE_SPEND_PER_DAY", 0, least=0, most=10_000_000)
PROMOTION_HOURS = env.hours("PROMOTION_HOURS", "09:00-19:00")
METRICS_TOKEN = env.text("METRICS_TOKEN")
WAITLIST_OFFER_MINUTES = env.integer("WAITLIST_OFFER_MINUTES", 30, least=5, most=1440)
WAITLIST_OFFER_HOURS = env.hours("WAITLIST_OFFER_HOURS", "08:00-22:00")
DAY_SUMMARY_HOUR = env.integer("DAY_SUMMARY_HOUR", 8, least=0, most=23)
PROVIDER_TIMEOUT = env.integer("PROVIDER_TIMEOUT", 10, least=1, most=12)
CONSOLE_MESSAGES_FILE = Path(env.text("CONSOLE_MESSAGES_FILE", str(VAR_DIR / "messages.log")))
TWILIO_ACCOUNT_SID = env.text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = env.text("TWILIO_AUTH_TOKEN")
TWILIO_FROM = env.text("TWILIO_FROM")
TWILIO_MESSAGING_SERVICE_SID = env.text("TWILIO_MESSAGING_SERVICE_SID")
TWILIO_PROMOTION_FROM = env.text("TWILIO_PROMOTION_FROM")
TWILIO_WHATSAPP_FROM = env.text("TWILIO_WHATSAPP_FROM")
TWILIO_WHATSAPP_OTP_CONTENT_SID = {  # an approved wording has one language
    "ar": env.text("TWILIO_WHATSAPP_OTP_CONTENT_SID_AR"),
    "en": env.text("TWILIO_WHATSAPP_OTP_CONTENT_SID_EN"),
}
TWILIO_BASE_URL = env.url("TWILIO_BASE_URL")
UNIFONIC_APP_SID = env.text("UNIFONIC_APP_SID")
UNIFONIC_SENDER_ID = env.text("UNIFONIC_SENDER_ID")
UNIFONIC_PROMOTION_SENDER_ID = env.text("UNIFONIC_PROMOTION_SENDER_ID")
UNIFONIC_MESSAGE_TYPE = env.flag("UNIFONIC_MESSAGE_TYPE", True)
UNIFONIC_CALLBACK_SECRET = env.text("UNIFONIC_CALLBACK_SECRET")
UNIFONIC_BASIC_USER = env.text("UNIFONIC_BASIC_USER")
UNIFONIC_BASIC_PASSWORD = env.text("UNIFONIC_BASIC_PASSWORD")
UNIFONIC_BASE_URL = env.url("UNIFONIC_BASE_URL")
UNIFONIC_WHATSAPP_PUBLIC_ID = env.text("UNIFONIC_WHATSAPP_PUBLIC_ID")
UNIFONIC_WHATSAPP_SECRET = env.text("UNIFONIC_WHATSAPP_SECRET")
UNIFONIC_WHATSAPP_OTP_TEMPLATE = env.text("UNIFONIC_WHATSAPP_OTP_TEMPLATE")
UNIFONIC_WHATSAPP_OTP_BUTTON = env.text(
    "UNIFONIC_WHATSAPP_OTP_BUTTON", "none", choices=("none", "options", "button")
)
UNIFONIC_WHATSAPP_BASE_URL = env.url("UNIFONIC_WHATSAPP_BASE_URL")
WHATSAPP_TEMPLATES = env.wordings("WHATSAPP_TEMPLATES", providers=("twilio", "unifonic"))
FCM_SERVICE_ACCOUNT = env.json_object("FCM_SERVICE_ACCOUNT")
FCM_PROJECT_ID = env.text("FCM_PROJECT_ID", str(FCM_SERVICE_ACCOUNT.get("project_id", "")))
FCM_BASE_URL = env.url("FCM_BASE_URL")

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_SERVICES = {
    "console": "django.core.mail.backends.console.EmailBackend",
    "smtp": "backend.notifications.providers.smtp.SmtpBackend",
    **{
        name: f"anymail.backends.{name}.EmailBackend"
        for name in (
            *("brevo", "mailersend", "mailgun", "mailjet", "mailtrap", "mandrill", "postal", "postmark"),
            *("resend", "scaleway", "sparkpost", "unisender_go"),
        )
    },
}
EMAIL_SERVICE = env.text("EMAIL_SERVICE", "smtp" if EMAIL_HOST else "console", choices=tuple(EMAIL_SERVICES))
EMAIL_BACKEND = EMAIL_SERVICES[EMAIL_SERVICE]
EMAIL_ENCRYPTION = env.text("EMAIL_ENCRYPTION", "starttls", choices=("starttls", "tls", "none"))
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_ENCRYPTION == "starttls", EMAIL_ENCRYPTION == "tls"
EMAIL_PORT = env.integer(
    "EMAIL_PORT", {"starttls": 587, "tls": 465, "none": 25}[EMAIL_ENCRYPTION], least=1, most=65535
)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_TIMEOUT = PROVIDER_TIMEOUT
EMAIL_FROM = DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "" if PRODUCTION else "Mawid <mawid@localhost>")
EMAIL_OFFERS_FROM = env.text("EMAIL_OFFERS_FROM")
EMAIL_REPLY_TO = env.text("EMAIL_REPLY_TO")
# What django-anymail needs for the service: its variables' names and values.
ANYMAIL = env.json_object("ANYMAIL") | {
    "REQUESTS_TIMEOUT": (min(3, PROVIDER_TIMEOUT / 2), max(PROVIDER_TIMEOUT - 3, PROVIDER_TIMEOUT / 2))
}

COMMISSION_VAT = env.flag("COMMISSION_VAT", False)
FINANCE_REFUND_LIMIT_MINOR = env.integer("FINANCE_REFUND_LIMIT_MINOR", 50_000, least=0, most=10_000_000)
FINANCE_REQUEST_DAYS = env.integer("FINANCE_REQUEST_DAYS", 7, least=1, most=90)
SETTLEMENT_CSV_UNIT = env.text("SETTLEMENT_CSV_UNIT", "major", choices=("major", "minor"))
UNSETTLED_AFTER_DAYS = env.integer("UNSETTLED_AFTER_DAYS", 10, least=1, most=90)
FEE_TOLERANCE_MINOR = env.integer("FEE_TOLERANCE_MINOR", 100, least=0, most=100_000)
MOYASAR_SECRET_KEY = env.text("MOYASAR_SECRET_KEY")
MOYASAR_PUBLISHABLE_KEY = env.text("MOYASAR_PUBLISHABLE_KEY")
MOYASAR_WEBHOOK_SECRET = env.text("MOYASAR_WEBHOOK_SECRET")
MOYASAR_BASE_URL = env.url("MOYASAR_BASE_URL")

PHOTO_STORAGE = env.text("PHOTO_STORAGE", "" if PRODUCTION else "disk", choices=("disk", "s3"))
PHOTO_MAX_BYTES = env.integer("PHOTO_MAX_BYTES", 8 * 1024 * 1024, least=64 * 1024, most=32 * 1024 * 1024)
MEDIA_DIR = env.text("MEDIA_DIR", "" if PRODUCTION else str(VAR_DIR / "media"))
S3_BUCKET = env.text("S3_BUCKET")
S3_ENDPOINT_URL = env.url("S3_ENDPOINT_URL")
S3_REGION = env.text("S3_REGION", "us-east-1" if S3_ENDPOINT_URL else "")
S3_ACCESS_KEY_ID = env.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = env.text("S3_SECRET_ACCESS_KEY")
S3_PUBLIC_BASE_URL = env.url("S3_PUBLIC_BASE_URL")

OUTSIDE_CALENDARS_EVERY = timedelta(minutes=env.integer("OUTSIDE_CALENDARS_EVERY", 15, least=5, most=1440))
OUTSIDE_CALENDARS_ALLOW_LOOPBACK = env.flag("OUTSIDE_CALENDARS_ALLOW_LOOPBACK", False)

PHONE_COUNTRIES = env.several("PHONE_COUNTRIES", "SA", choices=sorted(SUPPORTED_REGIONS))
CONTROLLER_NAME = env.text("CONTROLLER_NAME", "موعد (Mawid)")
CONTROLLER_CONTACT = env.text("CONTROLLER_CONTACT")
DATA_PROTECTION_OFFICER = env.text("DATA_PROTECTION_OFFICER")
OTP_LIFETIME = timedelta(minutes=5)
OTP_SPEND_PER_HOUR = env.integer("OTP_SPEND_PER_HOUR", 2000, least=1, most=1_000_000)
OTP_DOMAIN = env.text("OTP_DOMAIN")
REVIEW_NUMBERS = env.review_numbers("REVIEW_NUMBERS", obvious_codes=not PRODUCTION)
PHONE_CHANGE_COOLING = timedelta(hours=env.integer("PHONE_CHANGE_COOLING", 72, least=24, most=720))
APP_VERSIONS = env.app_versions("APP_VERSIONS")
APP_FEATURES = env.several("APP_FEATURES")
MAINTENANCE_UNTIL = env.moment("MAINTENANCE_UNTIL")
SUPPORT_PHONE = env.text("SUPPORT_PHONE")
DORMANT_AFTER = timedelta(days=env.integer("DORMANT_AFTER", 180, least=30, most=3650))


def _refuse_half_production() -> None:
    """Production refuses to start with anything that is only good for a laptop."""
    wrong = {
        "DEBUG": DEBUG and "must be off",
        "SECRET_KEY": (SECRET_KEY == LOCAL_SECRET or len(SECRET_KEY) < 50)
        and "needs at least 50 characters of its own",
        "ALLOWED_HOSTS": (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS) and "must list the host names served",
        "PUBLIC_BASE_URL": not PUBLIC_BASE_URL.startswith("https://") and "must be the public https address",
        "DATABASE_URL": not DATABASE_URL and "is missing; the embedded server is for development",
        "OTP_PROVIDER": (not OTP_PROVIDER or "console" in OTP_PROVIDER) and "must name a real provider",
        "SMS_PROVIDER": (not SMS_PROVIDER or "console" in SMS_PROVIDER) and "must name a real provider",
        "MOYASAR_BASE_URL": MOYASAR_BASE_URL and "must be empty; a sandbox gateway is for development",
        "TWILIO_BASE_URL": TWILIO_BASE_URL and "must be empty; a stand-in is for development",
        "UNIFONIC_BASE_URL": UNIFONIC_BASE_URL and "must be empty; a stand-in is for development",
        "UNIFONIC_WHATSAPP_BASE_URL": UNIFONIC_WHATSAPP_BASE_URL
        and "must be empty; a stand-in is for development",
        "FCM_BASE_URL": FCM_BASE_URL and "must be empty; a stand-in is for development",
        "OUTSIDE_CALENDARS_ALLOW_LOOPBACK": OUTSIDE_CALENDARS_ALLOW_LOOPBACK
        and "must be off; this machine is no calendar",
        "PUSH_PROVIDER": "console" in PUSH_PROVIDER and "must name a real provider",
        "EMAIL_PROVIDER": "console" in EMAIL_PROVIDER and "must name a real provider",
        "EMAIL_SERVICE": bool(EMAIL_PROVIDER)
        and EMAIL_SERVICE == "console"
        and "must name a real service, or EMAIL_HOST a server",
        "MOYASAR_SECRET_KEY": MOYASAR_SECRET_KEY.startswith("sk_test_") and "is a test key",
        "MOYASAR_WEBHOOK_SECRET": bool(MOYASAR_SECRET_KEY)
        and not MOYASAR_WEBHOOK_SECRET
        and "is missing beside MOYASAR_SECRET_KEY",
        "METRICS_TOKEN": 0 < len(METRICS_TOKEN) < 32 and "needs at least 32 characters",
        "LIMITS_SCALE": LIMITS_SCALE != 1 and "must be 1",
    }
    for name, why in wrong.items():
        if why:
            raise ImproperlyConfigured(f"{name} {why} when APP_ENV=production.")


if PRODUCTION:
    _refuse_half_production()


def _photo_storage() -> tuple[dict[str, Any], str]:
    """The storage and the public address below which its files are found. Half a set of variables is refused."""
    if PHOTO_STORAGE == "disk":
        needed = {"MEDIA_DIR": MEDIA_DIR}
        base_url = f"{PUBLIC_BASE_URL}/media"
        storage: dict[str, Any] = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": MEDIA_DIR},
        }
    else:
        needed = {
            "S3_BUCKET": S3_BUCKET,
            "S3_REGION": S3_REGION,
            "S3_ACCESS_KEY_ID": S3_ACCESS_KEY_ID,
            "S3_SECRET_ACCESS_KEY": S3_SECRET_ACCESS_KEY,
        }
        own_url = (
            f"{S3_ENDPOINT_URL}/{S3_BUCKET}"
            if S3_ENDPOINT_URL
            else f"https://{S3_BUCKET}.s3.{S3_REGION}.amazonaws.com"
        )
        base_url = S3_PUBLIC_BASE_URL or own_url
        storage = {
            "BACKEND": "backend.salons.providers.s3.S3Photos",
            "OPTIONS": {
                "bucket_name": S3_BUCKET,
                "endpoint_url": S3_ENDPOINT_URL or None,
                "region_name": S3_REGION,
                "access_key": S3_ACCESS_KEY_ID,
                "secret_key": S3_SECRET_ACCESS_KEY,
                "object_parameters": {"ContentType": "image/webp", "CacheControl": PHOTO_CACHE_CONTROL},
            },
        }
    for name, value in needed.items():
        if not value:
            raise ImproperlyConfigured(f"{name} is missing beside PHOTO_STORAGE={PHOTO_STORAGE}.")
    if PRODUCTION and not base_url.startswith("https://"):
        raise ImproperlyConfigured("S3_PUBLIC_BASE_URL must be an https address when APP_ENV=production.")
    return storage, base_url


PHOTO_CACHE_CONTROL = "public, max-age=31536000, immutable"  # a key's files never change
_photos, PHOTO_BASE_URL = _photo_storage()
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "photos": _photos,
}

DATABASE_OPTIONS = (
    "-c lock_timeout=10000 -c idle_in_transaction_session_timeout=120000"
    " -c jit=off -c max_parallel_workers_per_gather=0"  # many small questions at once; either costs more than it saves
    # What is prepared is written so that its best plan is the same for all values (core.postgres.base.binary_cursor).
    " -c plan_cache_mode=force_generic_plan"
)
DATABASES: dict[str, dict[str, Any]]
if DATABASE_URL:
    try:
        DATABASES = {"default": dict(dj_database_url.parse(DATABASE_URL))}
    except (ValueError, dj_database_url.ParseError) as error:
        raise ImproperlyConfigured(f"DATABASE_URL: not a PostgreSQL address ({error}).") from error
    if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL: only postgresql:// is supported.")
    if not DATABASES["default"].get("NAME"):
        raise ImproperlyConfigured("DATABASE_URL: names no database, as in postgresql://host/mawid.")
else:
    from backend.core import embedded_postgres

    _server = embedded_postgres.attach(VAR_DIR / "postgres")
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": _server.host,
            "PORT": str(embedded_postgres.PORT),
            "USER": _server.user,
            "NAME": _server.dbname,
        }
    }
DATABASES["default"] |= {
    "ENGINE": "backend.core.postgres",
    # Opening a connection costs ten times what a request does; threads keep theirs and check it before use.
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {"options": DATABASE_OPTIONS, "application_name": "mawid"}
    | DATABASES["default"].get("OPTIONS", {}),
}

CACHE_URL = env.text("CACHE_URL")
if CACHE_URL and urlsplit(CACHE_URL).scheme not in ("redis", "rediss"):
    raise ImproperlyConfigured("CACHE_URL: only redis:// is supported; unset means the database.")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "core_cache"}
}

# DRF's and Django's generic classes take type parameters only once this has run.
django_stubs_ext.monkeypatch()

INSTALLED_APPS = [
    "modeltranslation",
    "backend.console",  # before the admin, whose templates it replaces in part
    "backend.console.apps.SiteConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "backend.core",
    "backend.notifications",
    "backend.accounts",
    "backend.salons",
    "backend.bookings",
    "backend.payments",
    "backend.demo",
]

MIDDLEWARE = [
    "backend.core.api.middleware.RequestIdMiddleware",
    "backend.core.api.middleware.LanguageMiddleware",
    "backend.console.middleware.ConsoleMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backend.console.middleware.ConsoleSessionMiddleware",
    "backend.core.api.middleware.OriginMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "backend.console.middleware.ConsoleAuthenticationMiddleware",
    "backend.console.middleware.ConsoleMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backend.config.urls"
WSGI_APPLICATION = "backend.config.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
CSRF_FAILURE_VIEW = "backend.console.errors.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
SILENCED_SYSTEM_CHECKS: list[str] = []

LANGUAGE_CODE = "ar"
LANGUAGES = [("ar", "العربية"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
MODELTRANSLATION_DEFAULT_LANGUAGE = "ar"
MODELTRANSLATION_FALLBACK_LANGUAGES = ("ar", "en")
FORMAT_MODULE_PATH = ["backend.console.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # salons have their own zone; nothing may lean on a server's

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
if not PRODUCTION:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise complains about a folder that is not there
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 63_072_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# Only the console has sessions, so only it is sent their cookies. They end after half an hour without a page.
SESSION_COOKIE_NAME = "console_session"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/console/"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 30 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
X_FRAME_OPTIONS = "DENY"

CORS_EXPOSE_HEADERS = [
    "Content-Language",
    "X-Request-Id",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "ETag",
    "Idempotent-Replayed",
    "Deprecation",
    "Sunset",
    "Link",
]
CORS_ALLOW_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "x-client",
    "x-installation-id",
    "x-request-id",
)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["backend.accounts.api.authentication.DeviceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["backend.core.api.renderers.FastJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "backend.core.api.renderers.JSONFirst",
    "DEFAULT_PARSER_CLASSES": ["backend.core.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "backend.core.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
}

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=60)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_LIFETIME,
    "SIGNING_KEY": SIGNING_KEY,
    "USER_ID_CLAIM": "sub",
    "LEEWAY": timedelta(seconds=30),
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Mawid",
    "DESCRIPTION": "Salon bookings in Saudi Arabia: the API of the apps. Start at `README.md` of the contract folder.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    "SERVERS": [{"url": "/", "description": "this server"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": True,
    "ENUM_NAME_OVERRIDES": {
        "BookingKind": "backend.bookings.models.Kind",
        "BookingState": "backend.bookings.models.BookingState",
        "SessionState": "backend.bookings.models.SessionState",
        "WaitlistState": "backend.bookings.models.WaitlistState",
        "PaymentState": "backend.payments.models.PaymentState",
        "PaymentPurpose": "backend.payments.models.Purpose",
        "RefundState": "backend.payments.models.RefundState",
        "RefundRequestState": "backend.payments.models.RequestState",
        "LedgerAccount": "backend.payments.models.Account",
        "EntryKind": "backend.payments.models.EntryKind",
        "ReceiptMethod": "backend.payments.models.ReceiptMethod",
        "TaskOutcome": "backend.payments.models.Outcome",
        "TaskKind": "backend.payments.models.TaskKind",
        "DifferenceKind": "backend.payments.models.DifferenceKind",
        "DifferenceState": "backend.payments.models.DifferenceState",
        "DifferenceAct": "backend.payments.models.DifferenceAct",
        "DifferenceResolution": "backend.payments.models.DifferenceResolution",
        "SettlementSource": "backend.payments.models.SettlementSource",
        "SalonStatus": "backend.salons.models.SalonStatus",
        "ReviewStatus": "backend.salons.models.ReviewStatus",
        "ClosureKind": "backend.salons.models.ClosureKind",
        "StaffGender": "backend.salons.models.Gender",
        "Gender": "backend.accounts.models.Gender",
        "Language": [("ar", "العربية"), ("en", "English")],
        "Audience": "backend.salons.models.Audience",
        "OutsideCalendarKind": [("ical", "ical"), ("caldav", "caldav")],
        "OutsideCalendarState": [(state, state) for state in ("new", "ok", "retrying", "failing")],
        "MessageAudience": "backend.notifications.models.Message.Audience",
        "PhoneChannel": [("sms", "sms"), ("whatsapp", "whatsapp")],
        "MessageChannel": [(channel, channel) for channel in ("push", "whatsapp", "sms", "email")],
    },
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "string", "format": "uuid"}},
    "GET_LIB_DOC_EXCLUDES": "backend.core.api.schema.doc_excludes",
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backend.core.api.schema.name_lists",
        "backend.core.api.schema.describe_bodies",
        "backend.core.api.schema.attach_problems",
    ],
    "TAGS": [
        {"name": "system", "description": "Health and the contract itself"},
        {"name": "sign-in", "description": "Phone number, one-time code, tokens"},
        {"name": "me", "description": "The signed-in person and their devices"},
        {"name": "messages", "description": "The inbox, and by which channel people hear what"},
        {"name": "catalogue", "description": "Salons, services, free times"},
        {"name": "bookings", "description": "A customer's bookings"},
        {"name": "rentals", "description": "Rooms and devices rented by themselves"},
        {"name": "payments", "description": "Deposits through Moyasar"},
        {"name": "manage", "description": "The salon's desk"},
        {"name": "finance", "description": "Payments and their proof"},
        {"name": "platform", "description": "Decisions of the platform's own team"},
        {"name": "support", "description": "Helping people; every look is recorded"},
        {
            "name": "provider-webhooks",
            "description": "Called by payment and message companies, never by apps",
        },
    ],
}

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "debug", "info", "warning", "error")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "backend.core.logs.RequestIdFilter"}},
    "formatters": {
        "readable": {
            "()": "backend.core.logs.ReadableFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s",
        },
        "json": {
            "()": "backend.core.logs.JsonLinesFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": "json" if PRODUCTION else "readable",
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO", choices=LEVELS).upper()},
    "loggers": {
        "django.request": {"level": "CRITICAL"},  # the access log and core.api.problems say it better
        "django.server": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},  # tells every table of every font it makes smaller
    },
}
if "pytest" in sys.modules:
    LOGGING["root"]["level"] = "WARNING"
