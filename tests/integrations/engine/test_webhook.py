"""The generic webhook: proofs, places, presets."""

import base64
import functools
import hmac
import itertools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import time_machine
from django.db import connections as databases
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from integrations import intake, paths
from integrations.contract import Delivery, Forged, Role, Unusable
from integrations.line import Line
from integrations.models import HookDelivery
from integrations.records import Metric, Status
from integrations.services import connections
from integrations.systems.webhook import PRESETS, SYSTEM
from surveys.models import Survey
from team.models import User
from tests.conftest import Drain

Make = Callable[..., Line]
BODY = b'{"id": "r1", "score": 9}'


@pytest.fixture
def link(line_to: Make) -> Make:
    def make(mapping: Mapping[Role, list[str]] | None = None, secret: str = "key", **options: str) -> Line:
        return line_to(SYSTEM, options=options, secrets={"hook": secret} if secret else {}, mapping=mapping)

    return make


def delivery(body: bytes = BODY, kind: str = "application/json", **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(body=body, headers={"content-type": kind, **named})


# --- Proofs --------------------------------------------------------------------------------------------------
def digest(algorithm: str, body: bytes = BODY, key: str = "key") -> bytes:
    return hmac.digest(key.encode(), body, algorithm)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha="])
def test_a_signature_is_read_as_it_was_set(link: Make, algorithm: str, encoding: str, prefix: str) -> None:
    raw = digest(algorithm)
    text = raw.hex() if encoding == "hex" else base64.b64encode(raw).decode()
    line = link(scheme="hmac", header="X-Sign", algorithm=algorithm, encoding=encoding, prefix=prefix)

    SYSTEM.verify(line, delivery(x_sign=prefix + text))

    for wrong in ("", "abc", text, prefix + text[:-2], prefix + "é", prefix + text + "=", "v1,a,b"):
        if wrong == prefix + text:
            continue
        with pytest.raises(Forged):
            SYSTEM.verify(line, delivery(x_sign=wrong))
    with pytest.raises(Forged):
        SYSTEM.verify(line, delivery(BODY + b" ", x_sign=prefix + text))


def test_a_signed_time_has_a_window(link: Make, frozen: time_machine.Traveller) -> None:
    line = link(scheme="hmac", header="x-sign", timestamp_header="x-time")
    now = 1_773_741_600

    def signed(stamp: str) -> Delivery:
        return delivery(x_sign=digest("sha256", stamp.encode() + b"." + BODY).hex(), x_time=stamp)

    for offset in (-299, 0, 299):
        SYSTEM.verify(line, signed(str(now + offset)))
    for stamp in (
        str(now - 301),
        str(now + 301),
        "",
        "nan",
        "-1",
        "1e9",
        f"{now}.0",
        "0" * 30,
        "１７７３７４１６００",
    ):
        with pytest.raises(Forged):
            SYSTEM.verify(line, signed(stamp))


STANDARD_KEY = base64.b64encode(b"k" * 24).decode()


def standard(ident: str = "m1", stamp: str = "1773741600", body: bytes = BODY, **headers: str) -> Delivery:
    made = hmac.digest(b"k" * 24, f"{ident}.{stamp}.".encode() + body, "sha256")
    given = {
        "webhook_id": ident, "webhook_timestamp": stamp,
        "webhook_signature": "v1," + base64.b64encode(made).decode(), **headers,
    }  # fmt: skip
    return delivery(body, **given)


def test_the_standard_scheme_is_spoken(link: Make, frozen: time_machine.Traveller) -> None:
    line = link(scheme="standard", secret=f"whsec_{STANDARD_KEY}")
    good = standard().headers["webhook-signature"]

    SYSTEM.verify(line, standard())
    SYSTEM.verify(line, standard(webhook_signature=f"v2,x {good}"))
    for wrong in (
        standard(webhook_signature=""), standard(webhook_signature="abc"), standard(webhook_signature="v1,a,b"),
        standard(webhook_signature="v1,é"), standard(webhook_signature=good.replace("v1,", "v1a,")), standard(webhook_id=""),
        standard(ident="a.b"), standard(stamp="1773741299"), standard(stamp="1773741600.0"),
        standard(webhook_signature="  " + "x" * 100_000),
    ):  # fmt: skip
        with pytest.raises(Forged):
            SYSTEM.verify(line, wrong)


Deliver = Callable[..., int]


@pytest.fixture
def deliver(administrator: User, survey: Survey, frozen: time_machine.Traveller) -> Deliver:
    """Send a body under an id to the door of a connection that proves itself by Standard Webhooks; returns the status."""
    made = connections.create_connection(system="webhook", actor=administrator)
    connections.change_connection(
        connection=made, actor=administrator, options={"scheme": "standard"},
        new_secrets={"hook": f"whsec_{STANDARD_KEY}"},
    )  # fmt: skip
    choice = connections.SurveyChoice(remote_id="", survey=survey)
    connections.choose_surveys(connection=made, choices=[choice], actor=administrator)
    mapping = {"answer_id": ["id"], "score": ["score"]}
    connections.set_mapping(connection=made, mapping=mapping, actor=administrator)
    connections.activate(connection=made, actor=administrator)
    url = urlsplit(connections.hook_url(made)).path

    def send(ident: str, body: bytes) -> int:
        sent = standard(ident, str(int(clock.now().timestamp())), body).headers
        headers = {name: value for name, value in sent.items() if name.startswith("webhook-")}
        return Client().post(url, body, content_type="application/json", headers=headers).status_code

    return send


OTHER = b'{"id": "r1", "score": 0}'


@pytest.mark.parametrize("is_taken_in", [True, False])
def test_another_body_under_a_known_id_changes_nothing_and_is_told(
    deliver: Deliver, drain: Drain, survey: Survey, as_administrator: Client, is_taken_in: bool
) -> None:
    assert deliver("m1", BODY) == 200
    if is_taken_in:
        drain()
    assert (deliver("m1", OTHER), deliver("m1", OTHER)) == (200, 200)
    drain()

    row = HookDelivery.objects.get()
    page = as_administrator.get(reverse("integrations:connection_detail", args=[row.connection_id]))
    assert (survey.responses.get().score, row.repeats, row.connection.hook_altered) == (9, 0, 2)
    assert "2 deliveries carried the id of an earlier one and said something else" in page.content.decode()


def test_the_same_body_under_its_id_is_known_even_when_it_is_kept_no_more(
    deliver: Deliver, drain: Drain, survey: Survey
) -> None:
    deliver("m1", BODY)
    drain()
    HookDelivery.objects.update(body=b"")

    assert (deliver("m1", BODY), deliver("m2", BODY)) == (200, 200)
    drain()

    first, second = HookDelivery.objects.order_by("pk")
    assert (first.repeats, second.repeats, first.connection.hook_altered) == (1, 0, 0)
    assert survey.responses.count() == 1


def test_what_could_not_be_read_is_not_replaced_under_its_id(
    deliver: Deliver, drain: Drain, survey: Survey
) -> None:
    deliver("m1", b"nonsense")
    drain()
    deliver("m1", OTHER)
    drain()
    assert (HookDelivery.objects.get().state, survey.responses.count()) == ("failed", 0)

    deliver("m1", b"nonsense")
    row = HookDelivery.objects.get()
    assert (row.state, bytes(row.body), row.connection.hook_altered) == ("pending", b"nonsense", 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_bodies_that_come_at_once_one_stands(deliver: Deliver) -> None:
    def send(number: int) -> int:
        try:
            return deliver("m1", b'{"id": "r1", "score": %d}' % (number % 2))
        finally:
            databases.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(40)))

    row = HookDelivery.objects.get()
    assert (answers, row.repeats, row.connection.hook_altered) == ({200}, 19, 20)


