"""Settings, read from the environment. Every variable is described in docs/configuration.md (a test compares)."""

import logging
import sys
from pathlib import Path
from typing import Any

from environs import Env, validate

# Debian's SQLite has a rare WAL-reset corruption race (fixed in 3.51.3); the wheel carries a newer one.
try:
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
except ImportError:
    pass

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from surveys import choices

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# --- Operation ---------------------------------------------------------------------------------------------
DEBUG = env.bool("NPS_DEBUG", False)
DEMO = env.bool("NPS_DEMO", False)
DATA_DIR = Path(env.str("NPS_DATA_DIR", str(BASE_DIR / "var")))
BASE_URL = env.str("NPS_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
INSTANCE_ID = env.str("NPS_INSTANCE_ID", "default")

# Comparing models with migrations signs, encrypts and serves nothing, so it runs in a checkout without keys.
NEEDS_KEYS = not (DEBUG or DEMO or sys.argv[1:2] == ["makemigrations"])

SECRET_KEY = env.str("NPS_SECRET_KEY", "")
if not SECRET_KEY:
    if NEEDS_KEYS:
        raise ImproperlyConfigured("Set NPS_SECRET_KEY to a long random text (see docs/configuration.md).")
    SECRET_KEY = "only-for-development-" + "x" * 40
# Earlier secret keys: links in mails already sent and sessions stay valid while their key stands here.
SECRET_KEY_FALLBACKS: list[str] = env.list("NPS_SECRET_KEY_FALLBACKS", [])
# Keys that encrypt stored secrets, newest first; kept apart from SECRET_KEY so that either can be changed alone.
FIELD_KEYS: list[str] = env.list("NPS_FIELD_KEYS", [])
if not FIELD_KEYS:
    if NEEDS_KEYS:
        raise ImproperlyConfigured("Set NPS_FIELD_KEYS to 32 random bytes in URL-safe base64.")
    FIELD_KEYS = ["b25seS1mb3ItZGV2ZWxvcG1lbnQtYi1vbmx5LWRldmU="]
# Turns addresses into the keys by which suppressions remember them; must stay the same for ever.
ADDRESS_KEY = env.str("NPS_ADDRESS_KEY", "")
if not ADDRESS_KEY:
    if NEEDS_KEYS:
        raise ImproperlyConfigured("Set NPS_ADDRESS_KEY to a long random text that never changes.")
    ADDRESS_KEY = "only-for-development"
ALLOWED_HOSTS = env.list("NPS_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list(
    "NPS_CSRF_TRUSTED_ORIGINS", [BASE_URL] if BASE_URL.startswith("https") else []
)
TRUSTED_PROXIES = env.int("NPS_TRUSTED_PROXIES", 0, validate=validate.Range(min=0, max=5))

# --- Applications ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "nps_crm.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "anymail",
    "csp",
    "django_filters",
    "django_htmx",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "rest_framework",
    "simple_history",
    "template_partials",
    "core",
    "team",
    "accounts",
    "surveys",
    "workflows",
    "integrations",
    "reports",
    "nps_crm.apps.RoofConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "surveys.api.door.AnswerLane",
    "integrations.door.DeliveryLane",
    "surveys.widget.api.WidgetLane",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.once.ReadOnce",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "team.middleware.SessionLimits",
    "team.middleware.SecondStep",
    "team.middleware.OwnZone",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "nps_crm.urls"
WSGI_APPLICATION = "nps_crm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "nps_crm" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "core.templatetags.ui",
                "core.templatetags.charts",
                "template_partials.templatetags.partials",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "core.context.navigation",
            ],
        },
    }
]

# --- Database ----------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        env.str("DATABASE_URL", "") or f"sqlite:///{DATA_DIR / 'nps_crm.sqlite3'}",
        conn_max_age=env.int("NPS_DB_CONN_MAX_AGE", 60),
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA journal_size_limit=67108864;",
    }
    DATABASES["default"]["TEST"] = {"NAME": None}
else:
    # Prepared statements: planning is the largest single cost of the answer statement. Without compiling (jit), which takes
    # longer than any statement here, and is begun where PostgreSQL takes few rows for many. A pooler that wants no
    # binding wants no options at the start of a connection either.
    binds = env.bool("NPS_DB_SERVER_SIDE_BINDING", True)
    DATABASES["default"]["OPTIONS"] = {
        "server_side_binding": binds,
        "prepare_threshold": 3,
        **({"options": "-c jit=off"} if binds else {}),
        **DATABASES["default"].get("OPTIONS", {}),
    }

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "core_cache"},
    # The queue writes its own state twice a second and nobody reads it: signs of life are rows (core.Heartbeat).
    "queue": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

