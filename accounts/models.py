"""Who the customers are, what happened to them, and how we group and import them."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts import extend
from accounts.domain import (
    SHARING_LABELS,
    ContactRole,
    ContractOutcome,
    FieldType,
    ImportState,
    InteractionKind,
    Origin,
    OwnerRole,
    Sharing,
)
from accounts.metric_values import Direction, MetricType
from accounts.querysets import (
    AccountQuerySet,
    ContactQuerySet,
    ImportQuerySet,
    OfAccountQuerySet,
    SegmentQuerySet,
)
from core.outbox import OutboxRow


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]


class LifecycleStage(models.Model):
    name = models.CharField(max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_customer = models.BooleanField(
        default=True, help_text="Accounts in this stage are counted as customers."
    )
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class CustomField(models.Model):
    """A field the company adds to accounts or contacts; values live in their `custom` under `key`."""

    target = models.CharField(max_length=10, choices=[("account", "Account"), ("contact", "Contact")])
    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=choices(FieldType))
    choices = models.JSONField(default=list, blank=True, help_text="The allowed values of a choice field.")
    is_personal = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["target", "key"], name="accounts_customfield_key")]

    def __str__(self) -> str:
        return f"{self.target}.{self.key}"


class Tag(models.Model):
    """A word that was put on an account, so that it can be offered again. Accounts hold the names themselves."""

    name = models.CharField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """A customer company."""

    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    domain = models.CharField(max_length=253, blank=True, default="")
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    stage = models.ForeignKey(LifecycleStage, on_delete=models.PROTECT, null=True, blank=True)
    stage_since = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="owned_accounts",
        help_text="The primary owner; further owners by role are AccountOwner rows.",
    )  # fmt: skip
    plan = models.CharField(max_length=60, blank=True, default="")
    segment = models.CharField(max_length=60, blank=True, default="")
    industry = models.CharField(max_length=80, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    city = models.CharField(max_length=80, blank=True, default="")
    seats = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    arr = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    lifetime_value = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    customer_since = models.DateField(null=True, blank=True)
    renewal_on = models.DateField(null=True, blank=True)
    churned_on = models.DateField(null=True, blank=True)
    tags = models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField()), help_text="Names of tags."
    )
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged", db_index=False,
        help_text="Set on what is left of an account that was merged into another.",
    )  # fmt: skip
    history = HistoricalRecords(excluded_fields=["updated_at"], no_db_index=["merged_into"])

    objects: ClassVar = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_account_name"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="accounts_account_parent"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "name"], name="accounts_account_owner"),
            models.Index(fields=["name", "id"], name="accounts_account_by_name"),
            models.Index(fields=["renewal_on"], name="accounts_account_renewal"),
            models.Index(fields=["domain"], name="accounts_account_domain"),
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="accounts_account_merged",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountOwner(models.Model):
    """Somebody who looks after an account in a role. The primary owner is also `Account.owner`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="owners")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_roles")
    role = models.CharField(max_length=20, choices=choices(OwnerRole), default=OwnerRole.CSM)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user", "role"], name="accounts_accountowner_once")
        ]

    def __str__(self) -> str:
        return f"{self.role} of account {self.account_id}"


class Contract(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contracts")
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    starts_on = models.DateField()
    ends_on = models.DateField()
    arr = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    outcome = models.CharField(max_length=12, choices=choices(ContractOutcome), default=ContractOutcome.OPEN)
    outcome_on = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    history = HistoricalRecords()

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="accounts_contract_period"),
            models.CheckConstraint(condition=Q(arr__gte=0), name="accounts_contract_arr"),
            models.CheckConstraint(
                condition=Q(outcome="open", outcome_on__isnull=True)
                | (~Q(outcome="open") & Q(outcome_on__isnull=False)),
                name="accounts_contract_outcome",
            ),
        ]
        indexes = [models.Index(fields=["outcome", "ends_on"], name="accounts_contract_renewals")]

    def __str__(self) -> str:
        return f"Contract {self.pk}"