def test_two_hundred_thousand_names_that_are_made_to_collide_are_one_delivery(
    deliver: Deliver, drain: Drain, survey: Survey
) -> None:
    # All of one hash where a hash is a sum by powers of 31, as in the languages that fell to this.
    names = ["".join(pairs) for pairs in itertools.product(("A~", "B_", "C@", "D!"), repeat=9)][:200_000]
    body = json.dumps({"id": "r1", "score": 9, "more": dict.fromkeys(names, 1)}, separators=(",", ":"))
    assert len({functools.reduce(lambda sum_, c: sum_ * 31 + ord(c), name, 0) for name in names[::97]}) == 1

    assert deliver("m1", body.encode()) == 200
    drain()

    answer, row = survey.responses.get(), HookDelivery.objects.get()
    assert (answer.score, len(answer.attributes) <= intake.MAX_PROPERTIES, row.state) == (9, True, "done")
    # Names of a delivery are texts, and these fall apart here: of 200,000 about 182,000 in a million places.
    assert len({hash(name) % 1_000_000 for name in names}) > 150_000


def test_an_id_that_nothing_vouches_for_tells_no_deliveries_apart(link: Make) -> None:
    named = delivery(webhook_id="m1")

    assert SYSTEM.delivery_id(link(scheme="standard"), named) == "m1"
    assert {SYSTEM.delivery_id(link(scheme=s), named) for s in ("none", "hmac", "token", "basic")} == {""}


