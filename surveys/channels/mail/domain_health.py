"""What the DNS says of the domain that mail comes from, in plain words: who may send for it, and what receivers are told.

Pure: names are looked up by the function given. Formats: SPF RFC 7208 (one record, at most ten further lookups of which
two may lead nowhere), DKIM RFC 6376 and 8301 (keys of at least 1024 bits), DMARC RFC 7489 with the walk up the tree of
its successor, MX RFC 5321 and 7505. Promised: whatever the answers, `evaluate` ends after at most MAX_LOOKUPS of them.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

MAX_LOOKUPS = 60
SPF_LIMIT, SPF_VOID_LIMIT = 10, 2
SHOWN = 300


class Status(StrEnum):
    FOUND = "found"
    NONE = "none"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lookup gave: texts, nothing at all, or no answer one could use."""

    status: Status
    texts: tuple[str, ...] = ()


Lookup = Callable[[str, str], Answer]
NOTHING, FAILED = Answer(Status.NONE), Answer(Status.FAILED)


class Tone(StrEnum):
    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to add, as it is typed in at the place that keeps the domain."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the domain: what was found, what it means, and what to add."""

    key: str
    title: str
    tone: Tone
    verdict: str
    found: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    domain: str
    checks: tuple[Check, ...]

    @property
    def tone(self) -> Tone:
        """The worst of all checks; what could not be looked up is worse than what is fine."""
        order = (Tone.BAD, Tone.WATCH, Tone.UNKNOWN, Tone.GOOD)
        return min((check.tone for check in self.checks), key=order.index, default=Tone.UNKNOWN)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Health":
        checks = tuple(
            Check(
                key=one["key"], title=one["title"], tone=Tone(one["tone"]), verdict=one["verdict"],
                found=tuple(one["found"]), notes=tuple(one["notes"]),
                records=tuple(Record(**record) for record in one["records"]),
            )
            for one in said["checks"]
        )  # fmt: skip
        return cls(said["domain"], checks)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who sends the mail: what SPF has to include for it, and under which names it keeps its keys.

    `aligns_by_dkim`: it bounces to a domain of its own, so that only its signature speaks for ours.
    """

    name: str
    include: str = ""
    selectors: tuple[str, ...] = ()
    aligns_by_dkim: bool = True


PROVIDERS = {
    "amazon_ses": Provider("Amazon SES", "amazonses.com"),
    "brevo": Provider("Brevo", "spf.brevo.com", ("brevo1", "brevo2", "mail")),
    "mailersend": Provider("MailerSend", "_spf.mailersend.net", ("mlsend", "mlsend2")),
    "mailgun": Provider("Mailgun", "mailgun.org", ("pic", "mx", "smtp", "k1", "mta", "krs")),
    "mailjet": Provider("Mailjet", "spf.mailjet.com", ("mailjet",)),
    "mailtrap": Provider("Mailtrap", "_spf.smtp.mailtrap.live", ("rwmt1", "rwmt2")),
    "mandrill": Provider("Mandrill", "spf.mandrillapp.com", ("mte1", "mte2", "mandrill")),
    "postmark": Provider("Postmark", "", ("pm",)),
    "resend": Provider("Resend", "", ("resend",)),
    "sendgrid": Provider("SendGrid", "sendgrid.net", ("s1", "s2")),
    "sparkpost": Provider("SparkPost", "", ()),
    "unisender_go": Provider("Unisender Go", "", ("us",)),
}
SMTP = Provider(
    "your mail server", "", ("default", "mail", "dkim", "google", "selector1", "selector2", "s1", "k1"), False
)
FREE_MAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "ymail.com",
        "aol.com",
        "icloud.com",
        "me.com",
        "gmx.de",
        "gmx.net",
        "gmx.com",
        "web.de",
        "t-online.de",
        "mail.ru",
        "yandex.ru",
        "proton.me",
        "protonmail.com",
        "orange.fr",
        "free.fr",
    ]
)
_RESERVED = frozenset({"localhost", "local", "test", "example", "invalid", "internal", "lan", "home", "arpa"})
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,3}}")


def is_selector(text: str) -> bool:
    return _SELECTOR.fullmatch(text) is not None


def evaluate(
    domain: str, lookup: Lookup, *, provider: Provider = SMTP, selectors: Sequence[str] = (), host: str = ""
) -> Health:
    """Everything about a domain. `selectors` are tried before the provider's; `host` is the mail server's own name."""
    domain = domain.lower().strip(".")
    if not _is_public(domain):
        return Health(domain, (_not_public(domain),))
    if domain in FREE_MAIL:
        return Health(domain, (_free_mail(domain),))
    ask = _Asking(lookup)
    spf = _spf(domain, ask, provider, host)
    dkim = _dkim(domain, ask, provider, selectors)
    dmarc = _dmarc(domain, ask)
    alignment = _alignment(domain, provider, spf, dkim)
    return Health(domain, (spf, dkim, dmarc, alignment, _mx(domain, ask)))


@dataclass(slots=True)
class _Asking:
    """Looks names up, each once, and not without end."""

    lookup: Lookup
    known: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def __call__(self, name: str, kind: str) -> Answer:
        name = name.lower().rstrip(".")
        if len(name) > 253 or not _NAME.fullmatch(name):
            return FAILED
        key = (name, kind)
        if key not in self.known:
            self.known[key] = self.lookup(name, kind) if len(self.known) < MAX_LOOKUPS else FAILED
        return self.known[key]


def _is_public(domain: str) -> bool:
    return (
        len(domain) <= 253
        and _NAME.fullmatch(domain) is not None
        and domain.rpartition(".")[2] not in _RESERVED
        and not domain.rpartition(".")[2].isdigit()
    )


def _not_public(domain: str) -> Check:
    return Check(
        "domain", "Sender", Tone.BAD,
        f"Mail comes from “{domain}”, which is no domain on the internet: receivers will refuse it."
        " Set NPS_FROM_EMAIL to an address at a domain of yours.",
    )  # fmt: skip


def _free_mail(domain: str) -> Check:
    return Check(
        "domain", "Sender", Tone.BAD,
        f"Mail comes from an address at {domain}, for which only {domain} itself may send. Receivers will take it for"
        " forged. Set NPS_FROM_EMAIL to an address at a domain of yours.",
    )  # fmt: skip


def _unknown(key: str, title: str, name: str) -> Check:
    return Check(
        key, title, Tone.UNKNOWN, f"The name servers gave no usable answer about {name}. Check again later."
    )


def _show(text: str) -> str:
    clean = "".join(c if c.isprintable() else "�" for c in text)
    return clean if len(clean) <= SHOWN else clean[: SHOWN - 1] + "…"


def _typed(value: str) -> str:
    """A value one can type in: what strangers put into the DNS may hold more."""
    return "".join(c for c in value if " " <= c <= "~")[:1000]


# --- SPF -------------------------------------------------------------------------------------------------------
_SPF = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)


def spf_records(answer: Answer) -> list[str]:
    return [text for text in answer.texts if _SPF.match(text)]


def _spf(domain: str, ask: _Asking, provider: Provider, host: str) -> Check:
    title = "Who may send for the domain (SPF)"
    answer = ask(domain, "TXT")
    if answer.status is Status.FAILED:
        return _unknown("spf", title, domain)
    records = spf_records(answer)
    shown = tuple(_show(record) for record in records)
    if not records:
        record = Record(domain, "TXT", f"v=spf1 {_own_mechanism(provider, host)} ~all")
        return Check(
            "spf", title, Tone.WATCH if provider.aligns_by_dkim and not provider.include else Tone.BAD,
            "The domain does not say which servers may send for it, so receivers cannot tell your mail from forged mail.",
            records=(record,),
        )  # fmt: skip
    if len(records) > 1:
        merged = Record(domain, "TXT", _merged(records))
        return Check(
            "spf", title, Tone.BAD,
            f"There are {len(records)} SPF records, and receivers then heed none. Replace them by one.", shown,
            records=(merged,),
        )  # fmt: skip
    return _judge_spf(domain, ask, provider, records[0], shown, title)


def _judge_spf(
    domain: str, ask: _Asking, provider: Provider, record: str, shown: tuple[str, ...], title: str
) -> Check:
    walk = _SpfWalk(ask)
    walk.read(domain, record)
    ending = _ending(record)
    faults: list[str] = []
    warnings: list[str] = []
    notes: list[str] = []
    if walk.lookups > SPF_LIMIT:
        faults.append(
            f"It takes {'more than ' if walk.stopped else ''}{walk.lookups} lookups to read; receivers stop after"
            f" {SPF_LIMIT} and treat the record as broken. Take out what is not used any more."
        )
    if walk.broken:
        faults.append(
            f"It refers to {_show(walk.broken)}, which has no SPF record of its own, or more than one."
        )
    if ending == "+":
        faults.append("It ends in “+all”: every server in the world may send for you. Write “~all” instead.")
    if ending in {"", "?"}:
        warnings.append("It does not say what to do with other servers. End it with “~all”.")
    if walk.voids > SPF_VOID_LIMIT:
        warnings.append(f"{walk.voids} of the names in it do not exist; receivers allow {SPF_VOID_LIMIT}.")
    if "ptr" in walk.kinds:
        warnings.append("It uses “ptr”, which many receivers ignore. Name the servers instead.")
    records: tuple[Record, ...] = ()
    is_missing = bool(provider.include) and provider.include not in walk.names
    if is_missing:
        sentence = f"The servers of {provider.name} are not in it."
        (notes if provider.aligns_by_dkim else warnings).append(sentence)
    if is_missing or ending in {"", "?", "+"}:
        records = (Record(domain, "TXT", _mended(record, provider.include if is_missing else "")),)
    if walk.unknown and not faults:
        return Check(
            "spf", title, Tone.UNKNOWN, "A part of the record could not be looked up. Check again later.", shown,
            tuple(warnings + notes),
        )  # fmt: skip
    if faults:
        return Check("spf", title, Tone.BAD, faults[0], shown, tuple(faults[1:] + warnings + notes), records)
    if warnings:
        return Check("spf", title, Tone.WATCH, warnings[0], shown, tuple(warnings[1:] + notes), records)
    verdict = f"The domain names its servers; the record takes {walk.lookups} of {SPF_LIMIT} lookups to read."
    return Check("spf", title, Tone.GOOD, verdict, shown, tuple(notes), records)


def _own_mechanism(provider: Provider, host: str) -> str:
    if provider.include:
        return f"include:{provider.include}"
    return f"a:{host}" if _is_public(host.lower()) else "mx"


def _ending(record: str) -> str:
    """How the record ends: the qualifier of `all`, "redirect", or nothing."""
    for term in reversed(record.lower().split()):
        if term.lstrip("+-~?") == "all":
            return term[0] if term[0] in "+-~?" else "+"
        if term.startswith("redirect="):
            return "redirect"
    return ""


def _merged(records: Sequence[str]) -> str:
    terms: list[str] = []
    endings = []
    for record in records:
        for term in record.split()[1:]:
            if term.lower().lstrip("+-~?") == "all":
                endings.append(term[0] if term[0] in "+-~?" else "+")
            elif term not in terms and not term.lower().startswith("redirect="):
                terms.append(term)
    ending = "-" if endings and set(endings) == {"-"} else "~"
    return _typed(" ".join(["v=spf1", *terms, f"{ending}all"]))


def _mended(record: str, include: str) -> str:
    """The record with a provider's servers in it, and with an ending that says what to do with all others."""
    terms = [term for term in record.split() if term.lower().lstrip("+-~?") != "all"]
    more = [f"include:{include}"] if include else []
    ending = _ending(record)
    last = [] if ending == "redirect" else ["-all" if ending == "-" else "~all"]
    return _typed(
        " ".join([terms[0], *more, *terms[1:], *last] if ending == "redirect" else [*terms, *more, *last])
    )


