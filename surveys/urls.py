"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path, re_path

from surveys.views import (
    asks,
    campaign_draft,
    campaigns,
    experiments,
    feedback,
    in_app,
    inbound,
    inbox,
    intents,
    links,
    mail_hooks,
    nps,
    preferences,
    public_links,
    respond,
    scale_scores,
    sending_domain,
    sms_hooks,
    suppressions,
    surveys,
    unsubscribe,
)
from surveys.widget import urls as widget_urls

app_name = "surveys"
urlpatterns: list[URLPattern | URLResolver] = []

# What respondents open. Their addresses are short: they stand in mails.
urlpatterns += [
    path("r/<str:token>/", respond.respond, name="respond"),
    path("r/<str:token>/o.gif", respond.opened, name="respond_opened"),
    path("r/<str:token>/all/", respond.hidden_link, name="respond_hidden"),
    path("r/<str:token>/confirm/", respond.confirm, name="respond_confirm"),
    path("r/<str:token>/thanks/", respond.thanks, name="respond_thanks"),
    path("r/<str:token>/<int:score>/", respond.score_link, name="score_link"),
    path("s/<str:token>", respond.respond, name="short_link"),
    path("u/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("p/<str:token>/", preferences.preferences, name="preferences"),
    path("u/<str:token>/undo/", unsubscribe.unsubscribe_undo, name="unsubscribe_undo"),
    re_path(r"^b/(?P<colour>[0-9a-f]{6})\.css$", respond.brand_css, name="brand_css"),
    path("b/<str:name>", respond.brand_logo, name="brand_logo"),
]

# Public links: what anybody opens, and what the team sees of them.
urlpatterns += [
    path("l/frame.js", links.link_frame_js, name="link_frame_js"),
    path("l/<str:token>/", public_links.link, name="link"),
    path("l/<str:token>/thanks/", public_links.link_thanks, name="link_thanks"),
    path("l/<str:token>/embed/", public_links.link_embed, name="link_embed"),
    path("l/<str:token>/embed/thanks/", public_links.link_embed_thanks, name="link_embed_thanks"),
    path("l/<str:token>/<int:score>/", public_links.link_score, name="link_score"),
    path("surveys/<int:pk>/links/", links.link_list, name="link_list"),
    path("surveys/<int:pk>/links/new/", links.link_new, name="link_new"),
    path("links/<int:pk>/", links.link_detail, name="link_detail"),
    path("links/<int:pk>/edit/", links.link_edit, name="link_edit"),
    path("links/<int:pk>/switch/", links.link_switch, name="link_switch"),
    path("links/<int:pk>/print/", links.link_print, name="link_print"),
    re_path(r"^links/(?P<pk>[0-9]{1,18})/qr\.(?P<form>svg|png)$", links.link_qr, name="link_qr"),
]

# Surveys and the clicks that are no answers yet.
urlpatterns += [
    path("surveys/", surveys.survey_list, name="survey_list"),
    path("surveys/brand-contrast/", surveys.brand_contrast, name="brand_contrast"),
    path("surveys/<int:pk>/missing-texts/", surveys.survey_gaps, name="survey_gaps"),
    path("surveys/new/", surveys.survey_new, name="survey_new"),
    path("surveys/new/preview/", surveys.survey_preview, name="survey_new_preview"),
    path("surveys/<int:pk>/", surveys.survey_detail, name="survey_detail"),
    path("surveys/<int:pk>/edit/", surveys.survey_edit, name="survey_edit"),
    path("surveys/new/sms-count/", surveys.sms_count, name="survey_new_sms_count"),
    path("surveys/<int:pk>/sms-count/", surveys.sms_count, name="sms_count"),
    path("surveys/<int:pk>/preview/", surveys.survey_preview, name="survey_preview"),
    path("surveys/<int:pk>/test/", surveys.survey_test, name="survey_test"),
    path("surveys/<int:pk>/activate/", surveys.survey_activate, name="survey_activate"),
    path("surveys/<int:pk>/archive/", surveys.survey_archive, name="survey_archive"),
    path("surveys/<int:pk>/copy/", surveys.survey_copy, name="survey_copy"),
    path("surveys/<int:pk>/versions/<int:number>/", surveys.survey_version, name="survey_version"),
    path(
        "surveys/<int:pk>/versions/<int:number>/preview/",
        surveys.survey_version_preview,
        name="survey_version_preview",
    ),
    path("feedback/clicks/", intents.intent_list, name="intent_list"),
    path("feedback/clicks/<int:pk>/accept/", intents.intent_accept, name="intent_accept"),
    path("feedback/clicks/<int:pk>/dismiss/", intents.intent_dismiss, name="intent_dismiss"),
]

# Campaigns: who is asked, when, and what became of it.
urlpatterns += [
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/calendar/", campaigns.campaign_calendar, name="campaign_calendar"),
    path("campaigns/new/", campaign_draft.campaign_create, name="campaign_create"),
    path("campaigns/<int:pk>/", campaigns.campaign_detail, name="campaign_detail"),
    path("campaigns/<int:pk>/survey/", campaign_draft.campaign_basics, name="campaign_basics"),
    path("campaigns/<int:pk>/audience/", campaign_draft.campaign_audience, name="campaign_audience"),
    path("campaigns/<int:pk>/when/", campaign_draft.campaign_when, name="campaign_when"),
    path("campaigns/<int:pk>/channels/", campaign_draft.campaign_channels, name="campaign_channels"),
    path("campaigns/<int:pk>/limits/", campaign_draft.campaign_limits, name="campaign_limits"),
    path("campaigns/<int:pk>/review/", campaign_draft.campaign_review, name="campaign_review"),
    path("campaigns/<int:pk>/review/people/", campaign_draft.campaign_people, name="campaign_people"),
    path("campaigns/<int:pk>/launch/", campaign_draft.campaign_launch, name="campaign_launch"),
    path("campaigns/<int:pk>/delete/", campaign_draft.campaign_delete, name="campaign_delete"),
    path("campaigns/<int:pk>/pause/", campaigns.campaign_pause, name="campaign_pause"),
    path("campaigns/<int:pk>/resume/", campaigns.campaign_resume, name="campaign_resume"),
    path("campaigns/<int:pk>/stop/", campaigns.campaign_stop, name="campaign_stop"),
    path("campaigns/<int:pk>/people/", campaigns.campaign_invitations, name="campaign_invitations"),
    path("campaigns/<int:pk>/links.csv", campaigns.campaign_links, name="campaign_links"),
    path("campaigns/<int:pk>/left-out/", campaigns.campaign_left_out, name="campaign_left_out"),
    path("campaigns/<int:pk>/experiment/", experiments.campaign_experiment, name="campaign_experiment"),
    path(
        "campaigns/<int:pk>/experiment/remove/",
        experiments.campaign_experiment_remove,
        name="campaign_experiment_remove",
    ),
    path("deliveries/<int:pk>/again/", campaigns.delivery_send_again, name="delivery_send_again"),
    path("deliveries/<int:pk>/sent/", campaigns.delivery_mark_as_sent, name="delivery_mark_as_sent"),
    path("suppressions/", suppressions.suppression_list, name="suppression_list"),
    path("suppressions/add/", suppressions.suppression_add, name="suppression_add"),
    path("suppressions/import/", suppressions.suppression_import, name="suppression_import"),
    path("suppressions/export/", suppressions.suppression_export, name="suppression_export"),
    path("suppressions/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
]

# Who was asked, asking one person by hand, and how often people may be asked.
urlpatterns += [
    path("contacts/<int:pk>/asks/", asks.contact_asks, name="contact_asks"),
    path("contacts/<int:pk>/ask/", asks.ask_by_hand, name="ask_by_hand"),
    path("accounts/<int:pk>/asks/", asks.account_asks, name="account_asks"),
    path("settings/asking/", asks.ask_rules, name="ask_rules"),
]

# Messages to single people in the product.
urlpatterns += [
    path("in-product/messages/", in_app.in_app_message_list, name="in_app_message_list"),
    path("in-product/messages/<int:pk>/", in_app.in_app_message, name="in_app_message"),
    path(
        "in-product/messages/<int:pk>/withdraw/",
        in_app.in_app_message_withdraw,
        name="in_app_message_withdraw",
    ),
]

# What was answered.
urlpatterns += [
    path("feedback/", feedback.response_list, name="response_list"),
    path("feedback/bulk/", feedback.response_bulk, name="response_bulk"),
    path("feedback/export/", feedback.response_export, name="response_export"),
    path("feedback/messages/", inbound.message_list, name="message_list"),
    path("feedback/messages/<int:pk>/handle/", inbound.message_handle, name="message_handle"),
    path("feedback/inbox/", inbox.inbox_list, name="inbox_list"),
    path("feedback/inbox/<int:pk>/link/", inbox.inbox_link, name="inbox_link"),
    path("feedback/inbox/<int:pk>/create/", inbox.inbox_create, name="inbox_create"),
    path("feedback/inbox/<int:pk>/ignore/", inbox.inbox_ignore, name="inbox_ignore"),
    path("feedback/inbox/bulk/", inbox.inbox_bulk, name="inbox_bulk"),
    path("feedback/inbox/decisions/", inbox.inbox_decisions, name="inbox_decisions"),
    path("feedback/inbox/decisions/<int:pk>/", inbox.inbox_decision, name="inbox_decision"),
    path("feedback/inbox/decisions/<int:pk>/undo/", inbox.inbox_undo, name="inbox_undo"),
    path("feedback/<int:pk>/unlink/", inbox.response_unlink, name="response_unlink"),
    path("contacts/<int:pk>/split/", inbox.contact_split, name="contact_split"),
    path("feedback/<int:pk>/", feedback.response_detail, name="response_detail"),
    path("feedback/<int:pk>/status/", feedback.response_status, name="response_status"),
    path("feedback/<int:pk>/assign/", feedback.response_assign, name="response_assign"),
    path("feedback/<int:pk>/exclude/", feedback.response_exclude, name="response_exclude"),
    path("feedback/<int:pk>/restore/", feedback.response_restore, name="response_restore"),
]

# What it amounts to.
urlpatterns += [
    path("nps/", nps.nps, name="nps"),
    path("nps/known/", nps.nps_known, name="nps_known"),
    path("scores/<slug:metric>/", scale_scores.scale_scores, name="scale_scores"),
    path("nps/export/", nps.nps_export, name="nps_export"),
    path("nps/accounts/", nps.nps_accounts, name="nps_accounts"),
    path("nps/asked/", nps.nps_asked, name="nps_asked"),
]

# Settings of mail.
urlpatterns += [
    path("settings/sending-domain/", sending_domain.sending_domain, name="sending_domain"),
    path("settings/sending-domain/check/", sending_domain.sending_domain_check, name="sending_domain_check"),
    path("settings/sending-domain/amazon/", sending_domain.sns_dismiss, name="sns_dismiss"),
]

# What mail providers report and hand over. Without a secret anybody could suppress anybody, so then nothing is there.
urlpatterns += [
    re_path(r"^hooks/mail/(?P<hook>[a-z_]+/(?:[a-z_]+/)?)$", mail_hooks.mail_hook, name="mail_hook"),
]

# Asking in a customer's own product.
urlpatterns += widget_urls.urlpatterns

# What Twilio reports of SMS, and replies by SMS. Without a configured account they answer 404.
urlpatterns += [
    path("hooks/sms/twilio/status/", sms_hooks.twilio_status, name="sms_twilio_status"),
    path("hooks/sms/twilio/inbound/", sms_hooks.twilio_inbound, name="sms_twilio_inbound"),
]
