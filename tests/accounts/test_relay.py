"""Which events wait for the relay: those that a subscriber wants to hear of, whoever writes them."""

import pytest

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Event, EventDelivery, EventRelay
from core import clock
from surveys.ingest import Answer, ingest
from tests import factories

pytestmark = pytest.mark.django_db


def happen(origin):
    """One event by each way of writing: alone, in bulk, and with an answer."""
    ann = factories.a_contact(account=factories.an_account(), email="ann@example.com")
    survey = factories.a_survey()
    Event.objects.all().delete()
    timeline.record(kind="contact.updated", cause_key="a", contact=ann, account=ann.account, origin=origin)
    now = clock.now()
    timeline.record_many(
        [
            Event(
                kind="contact.updated",
                cause_key="b",
                contact=ann,
                origin=origin,
                occurred_at=now,
                recorded_at=now,
            )
        ]
    )
    answer = Answer(
        survey_id=survey.pk,
        score=9,
        source="test",
        channel="api",
        responded_at=now,
        email=ann.email,
        origin=origin,
    )
    assert [outcome.result for outcome in ingest([answer])] == ["created"]


def only(monkeypatch, *subscribers):
    monkeypatch.setattr(timeline, "subscribers", {one.name: one for one in subscribers})


def nobody(event):
    raise AssertionError("Nothing is delivered here")


@pytest.mark.parametrize(("origin", "relayed"), [(Origin.IMPORT, 0), (Origin.LIVE, 3)])
def test_history_waits_for_nobody_where_all_want_live_events_only(monkeypatch, origin, relayed):
    only(monkeypatch, timeline.Subscriber("live", nobody, live_only=True))

    happen(origin)

    assert (Event.objects.count(), EventRelay.objects.count()) == (3, relayed)


def test_who_subscribes_to_history_misses_none_of_it(monkeypatch):
    only(
        monkeypatch,
        timeline.Subscriber("live", nobody, live_only=True),
        timeline.Subscriber("history", nobody),
        timeline.Subscriber("answers", nobody, kinds=frozenset({"response.scored"})),
    )

    happen(Origin.IMPORT)
    timeline.relay_batch()

    heard = {
        name: set(
            EventDelivery.objects.filter(subscriber=name).values_list("event__kind", "event__cause_key")
        )
        for name in ("live", "history", "answers")
    }
    everything = set(Event.objects.values_list("kind", "cause_key"))
    assert heard["history"] == everything
    assert heard["answers"] == {pair for pair in everything if pair[0] == "response.scored"}
    assert heard["live"] == set()
    assert not EventRelay.objects.exists()
