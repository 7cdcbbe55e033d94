from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Listening to other systems"

    def ready(self) -> None:
        from core import jobs
        from integrations import extensions, privacy, pulling  # noqa: F401
        from integrations.chat import step
        from integrations.outgoing import registration as webhooks
        from integrations.services import chat, hooks, notices, runs
        from team import places
        from team.permissions import can_lead, can_work

        hooks.register()
        extensions.register()
        notices.register()
        chat.register()
        step.register()
        places.register(
            places.Place(
                "Company", "Chat", "Channels of Slack and Microsoft Teams that are told of alerts", "feedback",
                "integrations:chat_list", can_lead,
            )
        )  # fmt: skip
        webhooks.register()
        jobs.on_tick("connections_due", runs.start_due)
        jobs.on_tick("connections_broken", notices.raise_alerts)
        jobs.hourly("integrations_forget", minute=40, func=lambda _: hooks.forget_old())
        places.register(
            places.Place(
                "Customers and surveys", "Connections", "Answers from other survey tools, and how they come in", "integrations",
                "integrations:connection_list", can_lead,
            )
        )  # fmt: skip
        places.register(
            places.Place(
                "Customers and surveys", "Webhooks", "Tell other systems what happens here, as it happens", "link",
                "integrations:webhook_list", can_work,
            )
        )  # fmt: skip
