from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Listening to other systems"

    def ready(self) -> None:
        from integrations import privacy  # noqa: F401
        from team import places
        from team.permissions import can_lead

        places.register(
            places.Place(
                "Customers and surveys", "Connections", "Answers from other survey tools, and how they come in", "integrations",
                "integrations:connection_list", can_lead,
            )
        )  # fmt: skip
