"""Which column is which field: proposed from the headers, corrected by a person, checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.domain import FieldType
from accounts.imports import words
from accounts.imports.reading import Dialect
from accounts.models import CustomField
from core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Target:
    """A field that a column can be: its key, its name on the page, how its cells are read, other names for it."""

    key: str
    label: str
    kind: str = "text"
    names: tuple[str, ...] = ()
    note: str = ""


def _target(key: str, label: str, names: str, kind: str = "text", note: str = "") -> Target:
    return Target(key, label, kind, tuple(words.folded(name) for name in names.split("|")), note)


ACCOUNT_TARGETS: tuple[Target, ...] = (
    _target(
        "external_id",
        "External id",
        "external id|account id|company id|organization id|organisation id|customer id|customer number|client id|crm id|record id"
        "|hs object id|id|account external id|kundennummer|kunden nr|kundennr|kunden id|firmen id|debitor|debitorennummer"
        "|mandantennummer|numero client|id client|id compte|code client|id cliente|numero de cliente|codigo cliente|id cuenta"
        "|salesforce id|account id 18|org id",
        note="what your other system calls it",
    ),
    _target(
        "name",
        "Name",
        "name|account name|account|company|company name|organization|organization name|organisation|organisation name"
        "|customer|customer name|client|client name|business name|legal name|firma|firmenname|unternehmen|kunde|kundenname"
        "|firmenbezeichnung|name der firma|societe|nom|nom de la societe|entreprise|raison sociale|nom du client|nom du compte"
        "|compte|empresa|nombre|nombre de la empresa|cliente|nombre del cliente|razon social|cuenta|nombre de la cuenta",
    ),
    _target(
        "domain",
        "Domain",
        "domain|company domain|company domain name|email domain|website|website url|web|url|homepage|web site|webseite|internet"
        "|internetseite|site web|site internet|domaine|sitio web|pagina web|dominio|domane|domain name",
    ),
    _target(
        "owner",
        "Owner (e-mail)",
        "owner|owner email|account owner|account owner email|company owner|csm|csm email|customer success manager|account manager"
        "|responsible|betreuer|kundenbetreuer|zustandig|inhaber|verantwortlich|verantwortlicher|proprietaire|responsable"
        "|proprietaire du compte|charge de compte|propietario|propietario de la cuenta|gestor|hubspot owner|record owner",
        "owner",
        "e-mail address of a person here",
    ),
    _target(
        "stage",
        "Lifecycle stage",
        "stage|lifecycle stage|lifecyclestage|life cycle stage|account stage|status|account status|customer status|phase"
        "|kundenstatus|lebenszyklusphase|etape|statut|cycle de vie|etapa|estado|etapa del ciclo de vida",
        "stage",
    ),
    _target(
        "plan",
        "Plan",
        "plan|tier|subscription|subscription plan|package|product|edition|tarif|paket|abo|produkt|formule|abonnement|offre|tarifa|paquete|suscripcion",
    ),
    _target(
        "segment",
        "Segment",
        "segment|customer segment|account segment|size|company size|kundensegment|segmento|taille|grossenklasse",
    ),
    _target(
        "industry",
        "Industry",
        "industry|sector|branche|industrie|secteur|secteur d activite|industria|sector industrial",
    ),
    _target(
        "country",
        "Country",
        "country|country code|country region|billing country|billing country code|land|landercode|land region|pays|code pays"
        "|pais|codigo de pais|mailing country",
        "country",
    ),
    _target("city", "City", "city|town|billing city|ort|stadt|ville|ciudad|localidad|mailing city"),
    _target(
        "seats",
        "Seats",
        "seats|licenses|licences|number of seats|license count|users|lizenzen|platze|nutzer|anzahl nutzer|postes|sieges|licencias|asientos|puestos|nombre d utilisateurs",
        "number",
    ),
    _target(
        "currency",
        "Currency",
        "currency|currency code|account currency|wahrung|devise|moneda|divisa|currency iso code",
    ),
    _target(
        "arr",
        "ARR",
        "arr|annual recurring revenue|recurring revenue|annual revenue recurring|annual contract value|acv|jahresumsatz|jahreswert|jahrlicher umsatz|vertragswert|revenu annuel|revenu annuel recurrent|chiffre d affaires annuel|ingresos anuales|ingreso anual recurrente",
        "number",
    ),
    _target(
        "lifetime_value",
        "Lifetime value",
        "lifetime value|ltv|clv|customer lifetime value|total revenue|kundenwert|gesamtumsatz|valeur vie client|valor de vida|ingresos totales",
        "number",
    ),
    _target(
        "customer_since",
        "Customer since",
        "customer since|start date|customer start date|client since|became a customer date|close date|kunde seit|kundenbeginn|vertragsbeginn|client depuis|date de debut|cliente desde|fecha de inicio",
        "date",
    ),
    _target(
        "renewal_on",
        "Renewal",
        "renewal|renewal date|renewal on|renews on|next renewal|contract end|contract end date|verlangerung|vertragsende|verlangerungsdatum|renouvellement|date de renouvellement|fin de contrat|renovacion|fecha de renovacion|fin de contrato",
        "date",
    ),
    _target(
        "churned_on",
        "Churned on",
        "churned on|churn date|churned|cancellation date|cancelled on|gekundigt am|kundigungsdatum|kundigung|date de resiliation|resiliation|fecha de baja|baja",
        "date",
    ),
)
CONTACT_TARGETS: tuple[Target, ...] = (
    _target(
        "external_id",
        "External id",
        "external id|contact id|person id|record id|user id|hs object id|id|contact external id|kontakt id|kontaktnummer"
        "|ansprechpartner nr|personennummer|id contact|identifiant|id contacto|identificador|contact id 18|respondent id|uuid",
        note="what your other system calls the person",
    ),
    _target(
        "email",
        "E-mail",
        "email|e mail|email address|e mail address|mail|work email|business email|primary email|contact email|emailadresse"
        "|e mail adresse|mailadresse|mail adresse|adresse e mail|adresse email|adresse mail|courriel|adresse electronique"
        "|correo|correo electronico|direccion de correo|direccion de correo electronico|person email work",
    ),
    _target(
        "first_name",
        "First name",
        "first name|firstname|given name|forename|vorname|prenom|nombre|primer nombre|nombre de pila|fname",
    ),
    _target(
        "last_name",
        "Last name",
        "last name|lastname|surname|family name|nachname|name|familienname|zuname|nom|nom de famille|apellido|apellidos|lname",
    ),
    _target(
        "full_name",
        "Full name (parted at the last blank)",
        "full name|fullname|contact name|contact full name|person|person name|ansprechpartner|kontakt|vollstandiger name|nom complet"
        "|contact|nombre completo|contacto|display name|respondent",
        "full_name",
    ),
    _target(
        "account_external_id",
        "Account: external id",
        "account id|account external id|company id|associated company id|associated company ids|primary associated company id"
        "|organization id|organisation id|customer id|customer number|kundennummer|kunden nr|firmen id|kunden id|id compte|id client"
        "|id entreprise|numero client|id cuenta|id cliente|id empresa|numero de cliente|org id",
    ),
    _target(
        "account_name",
        "Account: name",
        "account|account name|company|company name|associated company|organization|organization name|organisation|employer"
        "|customer|customer name|client|firma|firmenname|unternehmen|kunde|kundenname|societe|entreprise|nom de la societe"
        "|compte|nom du compte|empresa|nombre de la empresa|cliente|cuenta|nombre de la cuenta|primary company",
    ),
    _target(
        "account_domain",
        "Account: domain",
        "account domain|company domain|company domain name|domain|website|web|webseite|company website|site web|domaine|sitio web|dominio",
    ),
    _target(
        "phone",
        "Phone",
        "phone|phone number|telephone|tel|mobile|mobile phone|mobile phone number|work phone|direct phone|telefon|telefonnummer|handy|mobil|mobilnummer|rufnummer|numero de telephone|portable|telefono|movil|numero de telefono|celular",
    ),
    _target(
        "job_title",
        "Job title",
        "job title|title|position|jobtitle|stelle|berufsbezeichnung|stellenbezeichnung|jobbezeichnung|titel|poste|fonction|titre|intitule du poste|puesto|cargo|titulo",
    ),
    _target(
        "role",
        "Role at the account",
        "role|contact role|buying role|persona|kontaktrolle|rolle|role du contact|rol|rol de contacto|funktion",
        "role",
    ),
    _target(
        "language",
        "Language",
        "language|preferred language|locale|lang|sprache|bevorzugte sprache|korrespondenzsprache|langue|langue preferee|idioma|idioma preferido",
        "language",
    ),
    _target("time_zone", "Time zone", "time zone|timezone|zeitzone|fuseau horaire|zona horaria|tz"),
)
# Whether somebody may be written to is decided by suppressions; a file can neither lift nor set one.
_CONSENT = {
    words.folded(name)
    for name in [
        "unsubscribed",
        "unsubscribed from all email",
        "opt out",
        "opted out",
        "email opt out",
        "has opted out of email",
        "do not email",
        "do not contact",
        "consent",
        "opt in",
        "opted in",
        "newsletter",
        "abgemeldet",
        "einwilligung",
        "werbesperre",
        "desabonne",
        "desinscrit",
        "consentement",
        "baja de correo",
        "consentimiento",
        "bounced",
        "email bounced",
        "suppressed",
        "blacklisted",
        "gdpr consent",
        "marketing consent",
        "subscribed",
    ]
}
KEYS = {
    "contact": {"email": "E-mail", "external_id": "External id"},
    "account": {"external_id": "External id", "domain": "Domain", "name": "Name"},
}
KEEP, CLEAR = "keep", "clear"
REFUSE, LEAVE = "refuse", "leave"


@dataclass(slots=True)
class Columns:
    """`columns` maps a column's number to a field's key; `key` is the field by which rows find what is stored."""

    columns: dict[int, str] = field(default_factory=dict)
    key: str = ""
    create_accounts: bool = False
    empty: str = KEEP
    unknown_owner: str = REFUSE
    unknown_stage: str = REFUSE
    # What a registered target asks beside the columns (accounts/imports/targets.py).
    options: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": {str(number): key for number, key in self.columns.items()},
            "key": self.key,
            "create_accounts": self.create_accounts,
            "empty": self.empty,
            "unknown_owner": self.unknown_owner,
            "unknown_stage": self.unknown_stage,
            "options": dict(self.options),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Columns":
        return cls(
            columns={int(number): str(key) for number, key in dict(stored.get("columns") or {}).items()},
            key=str(stored.get("key", "")),
            create_accounts=bool(stored.get("create_accounts")),
            empty=CLEAR if stored.get("empty") == CLEAR else KEEP,
            unknown_owner=LEAVE if stored.get("unknown_owner") == LEAVE else REFUSE,
            unknown_stage=LEAVE if stored.get("unknown_stage") == LEAVE else REFUSE,
            options={str(key): str(value) for key, value in dict(stored.get("options") or {}).items()},
        )


def targets_for(target: str, custom: Sequence[CustomField]) -> dict[str, Target]:
    """Every field that a column of such a file can be, custom fields last."""
    own = ACCOUNT_TARGETS if target == "account" else CONTACT_TARGETS
    found = {one.key: one for one in own}
    for definition in custom:
        kind = {FieldType.NUMBER: "number", FieldType.DATE: "date", FieldType.BOOLEAN: "boolean"}.get(
            FieldType(definition.type), "text"
        )
        names = tuple({words.folded(definition.label), words.folded(definition.key)})
        key = f"custom.{definition.key}"
        found[key] = Target(key, definition.label, kind, (*names, words.folded(key)), "custom field")
    return found


def is_consent(header: str) -> bool:
    return words.folded(header) in _CONSENT


def propose(
    target: str, headers: Sequence[str], samples: Sequence[Sequence[str]], custom: Sequence[CustomField]
) -> Columns:
    """The mapping that the headers suggest; a field is given to one column only, the best name first."""
    targets = targets_for(target, custom)
    spellings = [_spellings(header) for header in headers]
    wishes: list[tuple[int, int, str]] = []
    for number, names in enumerate(spellings):
        for key, one in targets.items():
            ranks = [one.names.index(name) for name in names if name in one.names]
            own = 0 if words.folded(key.replace("_", " ")) in names or words.folded(one.label) in names else 1
            if ranks:
                wishes.append((own * 100 + min(ranks), number, key))
    found: dict[int, str] = {}
    has_first = any(key == "first_name" for _, _, key in wishes)
    for _, number, key in sorted(wishes):
        if number in found or key in found.values() or is_consent(headers[number]):
            continue
        if key == "last_name" and "name" in spellings[number] and not has_first:
            key = "full_name"
            if key in found.values():
                continue
        found[number] = key
    _by_content(target, found, samples)
    mapping = Columns(columns=found)
    mapping.key = next((key for key in KEYS[target] if key in found.values()), "")
    return mapping


def _spellings(header: str) -> set[str]:
    """`Company: Name`, `companyName` and `COMPANY_NAME` are the same words."""
    parted = "".join(
        f" {c}" if c.isupper() and i and header[i - 1].islower() else c for i, c in enumerate(header)
    )
    plain = words.folded(parted)
    return {
        plain,
        words.folded(header),
        plain.removeprefix("contact ").removeprefix("properties ").strip(),
    } - {""}


def _by_content(target: str, found: dict[int, str], samples: Sequence[Sequence[str]]) -> None:
    """A column without a telling name whose cells are all addresses is the e-mail column."""
    if target != "contact" or "email" in found.values():
        return
    for number, values in enumerate(samples):
        if (
            number not in found
            and values
            and all("@" in value and "." in value.rpartition("@")[2] for value in values[:50])
        ):
            found[number] = "email"
            return


def open_questions(
    mapping: Columns, dialect: Dialect, samples: Sequence[Sequence[str]], targets: Mapping[str, Target]
) -> dict[str, str]:
    """What the file cannot say itself: {"dates": "dmy" | "mdy" | ""} and {"decimal": …}, only where it matters.

    The value is what the sample proves, "" when it must be asked.
    """
    found: dict[str, str] = {}
    for question, kind, judge in (
        ("dates", "date", words.date_order),
        ("decimal", "number", words.number_style),
    ):
        values = [
            value
            for number, key in mapping.columns.items()
            if key in targets and targets[key].kind == kind and number < len(samples)
            for value in samples[number]
        ]
        answer = judge(values)
        if answer is not None:
            found[question] = answer
    return found


def check(
    mapping: Columns,
    *,
    target: str,
    headers: Sequence[str],
    targets: Mapping[str, Target],
    dialect: Dialect,
    samples: Sequence[Sequence[str]],
) -> None:
    """Refuse a mapping that cannot work, naming what is missing."""
    used: dict[str, int] = {}
    for number, key in sorted(mapping.columns.items()):
        if key not in targets or not 0 <= number < len(headers):
            raise Invalid(
                "One of the fields does not exist any more. Choose again.", field=f"column_{number}"
            )
        if key in used:
            raise Invalid(
                f"“{targets[key].label}” is chosen for two columns ({name_of(headers, used[key])} and"
                f" {name_of(headers, number)}). Ignore one of them.",
                field=f"column_{number}",
            )
        used[key] = number
    if mapping.key not in KEYS[target]:
        raise Invalid("Choose by which field rows are matched with what is stored.", field="key")
    if mapping.key not in used:
        label = KEYS[target][mapping.key]
        raise Invalid(
            f"Rows are matched by “{label}”, but no column is “{label}”. Choose its column.", field="key"
        )
    if target == "account" and "name" not in used:
        raise Invalid(
            "No column is the account's name, which every account needs. Choose its column.", field="columns"
        )
    if target == "contact" and not {"email", "last_name", "first_name", "full_name"} & set(used):
        raise Invalid(
            "No column is a name or an e-mail address. A contact needs one of them.", field="columns"
        )
    if "full_name" in used and {"first_name", "last_name"} & set(used):
        raise Invalid(
            "Choose either the full name or first and last name, not both.",
            field=f"column_{used['full_name']}",
        )
    for question, proved in open_questions(mapping, dialect, samples, targets).items():
        if not proved and not getattr(dialect, question):
            what = (
                "the day or the month comes first in dates"
                if question == "dates"
                else "decimals are written with a comma or a point"
            )
            raise Invalid(f"Say whether {what}: the file can be read both ways.", field=question)


def name_of(headers: Sequence[str], number: int) -> str:
    """How a column is called on a page, its number where it has no name."""
    header = headers[number] if number < len(headers) else ""
    return f"“{header}”" if header else f"column {number + 1}"
