"""Reading values from outside: forms, the API, imports. Each function returns the clean value or refuses by field."""

import datetime as dt
import unicodedata
import zoneinfo
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import phonenumbers

from accounts.conditions import as_date, as_number
from accounts.domain import normalise_email
from core.errors import Invalid

# Left in texts of several lines; every other control character has no business in a name or a note.
_KEPT = {"\n", "\t"}


def text(
    value: object, *, field: str, label: str, limit: int, is_required: bool = False, lines: bool = False
) -> str:
    """A trimmed text of at most `limit` characters without control characters (`lines`: line breaks are kept)."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Invalid(f"{label} must be a text.", field=field)
    if value.isprintable():
        clean = value  # no control character, no surrogate: most texts, and a file has millions of them
    else:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        clean = "".join(
            c if unicodedata.category(c) != "Cc" or (lines and c in _KEPT) else _stand_in(c) for c in value
        )
        try:
            clean.encode()
        except UnicodeEncodeError:
            raise Invalid(
                f"{label} holds characters that are not valid Unicode. Type it again.", field=field
            ) from None
    clean = clean.strip() if lines else " ".join(clean.split(" ")).strip()
    if len(clean) > limit:
        raise Invalid(
            f"{label} is longer than {limit:,} characters ({len(clean):,}). Shorten it.", field=field
        )
    if is_required and not clean:
        raise Invalid(f"{label} is missing.", field=field)
    return clean


def _stand_in(character: str) -> str:
    return " " if character in {"\n", "\t"} else ""


def number(
    value: object, *, field: str, label: str, digits: int = 14, places: int = 2, is_signed: bool = False
) -> Decimal | None:
    """A finite number with at most `places` decimals; empty is None."""
    if value is None or value == "":
        return None
    found = as_number(value)
    if found is None:
        raise Invalid(f"{label} must be a number, such as 1250 or 99.50.", field=field)
    if abs(found) >= Decimal(10) ** (digits - places):
        raise Invalid(f"{label} is too large.", field=field)
    if found != round(found, places):
        raise Invalid(f"{label} has more than {places} decimals.", field=field)
    if found < 0 and not is_signed:
        raise Invalid(f"{label} cannot be negative.", field=field)
    return round(found, places)


def whole(value: object, *, field: str, label: str) -> int | None:
    found = number(value, field=field, label=label, digits=9, places=0)
    return None if found is None else int(found)


def date(value: object, *, field: str, label: str) -> dt.date | None:
    """A date between 1900 and 2200; empty is None."""
    if value is None or value == "":
        return None
    found = as_date(value, dt.UTC)
    if found is None or not 1900 <= found.year <= 2200:
        raise Invalid(f"{label} must be a date such as 2026-04-30, between 1900 and 2200.", field=field)
    return found


def moment(value: object, *, field: str, label: str) -> dt.datetime | None:
    """A point in time with its zone; empty is None."""
    if value is None or value == "":
        return None
    found: object = value
    if isinstance(value, str):
        try:
            found = dt.datetime.fromisoformat(value)
        except ValueError:
            found = None
    if not isinstance(found, dt.datetime) or found.tzinfo is None or not 1900 <= found.year <= 2200:
        raise Invalid(f"{label} must be a time with its zone, such as 2026-04-30T14:05:00Z.", field=field)
    return found


def choice(value: object, allowed: Iterable[str], *, field: str, label: str) -> str:
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise Invalid(f"{label} must be one of: {', '.join(words)}.", field=field)
    return value


def country(value: object, *, field: str = "country") -> str:
    code = text(value, field=field, label="Country", limit=60).upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise Invalid("Country must be a code of two letters, such as DE.", field=field)
    return code


def currency(value: object, *, field: str = "currency") -> str:
    code = text(value, field=field, label="Currency", limit=20).upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise Invalid("Currency must be a code of three letters, such as EUR.", field=field)
    return code


def time_zone(value: object, *, field: str = "time_zone") -> str:
    name = text(value, field=field, label="Time zone", limit=64)
    if name and name not in zoneinfo.available_timezones():
        raise Invalid("Time zone must be a name such as Europe/Berlin.", field=field)
    return name


def language(value: object, *, field: str = "language") -> str:
    code = text(value, field=field, label="Language", limit=20).replace("_", "-")
    parts = code.split("-")
    if code and not (
        2 <= len(parts[0]) <= 3
        and all(p.isascii() and p.isalnum() for p in parts)
        and parts[0].isalpha()
        and len(code) <= 10
    ):
        raise Invalid("Language must be a code such as en or de-AT.", field=field)
    return code


def domain(value: object, *, field: str = "domain") -> str:
    """The bare domain of a company, from a domain or a web address."""
    name = text(value, field=field, label="Domain", limit=300).lower()
    name = name.removeprefix("https://").removeprefix("http://").split("/")[0].removeprefix("www.")
    if not name:
        return ""
    try:
        return normalise_email(f"x@{name}").partition("@")[2]
    except ValueError:
        raise Invalid("Domain must be a name such as example.com.", field=field) from None


def email(value: object, *, field: str = "email") -> tuple[str, str | None]:
    """The address as it was written, and the form by which it is compared (None when there is none)."""
    written = text(value, field=field, label="E-mail", limit=300)
    if not written:
        return "", None
    try:
        return unicodedata.normalize("NFKC", written), normalise_email(written)
    except ValueError as error:
        raise Invalid(str(error), field=field) from None


def phone(value: object, *, country: str = "", field: str = "phone") -> tuple[str, str | None]:
    """A telephone number as it is stored, and its international form by which it is compared (None when it has none).

    `country` is the code of the country whose numbers need no prefix. A number that can be read is stored in its
    international form (E.164, "+49405551234"); anything else, also one with an extension, stays as it was written.
    """
    written = text(value, field=field, label="Phone", limit=40)
    number = international(written, country=country)
    return (number, number) if number else (written, None)


def international(written: str, *, country: str = "") -> str | None:
    """A telephone number in E.164 form, or None for what is no number that could be called from anywhere."""
    if not any(character.isdigit() for character in written):
        return None
    try:
        found = phonenumbers.parse(written, country.upper() or None)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(found)
    if found.extension or reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


@cache
def country_of_zone(name: str) -> str:
    """The country that a time zone is named for ("Europe/Berlin": DE); empty where it is none's."""
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text()
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return next((row[0] for row in rows if row[2] == name), "")


def external_id(value: object, *, field: str = "external_id") -> str | None:
    return text(value, field=field, label="External id", limit=120) or None


def unknown_keys(values: Iterable[str], allowed: Iterable[str], *, what: str) -> None:
    """Refuse a value for something that does not exist, or is not to be written."""
    for key in sorted(set(values) - set(allowed)):
        raise Invalid(f"{what} has no field “{key[:40]}” that can be written.", field=key[:40])


def as_plain(value: Any) -> Any:
    """A value in a form that can be compared and stored as JSON."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
