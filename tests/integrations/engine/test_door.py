"""The door: proves, stores, answers. What is behind it is done by a worker."""

import io
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections as databases
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings as SettingsWrapper

from integrations import door, vault
from integrations.contract import Delivery
from integrations.models import AnswerFetch, Connection, HookDelivery, RunLine, SyncRun
from integrations.services import connections, hooks
from surveys.models import Response, Suppression, Survey
from surveys.services import suppressions
from team.models import User
from tests.conftest import Drain
from tests.integrations.engine.conftest import HOOK_SECRET, Send
from tests.integrations.engine.fake import Shelf, item, sign
from tests.integrations.vendor import reply

Forward = Callable[..., None]


def test_a_delivery_becomes_an_answer(send: Send, drain: Drain, active: Connection) -> None:
    assert send({"items": [item("a1", 2, at="2026-03-17T09:59:00Z")]}) == 200
    drain()

    active.refresh_from_db()
    run = SyncRun.objects.get(kind="hook")
    assert Response.objects.get().origin == "live"
    assert (run.received, run.created, active.hook_state) == (1, 1, "listening")


def test_the_same_delivery_again_is_well_and_without_effect(send: Send, drain: Drain) -> None:
    for _ in range(5):
        assert send({"items": [item("a1", 2)]}) == 200
    drain()
    assert send({"items": [item("a1", 2)]}) == 200
    drain()

    assert (HookDelivery.objects.get().repeats, Response.objects.count()) == (5, 1)
    assert SyncRun.objects.get(kind="hook").received == 1


@pytest.mark.parametrize(
    "signature",
    ["", "abc", "v1,a,b", "é", "0" * 64, sign("another", b'{"items": []}'), sign(HOOK_SECRET, b'{"items":[]}')],
)  # fmt: skip
def test_what_does_not_prove_itself_is_refused_and_counted(
    send: Send, active: Connection, signature: str
) -> None:
    assert send(b'{"items": []}', signature=signature) == 401

    active.refresh_from_db()
    assert (active.hook_forged, HookDelivery.objects.count()) == (1, 0)


def test_the_secret_before_is_taken_for_a_day(
    send: Send, active: Connection, administrator: User, forward: Forward
) -> None:
    connections.rotate_hook_secret(connection=active, actor=administrator, secret="second")

    assert send({"items": []}) == 200
    assert send({"items": [1]}, secret="second") == 200
    forward(hours=25)
    assert send({"items": []}) == 401


def test_the_signature_of_another_connection_is_refused(
    send: Send, administrator: User, active: Connection
) -> None:
    other = connections.create_connection(system="fake", actor=administrator)
    vault.store_secrets(other, {"hook": "other-secret"})

    assert send({"items": []}, secret="other-secret") == 401


def test_without_a_secret_nothing_is_accepted(send: Send, active: Connection) -> None:
    vault.store_secrets(active, {}, removed=["hook"])

    assert send({"items": []}, secret="") == 401


def test_an_unknown_address_and_an_ended_connection_look_alike(
    client: Client, send: Send, active: Connection, administrator: User
) -> None:
    unknown = client.post(
        reverse("integrations:door", args=["nothing"]), b"{}", content_type="application/json"
    )
    connections.disconnect(connection=active, actor=administrator)

    assert send({}) == unknown.status_code == 404
    assert client.get(reverse("integrations:door", args=["nöthing"])).status_code == 404


@pytest.mark.parametrize("method", ["head", "get"])
def test_a_look_whether_we_are_there_is_answered(client: Client, active: Connection, method: str) -> None:
    url = reverse("integrations:door", args=[vault.open_token(active)])

    assert getattr(client, method)(url).status_code == 200
    assert client.put(url).status_code == 405


def test_a_paused_connection_keeps_what_comes_until_it_is_resumed(
    send: Send, active: Connection, administrator: User, drain: Drain
) -> None:
    connections.pause(connection=active, actor=administrator)
    assert send({"items": [item("a1")]}) == 200
    drain()
    assert not Response.objects.exists()

    connections.resume(connection=active, actor=administrator)
    drain()

    assert Response.objects.count() == 1


def test_what_is_too_large_or_packed_is_refused(send: Send) -> None:
    assert send(b"x" * (door.MAX_BODY + 1)) == 413
    assert send(b"x", **{"Content-Encoding": "gzip"}) == 415
    assert send(b'{"items": []}' + b" " * (door.MAX_BODY - 13)) == 200


