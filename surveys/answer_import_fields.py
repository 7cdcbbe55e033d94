"""What the columns of a file of answers can be, how they are called, and the exports that are recognised by their header.

The names of columns in exports of other tools are those seen in files and documentation of these tools; where a tool
is known by its API only, its field names are taken for column names as well. What is not recognised falls back to the
names that such columns usually have in English, German, French and Spanish.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accounts.imports import words
from accounts.imports.mapping import Target
from accounts.imports.reading import QUALTRICS, QUALTRICS_OLD, SURVEYMONKEY
from accounts.imports.targets import Look
from surveys import answer_import_scale as scales

ATTRIBUTE = "attribute"
# Fields that several columns may be.
MANY = frozenset({ATTRIBUTE})


def _target(key: str, label: str, names: str = "", kind: str = "text") -> Target:
    return Target(key, label, kind, tuple(words.folded(name) for name in names.split("|") if name))


FIELDS: tuple[Target, ...] = (
    _target(
        "score",
        "Score",
        "score|nps score|nps|rating|nps rating|answer|nps answer|csat|csat score|ces|ces score|likelihood to recommend|recommendation"
        "|bewertung|punktzahl|punkte|wert|note|weiterempfehlung|weiterempfehlungsbereitschaft|nps wert|nps bewertung|zufriedenheit"
        "|note nps|evaluation|puntuacion|calificacion|nota|value|response score|survey score",
    ),
    _target(
        "comment",
        "Comment",
        "comment|comments|feedback|text|verbatim|open text|open ended response|nps comment|nps feedback|customer comment|reason|answer text"
        "|kommentar|kommentare|anmerkung|anmerkungen|begrundung|freitext|ruckmeldung|bemerkung|commentaire|commentaires|comentario"
        "|comentarios|why|additional comments|response text",
    ),
    _target(
        "answered_at",
        "Answered at",
        "answered at|answered on|answered|responded at|responded on|responded|response date|response time|date of response|submitted at"
        "|submit date|submit date utc|date submitted|submitted|submission date|completed at|completed|completion date|date|date time"
        "|datetime|timestamp|time|created at|created|created on|date created|end date|recorded date|survey date|feedback date"
        "|beantwortet am|antwortdatum|datum der antwort|datum|zeitstempel|zeitpunkt|eingegangen am|ausgefullt am|abgeschlossen am"
        "|erstellt am|date de reponse|repondu le|fecha de respuesta|respondido el|fecha",
        "date",
    ),
    _target(
        "updated_at",
        "Last changed at",
        "updated at|updated|date modified|last modified|modified at|geandert am|aktualisiert am",
        "date",
    ),
    _target(
        "response_id",
        "Id of the answer",
        "response id|responseid|answer id|survey response id|feedback id|submission id|respondent id|id|uuid|token|antwort id|id der antwort"
        "|id reponse|id de respuesta|record id",
    ),
    _target(
        "email",
        "E-mail",
        "email|e mail|email address|e mail address|mail|recipient email|recipientemail|customer email|contact email|user email|person email"
        "|respondent email|emailadresse|e mail adresse|mailadresse|adresse e mail|adresse email|courriel|correo|correo electronico",
    ),
    _target(
        "name",
        "Full name",
        "name|full name|fullname|person name|customer name|contact name|user name|respondent|recipient name|vollstandiger name|kunde|kontakt|nom complet|nombre completo",
    ),
    _target(
        "first_name",
        "First name",
        "first name|firstname|given name|recipient first name|recipientfirstname|vorname|prenom|nombre",
    ),
    _target(
        "last_name",
        "Last name",
        "last name|lastname|surname|family name|recipient last name|recipientlastname|nachname|familienname|nom|apellido|apellidos",
    ),
    _target(
        "phone",
        "Phone",
        "phone|phone number|mobile|mobile phone|telephone|telefon|telefonnummer|handy|mobil|telefono|portable",
    ),
    _target(
        "contact_external_id",
        "External id of the contact",
        "external id|contact id|contact external id|customer id|user id|userid|person id|end user external id|external data reference"
        "|externaldatareference|external reference|customer number|kundennummer|kontakt id|nutzer id|kunden id|id client|id cliente",
    ),
    _target(
        "language",
        "Language",
        "language|user language|userlanguage|locale|lang|survey language|sprache|langue|idioma",
        "language",
    ),
    _target(
        "channel",
        "Channel",
        "channel|distribution channel|distributionchannel|survey method|method|medium|sent via|survey channel|kanal|canal|collector type|delighted source",
    ),
    _target(
        "kind",
        "Kind of survey (NPS, CSAT, CES)",
        "survey type|survey mode|metric|question type|score type|umfragetyp",
    ),
    _target(
        "tags", "Tags", "tags|tag|labels|topics|themes|schlagworte|schlagworter|themen|etiquettes|etiquetas"
    ),
    _target(
        "status",
        "State of the answer",
        "status|response status|response type|collection mode|antwortstatus|estado|statut",
    ),
    _target("finished", "Finished", "finished|is finished|complete|is complete|abgeschlossen"),
    _target(
        "excluded",
        "Left out of figures there",
        "excluded from calculations|excluded|exclude from calculations|ausgeschlossen",
    ),
    _target(ATTRIBUTE, "Further attribute, kept with the answer"),
)
BY_KEY: Mapping[str, Target] = {target.key: target for target in FIELDS}
_QUESTION = re.compile(
    r"how likely|likel(?:y|ihood) .*recommend|would you recommend|wie wahrscheinlich|weiterempf|quelle (?:est la )?probabilite|recommander"
    r"|que probab|recomend"
)
_WHY = re.compile(
    r"\bwhy\b|reason|open ended|improve|do better|comment|feedback|tell us|warum|grund|kommentar|anmerkung|pourquoi|raison|por que|motivo|comentario"
)


@dataclass(frozen=True, slots=True)
class Tool:
    """An export that is recognised: by column names it has, with what its columns mean.

    `columns` maps folded names to fields; "" says that a column is none, though its name sounds like one.
    """

    key: str
    label: str
    needs: tuple[frozenset[str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


TOOLS: tuple[Tool, ...] = (
    Tool(
        "delighted",
        "Delighted",
        (
            _names("survey type|permalink"),
            _names("survey type|delighted source"),
            _names("survey type|person id|score"),
        ),
        {
            "id": "response_id",
            "response id": "response_id",
            "created at": "answered_at",
            "updated at": "updated_at",
            "person email": "email",
            "person name": "name",
            "survey type": "kind",
            "permalink": "",
            "notes": "",
            "person id": "",
        },
        "UTC",
    ),
    Tool(
        "typeform",
        "Typeform",
        (_names("submit date utc|network id"), _names("submit date utc|start date utc")),
        {
            "#": "response_id",
            "token": "response_id",
            "response type": "status",
            "submit date utc": "answered_at",
            "start date utc": "",
            "stage date utc": "",
            "network id": "",
            "tags": "tags",
        },
        "UTC",
    ),
    Tool(
        "satismeter",
        "SatisMeter",
        (
            _names("rating|feedback|category"),
            _names("rating|feedback|user id"),
            _names("rating|feedback|userid"),
        ),
        # Its own "score" is -100, 0 or 100: the share of the NPS, not what was answered.
        {
            "rating": "score",
            "score": "",
            "feedback": "comment",
            "created": "answered_at",
            "id": "response_id",
            "user id": "contact_external_id",
            "userid": "contact_external_id",
            "method": "channel",
            "category": "",
        },
        "UTC",
    ),
    Tool(
        "wootric",
        "Wootric",
        (
            _names("score|end user id"),
            _names("score|excluded from calculations"),
            _names("score|text|survey id"),
        ),
        {
            "id": "response_id",
            "response id": "response_id",
            "text": "comment",
            "created at": "answered_at",
            "updated at": "updated_at",
            "external id": "contact_external_id",
            "end user id": "",
            "excluded from calculations": "excluded",
            "survey mode": "kind",
        },
    ),
    Tool(
        "asknicely",
        "AskNicely",
        (_names("answer|responded|sent"), _names("answer|responded|comment")),
        {
            "answer": "score",
            "responded": "answered_at",
            "sent": "",
            "opened": "",
            "response id": "response_id",
            "person id": "",
            "status": "",
        },
    ),
    Tool(
        "retently",
        "Retently",
        (
            _names("score|feedback|campaign|email"),
            _names("score|feedback|campaign name"),
            _names("score|feedback|rating category"),
        ),
        {
            "created date": "answered_at",
            "date": "answered_at",
            "feedback": "comment",
            "response id": "response_id",
        },
    ),
)
QUALTRICS_TOOL = Tool("qualtrics", "Qualtrics")
SURVEYMONKEY_TOOL = Tool(
    "surveymonkey",
    "SurveyMonkey",
    (_names("respondent id|collector id"),),
    {"respondent id": "response_id", "date created": "answered_at", "date modified": "updated_at", "collector id": "", "ip address": "",
     "email address": "email", "response status": "status", "collection mode": "status"},
)  # fmt: skip
_BY_KEY = {tool.key: tool for tool in (*TOOLS, QUALTRICS_TOOL, SURVEYMONKEY_TOOL)}
# What Qualtrics calls its own columns in the third header row (ImportId), which no renaming of questions changes.
_QUALTRICS = {
    "_recordId": "response_id", "recordedDate": "answered_at", "status": "status", "finished": "finished", "recipientEmail": "email",
    "recipientFirstName": "first_name", "recipientLastName": "last_name", "externalDataReference": "contact_external_id",
    "userLanguage": "language", "distributionChannel": "channel",
}  # fmt: skip
_QUALTRICS_OTHER = frozenset(
    [
        "startDate",
        "endDate",
        "ipAddress",
        "progress",
        "duration",
        "locationLatitude",
        "locationLongitude",
        "displayOrder",
    ]
)
_QUALTRICS_OLD = {
    "ResponseID": "response_id", "Name": "name", "ExternalDataReference": "contact_external_id", "EmailAddress": "email",
    "RecipientEmail": "email", "Status": "status", "EndDate": "answered_at", "Finished": "finished",
}  # fmt: skip
_QUESTION_ID = re.compile(r"^(?:\d+_)?QID\d+")


def tool_named(key: str) -> Tool | None:
    return _BY_KEY.get(key)


def recognise(look: Look) -> Tool | None:
    """The tool whose export this is, by its header."""
    if look.form in {QUALTRICS, QUALTRICS_OLD}:
        return QUALTRICS_TOOL
    names = {words.folded(header) for header in look.headers}
    if look.form == SURVEYMONKEY or SURVEYMONKEY_TOOL.needs[0] <= names:
        return SURVEYMONKEY_TOOL
    return next((tool for tool in TOOLS if any(needed <= names for needed in tool.needs)), None)


def propose(look: Look, tool: Tool | None) -> dict[int, str]:
    """Column numbers to fields; a field goes to one column, the best name first."""
    found: dict[int, str] = {}
    left: set[int] = set()
    if look.form == QUALTRICS:
        found, left = _qualtrics(look)
    elif look.form == QUALTRICS_OLD:
        found, left = _qualtrics_old(look)
    elif tool is not None:
        for number, header in enumerate(look.headers):
            name = words.folded(header) or header.strip()
            if name in tool.columns:
                key = tool.columns[name]
                if not key or key in found.values():
                    left.add(number)
                else:
                    found[number] = key
    _by_name(look, found, left)
    _by_question(look, found, left)
    if "email" not in found.values():
        for number, samples in enumerate(look.samples):
            if number not in found and samples and all("@" in cell and " " not in cell for cell in samples):
                found[number] = "email"
                break
    return found


def _by_name(look: Look, found: dict[int, str], left: set[int]) -> None:
    wishes: list[tuple[int, int, str]] = []
    for number, header in enumerate(look.headers):
        plain = _plain(header)
        for key, target in BY_KEY.items():
            if plain in target.names:
                wishes.append((target.names.index(plain), number, key))
    for _, number, key in sorted(wishes):
        if number not in found and number not in left and key not in found.values():
            found[number] = key
    if "name" in found.values() and {"first_name", "last_name"} & set(found.values()):
        for number in [number for number, key in found.items() if key == "name"]:
            del found[number]


def _plain(header: str) -> str:
    """`respondedAt`, `Responded_At` and `responded at` are the same words."""
    parted = "".join(
        f" {c}" if c.isupper() and i and header[i - 1].islower() else c for i, c in enumerate(header)
    )
    return words.folded(parted).replace("e mail", "email")


def _by_question(look: Look, found: dict[int, str], left: set[int]) -> None:
    """Surveys exported with their questions as headers: the score by the question, the comment by being text behind it."""
    free = [n for n in range(len(look.headers)) if n not in found and n not in left]
    if "score" not in found.values():
        asked = [n for n in free if _QUESTION.search(_text_of(look, n)) and _is_numbers(look.samples[n])]
        if asked:
            found[asked[0]] = "score"
            free.remove(asked[0])
    score = next((n for n, key in found.items() if key == "score"), None)
    if "comment" in found.values() or score is None:
        return
    texts = [n for n in free if look.samples[n] and not _is_numbers(look.samples[n])]
    why = [n for n in texts if _WHY.search(_text_of(look, n))]
    behind = (
        [n for n in why if n > score]
        or why
        or [n for n in texts if n == score + 1 and _is_prose(look.samples[n])]
    )
    if behind:
        found[behind[0]] = "comment"


def _text_of(look: Look, number: int) -> str:
    note = look.notes[number] if number < len(look.notes) else ""
    return words.folded(f"{look.headers[number]} {note}")


def _is_numbers(samples: Sequence[str]) -> bool:
    numbers = sum(scales.read(cell).value is not None for cell in samples)
    return bool(samples) and numbers >= 0.8 * len(samples)


def _is_prose(samples: Sequence[str]) -> bool:
    return any(" " in cell for cell in samples)


def _qualtrics(look: Look) -> tuple[dict[int, str], set[int]]:
    ids = list(look.ids)
    found: dict[int, str] = {}
    left: set[int] = set()
    groups = {name.removesuffix("_NPS_GROUP") for name in ids if name.endswith("_NPS_GROUP")}
    for number, name in enumerate(ids[: len(look.headers)]):
        key = _QUALTRICS.get(name, "")
        if key and key not in found.values():
            found[number] = key
        elif name in groups and "score" not in found.values():
            found[number] = "score"
        elif name in _QUALTRICS_OTHER or not name:
            left.add(number)
        elif _QUESTION_ID.match(name):
            # A group, a timing or a text analysis is neither score nor comment.
            if name.endswith(("_GROUP", "_RANK", "_SUBMIT")) or "Topics" in name or "Sentiment" in name:
                left.add(number)
        else:
            found[number] = ATTRIBUTE  # embedded data: what was known of the person when they were asked
    if "answered_at" not in found.values() and "endDate" in ids:
        found[ids.index("endDate")] = "answered_at"
    score = next((n for n, key in found.items() if key == "score"), -1)
    texts = [n for n, name in enumerate(ids[: len(look.headers)]) if re.fullmatch(r"QID\d+_TEXT", name)]
    behind = [n for n in texts if n > score] or texts
    if behind:
        found[behind[0]] = "comment"
    return found, left


def _qualtrics_old(look: Look) -> tuple[dict[int, str], set[int]]:
    found: dict[int, str] = {}
    left: set[int] = set()
    for number, header in enumerate(look.headers):
        is_own = re.fullmatch(r"V\d+", look.ids[number] if number < len(look.ids) else "") is not None
        key = _QUALTRICS_OLD.get(header, "") if is_own else ""
        if key and key not in found.values():
            found[number] = key
        elif is_own:
            left.add(number)
    return found, left


def says_its_scale(look: Look, columns: Mapping[int, str]) -> bool:
    """Whether the file itself says that the score was asked on 0–10: Qualtrics groups such answers only."""
    score = next((n for n, key in columns.items() if key == "score"), None)
    if score is None or score >= len(look.ids):
        return False
    return f"{look.ids[score]}_NPS_GROUP" in look.ids


# --- Words in cells ------------------------------------------------------------------------------------------
_CHANNELS = {
    "email": "email e mail mail email_survey gl",
    "sms": "sms text textmessage",
    "in_app": "in app inapp web website widget mobile app ios android sdk",
    "link": "link anonymous weblink web link qr kiosk",
    "api": "api",
}
_CHANNEL_WORDS = {
    **{word: key for key, names in _CHANNELS.items() for word in names.split()},
    "in app": "in_app", "web link": "link", "e mail": "email", "text message": "sms", "mobile app": "in_app",
}  # fmt: skip
_QUALTRICS_STATES = {"1": "a preview", "2": "a test", "8": "spam", "9": "a preview marked as spam"}
_STATES = {
    "survey preview": "a preview", "preview": "a preview", "survey test": "a test", "test": "a test", "spam": "spam",
    "spam preview": "a preview marked as spam", "preview mode": "a preview",
    "survey preview spam": "a preview marked as spam", "preview spam": "a preview marked as spam",
    "partial": "not finished", "started": "not finished", "in progress": "not finished", "incomplete": "not finished",
    "disqualified": "disqualified", "overquota": "over its quota", "unvollstandig": "not finished", "teilweise": "not finished",
    "dismissed": "dismissed", "declined": "declined",
}  # fmt: skip
_KINDS = {
    "nps": "nps", "net promoter score": "nps", "enps": "nps", "csat": "csat", "customer satisfaction": "csat", "five star": "csat",
    "5 star": "csat", "ces": "ces", "customer effort score": "ces", "zufriedenheit": "csat",
}  # fmt: skip


def channel(cell: str) -> str:
    """One of our channels, or empty for a word that is none."""
    return _CHANNEL_WORDS.get(words.folded(cell), "")


def state(cell: str, tool: str) -> str:
    """What an answer is that should not be brought in ("a preview", "not finished"); empty for a whole one."""
    word = words.folded(cell)
    return _STATES.get(word) or (_QUALTRICS_STATES.get(word, "") if tool == QUALTRICS_TOOL.key else "")


def kind(cell: str) -> str:
    """nps, csat or ces; the word itself for another kind of survey."""
    word = words.folded(cell)
    return _KINDS.get(word, word)


def attribute_key(header: str, number: int) -> str:
    """Under which name a further column is kept; the names of our own snapshot stay free for it."""
    key = re.sub(r"[^\w]+", "_", words.folded(header)).strip("_")[:60] or f"column_{number + 1}"
    return f"file_{key}" if key in {"plan", "segment", "country", "owner", "stage"} else key
