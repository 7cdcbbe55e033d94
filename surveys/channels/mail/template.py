"""The survey mail: compiled once per survey version and language, then filled for each person by joining pieces.

Promised: what the author wrote and what is known of the person never meet the MJML compiler, so that neither can break or
inject markup; the same texts give the same pieces; every slot that a person fills is in the closed list below.

Look: one column 600 px wide, the customer's brand, eleven equal numbers without praise or blame in their colour. In one
row from 600 px on; below that, and in clients that know no media queries, 0–5 and 6–10 in two rows of targets at least
44 px wide and high. Without styles it is still a list of numbered links between two labels.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

import mrml

from core.mail.address import clean, clean_lines
from core.mail.message import Hole, Piece, Values, escape, join_html, join_plain
from surveys import domain, merge, scales, texts
from surveys.channels.mail import colour

# What a person fills: the merge tags (surveys.merge.TAGS) and these links.
ANSWER_URL = "answer_url"  # the score's number is added to it, see SurveyMail.score_link
UNSUBSCRIBE_URL = "unsubscribe_url"
ASK_LESS_URL = "ask_less_url"
OPEN_URL = "open_url"
TRAP_URL = "trap_url"
SLOTS = frozenset({*merge.TAGS, ANSWER_URL, UNSUBSCRIBE_URL, ASK_LESS_URL, OPEN_URL, TRAP_URL})

SCORES = range(11)
_MARK = re.compile(r"\[\[([a-z_]+)\]\]")
_BETWEEN_TAGS = re.compile(r">\s+<")
_WHITE: colour.Rgb = (1, 1, 1)
_INK = colour.parse("#1d2426")
_DARK_CARD = colour.parse("#1b1e20")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyMail:
    """What one survey version says in one language. Fields marked M may carry merge tags."""

    language: str
    brand: str
    subject: str  # M
    question: str  # M
    intro: str  # M; an empty line begins a new paragraph
    preheader: str = ""  # M
    closing: str = ""  # M
    signature: str = ""  # M; the first line is the name, the others say who that is
    reply_hint: bool = True
    low_label: str = ""  # built-in words when empty
    high_label: str = ""
    colour: str = colour.DEFAULT
    logo_url: str = ""
    logo_width: int = 140  # as shown; the height follows
    postal_address: str = ""
    footer_note: str = ""  # why this person is asked, and how often; built-in words when empty
    ask_less: bool = True
    tracks_opens: bool = True
    has_trap: bool = (
        True  # a link no person sees, by which scanners that follow every link give themselves away
    )
    is_test: bool = False
    score_link: str = "{url}?score={n}"
    metric: str = domain.NPS.metric
    look: str = "numbers"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person's mail."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledMail:
    """The mail cut where the person goes in."""

    language: str
    subject: tuple[Piece, ...]
    html: tuple[Piece, ...]
    text: tuple[Piece, ...]

    def personalise(self, values: Values) -> tuple[str, str]:
        """(HTML, text) for one person; values are escaped in the one and plain in the other."""
        return join_html(self.html, values), join_plain(self.text, values)

    def subject_for(self, values: Values) -> str:
        return " ".join(join_plain(self.subject, values).split())

    def render(self, values: Values) -> Rendered:
        return Rendered(self.subject_for(values), *self.personalise(values))

    def slots(self) -> frozenset[str]:
        """Names of everything this mail asks for."""
        pieces = (*self.subject, *self.html, *self.text)
        return frozenset(piece.name for piece in pieces if isinstance(piece, Hole))


def standard(
    *,
    language: str,
    brand: str,
    subject: str = "",
    at_most_per_year: int | None = None,
    is_reminder: bool = False,
) -> SurveyMail:
    """A mail in the built-in words of a language, for the author to change. `subject` is the product asked about."""
    spoken = texts.language_for(language)
    words = spoken.texts
    brand_text, about = _no_tags(brand), _no_tags(subject or brand)
    note = texts.fill(words.mail_footer_reason, brand=brand)
    if at_most_per_year:
        note += " " + spoken.count(words.ask_at_most, at_most_per_year)
    return SurveyMail(
        language=spoken.tag,
        brand=brand,
        subject=texts.fill(
            words.mail_subject_reminder if is_reminder else words.mail_subject, brand=brand_text
        ),
        question=texts.fill(words.question, subject=about),
        intro=texts.fill(words.mail_intro_reminder if is_reminder else words.mail_intro, subject=about),
        preheader=words.mail_preheader,
        closing=words.mail_closing,
        signature=texts.fill(words.mail_signature, brand=brand_text.replace("|", "/")),
        footer_note=note,
    )


def author_problems(mail: SurveyMail) -> list[tuple[str, str]]:
    """(field, message) of everything an author has to mend before the mail can be compiled."""
    found = [
        (name, str(problem))
        for name in ("subject", "preheader", "intro", "question", "closing", "signature")
        for problem in merge.problems(getattr(mail, name))
    ]
    for name in ("subject", "question", "brand"):
        if not clean(getattr(mail, name)).strip():
            found.append((name, "This cannot be empty."))
    if len(mail.subject) > 200:
        found.append(
            ("subject", f"The subject has {len(mail.subject)} characters; at most 200 are possible.")
        )
    if "\n" in mail.subject or "\r" in mail.subject:
        found.append(("subject", "The subject has to be one line."))
    if not colour.is_colour(mail.colour):
        found.append(("colour", "Write the colour as # and six hexadecimal digits, such as #1f4e8c."))
    if mail.logo_url and not _is_web_address(mail.logo_url):
        found.append(("logo_url", "The logo needs an address that begins with https://."))
    return found


def compile_mail(mail: SurveyMail) -> CompiledMail:
    """Cut the mail into pieces. Raises `merge.MergeError` for a text that `author_problems` would have named."""
    spoken = texts.language_for(mail.language)
    words = spoken.texts
    scale, said = domain.scale(mail.metric), scales.words_of(mail.metric, words)
    mail = replace(
        mail,
        low_label=f"{scale.low} – {clean(mail.low_label)}" if mail.low_label else said.low_labelled,
        high_label=f"{scale.high} – {clean(mail.high_label)}" if mail.high_label else said.high_labelled,
        footer_note=mail.footer_note or texts.fill(words.mail_footer_reason, brand=mail.brand),
        logo_url=mail.logo_url if _is_web_address(mail.logo_url) else "",
    )
    subject = _plain(mail.subject.replace("\n", " ").replace("\r", " "))
    if mail.is_test:
        subject = [f"{words.test_subject_prefix} ", *subject]
    html, text = _html(mail, spoken), _text(mail, words)
    if mail.is_test:
        # Of who tries it out no event is known; the gaps show.
        subject, html, text = _lenient(subject), _lenient(html), _lenient(text)
    return CompiledMail(
        language=spoken.tag,
        subject=tuple(subject),
        html=tuple(html),
        text=tuple(text),
    )


def _lenient(pieces: list[Piece]) -> list[Piece]:
    return [replace(piece, is_required=False) if isinstance(piece, Hole) else piece for piece in pieces]


# Texts into pieces


def _pieces(text: str, literal: Callable[[str], str]) -> list[Piece]:
    parts = merge.parse(clean_lines(text)).parts
    return [
        literal(part)
        if isinstance(part, str)
        else Hole(part.name, part.default, part.lead, is_required=part.is_required)
        for part in parts
        if part
    ]


def _plain(text: str) -> list[Piece]:
    return _pieces(text, str)


def _inline(text: str) -> list[Piece]:
    """One run of HTML text; a line end is a space."""
    return _pieces(text.strip(), lambda words: escape(words.replace("\n", " ")))


def _lines(text: str) -> list[Piece]:
    """HTML text in which line ends and empty lines are kept."""
    text = re.sub(r"\n{3,}", "\n\n", clean_lines(text).strip())
    return _pieces(text, lambda words: escape(words).replace("\n", "<br>"))


def _url(name: str) -> Hole:
    return Hole(name, is_url=True)


def _no_tags(words: str) -> str:
    """Words put into an author's text on his behalf: braces in a product's name are not tags."""
    return words.replace("{{", "{ {").replace("{%", "{ %")


def _is_web_address(url: str) -> bool:
    """https, or http on this machine, where the product is being tried."""
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
        )
        return safe and bool(parts.hostname) and not parts.username and not re.search(r"[\s<>\"]", url)
    except ValueError:
        return False


def _score_pieces(mail: SurveyMail, score: int) -> list[Piece]:
    before, _, after = mail.score_link.partition("{url}")
    return [piece for piece in (before, _url(ANSWER_URL), after.replace("{n}", str(score))) if piece]


# The text part


def _text(mail: SurveyMail, words: texts.Texts) -> list[Piece]:
    out: list[Piece] = []
    if mail.is_test:
        out.append(f"*** {words.test_banner} ***\n\n")
    out += [*_plain(mail.intro.strip()), "\n\n", *_plain(mail.question.strip()), "\n\n"]
    out.append(f"{words.mail_choose_score}\n\n")
    scale = domain.scale(mail.metric)
    points = () if mail.metric == domain.NPS.metric else getattr(words, mail.metric).points
    for score in scale.scores:
        name = f"{score} – {points[score - scale.low]}" if points else str(score)
        label = {scale.low: mail.low_label, scale.high: mail.high_label}.get(score, name)
        out += [f"{label}: ", *_score_pieces(mail, score), "\n"]
    out.append("\n")
    if mail.closing.strip():
        out += [*_plain(mail.closing.strip()), "\n"]
    if mail.signature.strip():
        out += [*_plain(mail.signature.strip()), "\n"]
    if mail.reply_hint:
        out.append(f"{words.mail_reply_hint}\n")
    out.append(f"\n-- \n{clean(mail.footer_note)}\n")
    if mail.ask_less:
        out += [f"{words.mail_text_ask_less} ", _url(ASK_LESS_URL), "\n"]
    out += [f"{words.mail_text_unsubscribe} ", _url(UNSUBSCRIBE_URL), "\n"]
    if mail.postal_address:
        out.append(f"{clean_lines(mail.postal_address).strip()}\n")
    return out


# The HTML part


@dataclass(frozen=True, slots=True)
class _Palette:
    brand: str
    link: str
    number: str
    face: str
    edge: str
    dark_link: str
    dark_face: str
    dark_edge: str

    @classmethod
    def of(cls, text: str) -> "_Palette":
        base = colour.parse(text)
        face = colour.mix(base, _WHITE, 0.92)
        dark_face = colour.mix(base, _DARK_CARD, 0.78)
        return cls(
            brand=colour.written(base),
            link=colour.written(colour.readable(base, colour.parse("#f3f5f5"))),
            number=colour.written(colour.readable(colour.mix(base, _INK, 0.35), face, 7)),
            face=colour.written(face),
            edge=colour.written(colour.readable(colour.mix(base, _WHITE, 0.62), _WHITE, 1.7)),
            dark_link=colour.written(colour.readable(base, _DARK_CARD, 5)),
            dark_face=colour.written(dark_face),
            dark_edge=colour.written(colour.mix(base, (0.6, 0.6, 0.6), 0.55)),
        )


def _html(mail: SurveyMail, spoken: texts.Language) -> list[Piece]:
    """The compiled skeleton with its marks replaced by the author's words and the person's slots."""
    skeleton = _skeleton(
        tag=spoken.tag,
        direction=spoken.direction,
        palette=_Palette.of(mail.colour),
        has_logo=bool(mail.logo_url),
        logo_width=max(16, min(mail.logo_width, 360)),
        is_test=mail.is_test,
        has_preheader=bool(mail.preheader.strip()),
        has_closing=bool(mail.closing.strip()),
        has_signature=bool(mail.signature.strip()),
        reply_hint=mail.reply_hint,
        ask_less=mail.ask_less,
        has_postal=bool(mail.postal_address.strip()),
        tracks_opens=mail.tracks_opens,
        has_trap=mail.has_trap,
        metric=mail.metric,
        look=mail.look,
        score_names=tuple(scales.words_of(mail.metric, spoken.texts).names.items()),
    )
    fills = _fills(mail, spoken.texts)
    out: list[Piece] = []
    for index, piece in enumerate(_MARK.split(skeleton)):
        found = [piece] if index % 2 == 0 else fills[piece]
        for part in found:
            if isinstance(part, str) and out and isinstance(out[-1], str):
                out[-1] += part
            elif part:
                out.append(part)
    return out


def _fills(mail: SurveyMail, words: texts.Texts) -> Mapping[str, Iterable[Piece]]:
    name, _, rest = mail.signature.strip().partition("\n")
    fills: dict[str, Iterable[Piece]] = {
        "title": _inline(mail.subject),
        "preheader": _inline(mail.preheader),
        "banner": [escape(words.test_banner)],
        "brand": [escape(clean(mail.brand))],
        "logo": [escape(mail.logo_url)],
        "logo_alt": [escape(texts.fill(words.mail_logo_alt, brand=clean(mail.brand)))],
        "intro": _lines(mail.intro),
        "question": _lines(mail.question),
        "low": [escape(mail.low_label)],
        "high": [escape(mail.high_label)],
        "closing": _lines(mail.closing),
        "signature": _inline(name),
        "signature_rest": _lines(rest),
        "reply": [escape(words.mail_reply_hint)],
        "note": [escape(clean(mail.footer_note))],
        "ask_less": [escape(words.ask_me_less)],
        "unsubscribe": [escape(words.unsubscribe)],
        "postal": [escape(clean_lines(mail.postal_address).strip()).replace("\n", " · ")],
        ASK_LESS_URL: [_url(ASK_LESS_URL)],
        UNSUBSCRIBE_URL: [_url(UNSUBSCRIBE_URL)],
        OPEN_URL: [_url(OPEN_URL)],
        TRAP_URL: [_url(TRAP_URL)],
    }
    for score in domain.scale(mail.metric).scores:
        fills[_SCORE_MARKS[score]] = [
            escape(p) if isinstance(p, str) else p for p in _score_pieces(mail, score)
        ]
    return fills


_SCORE_MARKS = tuple(f"score_{chr(ord('a') + score)}" for score in SCORES)
# The compiler would load a web font it knows from a third party, telling them who opens the mail.
_NO_WEB_FONTS = mrml.RenderOptions(fonts={})
_FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


@lru_cache(maxsize=128)
def _skeleton(
    *,
    tag: str,
    direction: str,
    palette: _Palette,
    has_logo: bool,
    logo_width: int,
    is_test: bool,
    has_preheader: bool,
    has_closing: bool,
    has_signature: bool,
    reply_hint: bool,
    ask_less: bool,
    has_postal: bool,
    tracks_opens: bool,
    has_trap: bool,
    metric: str,
    look: str,
    score_names: tuple[tuple[int, str], ...],
) -> str:
    """The page with marks, compiled from MJML. No author's or person's word is in it yet."""
    start = "left" if direction == "ltr" else "right"
    end = "right" if direction == "ltr" else "left"
    banner = (
        '<mj-section css-class="n-pad n-test" background-color="#f6eed8" padding="10px 0"><mj-column><mj-text '
        'font-size="14px" line-height="20px" color="#5c4708">[[banner]]</mj-text></mj-column></mj-section>'
        if is_test
        else ""
    )
    if has_logo:
        head = (
            f'<img class="n-logo" src="[[logo]]" alt="[[logo_alt]]" width="{logo_width}" border="0" style="display:block;'
            f'border:0;width:{logo_width}px;max-width:100%;height:auto;font:700 17px/24px {_FONT};color:#1d2426">'
        )
    else:
        head = f'<div style="border-{start}:7px solid {palette.brand};padding-{start}:11px">[[brand]]</div>'
    head = f'<mj-text padding="24px 16px 0" font-size="17px" line-height="22px" font-weight="700">{head}</mj-text>'
    after = "".join(
        (
            '<mj-text padding="18px 16px 0">[[closing]]</mj-text>' if has_closing else "",
            f'<mj-text padding="{"4px" if has_closing else "18px"} 16px 0"><b>[[signature]]</b>'
            '<div class="n-mute" style="font-size:14px;line-height:20px;color:#566063">[[signature_rest]]</div></mj-text>'
            if has_signature
            else "",
            '<mj-text css-class="n-mute" padding="4px 16px 0" font-size="14px" line-height="20px" color="#566063">'
            "[[reply]]</mj-text>"
            if reply_hint
            else "",
        )
    )
    less = (
        f'<a href="[[{ASK_LESS_URL}]]" class="n-link" style="{_foot_link(palette)}">[[ask_less]]</a> &nbsp;·&nbsp; '
        if ask_less
        else ""
    )
    pixel = (
        f'<img src="[[{OPEN_URL}]]" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'
        if tracks_opens
        else ""
    )
    trap = (
        f'<a href="[[{TRAP_URL}]]" rel="nofollow" tabindex="-1" aria-hidden="true" '
        'style="display:none;font-size:0;line-height:0"></a>'
        if has_trap
        else ""
    )
    source = f"""<mjml lang="{tag}" dir="{direction}"><mj-head><mj-title>[[title]]</mj-title>
{"<mj-preview>[[preheader]]</mj-preview>" if has_preheader else ""}<mj-breakpoint width="600px"/>
<mj-attributes><mj-all font-family="{_FONT}"/>
<mj-text align="{start}" color="#1d2426" font-size="16px" line-height="24px" padding="0 16px"/>
<mj-section padding="0"/><mj-wrapper padding="0"/></mj-attributes><mj-style>{_style(palette)}</mj-style></mj-head>
<mj-body width="600px" background-color="#f3f5f5" css-class="n-page"><mj-wrapper css-class="n-card" background-color="#ffffff">
{banner}<mj-section css-class="n-pad"><mj-column>{head}
<mj-text padding="18px 16px 0">[[intro]]</mj-text>
<mj-text padding="18px 16px 10px" font-size="20px" line-height="27px" font-weight="700">[[question]]</mj-text>
</mj-column></mj-section>
<mj-section css-class="n-row" padding="0 14px">{_score_rows(metric, look, dict(score_names), palette)}</mj-section>
<mj-section css-class="n-pad" padding="0 0 28px"><mj-column><mj-text css-class="n-mute" padding="4px 16px 0"
 font-size="13px" line-height="18px" color="#566063"><table role="presentation" width="100%" cellpadding="6" cellspacing="0"
 border="0"><tr><td align="{start}" valign="top" style="padding:0;padding-{end}:12px">[[low]]</td>