# --- People and sessions -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "team.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "team.passwords.BoundedPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "team.adapters.AccountAdapter"
ACCOUNT_FORMS = {"reset_password": "team.forms.ResetPasswordForm"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "team.tokens.SetPasswordTokens"  # noqa: S105 - the path of a class
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# Sign-in tries and reset requests are counted by team.adapters, exactly and before the check; the rest by allauth.
ACCOUNT_RATE_LIMITS = {
    "login": "",
    "login_failed": "",
    "reset_password": "",
    "change_password": "10/h/user",
    "reauthenticate": "",
}
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "NPS CRM"
MFA_ADAPTER = "team.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "team.forms.AuthenticateForm",
    "reauthenticate": "team.forms.ReauthenticateForm",
    "activate_totp": "team.forms.ActivateTOTPForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG or DEMO
USERSESSIONS_TRACK_ACTIVITY = False
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
# Absolute and idle end of a session.
SESSION_COOKIE_AGE = 3600 * env.int("NPS_SESSION_HOURS", 12, validate=validate.Range(min=1, max=168))
SESSION_IDLE_SECONDS = 60 * env.int(
    "NPS_SESSION_IDLE_MINUTES", 180, validate=validate.Range(min=5, max=10080)
)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- Language, time, files ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "nps_crm" / "static"]
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {
        "BACKEND": env.str("NPS_FILE_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("NPS_FILE_STORAGE_OPTIONS", {}),
    },
    "staticfiles": {
        "BACKEND": env.str("NPS_STATIC_STORAGE", "whitenoise.storage.CompressedManifestStaticFilesStorage")
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
MAX_IMPORT_BYTES = env.int("NPS_MAX_IMPORT_BYTES", 100_000_000)
# Uploaded files and refused rows are deleted after so many days; what was imported and the counts stay.
VISIT_KEEP_DAYS = env.int("NPS_VISIT_KEEP_DAYS", 400, validate=validate.Range(min=60, max=3650))
IN_APP_KEEP_DAYS = env.int("NPS_IN_APP_KEEP_DAYS", 400, validate=validate.Range(min=30, max=3650))
IMPORT_KEEP_DAYS = env.int("NPS_IMPORT_KEEP_DAYS", 30, validate=validate.Range(min=1, max=3650))

# --- Mail --------------------------------------------------------------------------------------------------
EMAIL_BACKEND = env.str("NPS_EMAIL_BACKEND", "core.mail.smtp.EmailBackend")
EMAIL_HOST = env.str("NPS_EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = env.int("NPS_EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("NPS_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env.str("NPS_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env.bool("NPS_EMAIL_STARTTLS", False)
EMAIL_USE_SSL = env.bool("NPS_EMAIL_SSL", False)
EMAIL_TIMEOUT = env.int("NPS_EMAIL_TIMEOUT", 10)
DEFAULT_FROM_EMAIL = env.str("NPS_FROM_EMAIL", "NPS CRM <crm@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
SNS_VERIFY = env.bool("NPS_SNS_VERIFY", True)
ANYMAIL: dict[str, Any] = dict(env.json("NPS_ANYMAIL", {}))
# Replies to surveys that name no mailbox of their own come here, if the mail provider hands them to /hooks/mail/.
INBOUND_ADDRESS = env.str("NPS_INBOUND_ADDRESS", "")
# Name servers for the page about the sending domain; those of the machine when empty.
DNS_SERVERS: list[str] = env.list("NPS_DNS_SERVERS", [])
DNS_PORT = env.int("NPS_DNS_PORT", 53)
DKIM_SELECTORS: list[str] = env.list("NPS_DKIM_SELECTORS", [])
# Nothing leaves a deployment unless it is meant to: copies of a production database must not write to customers.
SENDING_ENABLED = env.bool("NPS_SENDING_ENABLED", True)

# --- Other systems, and SMS ---------------------------------------------------------------------------------
# Hosts and networks that may be called although they are not on the public internet (core/fetch.py).
FETCH_ALLOW: list[str] = env.list("NPS_FETCH_ALLOW", [])
CHAT_HOSTS: list[str] = env.list("NPS_CHAT_HOSTS", [])
SMS_PROVIDER = env.str("NPS_SMS_PROVIDER", "", validate=validate.OneOf(["", "twilio", "catcher"]))
SMS_FROM = env.str("NPS_SMS_FROM", "")
SMS_MAX_SEGMENTS = env.int("NPS_SMS_MAX_SEGMENTS", 3, validate=validate.Range(min=1, max=10))
TWILIO_ACCOUNT_SID = env.str("NPS_TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("NPS_TWILIO_AUTH_TOKEN", "")
TWILIO_URL = env.str("NPS_TWILIO_URL", "https://api.twilio.com").rstrip("/")

# --- Security headers --------------------------------------------------------------------------------------
SECURE_SSL = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SSL else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# --- API ---------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["team.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["team.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api_wire.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["team.authentication.KeyRate"],
    "DEFAULT_FILTER_BACKENDS": ["core.api_wire.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "core.api_wire.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "core.api_schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "core.api.ExceptionHandler"}
SPECTACULAR_SETTINGS = {
    "TITLE": "NPS CRM API",
    "DESCRIPTION": "Accounts, contacts, surveys, answers and the work that follows from them.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "integrations.api.schema.describe_door",
    ],
    # Names of value sets that several fields called alike have; values in the order of the alphabet.
    "ENUM_NAME_OVERRIDES": {
        "UserRoleEnum": ["administrator", "csm", "lead", "viewer"],
        "ContactRoleEnum": ["billing", "champion", "decision_maker", "other", "user"],
        "ChannelEnum": list(choices.Channel),
        "InteractionKindEnum": ["call", "mail", "meeting", "note"],
        "SurveyKindEnum": list(choices.SurveyKind),
        "MetricEnum": list(choices.MetricFamily),
        "ContractOutcomeEnum": ["churned", "downgraded", "open", "renewed"],
        "ReasonEnum": list(choices.Reason),
        "DeliveryCauseEnum": ["event", "rule", "test"],
        "LoopStatusEnum": ["open", "contacted", "closed"],
        "PriorityEnum": ["high", "normal", "low"],
        "MetricDirectionEnum": ["higher_is_better", "lower_is_better", "neutral"],
        "MetricTypeEnum": ["number", "percent", "boolean", "choice"],
        "AlarmDirectionEnum": ["fall", "rise", "both"],
        "ChatKindEnum": ["slack", "teams"],
        "DecisionKindEnum": ["link", "create", "ignore", "restore", "unlink", "split"],
        "WebhookStateEnum": ["active", "paused", "disabled"],
        "WorkStateEnum": [
            "pending",
            "claimed",
            "sending",
            "done",
            "failed",
            "dead",
            "in_doubt",
            "cancelled",
        ],
    },
}

# --- Listening to other systems -----------------------------------------------------------------------------
# How long a run waits for a source that has trouble before its connection counts as broken.
CONNECTION_PATIENCE_HOURS = env.int(
    "NPS_CONNECTION_PATIENCE_HOURS", 24, validate=validate.Range(min=1, max=720)
)
# How long deliveries to our door are kept, so that a replay is known and an unreadable one can be looked at.
HOOK_KEEP_DAYS = env.int("NPS_HOOK_KEEP_DAYS", 14, validate=validate.Range(min=7, max=365))
# How long answers are kept as they came, so that they can be read again under another mapping; 0 keeps them.
RAW_ANSWER_DAYS = env.int("NPS_RAW_ANSWER_DAYS", 365, validate=validate.Range(min=0, max=36_500))
# How long what webhooks sent stays in their log, and can be sent again.
WEBHOOK_KEEP_DAYS = env.int("NPS_WEBHOOK_KEEP_DAYS", 30, validate=validate.Range(min=7, max=3_650))

# --- Widget: requests a minute that one visitor, one address and one widget may make ------------------------
WIDGET_VISITOR_RATE = env.int("NPS_WIDGET_VISITOR_RATE", 60, validate=validate.Range(min=5, max=1_000_000))
WIDGET_ADDRESS_RATE = env.int(
    "NPS_WIDGET_ADDRESS_RATE", 1_200, validate=validate.Range(min=5, max=100_000_000)
)
WIDGET_RATE = env.int("NPS_WIDGET_RATE", 12_000, validate=validate.Range(min=5, max=100_000_000))

# --- Background work (docs/decisions/0003-outbox-and-queue.md says why each of these) -----------------------
WORKERS = env.int("NPS_WORKERS", 2, validate=validate.Range(min=1, max=64))
# Long jobs (imports, exports, rebuilds) at work at once; the other workers stay free for mail and reactions.
LONG_JOBS = env.int("NPS_LONG_JOBS", max(1, WORKERS - 1), validate=validate.Range(min=1, max=64))
# Web processes and the threads of each (`manage.py web`, `manage.py serve`).
WEB_WORKERS = env.int("NPS_WEB_WORKERS", 2, validate=validate.Range(min=1, max=64))
WEB_THREADS = env.int("NPS_WEB_THREADS", 8, validate=validate.Range(min=1, max=256))
# How long what is in hand may take to end after SIGTERM or Ctrl-C; then it is killed, and taken up later.
STOP_SECONDS = env.float("NPS_STOP_SECONDS", 30.0, validate=validate.Range(min=1, max=600))
# A worker cluster without a sign of life for so long is killed and started anew.
WATCHDOG_SECONDS = env.float("NPS_WATCHDOG_SECONDS", 120.0, validate=validate.Range(min=2, max=200))
# Set by `manage.py worker` for the cluster it starts; never by hand.
WORKER_TOKEN = env.str("NPS_WORKER_TOKEN", "")
Q_CLUSTER = {
    "name": "nps_crm",
    "orm": "default",
    "broker_class": "core.broker.Broker",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": 0.1,
    "timeout": 240,
    "retry": 900,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 500,
    "max_rss": 400_000,
    "cache": "queue",
    "label": "Queue",
}

# --- Logging: to standard output, never with personal data or secrets --------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.log_level("NPS_LOG_LEVEL", logging.INFO)},
    # Otherwise three lines for each wake-up, and the addresses of caught mail.
    "loggers": {"django-q": {"level": "WARNING"}, "mail.log": {"level": "WARNING"}},
}
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # whether all subdomains of the company's domain are on TLS is not ours to say
    "security.W008",  # the proxy that ends TLS redirects; health checks and workers speak to us plainly
    "security.W021",  # nor is entering that domain in the browsers' preload list
]
