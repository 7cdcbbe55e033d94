from django.apps import AppConfig


class SurveysConfig(AppConfig):
    name = "surveys"
    verbose_name = "Asking and listening"

    def ready(self) -> None:
        from surveys import privacy  # noqa: F401
        from surveys.insight import rollups
        from surveys.services import campaigns, delivery

        rollups.register()
        campaigns.register()
        delivery.register()
