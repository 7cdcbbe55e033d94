"""What somebody wrote back, read from a mail: its words without the mail they answered, and whether a person wrote them.

Pure: knows messages of the standard library's `email` package and no models. Promised: `words` never raises and gives at
most MAX_BODY characters without control characters; `latest` only ever shortens, and never to nothing.
"""

import html as html_entities
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

import nh3

MAX_BODY = 100_000
MAX_HTML = 1_000_000

# --- Words -----------------------------------------------------------------------------------------------------
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|/table|hr)\b[^>]{0,500}>", re.IGNORECASE)
# Where mail programs begin what is answered; as text the same place is a line of underscores.
_QUOTE_BEGINS = re.compile(
    r"<blockquote\b|<div\b[^>]{0,500}(?:gmail_quote|yahoo_quoted|moz-cite-prefix|divRplyFwdMsg|protonmail_quote)",
    re.IGNORECASE,
)
_RULE = "_" * 32
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\u00a0]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def words(plain: str | None, html: str | None) -> str:
    """The body as text: the text part, or the HTML without its markup where there is no text."""
    text = plain or ""
    if not text.strip() and html:
        text = text_of_html(html)
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip()[:MAX_BODY]


def text_of_html(html: str) -> str:
    """What a person would read of `html`, with lines where it has paragraphs. Scripts and styles say nothing."""
    html = html[:MAX_HTML]
    html = re.sub(r"\s+", " ", html)
    html = _QUOTE_BEGINS.sub(lambda found: f"<br>{_RULE}<br>{found[0]}", html, count=1)
    html = _BREAKS.sub("\n", html)
    bare = nh3.clean(html, tags=set(), clean_content_tags={"script", "style", "title"}, attributes={})
    lines = (_SPACES.sub(" ", line).strip() for line in html_entities.unescape(bare).split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


# --- The latest words ------------------------------------------------------------------------------------------
_DIVIDER = re.compile(
    r"^[-_*\s]{2,}(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Originalnachricht|Weitergeleitete Nachricht"
    r"|Message d'origine|Message original|Mensaje original|Messaggio originale|Oorspronkelijk bericht|Mensagem original"
    r"|Ursprungligt meddelande|Opprinnelig melding|Oprindelig meddelelse|Wiadomość oryginalna|Původní zpráva"
    r"|Alkuperäinen viesti)[-_*\s]*$",
    re.IGNORECASE,
)
_UNDERLINE = re.compile(r"^_{10,}$")
# "On 3 March Ida wrote:", in the languages surveys speak; the verb stands at the end, sometimes on the next line.
_WROTE = re.compile(
    r"^(?:On|Am|Le|El|Il|Op|Em|Den|Dne|W dniu|Dnia|Pe|På)\b.{3,300}?(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef"
    r"|escreveu|skrev|napisała?|napisał\(a\)|napsala?|kirjoitti)(?:\s[^:\n]{0,120})?\s?:\s*$",
    re.IGNORECASE | re.DOTALL,
)
_HEAD_FROM = re.compile(r"^\*?(?:From|Von|De|Da|Van|Från|Fra|Od|Lähettäjä)\s?:\*?\s\S", re.IGNORECASE)
_HEAD_MORE = re.compile(
    r"^\*?(?:Sent|Date|To|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Fecha|Para|Asunto|Inviato|Data|A|Oggetto"
    r"|Verzonden|Aan|Onderwerp|Assunto|Skickat|Till|Ämne|Sendt|Til|Emne|Wysłano|Do|Temat)\s?:\*?\s",
    re.IGNORECASE,
)


def latest(text: str) -> str:
    """`text` without the mail it answers and without the signature below it; all of it where nothing else would stay."""
    lines = text.split("\n")
    end = next((n for n in range(len(lines)) if _begins_quote(lines, n)), len(lines))
    kept = lines[:end]
    # Quoted lines at the end go. Those between a person's own lines are what these lines are about, and stay.
    while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith(">")):
        kept.pop()
    return "\n".join(kept).strip() or text.strip()


def _begins_quote(lines: list[str], n: int) -> bool:
    line = lines[n].strip()
    if not line:
        return False
    if lines[n].rstrip("\r") in {"-- ", "--"} or _UNDERLINE.match(line) or _DIVIDER.match(line):
        return True
    if _WROTE.match(line) or (n + 1 < len(lines) and _WROTE.match(f"{line} {lines[n + 1].strip()}")):
        return True
    return bool(
        _HEAD_FROM.match(line)
        and sum(bool(_HEAD_MORE.match(lines[k].strip())) for k in _next(lines, n, 5)) >= 2
    )


def _next(lines: list[str], n: int, count: int) -> Iterator[int]:
    return iter(range(n + 1, min(n + 1 + count, len(lines))))


