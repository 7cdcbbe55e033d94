"""What is said in a chat, how each vendor wants it written, and what their answers mean. Pure.

Formats: incoming webhooks of Slack (text with blocks) and of Teams Workflows (an Adaptive Card 1.5 in a message envelope).
Limits are the vendors': a Slack section 3,000 characters, a field 2,000, a button's label 75 and address 3,000; a Teams message
28 KB with everything, of which 27 are used.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

TEAMS_BYTES = 27 * 1024
SECTION, FIELD, BUTTON, ADDRESS = 3_000, 2_000, 75, 3_000
TITLE, QUOTE = 250, 1_500
MOST_FACTS, MOST_LINES, QUOTE_LINES = 8, 30, 40


class ChatKind(StrEnum):
    SLACK = "slack"
    TEAMS = "teams"


KIND_LABELS = {ChatKind.SLACK: "Slack", ChatKind.TEAMS: "Microsoft Teams"}
HOSTS = {
    ChatKind.SLACK: ("hooks.slack.com", "hooks.slack-gov.com"),
    ChatKind.TEAMS: (
        ".logic.azure.com", ".api.powerplatform.com", ".powerautomate.com", ".flow.microsoft.com",
    ),
}  # fmt: skip


class ChannelState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Card:
    """What a message says: a line, facts as pairs, the customer's words, further lines (text, address), and where it leads."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    quote: str = ""
    lines: Sequence[tuple[str, str]] = ()
    note: str = ""
    url: str = ""
    button: str = "Open"
    is_urgent: bool = False


def host_fits(kind: ChatKind, url: str, more: Sequence[str] = ()) -> bool:
    """Whether an address is one of the vendor's, over TLS, or one of `more` ("chat.example.com", "127.0.0.1:8065")."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if host in more or f"{host}:{port}" in more:
        return parts.scheme in {"http", "https"}
    if parts.scheme != "https" or port not in {None, 443}:
        return False
    return any(host == name or (name.startswith(".") and host.endswith(name)) for name in HOSTS[kind])


def is_retired(url: str) -> bool:
    """Whether an address is one of the Office 365 connectors that Teams has given up."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return host.endswith(".webhook.office.com") or host == "outlook.office.com"


def payload_of(kind: ChatKind, card: Card) -> dict[str, Any]:
    """The body that the vendor takes."""
    return slack(card) if kind is ChatKind.SLACK else teams(card)


# --- Slack -----------------------------------------------------------------------------------------------------
def slack_text(text: str) -> str:
    """Text of ours or a customer's inside mrkdwn: nothing in it may call a channel, a person or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(card: Card) -> dict[str, Any]:
    mark = ":rotating_light: " if card.is_urgent else ""
    blocks: list[dict[str, Any]] = [
        _section(f"{mark}*{_slack_cut(_one_line(card.title), TITLE).replace('*', '∗')}*")
    ]
    if card.facts:
        blocks.append(
            {
                "type": "section",
                "fields": [
                    {"type": "mrkdwn", "text": f"*{slack_text(name)}*\n{_slack_cut(value, 500) or '–'}"}
                    for name, value in card.facts[:MOST_FACTS]
                ],
            }
        )
    if card.quote.strip():
        quoted = _slack_cut(card.quote.strip(), QUOTE).splitlines()
        shown = [*quoted[:QUOTE_LINES], "…"] if len(quoted) > QUOTE_LINES else quoted
        blocks.append(_section("\n".join(f"> {line}" for line in shown)))
    for rows in _sections([_slack_line(text, url) for text, url in card.lines[:MOST_LINES]]):
        blocks.append(_section(rows))
    if card.note:
        blocks.append(
            {"type": "context", "elements": [{"type": "mrkdwn", "text": _slack_cut(card.note, 500)}]}
        )
    if card.url and len(card.url) <= ADDRESS:
        button = {"type": "plain_text", "text": card.button[:BUTTON], "emoji": False}
        blocks.append({"type": "actions", "elements": [{"type": "button", "text": button, "url": card.url}]})
    return {"text": _slack_cut(_one_line(card.title), TITLE), "blocks": blocks, "unfurl_links": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION]}}


def _sections(lines: Sequence[str]) -> list[str]:
    """Lines put together, as few texts as fit."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1]) + len(line) + 1 <= SECTION:
            found[-1] = f"{found[-1]}\n{line}"
        else:
            found.append(line)
    return found


def _slack_line(text: str, url: str) -> str:
    said = _slack_cut(_one_line(text), TITLE).replace("|", "¦")
    return f"• <{url}|{said}>" if url and len(url) < 1_000 else f"• {said}"