@dataclass(slots=True)
class _SpfWalk:
    """Reads a record with all it refers to, counting as receivers do (RFC 7208 section 4.6.4)."""

    ask: _Asking
    lookups: int = 0
    voids: int = 0
    broken: str = ""
    unknown: bool = False
    stopped: bool = False
    names: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)

    def read(self, name: str, record: str, above: frozenset[str] = frozenset()) -> None:
        above |= {name}
        for term in record.split()[1:]:
            kind, _, target = re.sub(r"^[+?~-]", "", term).replace("=", ":", 1).partition(":")
            kind = kind.partition("/")[0].lower()
            if kind not in {"include", "redirect", "a", "mx", "ptr", "exists"}:
                continue
            self.lookups += 1
            self.kinds.add(kind)
            if self.lookups > SPF_LIMIT:
                self.stopped = self.lookups > SPF_LIMIT + 10
                if self.stopped:
                    return
            target = (target.partition("/")[0] or name).lower().rstrip(".")
            if kind in {"include", "redirect"}:
                self._follow(target, above)
            elif kind in {"a", "mx"} and "%" not in target:
                self._count_void(self.ask(target, "MX" if kind == "mx" else "A"), target, kind)

    def _follow(self, target: str, above: frozenset[str]) -> None:
        self.names.add(target)
        if "%" in target:
            return  # depends on the message
        if target in above:
            self.broken = self.broken or target
            return
        answer = self.ask(target, "TXT")
        if answer.status is Status.FAILED:
            self.unknown = True
            return
        records = spf_records(answer)
        if len(records) != 1:
            self.voids += answer.status is Status.NONE
            self.broken = self.broken or target
            return
        self.read(target, records[0], above)

    def _count_void(self, answer: Answer, target: str, kind: str) -> None:
        if answer.status is Status.NONE and kind == "a":
            answer = self.ask(target, "AAAA")
        self.voids += answer.status is Status.NONE


