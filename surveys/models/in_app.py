"""A message for one person, shown to them in the product."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Account, Contact
from accounts.querysets import OfAccountQuerySet
from surveys.choices import IN_APP_LIVE, InAppState, pairs
from surveys.models.widget import Widget

LIVE = [state.value for state in IN_APP_LIVE]


class InAppMessage(models.Model):
    """Shown by any widget in which the contact is signed in, until they close it, follow its button, or it expires.

    `key` names what it was written for ("run:12:0"): the same key is the same message. `session` is the visit in which it
    was last shown: it stays in sight for the rest of that.
    """

    key = models.CharField(max_length=120, unique=True)
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="in_app_messages", db_index=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, related_name="in_app_messages", db_index=False
    )
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True, default="")
    button_label = models.CharField(max_length=40, blank=True, default="")
    button_url = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=10, choices=pairs(InAppState), default=InAppState.WAITING)
    queued_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    widget = models.ForeignKey(
        Widget, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Where it was first shown."
    )
    session = models.CharField(max_length=60, blank=True, default="")
    shown_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(button_label="", button_url="") | ~Q(button_label="") & ~Q(button_url=""),
                name="surveys_inappmessage_button",
            )
        ]
        indexes = [
            models.Index(fields=["contact", "-queued_at"], name="surveys_inapp_contact"),
            models.Index(fields=["account", "-queued_at"], name="surveys_inapp_account"),
            models.Index(fields=["-queued_at", "-id"], name="surveys_inapp_latest"),
            # What the widget asks for with every visit, and what expires.
            models.Index(fields=["contact", "id"], condition=Q(state__in=LIVE), name="surveys_inapp_live"),
            models.Index(fields=["expires_at"], condition=Q(state__in=LIVE), name="surveys_inapp_expires"),
        ]

    def __str__(self) -> str:
        return f"Message {self.pk} in the product"
