"""Proves that a survey mail is fit for real mail clients and for the people behind them.

`lint` reads one person's finished mail, not the template: what it passes is what is sent. Each finding has a code for
machines and a sentence that says what to mend. Scanning follows what clients do: Gmail cuts at 102 KB and drops scripts,
forms and unknown schemes; Outlook knows tables and attributes; readers without HTML take the text part.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from core.mail.message import Values
from surveys import domain
from surveys.channels.mail import template

MAX_HTML_BYTES = 102 * 1024
MAX_LINE = 998
MAX_SUBJECT = 200

_FORBIDDEN_TAGS = frozenset(
    [
        "script",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "iframe",
        "frame",
        "object",
        "embed",
        "applet",
        "base",
        "svg",
        "math",
        "video",
        "audio",
    ]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])|font-size\s*:\s*[01](?:px|pt)?\s*(?:;|$)"
    r"|(?:max-)?(?:height|width)\s*:\s*0",
    re.IGNORECASE,
)
_BAD_CSS = re.compile(
    r"@import|expression\s*\(|javascript:|position\s*:\s*(?:fixed|absolute)|url\s*\(", re.IGNORECASE
)
_COLOUR = re.compile(r"(?<![-\w])color\s*:\s*(#[0-9a-f]{3,6}|white)\b", re.IGNORECASE)
_MSO = re.compile(r"<!--\[if[^\]]*\]>(?!<!-->).*?<!\[endif\]-->", re.DOTALL)
_LINK_IN_TEXT = re.compile(r"https?://[^\s<>]+")
_HOST_IN_WORDS = re.compile(r"\b(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
_MAIL_ADDRESS_IN_URL = re.compile(r"[^/?&=]+(?:@|%40)[^/?&=]+\.[a-z]", re.IGNORECASE)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    message: str


@dataclass(slots=True)
class _Link:
    href: str
    hidden: bool
    words: str = ""


@dataclass(slots=True)
class _Seen:
    """What one walk over the HTML collects."""

    findings: list[Finding] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    title: str = ""
    has_style_on_elements: bool = False

    def find(self, code: str, message: str) -> None:
        finding = Finding(code, message)
        if finding not in self.findings:
            self.findings.append(finding)


class _Walk(HTMLParser):
    def __init__(self, seen: _Seen, *, is_local: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = seen
        self.is_local = is_local
        self.direction = "ltr"
        self.open: list[tuple[str, bool]] = []  # (tag, hidden from people)
        self.link: _Link | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        hidden = bool(self.open and self.open[-1][1]) or _is_hidden(values)
        self._check_tag(tag, values)
        for name, value in values.items():
            self._check_attribute(tag, name, value)
        if tag == "a":
            self.link = _Link(values.get("href", ""), hidden)
            self.seen.links.append(self.link)
        if tag not in _VOID:
            self.open.append((tag, hidden))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.link = None
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][0] == tag:
                del self.open[index:]
                return

    def handle_data(self, data: str) -> None:
        where = self.open[-1][0] if self.open else ""
        if where == "title":
            self.seen.title += data
        elif where == "style":
            if _BAD_CSS.search(data):
                self.seen.find("css", "The style sheet loads something or places something over the page.")
        elif self.link is not None:
            self.link.words += data

    def _check_tag(self, tag: str, values: dict[str, str]) -> None:
        seen = self.seen
        if tag in _FORBIDDEN_TAGS:
            seen.find("forbidden_tag", f"<{tag}> does not work in mail, or is dangerous there.")
        elif tag == "link":
            seen.find("forbidden_tag", "<link> loads something from elsewhere when the mail is opened.")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            seen.find("forbidden_tag", "<meta http-equiv=refresh> sends the reader elsewhere.")
        elif tag == "table" and values.get("role") != "presentation":
            seen.find(
                "table_role",
                'A layout table lacks role="presentation"; screen readers would count its cells.',
            )
        elif tag == "img":
            if "alt" not in values:
                seen.find("alt", "An image has no alt text.")
            if not values.get("src", "").startswith(("https://", "http://") if self.is_local else "https://"):
                seen.find("image_address", "An image is not loaded over https.")
            if not values.get("width", "").isdigit():
                seen.find(
                    "image_width", "An image has no width in pixels; Outlook would show it in full size."
                )
        elif tag == "html":
            if not values.get("lang"):
                seen.find("lang", "<html> has no lang.")
            if values.get("dir") not in {"ltr", "rtl"}:
                seen.find("dir", "<html> has no dir.")

    def _check_attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on"):
            self.seen.find("handler", f"The attribute {name} would run a script.")
        if tag == "html" and name == "dir":
            self.direction = value
        if name == "style":
            self.seen.has_style_on_elements = True
            if self.direction == "rtl" and re.search(r"direction:\s*ltr", value):
                self.seen.find("direction", "A right-to-left mail has a part that runs from left to right.")
            if _BAD_CSS.search(value):
                self.seen.find("css", "A style loads something or places something over the page.")
        if name in {"href", "src", "action", "background", "poster"} and tag != "link":
            problem = _address_problem(value, is_local=self.is_local)
            if problem:
                self.seen.find("address", problem)


def lint(
    *,
    html: str,
    text: str,
    subject: str,
    score_urls: Sequence[str],
    unsubscribe_url: str,
    score_words: Sequence[str] = (),
    hidden_urls: Collection[str] = (),
    data: bytes | None = None,
    is_local: bool = False,
) -> list[Finding]:
    """Everything wrong with one finished mail; an empty list means it may be sent. `data` is the message on the wire;
    `is_local` says that the product is being tried on one machine, where its own address is a number without https."""
    seen = _Seen()
    walk = _Walk(seen, is_local=is_local)
    walk.feed(html)
    walk.close()
    size = len(html.encode("utf-8", "replace"))
    if size >= MAX_HTML_BYTES:
        seen.find("size", f"The HTML has {size:,} bytes; Gmail cuts it at {MAX_HTML_BYTES:,}.")
    if not html.lstrip().lower().startswith("<!doctype html>"):
        seen.find("doctype", "The HTML does not begin with <!doctype html>.")
    if not seen.title.strip():
        seen.find("title", "The HTML has no title.")
    if "<table" not in html:
        seen.find("tables", "The layout is not made of tables; Outlook would not hold it together.")
    if not seen.has_style_on_elements:
        seen.find(
            "inlined", "No styles stand on the elements; clients that drop style sheets would show it bare."
        )
    for opening in re.finditer(r"<table\b[^>]*>", " ".join(_MSO.findall(html))):
        if 'role="presentation"' not in opening.group():
            seen.find("table_role", 'A layout table for Outlook lacks role="presentation".')
    if html.count("<!--[if") != html.count("<![endif]"):
        seen.find("conditional", "An Outlook condition is opened and not closed, or the other way round.")
    _check_scores(seen, score_urls, score_words or [str(n) for n in range(len(score_urls))])
    _check_unsubscribe(seen, unsubscribe_url)
    _check_links(seen, {*score_urls, unsubscribe_url, *hidden_urls})
    _check_text(seen, text, score_urls, unsubscribe_url)
    _check_words(seen, subject, html, text)
    if data is not None:
        _check_wire(seen, data)
    return seen.findings


def lint_compiled(
    compiled: template.CompiledMail,
    values: Values,
    *,
    score_link: str = "{url}?score={n}",
    metric: str = domain.NPS.metric,
    look: str = "numbers",
    data: bytes | None = None,
    is_local: bool = False,
) -> list[Finding]:
    """`lint` for one person's copy of a compiled mail."""
    rendered = compiled.render(values)
    answer = values.get(template.ANSWER_URL) or ""
    return lint(
        html=rendered.html,
        text=rendered.text,
        subject=rendered.subject,
        score_urls=[score_link.format(url=answer, n=score) for score in domain.scale(metric).scores],
        score_words=[template.score_sign(look, score)[0] for score in domain.scale(metric).scores],
        unsubscribe_url=values.get(template.UNSUBSCRIBE_URL) or "",
        hidden_urls=[values.get(template.TRAP_URL) or ""],
        data=data,
        is_local=is_local,
    )


