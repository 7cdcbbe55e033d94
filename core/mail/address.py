"""Mail addresses as SMTP needs them, and values that are safe in a header or on a page.

Promised: what `Address.parse` returns can be put between the angle brackets of an SMTP command; a domain outside ASCII
is in its IDNA 2008 form; an address that can only travel by SMTPUTF8 says so.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import idna

_LOCAL_ASCII = re.compile(r"[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]+")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
# Control characters, line ends of every alphabet, direction overrides, stray halves of surrogate pairs, and the
# private-use characters: nothing a name or a sentence needs, and each of them has been used to forge something.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ue000-\uf8ff]+"
)
_LINE_ENDS = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]+")


class BadAddress(ValueError):
    """An address no mail can be sent to; the message says why and is safe to show."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: its local part as given and its domain in ASCII."""

    local: str
    domain: str

    @property
    def needs_smtputf8(self) -> bool:
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address written in `text`, without display name. Raises `BadAddress`."""
        return _parse(text)


@lru_cache(maxsize=256)
def _domain(domain: str) -> str:
    if domain.isascii():
        ascii_domain = domain
    else:
        try:
            ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise BadAddress("The domain of the address is not a valid international domain name.") from error
    labels = ascii_domain.split(".")
    if len(ascii_domain) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress("The domain of the address is not valid.")
    return ascii_domain


@lru_cache(maxsize=1024)  # a message's address is parsed when it is built and again when it is sent
def _parse(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("An address needs a name, an @ and a domain.")
    if local.isascii():
        if not _LOCAL_ASCII.fullmatch(local):
            raise BadAddress("The part before the @ has characters that an address cannot have.")
    elif _UNSAFE.search(local) or not all(
        c.isalnum() or not c.isascii() or _LOCAL_ASCII.fullmatch(c) for c in local
    ):
        raise BadAddress("The part before the @ has characters that an address cannot have.")
    elif any(c.isspace() for c in local):
        raise BadAddress("The part before the @ has a space.")
    domain = _domain(domain)
    if len(local.encode()) > 64 or len(local.encode()) + len(domain) > 253:
        raise BadAddress("The address is too long.")
    return Address(local, domain)


def clean(value: str) -> str:
    """`value` on one line: line ends become a space, control characters and direction overrides go."""
    if value.isascii() and value.isprintable():
        return value
    return _UNSAFE.sub("", _LINE_ENDS.sub(" ", value))


def clean_lines(value: str) -> str:
    """`value` with its line ends as \\n, and without control characters and direction overrides."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean(line) for line in lines)
