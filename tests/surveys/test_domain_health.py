"""The sending domain's health: judged from answers, and asked of a real name server that may be hostile."""

import base64
import time
from collections.abc import Mapping, Sequence

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from surveys.channels.mail import dns, domain_health
from surveys.channels.mail.domain_health import (
    FAILED,
    NOTHING,
    PROVIDERS,
    SMTP,
    Answer,
    Check,
    Health,
    Status,
    Tone,
)
from tests.surveys.dns_server import name_server, seconds_since

DOMAIN = "mail.nordlicht.org"
Zone = Mapping[tuple[str, str], Sequence[str] | Answer]


def key(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


KEY = key(2048)
GOOD: Zone = {
    (DOMAIN, "TXT"): ["google-site-verification=x", "v=spf1 include:spf.brevo.com ~all"],
    ("spf.brevo.com", "TXT"): ["v=spf1 ip4:192.0.2.0/24 ~all"],
    (f"brevo1._domainkey.{DOMAIN}", "TXT"): [f"v=DKIM1; k=rsa; p={KEY}"],
    (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@nordlicht.org"],
    (DOMAIN, "MX"): ["10 mx.nordlicht.org."],
}
BREVO = PROVIDERS["brevo"]


def look(zone: Zone, provider: domain_health.Provider = BREVO, **more: object) -> Mapping[str, Check]:
    def lookup(name: str, kind: str) -> Answer:
        said = zone.get((name, kind))
        if said is None:
            return NOTHING
        return said if isinstance(said, Answer) else Answer(Status.FOUND, tuple(said))

    health = domain_health.evaluate(more.pop("domain", DOMAIN), lookup, provider=provider, **more)  # type: ignore[arg-type]
    assert Health.from_json(health.to_json()) == health
    return {check.key: check for check in health.checks}


def changed(**records: Sequence[str] | Answer) -> Zone:
    names = {
        "spf": (DOMAIN, "TXT"),
        "dkim": (f"brevo1._domainkey.{DOMAIN}", "TXT"),
        "dmarc": (f"_dmarc.{DOMAIN}", "TXT"),
        "mx": (DOMAIN, "MX"),
    }
    return {**GOOD, **{names[name]: said for name, said in records.items()}}


def test_a_domain_that_is_set_up_is_found_good() -> None:
    checks = look(GOOD)

    assert {key: check.tone for key, check in checks.items()} == dict.fromkeys(
        ["spf", "dkim", "dmarc", "alignment", "mx"], Tone.GOOD
    )
    assert not any(check.records for check in checks.values())
    assert "1 of 10 lookups" in checks["spf"].verdict


def test_a_bare_domain_is_told_every_record_to_add() -> None:
    checks = look({}, SMTP, host="smtp.nordlicht.org")

    assert checks["spf"].records[0].value == "v=spf1 a:smtp.nordlicht.org ~all"
    assert checks["dmarc"].records[0].name == f"_dmarc.{DOMAIN}"
    assert checks["dmarc"].records[0].value.startswith("v=DMARC1; p=none; rua=mailto:")
    assert {checks[key].tone for key in ("spf", "dmarc")} == {Tone.BAD}
    assert {checks[key].tone for key in ("dkim", "mx")} == {Tone.WATCH}


@pytest.mark.parametrize(
    ("record", "tone", "says"),
    [
        ("v=spf1 include:spf.brevo.com +all", Tone.BAD, "every server in the world"),
        ("v=spf1 include:spf.brevo.com all", Tone.BAD, "every server in the world"),
        ("v=spf1 include:spf.brevo.com ?all", Tone.WATCH, "other servers"),
        ("v=spf1 include:spf.brevo.com", Tone.WATCH, "other servers"),
        ("v=spf1 include:nowhere.org -all", Tone.BAD, "nowhere.org"),
        (f"v=spf1 include:{DOMAIN} -all", Tone.BAD, DOMAIN),
        ("v=spf1 redirect=spf.brevo.com", Tone.GOOD, "1 of 10"),
        ("v=spf1 ptr include:spf.brevo.com -all", Tone.WATCH, "ptr"),
        ("V=SPF1 INCLUDE:spf.brevo.com -ALL", Tone.GOOD, "1 of 10"),
        ("v=spf1 include:%{i}._spf.nordlicht.org include:spf.brevo.com -all", Tone.GOOD, "2 of 10"),
    ],
)
def test_spf_is_read_as_receivers_read_it(record: str, tone: Tone, says: str) -> None:
    spf = look(changed(spf=[record]))["spf"]

    assert (spf.tone, says in spf.verdict) == (tone, True), spf


def test_two_spf_records_are_merged_into_one() -> None:
    spf = look(changed(spf=["v=spf1 include:a.org -all", "v=spf1 mx ip4:192.0.2.1 ~all"]))["spf"]

    assert spf.tone is Tone.BAD
    assert spf.records[0].value == "v=spf1 include:a.org mx ip4:192.0.2.1 ~all"


def test_a_provider_missing_from_spf_is_named_with_the_whole_record() -> None:
    spf = look(changed(spf=["v=spf1 mx -all"]))["spf"]

    assert spf.records[0].value == "v=spf1 mx include:spf.brevo.com -all"
    assert "Brevo" in " ".join(spf.notes)


@pytest.mark.parametrize(
    ("count", "tone"), [(9, Tone.GOOD), (10, Tone.GOOD), (11, Tone.BAD), (200, Tone.BAD)]
)
def test_ten_lookups_are_allowed(count: int, tone: Tone) -> None:
    names = [f"s{n}.org" for n in range(count)]
    zone = {(name, "TXT"): ["v=spf1 ip4:192.0.2.1 -all"] for name in names}
    record = "v=spf1 " + " ".join(f"include:{name}" for name in names) + " -all"

    spf = look({**changed(spf=[record]), **zone}, SMTP)["spf"]

    assert spf.tone is tone
    if count == 11:
        assert "takes 11 lookups" in spf.verdict


def test_includes_of_includes_count_too() -> None:
    zone = {(f"s{n}.org", "TXT"): [f"v=spf1 include:s{n + 1}.org -all"] for n in range(30)}
    spf = look({**changed(spf=["v=spf1 include:s0.org -all"]), **zone}, SMTP)["spf"]

    assert spf.tone is Tone.BAD
    assert "lookups" in spf.verdict


@pytest.mark.parametrize(
    ("record", "tone", "says"),
    [
        (f"v=DKIM1; k=rsa; p={key(1024)}", Tone.WATCH, "1024 bits"),
        (f"k=rsa; t=y; p={KEY}", Tone.WATCH, "t=y"),
        (f"p={KEY[:60]} {KEY[60:]}", Tone.GOOD, "find the key"),
        ("v=DKIM1; p=", Tone.BAD, "withdrawn"),
        ("v=DKIM1; p=AAAA", Tone.BAD, "damaged"),
        ("v=DKIM1; p=" + "A" * 9000, Tone.BAD, "damaged"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", Tone.GOOD, "find the key"),
        ("v=DKIM2; p=x", Tone.WATCH, "No key was found"),
    ],
)
def test_keys_are_judged_by_their_strength(record: str, tone: Tone, says: str) -> None:
    dkim = look(changed(dkim=[record]))["dkim"]

    assert (dkim.tone, says in dkim.verdict) == (tone, True), dkim


def test_a_weak_key_is_refused() -> None:
    # 512 bits, which no library makes any more.
    der = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALvQmJ3LtLmcuJcxvwrAqJ9NnPqXx1dJ6o7GxX0Y7h4a8N7l4p8sQ0i2q9JqM0hE5Q8sXwJ3mXw5Z2nq0uXbq0MCAwEAAQ=="
    dkim = look(changed(dkim=[f"p={der}"]))["dkim"]

    assert dkim.tone is Tone.BAD


def test_an_entered_selector_is_looked_for_and_missed() -> None:
    assert (
        "“own”"
        in look({**GOOD, (f"brevo1._domainkey.{DOMAIN}", "TXT"): []}, selectors=["own"])["dkim"].verdict
    )
    found = look(
        {**GOOD, (f"own._domainkey.{DOMAIN}", "TXT"): [f"p={KEY}"]},
        PROVIDERS["amazon_ses"],
        selectors=["OWN"],
    )
    assert found["dkim"].tone is Tone.GOOD


@pytest.mark.parametrize(
    ("records", "tone", "says"),
    [
        (["v=DMARC1; p=none"], Tone.WATCH, "only watches"),
        (["v=DMARC1; p=quarantine; rua=mailto:x@y.org"], Tone.GOOD, "spam folder"),
        (["v=DMARC1; p=rejekt"], Tone.BAD, "no policy that exists"),
        (["v=DMARC1"], Tone.BAD, "no policy that exists"),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], Tone.BAD, "2 DMARC records"),
        (["v=dmarc1; p=reject"], Tone.BAD, "no DMARC policy"),
    ],
)
def test_dmarc_policies_are_explained(records: list[str], tone: Tone, says: str) -> None:
    dmarc = look(changed(dmarc=records))["dmarc"]

    assert (dmarc.tone, says in dmarc.verdict) == (tone, True), dmarc


def test_the_policy_of_the_domain_above_counts() -> None:
    zone = {
        **changed(dmarc=[]),
        ("_dmarc.nordlicht.org", "TXT"): ["v=DMARC1; p=reject; sp=none; rua=mailto:x@y.org"],
    }
    dmarc = look(zone)["dmarc"]

    assert dmarc.tone is Tone.WATCH
    assert "nordlicht.org" in " ".join(dmarc.notes)


@pytest.mark.parametrize("mx", [[], ["0 ."]])
def test_a_domain_that_takes_no_mail_is_pointed_out(mx: list[str]) -> None:
    assert look(changed(mx=mx))["mx"].tone is Tone.WATCH


@pytest.mark.parametrize(
    "domain", ["localhost", "crm.local", "nodots", "gmail.com", "x..org", "192.0.2.1", "ü.org", "a" * 300]
)
def test_a_sender_that_can_never_pass_is_said_at_once(domain: str) -> None:
    checks = look({}, domain=domain)

    assert list(checks) == ["domain"]
    assert checks["domain"].tone is Tone.BAD


def test_what_could_not_be_looked_up_is_neither_good_nor_bad() -> None:
    checks = look(dict.fromkeys(GOOD, FAILED))

    assert {check.tone for check in checks.values()} <= {Tone.UNKNOWN}


@given(
    st.lists(
        st.text(max_size=120)
        | st.sampled_from(["v=spf1 include:a.org a mx/24 exists:%{i}.x -all", "v=DMARC1;p=none", "p="]),
        max_size=4,
    )
)
def test_no_answer_breaks_the_judgement(texts: list[str]) -> None:
    calls = 0

    def lookup(name: str, kind: str) -> Answer:
        nonlocal calls
        calls += 1
        return Answer(Status.FOUND, tuple(texts)) if texts else NOTHING

    health = domain_health.evaluate("nordlicht.org", lookup, provider=BREVO, selectors=["x"])

    assert calls <= domain_health.MAX_LOOKUPS
    assert all(record.value.isascii() for check in health.checks for record in check.records)
    assert all(record.value.isprintable() for check in health.checks for record in check.records)
    assert all(len(shown) <= 400 and shown.isprintable() for check in health.checks for shown in check.found)


# --- A real name server --------------------------------------------------------------------------------------
def test_a_domain_is_looked_up_at_a_real_name_server() -> None:
    with name_server({name: list(said) for name, said in GOOD.items()}) as (port, asked):  # type: ignore[arg-type]
        lookup = dns.lookups(servers=["127.0.0.1"], port=port)
        health = domain_health.evaluate(DOMAIN, lookup, provider=BREVO)

    assert health.tone is Tone.GOOD
    assert (DOMAIN, "TXT") in asked
    assert len(asked) == len(set(asked))


def test_a_key_too_long_for_one_string_and_one_packet_is_put_together() -> None:
    long = "v=spf1 " + " ".join(f"ip4:192.0.2.{n}" for n in range(200)) + " -all"
    with name_server({(DOMAIN, "TXT"): [long]}) as (port, _):
        answer = dns.lookups(servers=["127.0.0.1"], port=port)(DOMAIN, "TXT")

    assert answer == Answer(Status.FOUND, (long,))


@pytest.mark.parametrize("trouble", ["SERVFAIL", "REFUSED", "FORMERR"])
def test_a_name_server_in_trouble_is_no_answer(trouble: str) -> None:
    with name_server({(DOMAIN, "TXT"): trouble}) as (port, _):
        lookup = dns.lookups(servers=["127.0.0.1"], port=port)
        assert lookup(DOMAIN, "TXT") == FAILED
        assert lookup("nowhere.org", "TXT") == NOTHING


@pytest.mark.parametrize("trouble", ["silence", "garbage"])
def test_name_servers_that_do_not_answer_are_given_up_soon(trouble: str) -> None:
    zone = dict.fromkeys(GOOD, trouble) | {("_dmarc.nordlicht.org", "TXT"): trouble}
    start = time.monotonic()
    with name_server(zone) as (port, asked):
        health = domain_health.evaluate(DOMAIN, dns.lookups(servers=["127.0.0.1"], port=port), provider=BREVO)

    assert health.tone is Tone.UNKNOWN
    assert seconds_since(start) < dns.DEADLINE + 1
    assert len(asked) < 20


def test_the_whole_look_has_a_deadline() -> None:
    with name_server({(DOMAIN, "TXT"): "silence"}) as (port, _):
        lookup = dns.lookups(servers=["127.0.0.1"], port=port, deadline=0.2)
        start = time.monotonic()
        assert [lookup(DOMAIN, "TXT") for _ in range(3)] == [FAILED] * 3
        assert seconds_since(start) < 1.5


@pytest.mark.parametrize("servers", [["not an address"], ["127.0.0.1:99999"]])
def test_name_servers_that_are_none_give_no_answer(servers: list[str]) -> None:
    assert dns.lookups(servers=servers, port=53)(DOMAIN, "TXT") == FAILED
