"""What this app adds to the common registries: navigation, settings, the timeline's own events, relations, work."""

import datetime as dt

from django.db.backends.signals import connection_created

from accounts import extend, folding, mail, queries
from accounts.extend import Relation
from accounts.imports import customers
from accounts.imports import running as importing
from accounts.imports import services as import_services
from accounts.models import Contract, LifecycleStage, TrackedEvent
from accounts.services import bulk, erase, metric_events, metric_pruning, tracked
from core import jobs, navigation, schedules
from team import places
from team.models import User
from team.permissions import can_import, can_lead
from team.places import Place

# Everything of ours that points at an account or a contact, and what becomes of it in a merge.
_MOVED = {
    "accounts.Account": "Daughters follow when their parent is merged.",
    "accounts.AccountOwner": "Roles follow the account.",
    "accounts.Contract": "Contracts follow the account.",
    "accounts.Contact": "People follow the account; tombstones point at the survivor.",
    "accounts.FormerAddress": "Former addresses are the person's.",
    "accounts.Interaction": "What was said follows the person.",
    "accounts.MetricPoint": "Numbers follow the account.",
    "accounts.TrackedEvent": "What other systems told follows the customer.",
    "accounts.Event": "The timeline follows the customer.",
}


def register() -> None:
    connection_created.connect(folding.add_function, dispatch_uid="accounts.folding")
    _places()
    _events()
    forgetting = {
        "accounts.FormerAddress": erase.forget_addresses,
        "accounts.Interaction": erase.forget_interactions,
        "accounts.TrackedEvent": erase.forget_tracked,
    }
    for model, reason in _MOVED.items():
        extend.relation(Relation(model, erase=forgetting.get(model), reason=reason))
    erase.register()
    mail.register()
    bulk.register()
    importing.register()
    customers.register()
    jobs.daily(
        "accounts.imports.clear", at=dt.time(3, 20), zone=schedules.utc, func=import_services.clear_old
    )
    jobs.daily("accounts.metrics.prune", at=dt.time(3, 40), zone=schedules.utc, func=metric_pruning.prune)


def _places() -> None:
    navigation.register("main", "Accounts", "accounts:account_list", "accounts", key="a")
    navigation.register("main", "Contacts", "accounts:contact_list", "contacts", key="c")
    navigation.register("main", "Segments", "accounts:segment_list", "segments", key="e")
    navigation.register("act", "Imports", "accounts:import_list", "upload", key="i", permission=can_import)
    navigation.register_search("accounts:account_list")
    group = "Customers and surveys"
    stages = "The stages an account goes through"
    places.register(Place(group, "Lifecycle stages", stages, "segments", "accounts:stage_list"))
    fields = "Your own fields of accounts and contacts"
    places.register(Place(group, "Custom fields", fields, "edit", "accounts:field_list"))
    metrics = "Numbers about accounts that other systems send"
    places.register(Place(group, "Metrics", metrics, "reports", "accounts:metric_list", can_lead))


def _events() -> None:
    templates = "accounts/events"
    extend.event_renderer(
        "interaction.logged", f"{templates}/interaction.html", queries.sent_interactions, group="people"
    )
    contracts = queries.by_subject(Contract)
    for kind in ("contract.created", "contract.updated", "contract.outcome_set"):
        extend.event_renderer(kind, f"{templates}/contract.html", contracts)
    extend.event_renderer("account.owner_changed", f"{templates}/owner.html", queries.named_in(User))
    extend.event_renderer(
        "account.stage_changed", f"{templates}/stage.html", queries.named_in(LifecycleStage)
    )
    extend.event_renderer(
        tracked.KIND, f"{templates}/tracked.html", queries.by_subject(TrackedEvent), group="people"
    )
    extend.event_renderer(metric_events.KIND, f"{templates}/metric.html", queries.metric_events)
    for kind in ("account.created", "account.updated", "contact.created", "contact.updated"):
        extend.event_renderer(kind, f"{templates}/record.html")
    for kind in (
        "account.merged",
        "account.unmerged",
        "contact.merged",
        "contact.unmerged",
        "contact.split",
        "contact.erased",
    ):
        extend.event_renderer(kind, f"{templates}/merge.html", queries.merge_events)
