from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SurveysConfig(AppConfig):
    name = "surveys"
    verbose_name = "Asking and listening"

    def ready(self) -> None:
        from core import navigation
        from surveys import (  # noqa: F401
            answer_extensions,
            answer_import,
            campaign_extensions,
            inbound_mail,
            list_fields,
            privacy,
            provider_events,
            reminders,
            triggers,
        )
        from surveys.insight import rollups
        from surveys.services import (
            campaigns,
            definitions,
            delivery,
            in_app_messages,
            inbox,
            responses,
            sms,
            visits,
        )

        rollups.register()
        post_migrate.connect(definitions.ensure_definitions, sender=self, dispatch_uid="surveys.definitions")
        responses.register()
        inbox.register()
        campaigns.register()
        delivery.register()
        sms.register()
        triggers.register()
        reminders.register()
        campaign_extensions.register()
        answer_extensions.register()
        list_fields.register()
        answer_import.register()
        provider_events.register()
        inbound_mail.register()
        visits.register()
        in_app_messages.register()
        navigation.register("ask", "Surveys", "surveys:survey_list", "surveys", "s")
        navigation.register("ask", "Campaigns", "surveys:campaign_list", "campaigns", "p")
        navigation.register("main", "Feedback", "surveys:response_list", "feedback", "f")
        navigation.register("main", "NPS", "surveys:nps", "nps", "n")
