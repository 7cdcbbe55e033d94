"""What a person does with a connection."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings as SettingsWrapper

from accounts import extend
from core.errors import Invalid, Refused
from integrations import registry, vault
from integrations.contract import AccessDenied, Hook, Link, Reference, Trouble
from integrations.domain import ConnectionState
from integrations.models import AnswerFetch, Connection, HookDelivery, RawAnswer, SyncRun
from integrations.services import connections, hooks, lines
from surveys.models import Response, Survey
from team.models import AuditEntry, User
from tests import factories
from tests.conftest import Drain
from tests.integrations.engine.conftest import Send, Sync
from tests.integrations.engine.fake import Fake, Shelf, item
from tests.integrations.vendor import serving

Forward = Callable[..., None]


class Consenting(Fake):
    """Asks for a yes in the browser, and makes its own webhook."""

    key: ClassVar[str] = "consenting"
    needs_consent: ClassVar[bool] = True
    hook: ClassVar[Hook] = Hook.BY_CALL
    subscribed: ClassVar[list[tuple[str, str, tuple[str, ...]]]] = []
    refuses: ClassVar[bool] = False

    def consent_url(self, link: Link, *, redirect: str, state: str) -> str:
        return f"https://vendor.example/yes?state={state}&redirect={redirect}"

    def redeem(self, link: Link, *, code: str, redirect: str) -> None:
        if code != "good":
            raise AccessDenied("The code was refused.")
        link.keep(token="sesame")

    def subscribe(self, link: Link, *, survey_ids: Sequence[str], url: str, secret: str) -> Mapping[str, Any]:
        if type(self).refuses:
            raise AccessDenied("The scope for webhooks is missing.")
        self.subscribed.append((url, secret, tuple(survey_ids)))
        return {"id": "h1"}

    def unsubscribe(self, link: Link, state: Mapping[str, Any]) -> None:
        raise Trouble("vendor.example could not be reached.")


@pytest.fixture
def consenting(
    shelf: Shelf, survey: Any, administrator: User, monkeypatch: pytest.MonkeyPatch, frozen: Any
) -> Any:
    registry.register(Consenting())
    monkeypatch.setattr(Consenting, "subscribed", [])
    made = connections.create_connection(system="consenting", actor=administrator)
    connections.change_connection(
        connection=made, actor=administrator, options={"base": shelf.url}, new_secrets={"token": "none"}
    )
    choice = connections.SurveyChoice(remote_id="s1", survey=survey)
    connections.choose_surveys(connection=made, choices=[choice], actor=administrator)
    made.refresh_from_db()
    yield made
    registry.unregister("consenting")


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def test_a_consent_is_good_once_and_for_the_same_person(
    consenting: Connection, administrator: User, lead: User
) -> None:
    state = state_of(connections.start_consent(connection=consenting, actor=administrator))

    with pytest.raises(Refused, match="begun by somebody else"):
        connections.finish_consent(state=state, code="good", actor=lead)
    with pytest.raises(Refused):
        connections.finish_consent(state=state + "x", code="good", actor=administrator)
    connections.finish_consent(state=state, code="good", actor=administrator)
    consenting.refresh_from_db()
    assert vault.open_secrets(consenting)["token"] == "sesame"
    with pytest.raises(Refused, match="used already"):
        connections.finish_consent(state=state, code="good", actor=administrator)


def test_a_consent_grows_old(consenting: Connection, administrator: User, frozen: Any) -> None:
    state = state_of(connections.start_consent(connection=consenting, actor=administrator))
    frozen.shift(dt.timedelta(minutes=16))
    cache.touch("nothing")

    with pytest.raises(Refused, match="too old"):
        connections.finish_consent(state=state, code="good", actor=administrator)


def test_a_webhook_is_made_by_our_call_and_changed_with_the_secret(
    consenting: Connection, administrator: User
) -> None:
    connections.activate(connection=consenting, actor=administrator)
    connections.rotate_hook_secret(connection=consenting, actor=administrator)
    connections.rotate_hook_token(connection=consenting, actor=administrator)

    (first, second, third) = Consenting.subscribed
    assert first[0] == second[0] != third[0] == connections.hook_url(consenting)
    assert first[1] != second[1] == third[1] == vault.open_secrets(consenting)["hook"]
    assert first[2] == ("s1",)


def test_a_survey_that_is_chosen_later_is_heard_too(
    consenting: Connection, administrator: User, survey: Survey
) -> None:
    connections.activate(connection=consenting, actor=administrator)
    both = [connections.SurveyChoice(remote_id=each, survey=survey) for each in ("s1", "s2")]

    connections.choose_surveys(connection=consenting, choices=both, actor=administrator)
    connections.choose_surveys(connection=consenting, choices=both, actor=administrator)

    assert [sorted(ids) for _, _, ids in Consenting.subscribed] == [["s1"], ["s1", "s2"]]


def test_a_webhook_that_cannot_be_made_leaves_the_connection_at_work(
    consenting: Connection, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Consenting, "refuses", True)

    connections.activate(connection=consenting, actor=administrator)

    consenting.refresh_from_db()
    assert (consenting.state, consenting.hook_state) == ("active", "failed")
    assert consenting.hook_error == "The scope for webhooks is missing."


def test_a_webhook_that_could_not_be_made_is_asked_for_again_with_the_access(
    consenting: Connection, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections.change_connection(connection=consenting, actor=administrator, new_secrets={"token": "sesame"})
    monkeypatch.setattr(Consenting, "refuses", True)
    connections.activate(connection=consenting, actor=administrator)
    monkeypatch.setattr(Consenting, "refuses", False)

    connections.check_connection(connection=consenting)
    connections.check_connection(connection=consenting)

    consenting.refresh_from_db()
    assert (consenting.hook_state, consenting.hook_error) == ("waiting", "")
    assert len(Consenting.subscribed) == 1


def test_an_end_deletes_the_credentials_and_keeps_the_answers(
    consenting: Connection, administrator: User, shelf: Shelf, drain: Drain
) -> None:
    shelf.items = [item("a1", 9)]
    vault.store_secrets(consenting, {"token": "sesame"})
    connections.activate(connection=consenting, actor=administrator)
    drain()

    connections.disconnect(connection=consenting, actor=administrator)

    assert (consenting.state, consenting.secrets, consenting.hook_token) == ("disconnected", "", "")
    assert consenting.hook_error == "vendor.example could not be reached."
    assert Response.objects.count() == 1
    assert SyncRun.objects.get().state == "done"
    with pytest.raises(Refused):
        connections.activate(connection=consenting, actor=administrator)


def test_nothing_begins_before_everything_is_said(shelf: Shelf, administrator: User, survey: Any) -> None:
    draft = connections.create_connection(system="fake", actor=administrator)
    with pytest.raises(Refused, match="Still missing: Address, Token"):
        connections.activate(connection=draft, actor=administrator)
    connections.change_connection(
        connection=draft,
        actor=administrator,
        options={"base": shelf.url},
        new_secrets={"token": "x", "hook": ""},
    )
    with pytest.raises(Refused, match="at least one survey"):
        connections.activate(connection=draft, actor=administrator)

    connections.delete_draft(connection=draft, actor=administrator)
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://[::1]/", "http://10.0.0.8/", "http://169.254.169.254/",
        "https://user:pw@api.example.com/", "ftp://api.example.com/", "http://api.example.com:5432/", "//api.example.com/",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_when_it_is_saved(
    draft: Connection, administrator: User, settings: Any, address: str
) -> None:
    settings.FETCH_ALLOW = []

    with pytest.raises(Invalid) as caught:
        connections.change_connection(connection=draft, actor=administrator, options={"base": address})

    assert caught.value.field == "base"


def test_an_address_that_turns_inwards_later_stops_the_run(
    active: Connection, sync: Sync, settings: Any, shelf: Shelf
) -> None:
    settings.FETCH_ALLOW = []
    calls = len(shelf.vendor.calls)

    run = sync()

    assert run.state == "failed"
    assert "must not be called" in run.error
    assert len(shelf.vendor.calls) == calls


def test_a_new_address_makes_the_old_one_unknown(
    active: Connection, administrator: User, send: Send, client: Client
) -> None:
    connections.rotate_hook_token(connection=active, actor=administrator)

    assert send({"items": []}) == 404
    token = vault.open_token(active)
    assert client.head(reverse("integrations:door", args=[token])).status_code == 200


def test_a_secret_belongs_to_its_connection(active: Connection, administrator: User) -> None:
    other = connections.create_connection(system="fake", actor=administrator)
    Connection.objects.filter(pk=other.pk).update(secrets=active.secrets)
    other.refresh_from_db()

    with pytest.raises(Refused, match="cannot be opened"):
        lines.open_line(other)
    assert vault.known_secrets(other) == frozenset()


def test_the_audit_log_names_what_changed_and_no_value(active: Connection, administrator: User) -> None:
    connections.change_connection(
        connection=active, actor=administrator, new_secrets={"token": "very-secret"}
    )

    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.action, entry.detail) == ("connection.changed", {"fields": ["token"]})


def test_a_survey_of_another_metric_is_refused(draft: Connection, administrator: User) -> None:
    csat = factories.a_survey("Support", metric="csat")

    with pytest.raises(Invalid, match="measures NPS"):
        connections.choose_surveys(
            connection=draft, actor=administrator,
            choices=[connections.SurveyChoice(remote_id="s1", survey=csat, metric="nps")],
        )  # fmt: skip


def test_erasing_a_person_takes_the_sources_copies_too(active: Connection, send: Send, drain: Drain) -> None:
    ann = factories.a_contact("ann@acme.example", account=factories.an_account())
    send({"items": [item("a1", 2, email="Ann@acme.example", comment="Mine")]})
    send({"items": [item("a2", 2, email="bob@acme.example", comment="His")]})
    # Nobody was found for this one: the survey measures something else.
    send({"items": [item("a3", 2, email="ann@acme.example", metric="csat")]})
    drain()
    relation = extend.registered.relations["integrations.RawAnswer"]
    assert relation.export is not None
    assert relation.erase is not None
    assert [row["answer"] for row in relation.export(ann)] == ["a1"]

    relation.erase(ann)

    assert dict(RawAnswer.objects.values_list("external_id", "is_erased")) == {
        "a1": True, "a2": False, "a3": True,
    }  # fmt: skip
    assert RawAnswer.objects.get(external_id="a1").payload is None
    assert sorted(len(bytes(row.body)) > 0 for row in HookDelivery.objects.all()) == [False, False, True]


def test_payloads_are_dropped_after_their_time(sync: Sync, shelf: Shelf, forward: Forward) -> None:
    shelf.items = [item("a1", 9, at="2026-03-17T09:59:30Z")]
    sync()
    assert RawAnswer.objects.get().payload is not None
    forward(days=366)

    hooks.forget_old()

    assert RawAnswer.objects.get().payload is None


def test_a_row_scope_below_all_sees_no_connections(active: Connection, csm: User, lead: User) -> None:
    assert not Connection.objects.visible_to(csm).exists()
    assert Connection.objects.visible_to(lead).get().state == ConnectionState.ACTIVE


def test_what_waits_for_an_ended_connection_is_not_kept(
    active: Connection, administrator: User, send: Send, drain: Drain
) -> None:
    connections.pause(connection=active, actor=administrator)
    assert send({"items": [item("a1", email="ada@x.example")]}) == 200
    hooks._want(active, [Reference(external_id="a2")])

    connections.disconnect(connection=active, actor=administrator)
    drain()

    assert not HookDelivery.objects.exclude(body=b"").exists()
    assert not HookDelivery.objects.filter(state="pending").exists()
    assert not AnswerFetch.objects.filter(state="pending").exists()
    assert not Response.objects.exists()


def test_a_token_renewed_while_it_ended_is_not_stored(active: Connection, administrator: User) -> None:
    line = lines.open_line(active)
    connections.disconnect(connection=active, actor=administrator)

    line.keep(token="renewed")

    active.refresh_from_db()
    assert active.secrets == ""


def test_an_ended_connection_takes_no_new_credentials(active: Connection, administrator: User) -> None:
    connections.disconnect(connection=active, actor=administrator)

    for change in (
        lambda: connections.change_connection(
            connection=active, actor=administrator, new_secrets={"token": "again"}
        ),
        lambda: connections.rotate_hook_secret(connection=active, actor=administrator),
        lambda: connections.set_mapping(connection=active, mapping={}, actor=administrator),
        lambda: connections.choose_surveys(connection=active, choices=[], actor=administrator),
    ):
        with pytest.raises(Refused, match="has ended"):
            change()

    active.refresh_from_db()
    assert active.secrets == ""


def test_stopping_a_run_that_is_over_leaves_the_one_at_work(active: Connection, administrator: User) -> None:
    over = SyncRun.objects.get()
    run = connections.run_now(connection=active, actor=administrator)

    with pytest.raises(Refused, match="over already"):
        connections.cancel_run(run=over, actor=administrator)

    run.refresh_from_db()
    assert run.is_open


def test_a_viewer_sees_no_connections_though_every_account(active: Connection, viewer: User) -> None:
    assert not Connection.objects.visible_to(viewer).exists()
    assert not SyncRun.objects.visible_to(viewer).exists()


# --- Another server ------------------------------------------------------------------------------------------
def test_what_is_stored_is_not_sent_to_another_server(
    active: Connection, shelf: Shelf, administrator: User, settings: SettingsWrapper
) -> None:
    """Whoever may change an address must not get the token by it."""
    vault.store_secrets(active, {"session": "brought by the token"})
    settings.FETCH_ALLOW = ["127.0.0.0/8"]
    with serving() as other:
        elsewhere = {"base": other.url}
        with pytest.raises(Invalid) as caught:
            connections.change_connection(connection=active, actor=administrator, options=elsewhere)
        assert (caught.value.field, caught.value.code) == ("token", "secret_needed")
        assert Connection.objects.get().options["base"] == shelf.url
        assert other.calls == []

        connections.change_connection(
            connection=active, actor=administrator, options=elsewhere, new_secrets={"token": "new"}
        )

    known = vault.open_secrets(Connection.objects.get())
    assert known["token"] == "new"
    assert "session" not in known
    assert "hook" in known


def test_another_path_on_the_same_server_keeps_what_is_stored(
    active: Connection, shelf: Shelf, administrator: User
) -> None:
    connections.change_connection(
        connection=active, actor=administrator, options={"base": f"{shelf.url}/v2"}, name="Renamed"
    )

    assert vault.open_secrets(Connection.objects.get())["token"] == "sesame"
