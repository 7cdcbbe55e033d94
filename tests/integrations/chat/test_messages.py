"""What is written for Slack and Teams, and what their answers mean."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.chat.domain import (
    TEAMS_BYTES,
    Card,
    ChatKind,
    Verdict,
    host_fits,
    is_retired,
    payload_of,
    slack,
    teams,
    verdict_of,
)

HOSTILE = "<!channel> & <https://evil.example|click> *bold* [x](https://evil.example) `code` _u_"
TEXTS = st.text(max_size=400) | st.sampled_from(
    [HOSTILE, "x" * 5_000, "&" * 5_000, "*" * 5_000, "🐌" * 3_000]
)
CARDS = st.builds(
    Card,
    title=TEXTS,
    facts=st.lists(st.tuples(st.just("Account"), TEXTS), max_size=12),
    quote=TEXTS,
    lines=st.lists(st.tuples(TEXTS, st.sampled_from(["", "https://crm.example/alerts/1/"])), max_size=60),
    note=TEXTS,
    url=st.sampled_from(["", "https://crm.example/alerts/1/"]),
    is_urgent=st.booleans(),
)


def texts_of(block: Any) -> list[str]:
    if isinstance(block, dict):
        return [v for k, v in block.items() if k == "text" and isinstance(v, str)] + [
            text for value in block.values() for text in texts_of(value)
        ]
    return [text for value in block for text in texts_of(value)] if isinstance(block, list) else []


def test_an_alert_in_slack_reads_like_this() -> None:
    card = Card(
        "Ann at Acme answered 3", [("Account", "Acme")], "Slow\nand dear", url="https://crm.example/alerts/7/"
    )

    said = slack(card)

    assert said["text"] == "Ann at Acme answered 3"
    assert [block["type"] for block in said["blocks"]] == ["section", "section", "section", "actions"]
    assert said["blocks"][2]["text"]["text"] == "> Slow\n> and dear"
    assert said["blocks"][3]["elements"][0]["url"] == "https://crm.example/alerts/7/"


def test_an_alert_in_teams_reads_like_this() -> None:
    said = teams(
        Card("Ann at Acme answered 3", [("Account", "Acme")], "Slow", url="https://crm.example/alerts/7/")
    )

    (attachment,) = said["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5")
    assert [part["type"] for part in card["body"]] == ["TextBlock", "FactSet", "TextBlock"]
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open", "url": "https://crm.example/alerts/7/"}
    ]


def test_what_a_customer_writes_calls_nobody_and_links_nowhere() -> None:
    card = Card(HOSTILE, [("Account", HOSTILE)], HOSTILE, lines=[(HOSTILE, "https://crm.example/1/")])

    for text in texts_of(slack(card)):
        assert "<!channel>" not in text
        assert "<https://evil.example" not in text
    (first, facts, *_) = teams(card)["attachments"][0]["content"]["body"]
    for text in (first["text"], facts["facts"][0]["value"]):
        assert not re.search(r"(?<!\\)[\[\]()*_`]", text)


@given(CARDS)
def test_slack_is_never_given_more_than_it_takes(card: Card) -> None:
    said = slack(card)

    assert len(said["blocks"]) <= 50
    for block in said["blocks"]:
        if block["type"] == "section" and "text" in block:
            assert 1 <= len(block["text"]["text"]) <= 3_000
        for name in block.get("fields", []):
            assert 1 <= len(name["text"]) <= 2_000
        assert len(block.get("fields", [])) <= 10
    for text in texts_of(said):
        # No mark of ours or theirs but our own links, and none cut in the middle of an escape.
        assert not re.search(r"<(?!https://crm\.example)", text)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)


@given(CARDS)
def test_teams_is_never_given_more_than_it_takes(card: Card) -> None:
    assert len(json.dumps(teams(card), separators=(",", ":")).encode()) <= TEAMS_BYTES


@pytest.mark.parametrize("kind", ChatKind)
def test_payloads_are_json(kind: ChatKind) -> None:
    assert json.loads(json.dumps(payload_of(kind, Card("x"))))


@pytest.mark.parametrize(
    ("kind", "url", "fits"),
    [
        ("slack", "https://hooks.slack.com/services/T/B/x", True),
        ("slack", "http://hooks.slack.com/services/T/B/x", False),
        ("slack", "https://hooks.slack.com.evil.example/services/T", False),
        ("slack", "https://evil.example/hooks.slack.com", False),
        ("slack", "https://hooks.slack.com:8443/services/T/B/x", False),
        ("slack", "https://chat.example:8065/hooks/x", True),
        ("slack", "https://chat.example/hooks/x", False),
        ("teams", "https://prod-12.westeurope.logic.azure.com:443/workflows/x?sig=y", True),
        ("teams", "https://a.b.environment.api.powerplatform.com/x", True),
        ("teams", "https://logic.azure.com.evil.example/x", False),
        ("teams", "https://evillogic.azure.com/x", False),
        ("teams", "https://hooks.slack.com/services/T/B/x", False),
        ("teams", "https://[bad", False),
    ],
)
def test_only_addresses_of_the_vendor_fit(kind: str, url: str, fits: bool) -> None:
    assert host_fits(ChatKind(kind), url, ["chat.example:8065"]) is fits


def test_retired_connectors_are_known() -> None:
    assert is_retired("https://acme.webhook.office.com/webhookb2/x")
    assert not is_retired("https://prod-1.logic.azure.com/x")


@pytest.mark.parametrize(
    ("kind", "status", "body", "verdict"),
    [
        ("slack", 200, "ok", "sent"),
        ("slack", 400, "invalid_payload", "refused"),
        ("slack", 400, "no_team", "dead"),
        ("slack", 403, "action_prohibited", "dead"),
        ("slack", 404, "no_service", "dead"),
        ("slack", 410, "channel_is_archived", "dead"),
        ("slack", 429, "", "later"),
        ("slack", 503, "", "later"),
        ("slack", 302, "", "dead"),
        ("teams", 202, "", "sent"),
        ("teams", 401, "", "dead"),
        ("teams", 404, "", "dead"),
        ("teams", 413, "", "refused"),
        ("teams", 408, "", "later"),
        ("teams", 500, "", "later"),
    ],
)
def test_answers_are_understood(kind: str, status: int, body: str, verdict: str) -> None:
    found, why = verdict_of(ChatKind(kind), status, body)

    assert found is Verdict(verdict)
    assert bool(why) == (verdict != "sent")
