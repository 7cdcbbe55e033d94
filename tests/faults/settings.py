"""The ground alone (core and team), plus the kinds of work that the fault tests put under stress."""

from nps_crm.settings import *  # noqa: F403
from nps_crm.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES

_UPPER = {"accounts", "surveys", "workflows", "integrations", "reports"}
INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if app.split(".")[0] not in _UPPER and app != "nps_crm.apps.AdminConfig"),
    "tests.faults.apps.FaultsConfig",
]
MIDDLEWARE = [name for name in MIDDLEWARE if name.split(".")[0] not in _UPPER]
ROOT_URLCONF = "tests.faults.urls"
WSGI_APPLICATION = "nps_crm.wsgi.application"
TEMPLATES[0]["OPTIONS"]["context_processors"] = []