def _check_scores(seen: _Seen, score_urls: Sequence[str], words: Sequence[str]) -> None:
    counted = Counter(link.href for link in seen.links if not link.hidden)
    for score, url in enumerate(score_urls):
        if counted[url] != 1:
            seen.find(
                "scores", f"The link for {score} is there {counted[url]} times; it has to be there once."
            )
    for link in seen.links:
        if (
            link.href in score_urls
            and link.words.replace("\xa0", " ").strip() != words[score_urls.index(link.href)]
        ):
            seen.find("score_words", f"The link for {score_urls.index(link.href)} says something else.")


def _check_unsubscribe(seen: _Seen, url: str) -> None:
    ways = [link for link in seen.links if link.href == url and url]
    if not ways:
        seen.find("unsubscribe", "There is no link to unsubscribe.")
    elif all(link.hidden or not link.words.strip() for link in ways):
        seen.find("unsubscribe_hidden", "The link to unsubscribe cannot be seen.")


def _check_links(seen: _Seen, own: Collection[str]) -> None:
    for link in seen.links:
        if link.hidden and link.href not in own:
            seen.find("hidden_link", "A link is hidden from people.")
        if not link.hidden and not link.words.replace("\xa0", " ").strip():
            seen.find("empty_link", "A link has no words.")
        named = _HOST_IN_WORDS.search(link.words)
        host = _host(link.href)
        if named and host and not _same_site(named.group(1).lower(), host):
            seen.find("misleading_link", f"A link says {named.group(1)} and leads to {host}.")
        if _MAIL_ADDRESS_IN_URL.search(link.href.partition("://")[2]):
            seen.find(
                "personal_link", "A link carries a mail address, which would stand in every log on its way."
            )


