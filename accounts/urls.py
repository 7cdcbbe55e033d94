"""Pages of this app."""

from django.urls import path

from accounts.views import accounts, contacts, segments, settings, work

app_name = "accounts"
urlpatterns = [
    path("accounts/", accounts.account_list, name="account_list"),
    path("accounts/new/", accounts.account_create, name="account_create"),
    path("accounts/options/", accounts.account_options, name="account_options"),
    path("accounts/export/", accounts.account_export, name="account_export"),
    path("accounts/owner/", accounts.account_change_owner, name="account_change_owner"),
    path("accounts/owner/state/", accounts.owner_change_state, name="owner_change_state"),
    path("accounts/<int:pk>/", accounts.account_detail, name="account_detail"),
    path("accounts/<int:pk>/edit/", accounts.account_edit, name="account_edit"),
    path("accounts/<int:pk>/owners/", accounts.account_owner_add, name="account_owner_add"),
    path("accounts/<int:pk>/owners/<int:row>/remove/", accounts.account_owner_remove, name="account_owner_remove"),
    path("accounts/<int:pk>/interactions/new/", work.interaction_log, name="interaction_log"),
    path("accounts/<int:pk>/contracts/new/", work.contract_create, name="contract_create"),
    path("interactions/<int:pk>/", work.interaction_edit, name="interaction_edit"),
    path("interactions/<int:pk>/resend/", work.mail_resend, name="mail_resend"),
    path("contracts/<int:pk>/", work.contract_edit, name="contract_edit"),
    path("contracts/<int:pk>/outcome/", work.contract_outcome, name="contract_outcome"),
    path("contacts/", contacts.contact_list, name="contact_list"),
    path("contacts/new/", contacts.contact_create, name="contact_create"),
    path("contacts/export/", contacts.contact_export, name="contact_export"),
    path("contacts/<int:pk>/", contacts.contact_detail, name="contact_detail"),
    path("contacts/<int:pk>/edit/", contacts.contact_edit, name="contact_edit"),
    path("contacts/<int:pk>/mail/", work.contact_mail, name="contact_mail"),
    path("segments/", segments.segment_list, name="segment_list"),
    path("segments/new/", segments.segment_create, name="segment_create"),
    path("segments/<int:pk>/", segments.segment_edit, name="segment_edit"),
    path("segments/<int:pk>/delete/", segments.segment_delete, name="segment_delete"),
    path("settings/stages/", settings.stage_list, name="stage_list"),
    path("settings/stages/<int:pk>/", settings.stage_edit, name="stage_edit"),
    path("settings/stages/<int:pk>/delete/", settings.stage_delete, name="stage_delete"),
    path("settings/fields/", settings.field_list, name="field_list"),
    path("settings/fields/new/", settings.field_create, name="field_create"),
    path("settings/fields/<int:pk>/", settings.field_edit, name="field_edit"),
    path("settings/fields/<int:pk>/delete/", settings.field_delete, name="field_delete"),
]