UNREADABLE = [
    b"\xff\xfe\x00", "{}".encode("utf-16"), b"[" * 10_000, b"[" * 100_000, b'{"items": ' + b"9" * 5_000 + b"}",
    b'{"items": [{"id": "a1", "score": NaN}]}', b'{"items": [{"id": "a1", "score": 0, "score": 10}]}', b"null", b'"x"',
    b'{"items": [{"id": "\\ud800", "score": 9}]}', b'{"items": [{"id": "a1", "score": 1e400}]}',
]  # fmt: skip
STRANGE = [
    b"\xef\xbb\xbf{}", b"[]", b'{"items": [{"id": "\\u0000", "score": 9}]}',
    b'{"items": [{"id": "a1", "score": 9, "at": "99999-01-01"}]}', b'{"items": [7, null, "x"]}',
]  # fmt: skip


@pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=nonsense"])
def test_no_body_breaks_the_door_or_the_worker(
    client: Client, active: Connection, drain: Drain, charset: str
) -> None:
    url = reverse("integrations:door", args=[vault.open_token(active)])

    for expected, bodies in ((400, UNREADABLE), (200, STRANGE)):
        for body in bodies:
            response = client.generic(
                "POST", url, body, content_type=f"application/json{charset}",
                headers={"x-signature": sign(HOOK_SECRET, body)},
            )  # fmt: skip
            assert response.status_code == expected, body[:40]
    drain()

    assert set(HookDelivery.objects.values_list("state", flat=True)) <= {"done", "failed"}
    assert HookDelivery.objects.count() == len(UNREADABLE) + len(STRANGE)


