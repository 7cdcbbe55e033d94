from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "nps_crm.admin.Site"


class RoofConfig(AppConfig):
    name = "nps_crm"
    default = True

    def ready(self) -> None:
        from core import navigation

        if settings.DEMO:
            navigation.register("foot", "Caught mail", "demo:mail_list", "mail", "m")