class Contact(models.Model):
    """A person at one account. `email_key` is the normalised address, unique among live contacts."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="contacts", db_index=False
    )
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    first_name = models.CharField(max_length=100, blank=True, default="")
    last_name = models.CharField(max_length=100, blank=True, default="")
    email = models.CharField(max_length=254, blank=True, default="")
    email_key = models.CharField(max_length=254, null=True, blank=True)
    address_key = models.CharField(
        max_length=64, null=True, blank=True, editable=False,
        help_text="HMAC of email_key; fatigue and suppression count by it.",
    )  # fmt: skip
    phone = models.CharField(max_length=40, blank=True, default="")
    phone_key = models.CharField(
        max_length=64, null=True, blank=True, editable=False,
        help_text="HMAC of the number in its international form (E.164).",
    )  # fmt: skip
    job_title = models.CharField(max_length=120, blank=True, default="")
    role = models.CharField(max_length=20, choices=choices(ContactRole), default=ContactRole.USER)
    language = models.CharField(max_length=10, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )
    erased_at = models.DateTimeField(null=True, blank=True)
    # A contact's past is read by its id; indexes on the copied values would only slow every write.
    history = HistoricalRecords(
        excluded_fields=["updated_at"], no_db_index=["account", "external_id", "merged_into"]
    )

    objects: ClassVar = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["email_key"], condition=Q(merged_into__isnull=True), name="accounts_contact_email_key"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "last_name", "id"], name="accounts_contact_account"),
            models.Index(fields=["last_name", "first_name", "id"], name="accounts_contact_by_name"),
            # Not db_index, which would make a second one for LIKE: keys are compared as a whole.
            models.Index(fields=["address_key"], name="accounts_contact_address_key"),
            models.Index(
                fields=["phone_key"], condition=Q(phone_key__isnull=False), name="accounts_contact_phone_key"
            ),
            # An answer from the address of a contact that was merged away belongs to the survivor.
            models.Index(
                fields=["email_key"],
                condition=Q(merged_into__isnull=False),
                name="accounts_contact_merged_key",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or f"Contact {self.pk}"

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def display_name(self) -> str:
        return self.full_name or self.email or f"Contact {self.pk}"


class FormerAddress(models.Model):
    """An address that a contact had before: evidence, never an identity, because addresses are given to others."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="former_addresses", db_index=False
    )
    email_key = models.CharField(max_length=254)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact", "email_key"], name="accounts_formeraddress_once")
        ]
        # Not db_index, which would make a second one for LIKE.
        indexes = [models.Index(fields=["email_key"], name="accounts_formeraddress_key")]

    def __str__(self) -> str:
        return f"Former address {self.pk}"


class Merge(models.Model):
    """Two records of one customer made one. The loser stays as a tombstone that points at the survivor.

    `fields` holds what the merge wrote over, so that it can be undone: {"survivor": {field: [before, after]}, "loser":
    {…}}. `effect` holds the figures before and after. Keys instead of foreign keys: a journal outlives what it tells of.
    """

    target = models.CharField(max_length=10, choices=[("contact", "Contact"), ("account", "Account")])
    survivor_key = models.BigIntegerField()
    loser_key = models.BigIntegerField()
    fields = models.JSONField(default=dict)
    effect = models.JSONField(default=dict)
    moved_count = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    sealed_at = models.DateTimeField(null=True, help_text="From then on it can no longer be undone.")

    class Meta:
        indexes = [
            models.Index(fields=["target", "survivor_key"], name="accounts_merge_survivor"),
            models.Index(fields=["target", "loser_key"], name="accounts_merge_loser"),
        ]

    def __str__(self) -> str:
        return f"Merge of {self.target} {self.loser_key} into {self.survivor_key}"


class MergedRows(models.Model):
    """The journal of a merge: which rows had `field` changed from `value` to the survivor."""

    merge = models.ForeignKey(Merge, on_delete=models.CASCADE, related_name="journal")
    model = models.CharField(max_length=80)
    field = models.CharField(max_length=40)
    value = models.BigIntegerField(null=True)
    target = models.BigIntegerField(help_text="What the field was changed to.", null=True)
    ids = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.model} {self.pk}"