<td align="{end}" valign="top" style="padding:0">[[high]]</td>
</tr></table></mj-text>{after}</mj-column></mj-section></mj-wrapper>
<mj-section css-class="n-foot" padding="10px 0 28px"><mj-column><mj-text css-class="n-mute" padding="0 16px" font-size="13px"
 line-height="20px" color="#566063">[[note]]<br/>{less}<a href="[[{UNSUBSCRIBE_URL}]]" class="n-link"
 style="{_foot_link(palette)}">[[unsubscribe]]</a>{"<br/>[[postal]]" if has_postal else ""}
{trap}{pixel}</mj-text></mj-column></mj-section></mj-body></mjml>"""
    html: str = mrml.to_html(source, render_options=_NO_WEB_FONTS).content
    html = html.replace(
        "<head>",
        '<head><meta name="color-scheme" content="light dark">'
        '<meta name="supported-color-schemes" content="light dark">',
        1,
    )
    html = html.replace(
        "</head>", f"<!--[if mso]><style>{_outlook_style(palette)}</style><![endif]--></head>", 1
    )
    html = html.replace('<body style="', '<body class="n-page" style="', 1)
    # MJML writes its own direction into every section and column, whatever the page's is.
    html = html.replace("direction:ltr", f"direction:{direction}")
    return _BETWEEN_TAGS.sub(lambda gap: "> <" if "\n" not in gap.group() else ">\n<", html)


# Where a scale is cut in two for narrow screens: each row, and how many of its cells it lacks against the longest one.
_ROWS: Mapping[str, tuple[tuple[range, int], ...]] = {
    domain.NPS.metric: ((range(6), 0), (range(6, 11), 1)),
    domain.CSAT.metric: ((range(1, 6), 0),),
    domain.CES.metric: ((range(1, 5), 0), (range(5, 8), 1)),
}


def _score_rows(metric: str, look: str, names: Mapping[int, str], palette: _Palette) -> str:
    rows = _ROWS[metric]
    total = sum(len(row) for row, _ in rows)
    return "".join(
        f'<mj-column width="{int(1_000_000 * len(row) / total) / 10_000:.4f}%"><mj-text padding="0">'
        f"{_score_table(row, names, palette, look=look, spare=spare)}</mj-text></mj-column>"
        for row, spare in rows
    )


def score_sign(look: str, score: int) -> tuple[str, str]:
    """What stands in a score's cell, and its size; a star says its number too, because stars look alike."""
    if look == "smileys":
        return scales.sign(look, score), "font-size:26px;font-weight:400"
    if look == "stars":
        return f"{score} {scales.STAR}", "font-size:17px;font-weight:700"
    return str(score), "font-size:17px;font-weight:700"


