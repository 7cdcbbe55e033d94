"""The alert that a list of reward codes ran out: raised with its last code, closed by new ones."""

from django.urls import reverse

from team.models import User
from workflows import alert_kinds
from workflows.alert_kinds import Matter
from workflows.alerting.domain import Severity
from workflows.domain import LIVE_ALERTS
from workflows.models import Alert, RewardCode, RewardList
from workflows.queries import worktime
from workflows.services import alerts

KIND = "reward_list_empty"


def ran_out(*, list: RewardList, last: RewardCode) -> None:
    """Alert a lead that nobody gets a code of this list any more; once for each time it runs out."""
    alerts.raise_alert(
        kind=KIND, reason=_reason(list), assignee=worktime.lead_of(None), dedupe_key=f"{KIND}:{last.pk}",
        data={"reward_list": list.pk},
    )  # fmt: skip


def refilled(*, list: RewardList, count: int, actor: User) -> None:
    """Close the alert of a list that has codes again."""
    for alert in Alert.objects.filter(kind=KIND, reason=_reason(list), state__in=LIVE_ALERTS):
        alerts.close_alert(
            alert=alert, outcome=f"{count:,} code{'' if count == 1 else 's'} added", actor=actor
        )


def _reason(list: RewardList) -> str:
    return f"reward list {list.pk}"


def _matter(alert: Alert) -> Matter:
    found = RewardList.objects.filter(pk=alert.data.get("reward_list") or 0).first()
    if found is None:
        return Matter("A list of reward codes that is gone", reverse("workflows:reward_lists"))
    return Matter(
        f"“{found.name}” has no codes left: rules cannot give any until some are added",
        reverse("workflows:reward_list", args=[found.pk]),
    )


def register() -> None:
    alert_kinds.register(KIND, _matter, label="A list of reward codes ran out", severity=Severity.HIGH)