def test_a_token_and_a_password_are_compared(link: Make) -> None:
    token = link(scheme="token", header="X-Token", secret="t0ken")
    bearer = link(scheme="token", secret="t0ken")
    basic = link(scheme="basic", secret="ann:pa:ss")
    SYSTEM.verify(token, delivery(x_token="t0ken"))
    SYSTEM.verify(bearer, delivery(authorization="Bearer t0ken"))
    SYSTEM.verify(basic, delivery(authorization="Basic " + base64.b64encode(b"ann:pa:ss").decode()))

    for line in (token, bearer, basic):
        for wrong in ("", "t0ke", "Bearer ", "Basic ???", "Basic " + base64.b64encode(b"ann:").decode()):
            with pytest.raises(Forged):
                SYSTEM.verify(line, delivery(authorization=wrong, x_token=wrong))


@pytest.mark.parametrize("scheme", ["hmac", "standard", "token", "basic"])
def test_without_a_secret_nothing_is_accepted(link: Make, scheme: str) -> None:
    line = link(scheme=scheme, header="x-sign", secret="")

    with pytest.raises(Forged):
        SYSTEM.verify(line, delivery(x_sign=digest("sha256", key="").hex(), authorization="Basic Og=="))
    with pytest.raises(Unusable, match="every delivery is refused"):
        SYSTEM.check(line)


# --- Places --------------------------------------------------------------------------------------------------
MAPPING = {
    Role.ANSWER_ID: ["answer.id"], Role.SCORE: ["answer.values[0].value"], Role.COMMENT: ["answer.why", "answer.more"],
    Role.EMAIL: ['who["e.mail"]'], Role.STATUS: ["answer.state"],
}  # fmt: skip


def test_what_stands_where_is_chosen(link: Make) -> None:
    body = {
        "answer": {
            "id": 7.0,
            "values": [{"value": "0"}],
            "why": " Slow ",
            "more": "Very",
            "state": "Partial",
        },
        "who": {"e.mail": "ann@example.org", "plan": "pro"},
    }

    (record,) = SYSTEM.hear(link(MAPPING), delivery(json.dumps(body).encode()))

    assert (record.external_id, record.score, record.comment) == ("7", 0, "Slow\n\nVery")  # type: ignore[union-attr]
    assert (record.status, record.person.email) == (Status.PARTIAL, "ann@example.org")  # type: ignore[union-attr]
    assert record.properties == {"who.plan": "pro"}  # type: ignore[union-attr]


def test_a_list_of_answers_is_read_one_by_one(link: Make) -> None:
    body = {"survey": "s1", "data": {"rows": [{"id": 1, "score": 9}, {"id": 2, "score": 3}]}}
    mapping = {Role.ANSWER_ID: ["id"], Role.SCORE: ["score"], Role.SURVEY_ID: ["survey"]}

    heard = SYSTEM.hear(link(mapping, records="data.rows"), delivery(json.dumps(body).encode()))

    assert [(r.external_id, r.score, r.survey_id) for r in heard] == [("1", 9, "s1"), ("2", 3, "s1")]  # type: ignore[union-attr]
    with pytest.raises(Unusable, match="no list of answers"):
        SYSTEM.hear(link(mapping, records="data.none"), delivery(json.dumps(body).encode()))


def test_a_form_is_read_like_json(link: Make) -> None:
    mapping = {Role.ANSWER_ID: ["id"], Role.SCORE: ["nps[score]"], Role.EMAIL: ["user[email]"]}
    body = urlencode({"id": "r1", "nps[score]": "9", "user[email]": "ann@example.org"}).encode()

    (record,) = SYSTEM.hear(link(mapping), delivery(body, "application/x-www-form-urlencoded"))

    assert (record.score, record.person.email) == (9, "ann@example.org")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("metric", "given", "score"), [("csat", 5, 5), ("csat", 0, None), ("ces", 7, 7), ("nps", 7.5, None)]
)
def test_the_metric_gives_the_scale(link: Make, metric: str, given: float, score: int | None) -> None:
    body = json.dumps({"id": "r1", "score": given}).encode()

    (record,) = SYSTEM.hear(link({Role.SCORE: ["score"]}, metric=metric), delivery(body))

    assert (record.score, record.metric) == (score, Metric(metric))  # type: ignore[union-attr]
    assert bool(record.trouble) is (score is None)  # type: ignore[union-attr]


def test_an_answer_without_an_id_is_known_by_its_words(link: Make) -> None:
    line = link({Role.SCORE: ["score"]})
    ids = [
        SYSTEM.hear(line, delivery(body))[0].external_id
        for body in (b'{"score": 9, "who": "a"}', b'{"who":"a","score":9}', b'{"who":"b","score":9}')
    ]

    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b"\xff\xfe", "{}".encode("utf-16"), b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e999}', b"[" * 10_000,
        b'{"a": ' + b"9" * 5_000 + b"}", b'{"a":', b"null", b'"x"', b"[1]", b'{"a": [}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(link: Make, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(link(), delivery(body))


