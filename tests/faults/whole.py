"""The whole product, its tables as the models say, plus the kinds of work that do nothing, to measure against."""

from tests.faults.synced import *  # noqa: F403
from tests.faults.synced import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultsConfig"]