class Interaction(models.Model):
    """Logged human contact: a note, call, meeting or mail."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="interactions")
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="interactions"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=choices(InteractionKind))
    subject = models.CharField(max_length=200, blank=True, default="")
    body = models.TextField(blank=True, default="")
    outcome = models.CharField(max_length=200, blank=True, default="")
    is_automatic = models.BooleanField(
        default=False, db_default=False, help_text="Written by a rule: it does not count as human contact."
    )
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "-happened_at"], name="accounts_interaction_account")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class InteractionMail(OutboxRow):
    """The mail that goes out when a person writes to a contact from a page. An internal-notice style send."""

    interaction = models.OneToOneField(Interaction, on_delete=models.CASCADE, related_name="outgoing")

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"], name="accounts_interactionmail_due")]

    def __str__(self) -> str:
        return self.key


class Metric(models.Model):
    """A number about accounts over time, pushed from outside.

    `type`, `choices` and `thresholds` are as accounts/metric_values.py describes them. Points older than `retention_days`
    are deleted but for the newest of each account; without a number they are thinned, never forgotten.
    """

    key = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=80)
    unit = models.CharField(max_length=20, blank=True, default="")
    type = models.CharField(max_length=10, default=MetricType.NUMBER, choices=choices(MetricType))
    direction = models.CharField(
        max_length=20, default=Direction.HIGHER_IS_BETTER, choices=choices(Direction)
    )
    choices = models.JSONField(default=list, blank=True)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    thresholds = models.JSONField(default=list, blank=True)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.label


class MetricPoint(models.Model):
    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="points")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="metric_points")
    value = models.DecimalField(max_digits=20, decimal_places=6)
    observed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["metric", "account", "observed_at", "recorded_at"], name="accounts_metricpoint_once"
            )
        ]
        indexes = [
            models.Index(fields=["account", "metric", "-observed_at"], name="accounts_metricpoint_latest")
        ]

    def __str__(self) -> str:
        return f"Point {self.pk}"


class Event(models.Model):
    """One thing that happened to a customer: a row of the timeline. Append-only.

    `facts` are the registered, non-personal rule fields as they were then; `data` holds neutral values of this
    kind of event. Names, addresses and texts are joined when read, through `subject_type` and `subject_id`.
    """

    kind = models.CharField(max_length=60)
    # Their indexes below begin with them.
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, related_name="events", db_index=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, null=True, related_name="events", db_index=False
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    subject_type = models.CharField(max_length=40, blank=True, default="")
    subject_id = models.BigIntegerField(null=True)
    cause_key = models.CharField(max_length=160)
    origin = models.CharField(max_length=10, default=Origin.LIVE, choices=choices(Origin))
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    facts = models.JSONField(default=dict)
    data = models.JSONField(default=dict)

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-occurred_at", "-id"], name="accounts_event_account"),
            models.Index(fields=["contact", "-occurred_at", "-id"], name="accounts_event_contact"),
            models.Index(fields=["kind", "-occurred_at"], name="accounts_event_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class TrackedEvent(models.Model):
    """Something that happened to a customer in another system, told by it: a purchase, a ticket solved, any name.

    `data` is what that system said; the timeline holds an event of kind "tracked" with the name alone.
    """

    name = models.CharField(max_length=80)
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, related_name="tracked_events", db_index=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, null=True, related_name="tracked_events", db_index=False
    )
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200, null=True)
    data = models.JSONField(default=dict)
    origin = models.CharField(max_length=10, default=Origin.LIVE, choices=choices(Origin))
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="accounts_trackedevent_once")
        ]
        indexes = [
            models.Index(fields=["account", "-occurred_at"], name="accounts_tracked_account"),
            models.Index(fields=["contact", "-occurred_at"], name="accounts_tracked_contact"),
            models.Index(fields=["name", "-occurred_at"], name="accounts_tracked_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"


class EventRelay(models.Model):
    """One row per event not yet handed to its subscribers; written with the event, deleted by the relay.

    A row instead of a cursor over ids, because a cursor skips events whose transaction commits late. Written in the
    transaction of its event, so the database does not look for that once more.
    """

    event = models.OneToOneField(
        Event, on_delete=models.CASCADE, primary_key=True, related_name="relay", db_constraint=False
    )

    def __str__(self) -> str:
        return f"Relay of event {self.event_id}"


class EventDelivery(OutboxRow):
    """One event for one subscriber, so that a failing subscriber delays no other."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    subscriber = models.CharField(max_length=60)

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"], name="accounts_eventdelivery_due")]

    def __str__(self) -> str:
        return self.key


class Segment(models.Model):
    """A saved filter over accounts or contacts, in the segment language (accounts/segments.py)."""

    name = models.CharField(max_length=80)
    target = models.CharField(max_length=10, choices=[("account", "Accounts"), ("contact", "Contacts")])
    conditions = models.JSONField(default=dict)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="segments"
    )
    sharing = models.CharField(
        max_length=10, choices=[(s.value, SHARING_LABELS[s]) for s in Sharing], default=Sharing.EVERYBODY,
        help_text="“team” is the team of the owner.",
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    objects: ClassVar = SegmentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "target"], name="accounts_segment_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        """Whether everybody may use it."""
        return self.sharing == Sharing.EVERYBODY


class Import(models.Model):
    """One uploaded file on its way into accounts, contacts or what else is registered. Its rows run as a job.

    `dialect` says how the file is read, `mapping` which column is which field. `position` counts the records that
    are behind us; it is written in the transaction that wrote them. `job_key` is the one job that may go on.
    `sheets` are those of a workbook, each stored as CSV; `file` is the chosen one of them.
    """

    target = models.CharField(max_length=10, choices=extend.import_choices)
    state = models.CharField(max_length=12, default=ImportState.UPLOADED, choices=choices(ImportState))
    file = models.FileField(upload_to="imports/", blank=True)
    file_name = models.CharField(max_length=200)
    sheets = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), blank=True)
    byte_size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    dialect = models.JSONField(default=dict)
    headers = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    checked = models.JSONField(default=dict, help_text="What the last check found, with its first rows.")
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    accounts_created = models.PositiveIntegerField(default=0)
    unmatched_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Of those created: not yet known whose they are."
    )
    error = models.CharField(max_length=500, blank=True, default="")
    job_key = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(
        null=True, help_text="When the file and all cells taken from it were deleted."
    )

    objects: ClassVar = ImportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="accounts_import_latest")]

    def __str__(self) -> str:
        return f"Import {self.pk}"


class ImportRow(models.Model):
    """A refused row of an import, as it came, with the reason; downloadable until the import is deleted."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="refused")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    cells = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "line"], name="accounts_importrow_once")]

    def __str__(self) -> str:
        return f"Line {self.line}"
