"""What the demo company's rules left behind: alerts about poor answers alone, each raised once."""

import datetime as dt
import random

from core import clock
from nps_crm.demo import seed
from team.models import User
from tests import factories
from workflows.models import Alert
from workflows.rules import builtin


def test_only_detractors_raise_alerts_and_each_account_one(lead: User, frozen: object) -> None:
    builtin.ensure()
    acme = factories.an_account("Acme", owner=lead)
    for number, (metric, score) in enumerate((("nps", 3), ("nps", 2), ("csat", 5), ("nps", 9))):
        contact = factories.a_contact(f"p{number}@acme.example", account=acme)
        factories.respond(factories.a_survey(f"Survey {number}", metric=metric), score, email=contact.email)
    cast = seed.Cast(random.Random(7), clock.now().date(), clock.now(), people={"lead": lead})

    seed._work_under_way(cast)

    alert = Alert.objects.get()
    assert alert.response is not None
    assert (alert.response.metric, alert.count) == ("nps", 2)
    assert [e.cause_key for e in cast.events if e.kind == "alert.raised"] == [f"alert:{alert.pk}:raised"]
    assert alert.opened_at <= clock.now() + dt.timedelta(seconds=1)