# --- DKIM ------------------------------------------------------------------------------------------------------
def tags(text: str) -> dict[str, str]:
    """The tag=value list of DKIM and DMARC; the first of a name counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _dkim(domain: str, ask: _Asking, provider: Provider, selectors: Sequence[str]) -> Check:
    title = "The key your mail is signed with (DKIM)"
    own = [one.lower() for one in selectors if is_selector(one.lower())]
    tried = list(dict.fromkeys([*own, *provider.selectors]))[:12]
    found: list[str] = []
    faults: list[str] = []
    warnings: list[str] = []
    failed = 0
    usable = 0
    for selector in tried:
        name = f"{selector}._domainkey.{domain}"
        answer = ask(name, "TXT")
        failed += answer.status is Status.FAILED
        keys = [
            text for text in answer.texts if "p" in tags(text) and tags(text).get("v", "DKIM1") == "DKIM1"
        ]
        if not keys:
            if selector in own and answer.status is not Status.FAILED:
                faults.append(f"There is no key under the selector “{selector}”.")
            continue
        found.append(_show(f"{name}: {keys[0]}"))
        fault, warning = _judge_key(selector, keys)
        if fault:
            (faults if selector in own else warnings).append(fault)
        else:
            usable += 1
        if warning:
            warnings.append(warning)
    if usable:
        tone = Tone.WATCH if faults or warnings else Tone.GOOD
        said = [*faults, *warnings]
        return Check(
            "dkim",
            title,
            tone,
            said[0] if said else "Receivers find the key for your signature.",
            tuple(found),
            tuple(said[1:]),
        )
    if found:
        return Check(
            "dkim", title, Tone.BAD, [*faults, *warnings][0], tuple(found), tuple([*faults, *warnings][1:])
        )
    if failed and not faults:
        return _unknown("dkim", title, f"_domainkey.{domain}")
    where = (
        f"Under “Domains” {provider.name} shows the records to add"
        if provider.aligns_by_dkim
        else "Whoever runs your mail server can name it"
    )
    looked = (
        f"Looked for: {', '.join(tried)}."
        if tried
        else f"{provider.name} gives every domain selectors of its own."
    )
    return Check(
        "dkim", title, Tone.BAD if own else Tone.WATCH,
        faults[0] if faults else "No key was found. Keys lie under a selector, and this one may not be among those tried.",
        notes=(looked, f"{where}; enter the selector and check again."),
    )  # fmt: skip


def _judge_key(selector: str, keys: Sequence[str]) -> tuple[str, str]:
    """(what makes the key useless, what is not as it should be) of the records under a selector."""
    if len(keys) > 1:
        return (
            f"There are {len(keys)} keys under the selector “{selector}”; receivers heed none. Keep one.",
            "",
        )
    said = tags(keys[0])
    value = re.sub(r"\s", "", said["p"])
    if not value:
        return f"The key “{selector}” was withdrawn.", ""
    bits = 256 if said.get("k", "rsa").lower() == "ed25519" else _rsa_bits(value)
    if bits is None:
        return f"The key “{selector}” is damaged. Copy it once more, without line breaks.", ""
    if said.get("k", "rsa").lower() == "rsa" and bits < 1024:
        return (
            f"The key “{selector}” has {bits} bits; receivers refuse less than 1024. Make a new one with 2048.",
            "",
        )
    if "y" in said.get("t", "").lower().split(":"):
        return "", f"The key “{selector}” is marked as a test (t=y), so receivers may ignore it."
    if said.get("k", "rsa").lower() == "rsa" and bits < 2048:
        return "", f"The key “{selector}” has {bits} bits. It works; 2048 are recommended."
    return "", ""


def _rsa_bits(value: str) -> int | None:
    if len(value) > 4000:
        return None
    try:
        key = load_der_public_key(base64.b64decode(value, validate=True))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        return None
    return key.key_size if isinstance(key, RSAPublicKey) else None


# --- DMARC -----------------------------------------------------------------------------------------------------
def _dmarc(domain: str, ask: _Asking) -> Check:
    title = "What receivers do with forged mail (DMARC)"
    labels = domain.split(".")
    above = [".".join(labels[n:]) for n in range(max(1, len(labels) - 4), len(labels) - 1)]
    for name in (domain, *above):
        answer = ask(f"_dmarc.{name}", "TXT")
        if answer.status is Status.FAILED:
            return _unknown("dmarc", title, f"_dmarc.{name}")
        records = [text for text in answer.texts if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", text)]
        if records:
            return _judge_dmarc(domain, name, records, title)
    record = Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")
    return Check(
        "dmarc", title, Tone.BAD,
        "The domain has no DMARC policy. Gmail, Yahoo and Microsoft ask for one from everybody who sends in bulk.",
        notes=("Begin with p=none, read the reports for a few weeks, then go on to quarantine.",), records=(record,),
    )  # fmt: skip


def _judge_dmarc(domain: str, name: str, records: Sequence[str], title: str) -> Check:
    shown = tuple(_show(record) for record in records)
    if len(records) > 1:
        return Check(
            "dmarc",
            title,
            Tone.BAD,
            f"There are {len(records)} DMARC records, and receivers then heed none. Keep one.",
            shown,
        )
    said = tags(records[0])
    policy = said.get("sp" if name != domain and "sp" in said else "p", "").lower()
    notes: list[str] = []
    if name != domain:
        notes.append(f"The policy is that of {name}, which speaks for all names below it.")
    if "rua" not in said:
        notes.append("Nobody gets its reports. Add rua=mailto:… to learn who sends in your name.")
    if said.get("pct", "100") != "100":
        notes.append(f"It is applied to {_show(said['pct'])[:10]} % of mail only.")
    if "s" in {said.get("adkim", "r"), said.get("aspf", "r")}:
        notes.append("It asks for exactly the same domain in signature and sender (strict alignment).")
    if policy not in {"none", "quarantine", "reject"}:
        fixed = Record(f"_dmarc.{name}", "TXT", "v=DMARC1; p=none; rua=mailto:postmaster@" + name)
        return Check(
            "dmarc",
            title,
            Tone.BAD,
            "The record names no policy that exists (p=none, quarantine or reject).",
            shown,
            tuple(notes),
            (fixed,),
        )
    if policy == "none":
        better = Record(
            f"_dmarc.{name}",
            "TXT",
            _typed(re.sub(r"(?i)\bp\s*=\s*none\b", "p=quarantine", records[0], count=1)),
        )
        return Check(
            "dmarc", title, Tone.WATCH,
            "There is a policy, but it only watches (p=none): forged mail in your name is delivered. When the reports show that"
            " all of your own mail passes, go on to quarantine.",
            shown, tuple(notes), (better,),
        )  # fmt: skip
    what = "goes to the spam folder" if policy == "quarantine" else "is refused"
    return Check(
        "dmarc", title, Tone.GOOD, f"Mail that only pretends to come from you {what}.", shown, tuple(notes)
    )


# --- Alignment and replies -------------------------------------------------------------------------------------
def _alignment(domain: str, provider: Provider, spf: Check, dkim: Check) -> Check:
    title = "Sender and proof are of one domain (alignment)"
    says = f"Every mail is from an address at {domain}, also where it appears from an account's owner."
    if dkim.tone in {Tone.GOOD, Tone.WATCH} and dkim.found:
        return Check(
            "alignment",
            title,
            Tone.GOOD,
            f"{says} The key lies at the same domain, so the signature speaks for it.",
        )
    if provider.aligns_by_dkim:
        tone = Tone.UNKNOWN if dkim.tone is Tone.UNKNOWN else Tone.WATCH
        return Check(
            "alignment", title, tone,
            f"{says} {provider.name} takes bounces at a domain of its own, so only a signature with a key at {domain} makes"
            " mail pass DMARC. No such key was seen.",
        )  # fmt: skip
    if spf.tone in {Tone.GOOD, Tone.WATCH}:
        return Check(
            "alignment", title, Tone.WATCH,
            f"{says} It passes by SPF, as bounces go to the same domain; forwarded mail passes only with a signature.",
        )  # fmt: skip
    return Check(
        "alignment",
        title,
        Tone.UNKNOWN if Tone.UNKNOWN in {spf.tone, dkim.tone} else Tone.BAD,
        f"{says} Neither SPF nor a signature proves it yet.",
    )


def _mx(domain: str, ask: _Asking) -> Check:
    title = "Mail to the domain (MX)"
    answer = ask(domain, "MX")
    if answer.status is Status.FAILED:
        return _unknown("mx", title, domain)
    hosts = [text.split()[-1].rstrip(".") for text in answer.texts if text.split()]
    if not any(hosts):
        return Check(
            "mx", title, Tone.WATCH,
            "The domain takes no mail, so bounces and replies to the sender are lost, and some receivers refuse such senders."
            " Use an address at a domain that has a mailbox.",
        )  # fmt: skip
    return Check(
        "mx",
        title,
        Tone.GOOD,
        "Bounces and replies arrive.",
        tuple(_show(host) for host in hosts[:5] if host),
    )
