"""What the engine tells the leads about rules themselves: circles, and runs above the cap of the day."""

from django.urls import reverse

from team import queries as team_queries
from workflows import alert_kinds
from workflows.alert_kinds import Matter
from workflows.alerting.domain import Severity
from workflows.models import Alert, Rule, Run
from workflows.queries import worktime
from workflows.services import alerts

CIRCLE, HELD = "rule_circle", "rule_held"


def tell_of_circle(run: Run) -> None:
    """Alert a lead of rules that set each other off; further ones of the same rule are counted in that alert."""
    _tell(CIRCLE, run, key=f"{CIRCLE}:{run.pk}")


def tell_of_held(run: Run) -> None:
    """Alert a lead of runs that are held, once a day for each rule."""
    day = run.started_at.astimezone(team_queries.zone()).date()
    _tell(HELD, run, key=f"{HELD}:{run.rule_id}:{day.isoformat()}")


def _tell(kind: str, run: Run, *, key: str) -> None:
    alerts.raise_alert(
        kind=kind, reason=f"rule {run.rule_id}", assignee=worktime.lead_of(None), dedupe_key=key, data={"rule": run.rule_id}
    )  # fmt: skip


def _circle(alert: Alert) -> Matter:
    return Matter(f"“{_name(alert)}” is set off by what it sets off: stopped", _page(alert))


def _held(alert: Alert) -> Matter:
    return Matter(f"“{_name(alert)}” ran more often than it may in a day: the rest is held", _page(alert))


def _name(alert: Alert) -> str:
    return (
        Rule.objects.filter(pk=alert.data.get("rule")).values_list("name", flat=True).first()
        or "A rule that is gone"
    )


def _page(alert: Alert) -> str:
    pk = alert.data.get("rule")
    return (
        reverse("workflows:rule_detail", args=[pk]) if isinstance(pk, int) else reverse("workflows:rule_list")
    )


def register() -> None:
    alert_kinds.register(CIRCLE, _circle, label="Rules set each other off", severity=Severity.HIGH)
    alert_kinds.register(HELD, _held, label="Runs of a rule are held", severity=Severity.NORMAL)