def test_a_form_that_says_it_is_json_is_read_all_the_same(link: Make) -> None:
    (record,) = SYSTEM.hear(link({Role.SCORE: ["score"]}), delivery(b"id=r1&score=9&why=Fine&who=ann"))

    assert record.score == 9  # type: ignore[union-attr]


def test_a_mark_before_the_text_is_no_trouble(link: Make) -> None:
    (record,) = SYSTEM.hear(link({Role.ANSWER_ID: ["id"]}), delivery(b"\xef\xbb\xbf" + BODY))

    assert record.external_id == "r1"


# --- Presets and fields --------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", [key for key, preset in PRESETS.items() if Role.SCORE in preset.mapping])
def test_a_preset_reads_its_own_example(link: Make, key: str) -> None:
    body = json.dumps(PRESETS[key].example).encode()

    (record,) = SYSTEM.hear(link(preset=key), delivery(body))

    assert (record.score, record.person.email) == (9, "ann@example.org")  # type: ignore[union-attr]
    assert record.responded_at is not None  # type: ignore[union-attr]
    assert record.external_id == paths.find(PRESETS[key].example, PRESETS[key].mapping[Role.ANSWER_ID][0])


@pytest.mark.parametrize("key", list(PRESETS))
def test_a_preset_proposes_what_it_does_not_know(link: Make, key: str) -> None:
    found = SYSTEM.fields_heard(link(preset=key), [delivery(json.dumps(PRESETS[key].example).encode())])

    roles = {field.role: field for field in found if field.role is not None}
    assert {Role.ANSWER_ID, Role.EMAIL} <= set(roles)
    assert (Role.SCORE in roles) is (key != "formbricks")
    assert roles[Role.EMAIL].examples == ("ann@example.org",)


def test_a_field_that_was_left_empty_can_be_chosen(link: Make) -> None:
    (found,) = SYSTEM.fields_heard(link(), [delivery(b'{"comment": null}')])

    assert (found.key, found.role, found.examples) == ("comment", Role.COMMENT, ())


def test_a_connection_learns_its_fields_from_what_came(
    administrator: User, survey: Survey, client: Any
) -> None:
    connection = connections.create_connection(system="webhook", actor=administrator)
    url = connections.hook_url(connection).partition("//")[2]
    client.post(url[url.index("/") :], BODY, content_type="application/json")

    fields = connections.list_remote_fields(connection=connection, remote_id="")

    assert {field.key: field.role for field in fields} == {"id": Role.ANSWER_ID, "score": Role.SCORE}
    assert HookDelivery.objects.get().state == "pending"


def test_a_webhook_is_set_up_heard_and_taken_in(
    administrator: User, survey: Survey, client: Any, drain: Any
) -> None:
    connection = connections.create_connection(system="webhook", actor=administrator)
    connections.change_connection(
        connection=connection, actor=administrator, options={"preset": "asknicely", "scheme": "token", "header": "X-Token"},
        new_secrets={"hook": "t0ken"},
    )  # fmt: skip
    choice = connections.SurveyChoice(remote_id="", survey=survey)
    connections.choose_surveys(connection=connection, choices=[choice], actor=administrator)
    assert connections.activate(connection=connection, actor=administrator) is None
    url = connections.hook_url(connection).partition("//")[2]

    body = json.dumps(PRESETS["asknicely"].example)
    refused = client.post(url[url.index("/") :], body, content_type="application/json")
    taken = client.post(
        url[url.index("/") :], body, content_type="application/json", headers={"X-Token": "t0ken"}
    )
    drain()

    assert (refused.status_code, taken.status_code) == (401, 200)
    answer = survey.responses.get()
    assert (answer.score, answer.source, answer.comment) == (9, connection.source, "Quick and friendly")
    assert answer.attributes["person.segment"] == "general"
    assert not {"person.email", "person.name"} & set(answer.attributes)


# --- Paths -----------------------------------------------------------------------------------------------
_documents = st.recursive(
    st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@_patient
@given(st.dictionaries(st.text(min_size=1, max_size=5), _documents, max_size=3))
def test_every_leaf_is_found_by_its_path(document: dict[str, Any]) -> None:
    for path, value in paths.leaves(document):
        found = paths.find(document, path)
        assert found == value or path in document


@given(st.text(max_size=30))
def test_no_path_raises(path: str) -> None:
    assert paths.find({"a": [1]}, path) in (None, 1, [1])