# --- Programs that answer --------------------------------------------------------------------------------------
_AUTOMATIC_SUBJECT = re.compile(
    r"^\W{0,3}(?:(?:re|aw|antw|sv|r|odp|vs)\s?:\s*)?(?:"
    r"auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|on (?:annual )?leave\b|away from (?:the |my )?(?:office|mail)"
    r"|automatische (?:antwort|mail)|abwesend|abwesenheit|nicht im büro|außer haus"
    r"|réponse automatique|absence du bureau|absent du bureau|message d'absence"
    r"|respuesta automática|fuera de (?:la )?oficina|ausente"
    r"|risposta automatica|fuori sede|assente"
    r"|automatisch antwoord|afwezig(?:heid)?|niet op kantoor"
    r"|resposta automática|fora do escritório|ausência"
    r"|autosvar|automatiskt svar|automatisk svar|frånvaro|fravær|ikke på kontoret"
    r"|autoodpowiedź|odpowiedź automatyczna|poza biurem|nieobecność"
    r"|automatická odpověď|mimo kancelář|nepřítomnost"
    r"|automaattinen vastaus|poissa(?: toimistolta)?"
    r"|otomatik yanıt|自動返信|自动回复|자동 회신|תשובה אוטומטית|رد تلقائي"
    r")",
    re.IGNORECASE,
)
_BULK = {"bulk", "junk", "list", "auto_reply", "auto-reply"}
_SIGNS = ("X-Autoreply", "X-Autorespond", "X-Autoresponse", "X-Auto-Response-Suppress", "X-Mail-Autoreply")


def is_automatic(message: Message, *, envelope_sender: str | None = None) -> bool:
    """Whether a program wrote the mail: an out-of-office note, a receipt, a list. Nobody should be said to have replied."""
    submitted = str(message.get("Auto-Submitted") or "no").split(";")[0].strip().lower()
    precedence = str(message.get("Precedence") or "").strip().lower()
    return (
        submitted != "no"
        or precedence in _BULK
        or any(message.get(sign) is not None for sign in _SIGNS)
        or envelope_sender in {"", "<>"}
        or message.get_content_type() == "multipart/report"
        or _AUTOMATIC_SUBJECT.match(str(message.get("Subject") or "")) is not None
    )


_STOP_WORDS = re.compile(
    r"\W*(?:please )?(?:unsubscribe|stop|remove me|abmelden|abbestellen|désabonner|se désabonner|désinscription|darse de baja"
    r"|cancelar suscripción|cancellami|disiscrivimi|afmelden|uitschrijven|cancelar subscrição|avregistrera|afmeld|avmeld"
    r"|wypisz mnie|odhlásit)(?: me)?(?: please)?\W*",
    re.IGNORECASE,
)


def says_stop(text: str, subject: str) -> bool:
    """Whether the whole reply is the wish to be asked no more; the word inside a sentence is for a person to judge."""
    said = latest(text)
    return _STOP_WORDS.fullmatch(said if said.strip() else subject) is not None


# --- Mails that came back --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery status notification (RFC 3464): its status code, what the server said, and the mail that it is about."""

    status: str
    diagnostic: str
    message_id: str

    @property
    def is_lasting(self) -> bool:
        return self.status.startswith("5.")


def bounce_of(message: Message) -> Bounce | None:
    """What a notification says; None for every other mail, and for those that only tell of a delay."""
    if message.get_content_type() != "multipart/report":
        return None
    status = diagnostic = original = ""
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for block in _blocks(part):
                if str(block.get("Action", "")).strip().lower() == "failed":
                    status = str(block.get("Status", "")).strip()[:20]
                    diagnostic = " ".join(str(block.get("Diagnostic-Code", "")).split())[:200]
        elif kind in {"message/rfc822", "text/rfc822-headers"}:
            original = original or _original_id(part)
    return Bounce(status, diagnostic, original) if status and original else None


def _blocks(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ID_LINE = re.compile(r"^Message-ID:\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)


def _original_id(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload else None
        found = _MESSAGE_ID.search(str(inner.get("Message-ID") or "")) if isinstance(inner, Message) else None
        return found[0] if found else ""
    raw = part.get_payload(decode=True)
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(payload)
    line = _ID_LINE.search(text[:50_000])
    return line[1] if line else ""


def answered_ids(message: Message) -> list[str]:
    """The Message-IDs that a mail answers, the nearest first."""
    nearest = _MESSAGE_ID.findall(str(message.get("In-Reply-To") or "")[:2_000])
    others = _MESSAGE_ID.findall(str(message.get("References") or "")[-8_000:])
    return list(dict.fromkeys([*nearest, *reversed(others)]))[:30]