def _score_table(scores: range, names: Mapping[int, str], palette: _Palette, *, look: str, spare: int) -> str:
    """One row of scores; `spare` empty cells keep them as wide as those of the longer row where the rows are stacked."""
    width = int(10_000 / (len(scores) + spare)) / 100
    cells = "".join(
        f'<td class="n-cell" width="{width:.2f}%" align="center" valign="top" style="padding:2px"><a href="[[{_SCORE_MARKS[score]}]]" '
        f'class="n-score" aria-label="{escape(names[score])}" style="display:block;background:{palette.face};'
        f"border:1px solid {palette.edge};border-radius:6px;color:{palette.number};{style};"
        f'line-height:44px;text-align:center;text-decoration:none">&nbsp;{sign}&nbsp;</a></td>'
        for score in scores
        for sign, style in [score_sign(look, score)]
    )
    cells += f'<!--[if !mso]><!--><td class="n-spare" width="{width:.2f}%"></td><!--<![endif]-->' * spare
    return (
        '<table role="presentation" width="100%" cellpadding="2" cellspacing="0" border="0" '
        f'style="table-layout:fixed"><tr>{cells}</tr></table>'
    )


def _foot_link(palette: _Palette) -> str:
    return f"color:{palette.link};text-decoration:underline;display:inline-block;padding:5px 0"