def _slack_cut(text: str, most: int) -> str:
    """The text escaped, at most `most` characters with all that escaping adds, and none of it cut in two."""
    whole = slack_text(text)
    if len(whole) <= most:
        return whole
    length = 0
    for number, character in enumerate(text):
        length += len(slack_text(character))
        if length > most - 1:
            return f"{slack_text(text[:number])}…"
    return whole


# --- Teams -----------------------------------------------------------------------------------------------------
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>~-])")


def teams_text(text: str) -> str:
    """Text inside a TextBlock, whose marks of markdown are no marks; a line break is a paragraph there."""
    return _MARKDOWN.sub(r"\\\1", text.replace("\r\n", "\n")).replace("\n", "\n\n")


def teams(card: Card) -> dict[str, Any]:
    """The card; one that would be too large loses its further lines first, then the end of the quote."""
    lines, quote = list(card.lines[:MOST_LINES]), _cut(card.quote.strip(), QUOTE)
    while True:
        made = _teams(replace(card, lines=lines, quote=quote))
        if len(json.dumps(made, separators=(",", ":")).encode()) <= TEAMS_BYTES:
            return made
        if lines:
            lines = lines[: len(lines) // 2]
        elif quote:
            quote = _cut(quote, len(quote) // 2) if len(quote) > 40 else ""
        else:
            return _teams(Card(title=_cut(card.title, TITLE), url=card.url))


def _teams(card: Card) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock", "text": teams_text(_cut(_one_line(card.title), TITLE)), "weight": "Bolder",
            "size": "Medium", "wrap": True, "color": "Attention" if card.is_urgent else "Default",
        }
    ]  # fmt: skip
    if card.facts:
        facts = [
            {"title": name, "value": teams_text(_one_line(_cut(value, 500))) or "–"}
            for name, value in card.facts[:MOST_FACTS]
        ]
        body.append({"type": "FactSet", "facts": facts})
    if card.quote:
        body.append({"type": "TextBlock", "text": teams_text(card.quote), "wrap": True})
    for text, url in card.lines:
        said = teams_text(_cut(_one_line(text), TITLE))
        body.append(
            {
                "type": "TextBlock",
                "text": f"[{said}]({url})" if url else said,
                "wrap": True,
                "spacing": "Small",
            }
        )
    if card.note:
        body.append(
            {
                "type": "TextBlock",
                "text": teams_text(card.note),
                "wrap": True,
                "isSubtle": True,
                "size": "Small",
            }
        )
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if card.url:
        content["actions"] = [{"type": "Action.OpenUrl", "title": card.button[:BUTTON], "url": card.url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content,
    }  # fmt: skip
    return {"type": "message", "attachments": [attachment]}


# --- What they answer ------------------------------------------------------------------------------------------
class Verdict(StrEnum):
    """What an answer means for the message and its channel."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"
    DEAD = "dead"


_SLACK_DEAD = {
    "invalid_token", "no_active_hooks", "no_service", "no_service_id", "no_team", "team_disabled", "user_not_found",
    "channel_not_found", "channel_is_archived", "action_prohibited", "posting_to_general_channel_denied",
}  # fmt: skip
_SLACK_WORDS = {
    "channel_is_archived": "The channel was archived.",
    "channel_not_found": "The channel is no longer there.",
    "action_prohibited": "An administrator of the workspace forbids it.",
    "no_service": "The webhook was switched off or removed.",
}


def verdict_of(kind: ChatKind, status: int, body: str) -> tuple[Verdict, str]:
    """What became of a message, and why in words.

    Slack answers 200 and "ok", else an error's name in plain text. A Teams workflow answers 202 (or 200); any other 4xx but
    408, 413 and 429 means that its address does not hold any more.
    """
    word = body.strip()[:60].lower()
    said = f"{KIND_LABELS[kind]} answered {status}"
    if 200 <= status < 300:
        return Verdict.SENT, ""
    if status in {408, 425, 429} or status >= 500:
        return Verdict.LATER, f"{said}."
    if 300 <= status < 400:
        return Verdict.DEAD, f"{said}: the address leads on to another one, which is not followed."
    if status == 413:
        return Verdict.REFUSED, f"{said}: the message is too large."
    if kind is ChatKind.SLACK:
        if status in {401, 403, 404, 410} or word in _SLACK_DEAD:
            return (
                Verdict.DEAD,
                f"{said}. {_SLACK_WORDS.get(word, 'The webhook was switched off or removed.')}",
            )
        return (
            Verdict.REFUSED,
            f"{said}: {word if re.fullmatch(r'[a-z_]+', word) else 'it did not take the message'}.",
        )
    return Verdict.DEAD, f"{said}. The workflow was removed, switched off, or its address was changed."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
