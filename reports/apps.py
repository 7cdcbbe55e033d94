from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        from core import navigation

        navigation.register("main", "Today", "reports:today", "today", "t")
        navigation.register("main", "Portfolio", "reports:portfolio", "reports")
