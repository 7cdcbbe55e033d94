"""Chainable filters of asking and listening, with row scope through the account."""

from typing import TYPE_CHECKING, Self

from django.db import models

from accounts.querysets import accounts_visible_to
from surveys import domain

if TYPE_CHECKING:
    from surveys.models import Invitation, Response, ScoreIntent  # noqa: F401 - in the quoted bases below
    from team.models import User


class ResponseQuerySet(models.QuerySet["Response"]):
    def visible_to(self, user: "User") -> Self:
        """Answers of visible accounts; answers without an account are for scope *all* only."""
        return self.filter(accounts_visible_to(user, "account__"))

    def counted(self) -> Self:
        """The answers that enter figures: matched or anonymous, not excluded, not deleted at their source."""
        return self.filter(excluded_reason="", deleted_upstream_at__isnull=True).exclude(
            identity__in=["inbox", "ignored"]
        )

    def dissatisfied(self) -> Self:
        """Answers in the bad level of their own scale: NPS 0–6, CSAT 1–2, CES 1–3."""
        wanted = models.Q(pk__in=[])
        for scale in domain.SCALES.values():
            wanted |= models.Q(metric=scale.metric, score__gte=scale.bad.low, score__lte=scale.bad.high)
        return self.filter(wanted)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(accounts_visible_to(user, "account__"))

    def real(self) -> Self:
        """Without the asks of "send me a test"."""
        return self.filter(is_test=False)


class ScoreIntentQuerySet(models.QuerySet["ScoreIntent"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(accounts_visible_to(user, "invitation__account__"))