def test_what_could_not_be_read_is_kept_said_and_read_when_it_comes_again(
    send: Send, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integrations.engine.fake import Fake

    hear = Fake.hear
    monkeypatch.setattr(Fake, "hear", lambda *_: {}["a bug"])
    send({"items": [item("a1")]})
    drain()
    row = HookDelivery.objects.get()
    assert (row.state, row.verdict) == ("failed", "unreadable")
    assert "could not be read" in RunLine.objects.get().message

    monkeypatch.setattr(Fake, "hear", hear)
    send({"items": [item("a1")]})
    drain()

    row.refresh_from_db()
    assert (row.state, Response.objects.count()) == ("done", 1)


def test_a_database_that_is_away_is_said_so_that_it_is_sent_again(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*_: object) -> list[bool]:
        raise OperationalError("away")

    monkeypatch.setattr(hooks, "_store", away)

    assert send({"items": []}) == 503


def test_what_is_only_named_is_fetched_once_for_several_news(
    send: Send, shelf: Shelf, drain: Drain, forward: Forward
) -> None:
    shelf.items = [item("a1", 7)]
    for n in range(4):
        assert send({"only": "a1", "n": n}) == 200
    drain()
    assert AnswerFetch.objects.get().wanted == 4

    forward(seconds=5)

    assert Response.objects.get().score == 7
    assert len([call for call in shelf.vendor.calls if call.path == "/answers/a1"]) == 1

    shelf.items = [item("a1", 2, changed="2026-03-17T10:00:03Z")]
    send({"only": "a1", "n": 9})
    drain()
    forward(seconds=5)

    assert Response.objects.get().score == 2


def test_an_answer_that_cannot_be_read_yet_is_asked_for_again(
    send: Send, shelf: Shelf, drain: Drain, forward: Forward
) -> None:
    send({"only": "a1"})
    drain()
    forward(seconds=5)
    forward(seconds=6)
    shelf.items = [item("a1", 7)]
    forward(seconds=16)

    assert Response.objects.get().score == 7


def test_an_answer_that_is_gone_for_good_counts_no_more(
    send: Send, shelf: Shelf, drain: Drain, forward: Forward
) -> None:
    send({"items": [item("a1", 7)]})
    drain()
    send({"only": "a1"})
    drain()
    for _ in range(5):
        forward(seconds=61)

    assert Response.objects.get().deleted_upstream_at is not None
    assert AnswerFetch.objects.get().state == "done"


def test_a_fetch_waits_for_a_source_that_has_trouble(
    send: Send, shelf: Shelf, drain: Drain, forward: Forward
) -> None:
    shelf.items = [item("a1", 7)]
    shelf.vendor.fail(reply({}, 429, Retry_After="30"), reply({}, 500))
    send({"only": "a1"})
    drain()
    for _ in range(4):
        forward(minutes=2)

    assert Response.objects.get().score == 7


def test_a_refused_fetch_breaks_the_connection_and_goes_on_when_it_is_mended(
    send: Send, shelf: Shelf, drain: Drain, forward: Forward, active: Connection, administrator: User
) -> None:
    shelf.items = [item("a1", 7)]
    shelf.token = "other"
    send({"only": "a1"})
    drain()
    forward(seconds=5)
    active.refresh_from_db()
    assert active.state == "broken"

    connections.change_connection(connection=active, actor=administrator, new_secrets={"token": "other"})
    connections.resume(connection=active, actor=administrator)
    forward(seconds=5)

    assert Response.objects.get().score == 7


def test_who_wants_no_more_asks_over_there_gets_none_from_us(send: Send, drain: Drain) -> None:
    for n in range(2):
        send({"wants_no_more": "Ann@acme.example", "n": n})
    drain()

    wish = Suppression.objects.get()
    assert (wish.address_key, wish.reason) == (suppressions.key_of("ann@acme.example"), "unsubscribed")
    line = RunLine.objects.get()
    assert "asked no more" in line.message
    assert "acme" not in line.message


def test_a_wish_that_names_nobody_is_noted(send: Send, drain: Drain) -> None:
    send({"wants_no_more": "nobody"})
    drain()

    assert not Suppression.objects.exists()
    assert "not by which address" in RunLine.objects.get().message


def test_a_wish_is_tried_out_without_being_heeded(active: Connection) -> None:
    shown = hooks.preview(active, Delivery(body=b'{"wants_no_more": "ann@acme.example"}', headers={}))

    assert [line.message for line in shown.lines] == [
        "An e-mail address is asked no more: its owner said so over there."
    ]
    assert (shown.error, list(shown.records), Suppression.objects.count()) == ("", [], 0)


def test_bodies_are_emptied_but_for_the_examples_and_deleted_in_time(
    send: Send, drain: Drain, forward: Forward
) -> None:
    for n in range(hooks.EXAMPLES + 5):
        send({"items": [item(f"a{n}")]})
    drain()

    hooks.forget_old()
    assert HookDelivery.objects.exclude(body=b"").count() == hooks.EXAMPLES
    forward(days=15)
    hooks.forget_old()
    assert not HookDelivery.objects.exists()


def test_a_preview_says_what_would_become_of_it_and_changes_nothing(active: Connection) -> None:
    from integrations.contract import Delivery

    body = json.dumps({"items": [item("a1", 7), item("a2", None)]}).encode()

    found = hooks.preview(active, Delivery(body=body, headers={}))

    assert (found.counts["created"], found.counts["skipped"], found.error) == (1, 1, "")
    assert not Response.objects.exists()
    assert hooks.preview(active, Delivery(body=b"nonsense", headers={})).error == "The delivery is no JSON."


def test_an_address_with_nonsense_behind_it_is_taken(client: Client, active: Connection) -> None:
    url = reverse("integrations:door", args=[vault.open_token(active)])
    body = b'{"items": []}'
    headers = {"x-signature": sign(HOOK_SECRET, body)}

    answer = client.generic(
        "POST", f"{url}?a=%00&b=%ED%A0%80&c", body, content_type="application/json", headers=headers
    )

    assert answer.status_code == 200
    assert HookDelivery.objects.get().query["a"] == ""


def test_a_host_that_is_not_ours_is_refused(
    client: Client, active: Connection, settings: SettingsWrapper
) -> None:
    settings.ALLOWED_HOSTS = ["crm.example"]
    url = reverse("integrations:door", args=[vault.open_token(active)])

    assert (
        client.post(url, b"{}", content_type="application/json", headers={"Host": "evil.example"}).status_code
        == 400
    )


def test_a_header_without_end_and_a_body_that_breaks_off_are_refused(
    send: Send, client: Client, active: Connection
) -> None:
    url = reverse("integrations:door", args=[vault.open_token(active)])
    body = b'{"items": []}'
    short = client.generic(
        "POST", url, body, content_type="application/json", CONTENT_LENGTH=str(len(body) + 10),
        headers={"x-signature": sign(HOOK_SECRET, body)},
    )  # fmt: skip

    assert send({"items": []}, signature="a" * 100_000) == 400
    assert short.status_code == 400
    assert send({"items": []}, signature=f"{sign(HOOK_SECRET, body)},{sign(HOOK_SECRET, body)}") == 401
    assert not HookDelivery.objects.exists()


def test_what_parsers_disagree_about_becomes_no_answer(
    client: Client, administrator: User, survey: Survey, drain: Drain
) -> None:
    made = connections.create_connection(system="webhook", actor=administrator)
    choice = connections.SurveyChoice(remote_id="", survey=survey)
    connections.choose_surveys(connection=made, choices=[choice], actor=administrator)
    connections.set_mapping(
        connection=made, mapping={"answer_id": ["id"], "score": ["score"]}, actor=administrator
    )
    connections.activate(connection=made, actor=administrator)
    url = reverse("integrations:door", args=[vault.open_token(made)])
    bodies = [
        b'{"id": "1", "score": 0, "score": 10}', b'{"id": "2", "score": NaN}', b'{"id": "3", "score": Infinity}',
        b'{"id": "4", "score": 1e400}', b'{"id": "5", "score": 9, "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"id": "6", "score": 9, "x": ' + b"9" * 5_000 + b"}", b'{"id": "7", "score": true}', b'{"id": "8", "score": [9]}',
        b'{"id": "9", "score": 9.5}', b'{"id": "10", "score": 11}', b'{"id": "11", "score": -1}', b'{"id": "12", "score": null}',
    ]  # fmt: skip

    statuses = [client.post(url, body, content_type="application/json").status_code for body in bodies]
    drain()

    assert statuses == [400] * 6 + [200] * 6

    assert not Response.objects.exists()
    run = SyncRun.objects.get(kind="hook")
    notes = RunLine.objects.filter(run=run, kind="note", message__startswith="A delivery could not be read")
    assert (notes.count(), run.refused, run.skipped) == (6, 5, 1)


def test_secrets_in_headers_are_not_stored(send: Send) -> None:
    send({"items": []}, Authorization="Bearer x", **{"X-Api-Key": "k", "X-Event": "created"})

    headers = HookDelivery.objects.get().headers
    assert headers["x-event"] == "created"
    assert not {"authorization", "x-api-key", "x-signature", "cookie"} & set(headers)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_thousand_of_the_same_from_twenty_threads_are_one_row(active: Connection, drain: Drain) -> None:
    url = reverse("integrations:door", args=[vault.open_token(active)])
    versions = [
        json.dumps({"items": [item("a1", 3, changed=f"2026-03-17T09:{minute:02}:00Z")]}).encode()
        for minute in range(4)
    ]

    def deliver(seed: int) -> set[int]:
        client, dice = Client(), random.Random(seed)
        try:
            return {
                client.post(
                    url,
                    body,
                    content_type="application/json",
                    headers={"x-signature": sign(HOOK_SECRET, body)},
                ).status_code
                for body in dice.choices(versions, k=50)
            }
        finally:
            databases.close_all()

    def work(_: int) -> int:
        try:
            return Drain()(hooks.DELIVERY)
        finally:
            databases.close_all()

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(deliver, range(20)))
        list(pool.map(work, range(4)))
    drain(hooks.DELIVERY)

    assert set().union(*answers) == {200}
    assert (HookDelivery.objects.count(), Response.objects.count()) == (4, 1)
    assert sum(row.repeats + 1 for row in HookDelivery.objects.all()) == 1_000


def test_a_delivery_in_chunks_is_read_to_its_end(active: Connection, drain: Drain) -> None:
    body = json.dumps({"items": [item("a1")]}).encode()
    address = reverse("integrations:door", args=[vault.open_token(active)])
    environ = RequestFactory().post(address, headers={"x-signature": sign(HOOK_SECRET, body)}).environ
    environ.pop("CONTENT_LENGTH", None)
    chunked = environ | {
        "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked",
    }  # fmt: skip

    assert door.door(WSGIRequest(chunked), vault.open_token(active)).status_code == 200
    drain()
    assert Response.objects.count() == 1

    unending = chunked | {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": False}
    assert door.door(WSGIRequest(unending), vault.open_token(active)).status_code == 411

    large = chunked | {"wsgi.input": io.BytesIO(b" " * (door.MAX_BODY + 1))}
    assert door.door(WSGIRequest(large), vault.open_token(active)).status_code == 413
