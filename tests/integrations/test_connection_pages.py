"""Connecting a system in the browser: from the list of systems to a log that leads to the answers."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from django.test import Client

from integrations import registry, vault
from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Hook,
    Input,
    Link,
    Page,
    Reference,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
)
from integrations.models import Connection, SyncRun
from integrations.records import Metric, Person, Record, Status
from integrations.services import notices
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from workflows.models import Alert

MOMENT = dt.datetime(2026, 3, 10, 9, 0, tzinfo=dt.UTC)


class Parrot(System):
    """A system that says what the test wants it to."""

    key: ClassVar[str] = "parrot"
    name: ClassVar[str] = "Parrot Surveys"
    about: ClassVar[str] = "Repeats what it is told."
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(key="project", label="Project", where="In the address of your project."),
        Setting(key="api_key", label="API key", input=Input.SECRET, where="Settings, API."),
    )
    hook: ClassVar[Hook] = Hook.BY_HAND
    roles: ClassVar[tuple[Role, ...]] = (Role.PERSON_ID, Role.COMMENT)
    records: ClassVar[list[Record]] = []

    def check(self, link: Link) -> str:
        if link.secrets["api_key"] != "right-key":
            raise AccessDenied("Parrot does not accept this key. Copy it again.")
        return f"project {link.options['project']}"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        return [RemoteSurvey(id="s1", name="Quarterly <b>pulse</b>", metric=Metric.NPS, count=2)]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        return [
            RemoteField(
                key="customer", label="Customer number", role=Role.PERSON_ID, examples=("K-1", "K-2")
            ),
            RemoteField(key="why", label="Why?", role=Role.COMMENT),
        ]

    def pull(self, link: Link, ask: Ask) -> Page:
        return Page(records=self.records, total=len(self.records))

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        return []


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    system = Parrot()
    Parrot.records = [
        Record(
            external_id="a1", survey_id="s1", score=9, comment="Fine", responded_at=MOMENT,
            person=Person(email="ann@acme.example"),
        ),
        Record(
            external_id="a2", survey_id="s1", score=2, comment="Slow", responded_at=MOMENT,
            person=Person(email="who@nowhere.example"),
        ),
        Record(external_id="a3", survey_id="s1", responded_at=MOMENT, person=Person(email="ann@acme.example")),
    ]  # fmt: skip
    registry.register(system)
    yield system
    registry.unregister(system.key)


@pytest.fixture
def draft(parrot: Parrot, as_administrator: Client, frozen: Any) -> Connection:
    as_administrator.post("/connections/create/", {"system": "parrot"})
    return Connection.objects.get()


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey("Relationship")


def enter(client: Client, draft: Connection, **changed: str) -> Any:
    given = {"name": "Parrot", "project": "p-7", "api_key": "right-key", **changed}
    return client.post(f"/connections/{draft.pk}/access/", given)


@pytest.fixture
def started(draft: Connection, as_administrator: Client, survey: Survey) -> Connection:
    enter(as_administrator, draft)
    as_administrator.post(f"/connections/{draft.pk}/surveys/", {"read_0": "on", "survey_0": str(survey.pk)})
    as_administrator.post(
        f"/connections/{draft.pk}/fields/", {"survey": "0", "role_0": "person_id", "role_1": ""}
    )
    as_administrator.post(
        f"/connections/{draft.pk}/history/", {"depth": "365", "every_minutes": "60", "zone": "Europe/Berlin"}
    )
    as_administrator.post(f"/connections/{draft.pk}/start/")
    draft.refresh_from_db()
    return draft


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_list_of_systems_offers_each_with_what_it_can(as_administrator: Client, parrot: Parrot) -> None:
    shown = page(as_administrator, "/connections/new/")

    assert "Parrot Surveys" in shown
    assert "Repeats what it is told." in shown


def test_a_draft_reads_nothing_and_can_be_thrown_away(draft: Connection, as_administrator: Client) -> None:
    assert draft.state == "draft"

    as_administrator.post(f"/connections/{draft.pk}/delete/")

    assert not Connection.objects.exists()


def test_a_refused_key_is_said_on_the_spot(draft: Connection, as_administrator: Client) -> None:
    answer = enter(as_administrator, draft, api_key="wrong-key")

    assert answer.status_code == 422
    assert "does not accept this key" in answer.content.decode()


def test_a_setting_that_is_missing_is_named(draft: Connection, as_administrator: Client) -> None:
    assert enter(as_administrator, draft, project="").status_code == 422


class Shy(Parrot):
    """Takes a key, or asks for consent where that is chosen."""

    key: ClassVar[str] = "shy"
    name: ClassVar[str] = "Shy Surveys"
    needs_consent: ClassVar[bool] = True

    def asks_consent(self, link: Link) -> bool:
        return link.options.get("project") == "oauth"

    def consent_url(self, link: Link, *, redirect: str, state: str) -> str:
        return "https://shy.example/yes"


@pytest.fixture
def shy(as_administrator: Client, frozen: Any) -> Iterator[Connection]:
    registry.register(Shy())
    as_administrator.post("/connections/create/", {"system": "shy"})
    yield Connection.objects.get()
    registry.unregister("shy")


def test_a_system_that_takes_a_key_too_asks_for_consent_only_where_that_is_chosen(
    shy: Connection, as_administrator: Client
) -> None:
    with_key = enter(as_administrator, shy, do="consent")
    shown = page(as_administrator, f"/connections/{shy.pk}/access/")
    assert with_key.url == f"/connections/{shy.pk}/surveys/"
    assert "and allow it" not in shown

    by_consent = enter(as_administrator, shy, project="oauth")
    shown = page(as_administrator, f"/connections/{shy.pk}/access/")
    assert by_consent.url == "https://shy.example/yes"
    assert "Go to Shy Surveys and allow it" in shown


def test_a_secret_is_sealed_and_never_shown_again(draft: Connection, as_administrator: Client) -> None:
    enter(as_administrator, draft)
    draft.refresh_from_db()

    assert "right-key" not in draft.secrets
    assert vault.open_secrets(draft)["api_key"] == "right-key"
    assert "right-key" not in page(as_administrator, f"/connections/{draft.pk}/access/")


def test_leaving_a_stored_secret_empty_keeps_it(draft: Connection, as_administrator: Client) -> None:
    enter(as_administrator, draft)

    assert enter(as_administrator, draft, api_key="", project="p-8").status_code == 302
    draft.refresh_from_db()
    assert (draft.options["project"], vault.open_secrets(draft)["api_key"]) == ("p-8", "right-key")


def test_surveys_over_there_are_shown_as_text(
    draft: Connection, as_administrator: Client, survey: Survey
) -> None:
    enter(as_administrator, draft)

    shown = page(as_administrator, f"/connections/{draft.pk}/surveys/")

    assert "Quarterly &lt;b&gt;pulse&lt;/b&gt;" in shown
    assert survey.name in shown


def test_nothing_chosen_is_refused(draft: Connection, as_administrator: Client) -> None:
    enter(as_administrator, draft)

    answer = as_administrator.post(f"/connections/{draft.pk}/surveys/", {})

    assert answer.status_code == 422
    assert "Choose at least one survey" in answer.content.decode()


def test_a_new_survey_can_be_made_for_the_answers(draft: Connection, as_administrator: Client) -> None:
    enter(as_administrator, draft)

    as_administrator.post(f"/connections/{draft.pk}/surveys/", {"read_0": "on", "survey_0": "new"})

    assert draft.surveys.get().survey.metric == "nps"
    assert "pulse" in draft.surveys.get().survey.name


def test_fields_come_with_examples_and_a_proposal(
    draft: Connection, as_administrator: Client, survey: Survey
) -> None:
    enter(as_administrator, draft)
    as_administrator.post(f"/connections/{draft.pk}/surveys/", {"read_0": "on", "survey_0": str(survey.pk)})

    shown = page(as_administrator, f"/connections/{draft.pk}/fields/")

    assert "K-1" in shown
    assert re.search(r'<option value="person_id" selected>', shown)


def test_the_start_says_what_will_happen(draft: Connection, as_administrator: Client, survey: Survey) -> None:
    enter(as_administrator, draft)
    as_administrator.post(f"/connections/{draft.pk}/surveys/", {"read_0": "on", "survey_0": str(survey.pk)})

    shown = page(as_administrator, f"/connections/{draft.pk}/start/")

    assert "project p-7" in shown
    assert "every hour" in shown


def test_what_was_read_stands_in_the_log_and_leads_to_the_answers(
    started: Connection, as_administrator: Client, drain: Any
) -> None:
    contact = factories.a_contact("ann@acme.example")
    drain()
    run = SyncRun.objects.get()

    shown = page(as_administrator, f"/connections/{started.pk}/runs/{run.pk}/?show=created")
    answer = Response.objects.get(contact=contact)

    assert (run.state, run.received, run.created, run.unmatched) == ("done", 3, 2, 1)
    assert f"/feedback/{answer.pk}/" in shown
    assert "Done" in page(as_administrator, f"/connections/{started.pk}/")


@pytest.mark.parametrize("show", ["unmatched", "skipped", "", "nonsense"])
def test_the_log_says_what_was_not_simply_taken_in(
    started: Connection, as_administrator: Client, drain: Any, show: str
) -> None:
    drain()

    shown = page(as_administrator, f"/connections/{started.pk}/runs/{SyncRun.objects.get().pk}/?show={show}")

    assert ("a2" in shown) is (show != "skipped")


def test_what_the_source_leaves_out_and_takes_back_is_linked_to_its_answer(
    started: Connection, as_administrator: Client, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.a_contact("ann@acme.example")
    drain()
    answer = Response.objects.get(external_id="a1")
    for number, (status, show) in enumerate(
        [(Status.EXCLUDED, "excluded"), (Status.COMPLETED, "updated")], 1
    ):
        changed = MOMENT + dt.timedelta(hours=number)
        monkeypatch.setattr(
            Parrot, "records", [replace(Parrot.records[0], status=status, updated_at=changed)]
        )
        as_administrator.post(f"/connections/{started.pk}/run/")
        drain()
        run = SyncRun.objects.order_by("pk").last()
        assert run is not None

        assert f'href="?show={show}"' in page(as_administrator, f"/connections/{started.pk}/runs/{run.pk}/")
        shown = page(as_administrator, f"/connections/{started.pk}/runs/{run.pk}/?show={show}")
        assert f"/feedback/{answer.pk}/" in shown


def test_a_log_that_is_cut_off_says_so(
    started: Connection, as_administrator: Client, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    run = SyncRun.objects.get()
    path = f"/connections/{started.pk}/runs/{run.pk}/?show=unmatched"
    assert "lines of this kind" not in page(as_administrator, path)

    SyncRun.objects.update(unmatched=2_345)

    assert "The log holds 2 of 2,345 lines of this kind" in page(as_administrator, path)


def test_it_can_be_paused_resumed_and_run(started: Connection, as_administrator: Client, drain: Any) -> None:
    drain()
    for action, state in [("pause", "paused"), ("resume", "active")]:
        as_administrator.post(f"/connections/{started.pk}/{action}/")
        started.refresh_from_db()
        assert started.state == state
    drain()
    before = SyncRun.objects.count()

    as_administrator.post(f"/connections/{started.pk}/run/")

    assert SyncRun.objects.count() == before + 1


def test_reading_again_from_a_date_makes_a_run(
    started: Connection, as_administrator: Client, drain: Any
) -> None:
    drain()

    as_administrator.post(f"/connections/{started.pk}/rerun/", {"since": "2026-01-01"})

    assert SyncRun.objects.order_by("-pk")[0].kind == "backfill"


def test_a_new_secret_is_shown_once(started: Connection, as_administrator: Client) -> None:
    shown = as_administrator.post(f"/connections/{started.pk}/hook/secret/").content.decode()

    secret = vault.open_secrets(Connection.objects.get())["hook"]
    assert secret in shown
    assert secret not in page(as_administrator, f"/connections/{started.pk}/")


def test_ending_needs_the_name_and_keeps_the_answers(
    started: Connection, as_administrator: Client, drain: Any
) -> None:
    drain()
    path = f"/connections/{started.pk}/disconnect/"

    assert as_administrator.post(path, {"name": "something else"}).status_code == 422
    as_administrator.post(path, {"name": "Parrot"})

    started.refresh_from_db()
    assert (started.state, started.secrets, Response.objects.count()) == ("disconnected", "", 2)
    assert "Ended" in page(as_administrator, "/connections/")


def test_a_lead_watches_and_changes_nothing(started: Connection, as_lead: Client) -> None:
    shown = page(as_lead, f"/connections/{started.pk}/")

    assert "/hooks/in/" not in shown
    assert as_lead.post(f"/connections/{started.pk}/pause/").status_code == 403
    page(as_lead, f"/connections/{started.pk}/access/", 403)


def test_a_csm_sees_no_connections(started: Connection, as_csm: Client) -> None:
    page(as_csm, "/connections/", 403)


def test_progress_refreshes_itself_until_it_is_over(
    started: Connection, as_administrator: Client, drain: Any
) -> None:
    headers = {"HX-Request": "true", "HX-Target": "connection-now"}
    path = f"/connections/{started.pk}/"

    assert b"In the queue" in as_administrator.get(path, headers=headers).content
    drain()
    assert as_administrator.get(path, headers=headers)["HX-Refresh"] == "true"


def test_the_list_has_a_flat_number_of_queries(
    started: Connection, as_administrator: Client, administrator: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        Connection.objects.create(system="parrot", name=f"Parrot {number}", connected_by=administrator)

    with django_assert_max_num_queries(20):
        page(as_administrator, "/connections/")


def test_answers_are_shown_with_the_name_of_their_connection(
    started: Connection, as_administrator: Client, drain: Any
) -> None:
    factories.a_contact("ann@acme.example")
    drain()
    known = Response.objects.get(contact__isnull=False)

    assert "from <bdi>Parrot</bdi>" in page(as_administrator, "/feedback/inbox/")
    assert "<bdi>Parrot</bdi>" in page(as_administrator, f"/feedback/{known.pk}/")


def test_a_start_without_surveys_is_not_offered(draft: Connection, as_administrator: Client) -> None:
    enter(as_administrator, draft)

    shown = page(as_administrator, f"/connections/{draft.pk}/start/")

    assert "Nothing would be read." in shown
    assert re.search(r'<button class="btn primary" disabled', shown)


# --- A webhook of any system ---------------------------------------------------------------------------------
ODD = '{"poll": {"stars": "9"}, "said": "Quick <b>and</b> friendly", "who": {"mail": "ann@acme.example"}, "ref": "x-1"}'


@pytest.fixture
def any_webhook(as_administrator: Client, survey: Survey, frozen: Any) -> Connection:
    as_administrator.post("/connections/create/", {"system": "webhook"})
    found = Connection.objects.get()
    given = {
        "name": "Support desk",
        "preset": "other",
        "metric": "nps",
        "scheme": "none",
        "algorithm": "sha256",
        "encoding": "hex",
    }
    assert as_administrator.post(f"/connections/{found.pk}/access/", given).status_code == 302
    as_administrator.post(f"/connections/{found.pk}/surveys/", {"survey_0": str(survey.pk)})
    return found


def map_fields(client: Client, connection: Connection) -> Any:
    path = f"/connections/{connection.pk}/fields/"
    shown = client.post(path, {"survey": "0", "do": "read", "example": ODD}).content.decode()
    roles = {"poll.stars": "score", "said": "comment", "who.mail": "email", "ref": "answer_id"}
    places = dict(re.findall(r'name="role_(\d+)" aria-label="([^"]+) is"', shown))
    given = {f"role_{place}": roles.get(label, "") for place, label in places.items()}
    return client.post(path, {"survey": "0", "example": ODD, **given})


def test_a_pasted_delivery_shows_its_fields(any_webhook: Connection, as_administrator: Client) -> None:
    answer = as_administrator.post(
        f"/connections/{any_webhook.pk}/fields/", {"survey": "0", "do": "read", "example": ODD}
    )

    shown = answer.content.decode()
    assert "poll.stars" in shown
    assert "Quick &lt;b&gt;and&lt;/b&gt; friendly" in shown


def test_a_field_that_is_not_seen_any_more_keeps_what_was_chosen(
    any_webhook: Connection, as_administrator: Client
) -> None:
    map_fields(as_administrator, any_webhook)
    path = f"/connections/{any_webhook.pk}/fields/"
    chosen = any_webhook.surveys.get().mapping
    brief = '{"poll": {"stars": "9"}, "who": {"mail": "ann@acme.example"}, "ref": "x-2"}'
    shown = as_administrator.post(path, {"survey": "0", "do": "read", "example": brief}).content.decode()
    given = {
        f"role_{place}": role
        for place, role in re.findall(
            r'name="role_(\d+)"(?:(?!</select>).)*<option value="(\w+)" selected', shown, re.DOTALL
        )
    }

    as_administrator.post(path, {"survey": "0", "example": brief, **given})
    as_administrator.post(path, {"survey": "0"})

    assert any_webhook.surveys.get().mapping == chosen


def test_a_pasted_delivery_that_cannot_be_read_is_refused(
    any_webhook: Connection, as_administrator: Client
) -> None:
    answer = as_administrator.post(
        f"/connections/{any_webhook.pk}/fields/", {"survey": "0", "do": "read", "example": "{"}
    )

    assert answer.status_code == 422


def test_a_delivery_can_be_tried_out_and_changes_nothing(
    any_webhook: Connection, as_administrator: Client
) -> None:
    assert map_fields(as_administrator, any_webhook).status_code == 302
    factories.a_contact("ann@acme.example")

    shown = as_administrator.post(f"/connections/{any_webhook.pk}/try/", {"body": ODD}).content.decode()

    assert "<b>1</b> created" in shown
    assert "Quick &lt;b&gt;and&lt;/b&gt; friendly" in shown
    assert not Response.objects.exists()


def test_a_delivery_begins_with_one_as_it_would_be_sent(
    any_webhook: Connection, as_administrator: Client
) -> None:
    assert "Quick and friendly" in page(as_administrator, f"/connections/{any_webhook.pk}/try/")


def test_a_mapped_delivery_is_taken_in(any_webhook: Connection, as_administrator: Client, drain: Any) -> None:
    map_fields(as_administrator, any_webhook)
    contact = factories.a_contact("ann@acme.example")
    as_administrator.post(f"/connections/{any_webhook.pk}/start/")
    any_webhook.refresh_from_db()

    answer = Client().post(
        f"/hooks/in/{vault.open_token(any_webhook)}/", ODD, content_type="application/json"
    )
    drain()

    assert answer.status_code in {200, 202}
    assert Response.objects.get().contact == contact
    assert Response.objects.get().score == 9


def test_an_alert_about_a_connection_leads_to_it(
    started: Connection, as_administrator: Client, drain: Any, frozen: Any
) -> None:
    Connection.objects.filter(pk=started.pk).update(
        state="broken", broken_since=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), last_error="The key was revoked."
    )
    notices.raise_alerts()
    alert = Alert.objects.get(kind="connection_broken")

    for path in ("/alerts/?whose=all", f"/alerts/{alert.pk}/", "/?whose=all"):
        assert "Parrot has been broken for a day" in page(as_administrator, path)
    assert f"/connections/{started.pk}/" in page(as_administrator, f"/alerts/{alert.pk}/")


def shown_on(client: Client, path: str) -> str:
    return re.findall(r'name="shown" value="([0-9a-f]*)"', page(client, path))[0]


def test_choices_are_not_counted_for_a_neighbour_when_the_list_changed(
    draft: Connection,
    parrot: Parrot,
    as_administrator: Client,
    survey: Survey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter(as_administrator, draft)
    path = f"/connections/{draft.pk}/surveys/"
    given = {"shown": shown_on(as_administrator, path), "read_0": "on", "survey_0": str(survey.pk)}
    new = RemoteSurvey(id="s0", name="A new one", metric=Metric.NPS)
    before = list(parrot.surveys(None))  # type: ignore[arg-type]
    monkeypatch.setattr(Parrot, "surveys", lambda *_: [new, *before])

    refused = as_administrator.post(path, given)

    assert refused.status_code == 422
    assert "has changed over there" in refused.content.decode()
    assert not draft.surveys.exists()
    assert as_administrator.post(path, given | {"shown": shown_on(as_administrator, path)}).status_code == 302
    assert draft.surveys.get().remote_id == "s0"


def test_fields_that_changed_meanwhile_are_not_taken_for_those_shown(
    draft: Connection, as_administrator: Client, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(as_administrator, draft)
    as_administrator.post(f"/connections/{draft.pk}/surveys/", {"read_0": "on", "survey_0": str(survey.pk)})
    path = f"/connections/{draft.pk}/fields/"
    given = {
        "survey": "0",
        "shown": shown_on(as_administrator, path),
        "role_0": "person_id",
        "role_1": "comment",
    }
    monkeypatch.setattr(
        Parrot, "fields", lambda *_: [RemoteField(key="why", label="Why?"), RemoteField(key="id", label="Id")]
    )

    refused = as_administrator.post(path, given)

    assert refused.status_code == 422
    assert draft.surveys.get().mapping == {}


def test_pages_reached_from_the_settings_mark_them_in_the_navigation(
    draft: Connection, as_administrator: Client
) -> None:
    here = re.compile(r'<a [^>]*href="([^"]+)"[^>]*aria-current="page"')

    for path in (
        "/connections/",
        "/connections/new/",
        f"/connections/{draft.pk}/access/",
        "/webhooks/",
        "/settings/",
    ):
        assert "/settings/" in here.findall(page(as_administrator, path)), path
    assert "/settings/" not in here.findall(page(as_administrator, "/imports/"))
    assert "/imports/" in here.findall(page(as_administrator, "/imports/"))


def test_a_source_with_very_many_surveys_is_gone_through_page_by_page(
    draft: Connection,
    as_administrator: Client,
    parrot: Parrot,
    survey: Survey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A form holds so many fields and no more: it is sent as a browser would send it."""
    many = [RemoteSurvey(id=f"s{n}", name=f"Survey {n:03}") for n in range(450)]
    monkeypatch.setattr(Parrot, "surveys", lambda self, link: many)
    enter(as_administrator, draft)
    path = f"/connections/{draft.pk}/surveys/"

    def sent(shown: str, *, read: str, **more: str) -> Any:
        hidden = dict(re.findall(r'<input type="hidden" name="(shown|q|page)" value="([^"]*)"', shown))
        places = re.findall(r'name="read_(\d+)"', shown)
        fields = {f"survey_{place}": str(survey.pk) for place in places}
        fields |= {f"metric_{place}": "nps" for place in places}
        return as_administrator.post(path, {**hidden, **fields, f"read_{read}": "on", **more}, follow=True)

    second = sent(page(as_administrator, path), read="7", to="2").content.decode()
    assert "Survey 100" in second
    assert "Survey 007" not in second
    found = page(as_administrator, f"{path}?q=survey+444")
    assert re.findall(r'name="read_(\d+)"', found) == ["444"]
    sent(found, read="444")

    assert set(draft.surveys.filter(is_enabled=True).values_list("remote_id", flat=True)) == {"s7", "s444"}
