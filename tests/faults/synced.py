"""The whole product with its tables as the models say, for what is tried on a database without a past: the migrations of
years take longer than the trial."""

from nps_crm.settings import *  # noqa: F403
from nps_crm.settings import INSTALLED_APPS

MIGRATION_MODULES = {name: None for app in INSTALLED_APPS for name in (app.split(".")[0], app.split(".")[-1])}