def _style(palette: _Palette) -> str:
    """For clients that read style sheets: room from 600 px on, and the dark colours. All else is on the elements."""
    return (
        "@media (min-width:600px){.n-card{margin-top:24px!important;border-radius:10px!important;overflow:hidden}"
        ".n-pad>table>tbody>tr>td,.n-foot>table>tbody>tr>td{padding-left:14px!important;padding-right:14px!important}"
        ".n-row>table>tbody>tr>td{padding-left:28px!important;padding-right:28px!important}.n-spare{display:none}}"
        "@media (prefers-color-scheme:dark){.n-page,.n-page>div{background:#121415!important}"
        ".n-card,.n-card>table{background:#1b1e20!important}.n-card div,.n-card b{color:#eceeee!important}"
        ".n-mute,.n-mute div,.n-card .n-mute div,.n-card div.n-mute,.n-mute td{color:#a9b1b3!important}"
        f".n-score{{background:{palette.dark_face}!important;border-color:{palette.dark_edge}!important;color:#fff!important}}"
        f".n-link{{color:{palette.dark_link}!important}}img.n-logo{{background:#fff!important;border-radius:6px;padding:6px 8px}}"
        ".n-test,.n-test>table,.n-card .n-test div{background:#332b14!important;color:#e8cf8a!important}}"
    )


def _outlook_style(palette: _Palette) -> str:
    """Word draws no borders round links, so the cells get them there."""
    return (
        f".n-cell{{border:1px solid {palette.edge};background:{palette.face};height:44px}}"
        ".n-score{border:none;background:none}"
    )