def _check_text(seen: _Seen, text: str, score_urls: Sequence[str], unsubscribe_url: str) -> None:
    if not text.strip():
        seen.find("text", "There is no text part.")
        return
    found = Counter(url.rstrip(".,;)") for url in _LINK_IN_TEXT.findall(text))
    if any(found[url] != 1 for url in score_urls):
        seen.find("text_scores", "The text part lacks a link for one of the scores, or has it twice.")
    if unsubscribe_url not in found:
        seen.find("text_unsubscribe", "The text part has no link to unsubscribe.")
    if re.search(r"<(?:a|p|br|div|td|table|span)\b", text):
        seen.find("text_markup", "The text part has HTML in it.")


def _check_words(seen: _Seen, subject: str, html: str, text: str) -> None:
    if not subject.strip():
        seen.find("subject", "The subject is empty.")
    if len(subject) > MAX_SUBJECT + 80:
        seen.find("subject", f"The subject has {len(subject)} characters.")
    if any(not character.isprintable() for character in subject):
        seen.find("subject", "The subject has control characters.")
    for where, words in (("subject", subject), ("HTML", html), ("text part", text)):
        if _BIDI.search(words) or "\x00" in words:
            seen.find(
                "control", f"The {where} has characters that turn the direction of reading or end a string."
            )


def _check_wire(seen: _Seen, data: bytes) -> None:
    lines = data.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        seen.find("line_ends", "The message has bare line ends.")
    longest = max(len(line) for line in lines)
    if longest > MAX_LINE:
        seen.find("line_length", f"A line of the message has {longest:,} bytes; {MAX_LINE} are allowed.")
    head = data.partition(b"\r\n\r\n")[0].lower()
    for header in (
        b"list-unsubscribe:",
        b"list-unsubscribe-post:",
        b"message-id:",
        b"date:",
        b"from:",
        b"to:",
    ):
        if b"\r\n" + header not in b"\r\n" + head:
            seen.find("header", f"The message has no {header.decode().rstrip(':').title()}.")


def _is_hidden(values: dict[str, str]) -> bool:
    if "hidden" in values:
        return True
    style = values.get("style", "")
    if values.get("href") is None:
        # On a box only what hides all of it counts: MJML sets font-size:0 on every box and back on the texts.
        return bool(
            re.search(
                r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])", style, re.IGNORECASE
            )
        )
    written = _COLOUR.search(style)
    return bool(_HIDING.search(style)) or (
        written is not None and written.group(1).lower() in {"#fff", "#ffffff", "white"}
    )


def _address_problem(url: str, *, is_local: bool) -> str:
    scheme = url.strip().partition(":")[0].lower()
    if scheme == "mailto":
        return ""
    if scheme not in {"https", "http"}:
        return "An address begins with neither https: nor mailto:."
    if re.search(r"[\s\x00-\x1f]", url):
        return "An address has a space in it."
    host = _host(url)
    if not host:
        return "An address has no host."
    if "@" in urlsplit(url).netloc:
        return "An address has a name before its host, which misleads the reader."
    if scheme == "http" and _is_number(host) and not (is_local and host == "127.0.0.1"):
        return "An address leads to a bare IP number."
    if not host.isascii() or any(label.startswith("xn--") for label in host.split(".")):
        return "An address has letters in its host that can be mistaken for others."
    return ""


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit()
    return True


def _same_site(said: str, host: str) -> bool:
    return said == host or host.endswith("." + said) or said.endswith("." + host)
