"""The whole product, plus the kinds of work that do nothing, for what is measured against them."""

from nps_crm.settings import *  # noqa: F403
from nps_crm.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultsConfig"]
