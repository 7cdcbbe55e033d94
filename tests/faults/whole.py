"""The whole product, plus the kinds of work that do nothing, to measure against."""

from nps_crm.settings import *  # noqa: F403
from nps_crm.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultsConfig"]
