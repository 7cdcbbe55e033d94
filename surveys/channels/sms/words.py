"""What an SMS says around the question, in each language; what replies are understood.

Kept apart from surveys.texts: an SMS is paid by the part, so it has its own, shortest words, in the 7-bit alphabet where
the language allows it. A language that is not here is spoken to in English.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`ask`, `remind` and `help` are filled with {brand}, {question}, {link}, and the scale's {low}, {high} and {best}:
    what its highest score means."""

    ask: str
    remind: str
    help: str
    numbers: str = ""  # zero to ten, separated by blanks; several words for one by |
    stop: str = ""
    start: str = ""
    info: str = ""

    @property
    def way_out(self) -> str:
        """How to get no more of them, as it stands behind the link of `ask`."""
        return self.ask.rpartition("{link}")[2].strip()


EN = Words(
    ask="{brand}: {question} Reply {low}-{high} ({high} = {best}) and why, or {link} STOP to opt out",
    remind="{brand}: A reminder. {question} Reply {low}-{high} ({high} = {best}) and why, or {link} STOP to opt out",
    help="{brand} asks its customers for their opinion by SMS. Reply {low}-{high} to answer, STOP to get no more of them.",
    numbers="zero|nil one two three four five six seven eight nine ten",
    stop="stop stopall unsubscribe cancel end quit optout revoke",
    start="start unstop yes optin",
    info="help info",
)
_WORDS = {
    "en": EN,
    "de": Words(
        ask="{brand}: {question} Antworten Sie {low}-{high} ({high} = {best}) und warum, oder {link} STOPP = keine SMS mehr",
        remind="{brand}: Zur Erinnerung. {question} Antworten Sie {low}-{high} ({high} = {best}), oder {link} STOPP = keine SMS mehr",
        help="{brand} fragt Kunden per SMS nach ihrer Meinung. Antworten Sie mit {low}-{high}, oder mit STOPP, um keine mehr zu erhalten.",
        numbers="null eins zwei|zwo drei vier fünf|fuenf sechs sieben acht neun zehn",
        stop="stopp abmelden abbestellen ende",
        start="anmelden ja",
        info="hilfe",
    ),
    "fr": Words(
        ask="{brand} : {question} Répondez {low}-{high} ({high} = {best}), ou {link} STOP = plus de SMS",
        remind="{brand} : Rappel. {question} Répondez {low}-{high} ({high} = {best}), ou {link} STOP = plus de SMS",
        help="{brand} demande l'avis de ses clients par SMS. Répondez {low}-{high}, ou STOP pour ne plus en recevoir.",
        numbers="zéro|zero un deux trois quatre cinq six sept huit neuf dix",
        stop="arret arrêt",
        info="aide",
    ),
    "es": Words(
        ask="{brand}: {question} Responda {low}-{high} ({high} = {best}), o {link} STOP = no recibir más SMS",
        remind="{brand}: Recordatorio. {question} Responda {low}-{high} ({high} = {best}), o {link} STOP = no recibir más SMS",
        help="{brand} pide la opinión de sus clientes por SMS. Responda {low}-{high}, o STOP para no recibir más.",
        numbers="cero uno dos tres cuatro cinco seis siete ocho nueve diez",
        stop="baja alto cancelar parar",
        info="ayuda",
    ),
    "it": Words(
        ask="{brand}: {question} Risponda {low}-{high} ({high} = {best}), o {link} STOP = niente più SMS",
        remind="{brand}: Promemoria. {question} Risponda {low}-{high} ({high} = {best}), o {link} STOP = niente più SMS",
        help="{brand} chiede ai clienti la loro opinione via SMS. Risponda {low}-{high}, o STOP per non riceverne più.",
        numbers="zero uno due tre quattro cinque sei sette otto nove dieci",
        stop="basta",
        info="aiuto",
    ),
    "nl": Words(
        ask="{brand}: {question} Antwoord {low}-{high} ({high} = {best}), of {link} STOP = geen SMS meer",
        remind="{brand}: Herinnering. {question} Antwoord {low}-{high} ({high} = {best}), of {link} STOP = geen SMS meer",
        help="{brand} vraagt klanten per SMS om hun mening. Antwoord {low}-{high}, of STOP om er geen meer te krijgen.",
        numbers="nul een|één twee drie vier vijf zes zeven acht negen tien",
        stop="afmelden",
        info="hulp",
    ),
    "pt": Words(
        ask="{brand}: {question} Responda {low}-{high} ({high} = {best}), ou {link} STOP = sem mais SMS",
        remind="{brand}: Lembrete. {question} Responda {low}-{high} ({high} = {best}), ou {link} STOP = sem mais SMS",
        help="{brand} pede a opinião dos clientes por SMS. Responda {low}-{high}, ou STOP para não receber mais.",
        numbers="zero um dois três|tres quatro cinco seis sete oito nove dez",
        stop="parar sair cancelar",
        info="ajuda",
    ),
    "sv": Words(
        ask="{brand}: {question} Svara {low}-{high} ({high} = {best}), eller {link} STOPP = inga fler SMS",
        remind="{brand}: Påminnelse. {question} Svara {low}-{high} ({high} = {best}), eller {link} STOPP = inga fler SMS",
        help="{brand} frågar kunder om deras åsikt via SMS. Svara {low}-{high}, eller STOPP för att inte få fler.",
        numbers="noll ett|en två tre fyra fem sex sju åtta nio tio",
        stop="stopp avsluta",
        info="hjälp",
    ),
    "da": Words(
        ask="{brand}: {question} Svar {low}-{high} ({high} = {best}), eller {link} STOP = ikke flere SMS",
        remind="{brand}: Påmindelse. {question} Svar {low}-{high} ({high} = {best}), eller {link} STOP = ikke flere SMS",
        help="{brand} spørger kunder om deres mening via SMS. Svar {low}-{high}, eller STOP for ikke at få flere.",
        numbers="nul en|et to tre fire fem seks syv otte ni ti",
        stop="afmeld",
        info="hjælp",
    ),
    "pl": Words(
        ask="{brand}: {question} Odpowiedz {low}-{high} ({high} = {best}) lub {link} STOP = koniec SMS",
        remind="{brand}: Przypomnienie. {question} Odpowiedz {low}-{high} ({high} = {best}) lub {link} STOP = koniec SMS",
        help="{brand} pyta klientów o zdanie przez SMS. Odpowiedz {low}-{high} albo STOP, aby nie otrzymywać więcej.",
        numbers="zero jeden dwa trzy cztery pięć|piec sześć|szesc siedem osiem dziewięć|dziewiec dziesięć|dziesiec",
        stop="koniec",
        info="pomoc",
    ),
}


def words_for(tag: str | None) -> Words:
    """The words of a language tag such as `de-AT`, else of English."""
    return _WORDS.get((tag or "").replace("_", "-").lower().split("-")[0], EN)


def languages() -> list[str]:
    return list(_WORDS)


def command_words() -> dict[str, set[str]]:
    """The words that are obeyed, of all languages at once: somebody who writes STOP means it in every one."""
    return {
        kind: {word for words in _WORDS.values() for word in getattr(words, kind).split()}
        for kind in ("stop", "start", "info")
    }


def number_words(tag: str | None) -> dict[str, int]:
    """Written numbers of English and of the language of the ask."""
    found: dict[str, int] = {}
    for words in (EN, words_for(tag)):
        for value, spellings in enumerate(words.numbers.split()):
            found |= dict.fromkeys(spellings.split("|"), value)
    return found
