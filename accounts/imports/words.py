"""What cells say in four languages: numbers, dates, yes and no, countries, languages, roles.

Each function turns the text of a cell into the form that accounts.cleaning understands, or raises ValueError with a
text that may be shown. What could be read in two ways is refused until a person has said which way is meant.
"""

import datetime as dt
import re
import unicodedata

from accounts.domain import ContactRole

POINT, COMMA = "point", "comma"
DAY_FIRST, MONTH_FIRST = "dmy", "mdy"


def folded(text: str) -> str:
    """Small letters without accents, marks and repeated blanks: the form in which words are compared."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    kept = "".join(
        " " if c in "_-./:()[]#*\\" else c for c in plain if unicodedata.category(c) not in {"Mn", "Cf", "Cc"}
    )
    return " ".join(kept.split())


# --- Numbers -------------------------------------------------------------------------------------------------
# Blanks, apostrophes (Swiss) and their typographic kin stand between thousands and nowhere else.
_GROUPS = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_MONEY = re.compile(
    r"^(?:[€$£¥]|[a-z]{3}\s|chf|eur|usd|gbp)?\s*(.*?)\s*(?:[€$£¥%]|\s?[a-z]{3})?$", re.IGNORECASE
)
_NUMBER = re.compile(r"^\d+([.,]\d+)*$")


def number(text: str, style: str) -> str:
    """A number as `1234.5`. `style` is "point" or "comma" (the decimal sign), or "" when nobody has said.

    Thousands may be grouped; a currency or a percent sign beside the number is left out (12 % is 12).
    """
    raw = unicodedata.normalize("NFKC", text).replace("−", "-").strip()
    sign = ""
    if raw.startswith("(") and raw.endswith(")"):
        sign, raw = "-", raw[1:-1].strip()
    if raw[:1] in {"-", "+"}:
        sign, raw = ("-" if raw[0] == "-" else sign), raw[1:].strip()
    match = _MONEY.match(raw)
    raw = _GROUPS.sub("", match.group(1) if match else raw)
    if raw[:1] == "-" and not sign:
        sign, raw = "-", raw[1:].strip()
    if not raw.isascii() or not _NUMBER.match(raw):
        raise ValueError("is not a number")
    points, commas = raw.count("."), raw.count(",")
    if points and commas:
        # The sign that comes last parts the decimals; the other groups thousands.
        decimal = "." if raw.rfind(".") > raw.rfind(",") else ","
        if raw.count(decimal) > 1 or (style and decimal != (".", ",")[style == COMMA]):
            raise ValueError("is not a number in the way this file writes them")
        return sign + _grouped(raw, decimal)
    if not points and not commas:
        return sign + raw
    only = "." if points else ","
    if raw.count(only) > 1:
        if style and only == (".", ",")[style == COMMA]:
            raise ValueError("has more than one decimal sign")
        return sign + _grouped(raw, "")
    could_group = len(raw) - raw.index(only) == 4 and 1 <= raw.index(only) <= 3 and raw[0] != "0"
    if could_group and not style:
        raise ValueError(
            "can be read in two ways. Say whether this file writes decimals with a comma or a point"
        )
    is_decimal = not could_group if not style else only == (".", ",")[style == COMMA]
    if not is_decimal and not could_group:
        raise ValueError("is not a number in the way this file writes them")
    return sign + (raw.replace(",", ".") if is_decimal else raw.replace(only, ""))


def _grouped(raw: str, decimal: str) -> str:
    whole, _, rest = raw.partition(decimal) if decimal else (raw, "", "")
    first, *groups = re.split(r"[.,]", whole)
    if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
        raise ValueError("is not a number: its thousands are grouped in an unusual way")
    return "".join([first, *groups]) + (f".{rest}" if rest else "")


def number_style(values: list[str]) -> str | None:
    """The decimal sign that some value proves; "" when a value can be read both ways; None when none matters."""
    found: set[str] = set()
    is_open = False
    for text in values:
        try:
            number(text, "")
        except ValueError as error:
            is_open = is_open or "two ways" in str(error)
            continue
        for style in (POINT, COMMA):
            try:
                number(text, style)
            except ValueError:
                found.add(COMMA if style == POINT else POINT)
    if len(found) == 1:
        return found.pop()
    return "" if is_open else None


# --- Dates ---------------------------------------------------------------------------------------------------
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar janner janv janvier ene enero",
            "feb february februar feber fevr fev fevrier febrero",
            "mar march marz mrz mars marzo",
            "apr april avr avril abr abril",
            "may mai mayo",
            "jun june juni juin junio",
            "jul july juli juil juillet julio",
            "aug august aout ago agosto",
            "sep sept september septembre septiembre set setiembre",
            "oct october okt oktober octobre octubre",
            "nov november novembre noviembre",
            "dec december dez dezember decembre dic diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
_TIME = re.compile(
    r"[t ,]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([ap]m|z|utc|[+-]\d{2}:?\d{2})?$", re.IGNORECASE
)
_PARTS = re.compile(r"^(\d{1,4})\s*([./\-])\s*(\d{1,2})\s*\2\s*(\d{1,4})$")
_NAMED = re.compile(
    r"^(\d{1,2})(?:st|nd|rd|th|er|o)?[.\s\-]*(?:de\s+|of\s+)?([^\W\d_]+)[.,\s\-]*(?:de\s+|del\s+)?(\d{4})$"
)
_MONTH_FIRST_NAMED = re.compile(r"^([^\W\d_]+)[.\s]+(\d{1,2})(?:st|nd|rd|th)?[,\s]+(\d{4})$")


def date(text: str, order: str) -> str:
    """A date as `2026-04-30`; a time of day behind it is left out. `order` is "dmy", "mdy" or "" when nobody has said."""
    raw = _TIME.sub("", unicodedata.normalize("NFKC", text).strip()).strip()
    if raw.isascii() and raw.isdigit():
        if len(raw) == 8 and 1900 <= int(raw[:4]) <= 2200:
            return _day(int(raw[:4]), int(raw[4:6]), int(raw[6:]))
        raise ValueError(
            "looks like a spreadsheet's day number. Format the column as a date before exporting it"
        )
    match = _PARTS.match(raw)
    if match and raw.isascii():
        first, _, second, third = match.groups()
        if len(first) == 4 and len(third) <= 2:
            return _day(int(first), int(second), int(third))
        if len(third) != 4 or len(first) > 2:
            raise ValueError("needs a year of four digits")
        one, two, year = int(first), int(second), int(third)
        if not order and one != two and one <= 12 and two <= 12:
            raise ValueError(
                "can be read in two ways. Say whether this file writes the day or the month first"
            )
        is_month_first = order == MONTH_FIRST or (not order and two > 12)
        if order == DAY_FIRST and two > 12 and one <= 12:
            raise ValueError("has no such month: in this file the day comes first")
        if order == MONTH_FIRST and one > 12 and two <= 12:
            raise ValueError("has no such month: in this file the month comes first")
        return _day(year, one, two) if is_month_first else _day(year, two, one)
    words = folded(raw.replace("/", " "))
    for pattern, day, month in ((_NAMED, 1, 2), (_MONTH_FIRST_NAMED, 2, 1)):
        if match := pattern.match(words):
            named = _MONTHS.get(match.group(month))
            if named:
                return _day(int(match.group(3)), named, int(match.group(day)))
    raise ValueError("is not a date such as 2026-04-30")


def _day(year: int, month: int, day: int) -> str:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        raise ValueError("is not a day of the calendar") from None


def date_order(values: list[str]) -> str | None:
    """The order that some value proves; "" when a value can be read both ways (or two disagree); None when none matters."""
    found: set[str] = set()
    is_open = False
    for text in values:
        try:
            date(text, "")
        except ValueError as error:
            is_open = is_open or "two ways" in str(error)
            continue
        readings = {}
        for order in (DAY_FIRST, MONTH_FIRST):
            try:
                readings[order] = date(text, order)
            except ValueError:
                continue
        if len(readings) == 1:
            found |= set(readings)
    if len(found) == 1:
        return found.pop()
    return "" if is_open or found else None


# --- Yes and no ----------------------------------------------------------------------------------------------
_YES = frozenset(
    [
        "true",
        "yes",
        "y",
        "t",
        "1",
        "on",
        "x",
        "ja",
        "j",
        "wahr",
        "oui",
        "o",
        "vrai",
        "si",
        "s",
        "verdadero",
        "✓",
    ]
)
_NO = frozenset(["false", "no", "n", "f", "0", "off", "-", "nein", "falsch", "non", "faux", "falso", "✗"])


def boolean(text: str) -> str:
    word = folded(text) or text.strip()
    if word in _YES:
        return "true"
    if word in _NO:
        return "false"
    raise ValueError("must be yes or no")


# --- Words with a fixed meaning ------------------------------------------------------------------------------
_COUNTRY_NAMES = """
AE united arab emirates|vereinigte arabische emirate|emirats arabes unis|emiratos arabes unidos|uae
AR argentina|argentinien|argentine
AT austria|osterreich|autriche|aut
AU australia|australien|australie|aus
BE belgium|belgien|belgique|belgica|bel
BG bulgaria|bulgarien|bulgarie
BR brazil|brasilien|bresil|brasil|bra
CA canada|kanada|can
CH switzerland|schweiz|suisse|suiza|che
CL chile|chili
CN china|chine|chn
CO colombia|kolumbien|colombie
CY cyprus|zypern|chypre|chipre
CZ czech republic|czechia|tschechien|tschechische republik|republique tcheque|tchequie|republica checa|chequia|cze
DE germany|deutschland|allemagne|alemania|deu|ger
DK denmark|danemark|dinamarca|dnk
EE estonia|estland|estonie
ES spain|spanien|espagne|espana|esp
FI finland|finnland|finlande|finlandia|fin
FR france|frankreich|francia|fra
GB united kingdom|great britain|england|scotland|wales|uk|gbr|vereinigtes konigreich|grossbritannien|royaume uni|grande bretagne|reino unido|gran bretana
GR greece|griechenland|grece|grecia
HK hong kong|hongkong
HR croatia|kroatien|croatie|croacia
HU hungary|ungarn|hongrie|hungria
ID indonesia|indonesien|indonesie
IE ireland|irland|irlande|irlanda|irl
IL israel
IN india|indien|inde|ind
IS iceland|island|islande|islandia
IT italy|italien|italie|italia|ita
JP japan|japon|jpn
KR south korea|korea|sudkorea|coree du sud|corea del sur|republic of korea
LI liechtenstein
LT lithuania|litauen|lituanie|lituania
LU luxembourg|luxemburg|luxemburgo
LV latvia|lettland|lettonie|letonia
MT malta|malte
MX mexico|mexiko|mexique|mex
MY malaysia|malaisie|malasia
NL netherlands|the netherlands|holland|niederlande|pays bas|paises bajos|nld
NO norway|norwegen|norvege|noruega|nor
NZ new zealand|neuseeland|nouvelle zelande|nueva zelanda
PE peru|perou
PL poland|polen|pologne|polonia|pol
PT portugal|prt
RO romania|rumanien|roumanie|rumania
RS serbia|serbien|serbie
SA saudi arabia|saudi arabien|arabie saoudite|arabia saudi
SE sweden|schweden|suede|suecia|swe
SG singapore|singapur|singapour
SI slovenia|slowenien|slovenie|eslovenia
SK slovakia|slowakei|slovaquie|eslovaquia
TH thailand|thailande|tailandia
TR turkey|turkei|turquie|turquia|turkiye
TW taiwan
UA ukraine|ucrania
US united states|united states of america|usa|vereinigte staaten|vereinigte staaten von amerika|etats unis|estados unidos
VN vietnam|viet nam
ZA south africa|sudafrika|afrique du sud|sudafrica
"""
_COUNTRIES = {name: line[:2] for line in _COUNTRY_NAMES.strip().splitlines() for name in line[3:].split("|")}
_LANGUAGE_NAMES = """
en english|englisch|anglais|ingles
de german|deutsch|allemand|aleman
fr french|franzosisch|francais|frances
es spanish|spanisch|espagnol|espanol|castellano
it italian|italienisch|italien|italiano
nl dutch|niederlandisch|neerlandais|holandes|nederlands
pt portuguese|portugiesisch|portugais|portugues
pl polish|polnisch|polonais|polaco|polski
sv swedish|schwedisch|suedois|sueco|svenska
da danish|danisch|danois|danes|dansk
nb norwegian|norwegisch|norvegien|noruego|norsk
fi finnish|finnisch|finnois|finlandes|suomi
cs czech|tschechisch|tcheque|checo
tr turkish|turkisch|turc|turco
ja japanese|japanisch|japonais|japones
zh chinese|chinesisch|chinois|chino
"""
_LANGUAGES = {
    name: line.split(" ", 1)[0]
    for line in _LANGUAGE_NAMES.strip().splitlines()
    for name in line.split(" ", 1)[1].split("|")
}
_ROLE_NAMES = {
    ContactRole.DECISION_MAKER: "decision maker|decisionmaker|economic buyer|entscheider|entscheiderin|entscheidungstrager"
    "|decideur|decideuse|decisor|decisora|responsable",
    ContactRole.CHAMPION: "champion|advocate|sponsor|furstreiter|forderer|ambassadeur|promotor interno",
    ContactRole.USER: "user|end user|enduser|nutzer|nutzerin|anwender|anwenderin|benutzer|endnutzer|utilisateur|utilisatrice"
    "|usuario|usuaria",
    ContactRole.BILLING: "billing|finance|accounting|buchhaltung|rechnung|facturation|comptabilite|facturacion|contabilidad",
    ContactRole.OTHER: "other|sonstige|sonstiges|andere|autre|otro|otra",
}
_ROLES = {name: role.value for role, names in _ROLE_NAMES.items() for name in names.split("|")}


def country(text: str) -> str:
    """A code of two letters from a code or a name; what is not known stays as it is and is judged by its form."""
    code = _COUNTRIES.get(folded(text))
    return code or text


def language(text: str) -> str:
    return _LANGUAGES.get(folded(text), text)


def role(text: str) -> str:
    return _ROLES.get(folded(text), text)
