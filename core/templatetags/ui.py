"""The components of the pages, as template tags (docs/components.md shows each one).

Every value is escaped on its way in; a tag returns safe HTML and takes no HTML in its arguments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django import forms, template
from django.core.paginator import Page
from django.http import QueryDict
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from core import clock
from core.icons import ICONS

register = template.Library()

MINUS = "\u2212"
NBSP = "\u00a0"
NOTHING = "\u2013"
EMPTY = SafeString("")

CATEGORIES = {"promoter": ("p", "Promoter"), "passive": ("n", "Passive"), "detractor": ("d", "Detractor")}
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "PLN": "zł", "CHF": "CHF"}
WITHOUT_CENTS = {"JPY", "KRW", "CLP", "VND", "ISK"}


# --- Numbers ------------------------------------------------------------------------------------------------


def _decimal(value: object) -> Decimal | None:
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _digits(number: Decimal) -> str:
    """A number with thousands separated and a true minus sign; no trailing zeros invented."""
    if number == 0:
        number = abs(number)
    return f"{number:,f}".replace("-", MINUS)


@register.filter
def num(value: object, places: int | None = None) -> str:
    """1904 → 1,904; −3.5 keeps a true minus; None is a dash."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    if places is not None:
        number = Decimal(f"{number:.{places}f}")
    return _digits(number)


@register.filter
def signed(value: object, places: int | None = None) -> str:
    """31 → +31, −4 with a true minus, 0 → 0."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    if places is not None:
        number = Decimal(f"{number:.{places}f}")
    return ("+" if number > 0 else "") + _digits(number)


@register.filter
def percent(value: object, places: int = 0) -> str:
    """0.263 → 26 %. Takes a share of one, not a number of hundredths."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    return _digits(Decimal(f"{number * 100:.{places}f}")) + NBSP + "%"


@register.simple_tag
def money(amount: object, currency: str = "", compact: bool = False) -> str:
    """184000, "EUR" → € 184,000; compact → € 184 k; cents appear only where there are some."""
    number = _decimal(amount)
    if number is None:
        return NOTHING
    code = (currency or "").upper()
    sign, size = (MINUS if number < 0 else ""), abs(number)
    if compact and size >= 1000:
        for unit, name in ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k")):
            # The rounded figure chooses the unit: 999,950 is 1 M, not 1,000 k.
            if size >= unit * Decimal("0.9995") or unit == 1000:
                scaled = size / unit
                places = 2 if scaled < 10 else 1 if scaled < 100 else 0
                text = f"{scaled:,.{places}f}"
                text = (text.rstrip("0").rstrip(".") if "." in text else text) + NBSP + name
                break
    elif code in WITHOUT_CENTS or round(size, 2) == size.to_integral_value():
        text = f"{size:,.0f}"
    else:
        text = f"{size:,.2f}"
    return f"{sign}{SYMBOLS.get(code, code)}{NBSP if code else ''}{text}"


# --- Time ---------------------------------------------------------------------------------------------------


def _local(value: dt.datetime) -> dt.datetime:
    return timezone.localtime(value) if timezone.is_aware(value) else value


def _absolute(value: dt.datetime | dt.date) -> str:
    if isinstance(value, dt.datetime):
        return date_format(_local(value), "j M Y, H:i")
    return date_format(value, "j M Y")


def _day(value: dt.date, today: dt.date) -> str:
    return date_format(value, "j M" if value.year == today.year else "j M Y")


def _relative_date(value: dt.date, today: dt.date) -> str:
    days = (value - today).days
    if days == 0:
        return "today"
    if abs(days) == 1:
        return "tomorrow" if days == 1 else "yesterday"
    if 0 < days < 100:
        return f"in {days} days"
    if -7 < days < 0:
        return f"{-days} days ago"
    return _day(value, today)


def _relative(value: dt.datetime | dt.date, now: dt.datetime) -> str:
    """Near times as a distance, far ones as a date: what a reader needs to place them."""
    today = _local(now).date()
    if not isinstance(value, dt.datetime):
        return _relative_date(value, today)
    seconds = (value - now).total_seconds()
    size = abs(seconds)
    if size < 60:
        return "just now" if seconds <= 0 else "in a moment"
    if size < 3600:
        text = f"{int(size // 60)} min"
    elif size < 24 * 3600:
        text = f"{int(size // 3600)} h"
    else:
        return _relative_date(_local(value).date(), today)
    return f"in {text}" if seconds > 0 else f"{text} ago"


def _time_tag(value: dt.datetime | dt.date, text: str, title: str, live: bool = False) -> SafeString:
    machine = (
        _local(value).isoformat(timespec="seconds") if isinstance(value, dt.datetime) else value.isoformat()
    )
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        machine,
        title,
        SafeString(" data-ago") if live else "",
        text,
    )


@register.simple_tag
def ago(value: dt.datetime | dt.date | None, none: str = NOTHING) -> str:
    """Relative text (5 h ago, in 3 days, 9 Nov), the exact time in the user's zone as its title."""
    if not value:
        return conditional_escape(none)
    is_moment = isinstance(value, dt.datetime)
    return _time_tag(value, _relative(value, clock.now()), _absolute(value), live=is_moment)


@register.simple_tag
def when(value: dt.datetime | dt.date | None, none: str = NOTHING) -> str:
    """Exact text (9 Nov 2026, 14:05 or 9 Nov 2026), the distance as its title."""
    if not value:
        return conditional_escape(none)
    return _time_tag(value, _absolute(value), _relative(value, clock.now()))


# --- Small marks --------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon in the colour of its text; silent to screen readers unless a label says what it means."""
    path = ICONS[name] if name in ICONS else ICONS["info"]
    css = f"icon {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" viewBox="0 0 20 20" role="img" aria-label="{}"><path d="{}"/></svg>',
            css,
            label,
            path,
        )
    return format_html(
        '<svg class="{}" viewBox="0 0 20 20" aria-hidden="true"><path d="{}"/></svg>', css, path
    )


def score_category(value: object) -> str:
    """promoter, passive or detractor for an NPS score from 0 to 10; empty for anything else."""
    number = _decimal(value)
    if number is None or number != number.to_integral_value() or not 0 <= number <= 10:
        return ""
    return "promoter" if number >= 9 else "passive" if number >= 7 else "detractor"


# Good, middling and bad scores of the other two scales: satisfaction 1–5 and effort 1–7.
OTHER_SCALES = {
    (1, 5): ((4, "p", "Satisfied"), (3, "n", "Neutral"), (1, "d", "Dissatisfied")),
    (1, 7): ((5, "p", "Easy"), (4, "n", "Neutral"), (1, "d", "Difficult")),
}


def _of_answer(value: object, scale: tuple[int, int]) -> tuple[object, tuple[int, int]]:
    """The number and the scale of an answer, or of a bare number."""
    if hasattr(value, "scale_max") and hasattr(value, "score"):
        return value.score, (value.scale_min, value.scale_max)  # type: ignore[attr-defined]
    return value, scale


def score_tone(number: object, scale: tuple[int, int]) -> tuple[str, str]:
    """(class, word) of a score on its scale; empty on a scale that is none of ours."""
    if scale == (0, 10):
        return CATEGORIES.get(score_category(number), ("", ""))
    found = _decimal(number)
    return next(
        ((css, word) for low, css, word in OTHER_SCALES.get(scale, ()) if found is not None and found >= low),
        ("", ""),
    )


@register.simple_tag
def score(value: object, url: str = "", scale_min: int = 0, scale_max: int = 10) -> SafeString:
    """One answer's score (an answer with its scale, or a number), coloured by the group it lies in.

    On other scales than 0–10 the scale's end is said beside it, so that a 5 of 5 is not taken for a 5 of 10.
    """
    value, (scale_min, scale_max) = _of_answer(value, (int(scale_min), int(scale_max)))
    number = _decimal(value)
    if number is None:
        return format_html(
            '<span class="score none"><span aria-hidden="true">{}</span>{}</span>', NOTHING, _sr("no score")
        )
    is_nps = (scale_min, scale_max) == (0, 10)
    css, word = score_tone(number, (scale_min, scale_max))
    word = word or f"of {scale_max}"
    text = _digits(
        number.normalize() if number != number.to_integral_value() else number.quantize(Decimal(1))
    )
    label = _sr(word.lower())
    if not is_nps and (scale_min, scale_max) in OTHER_SCALES:
        text = format_html('{}<small aria-hidden="true">/{}</small>', text, scale_max)
        label = _sr(f"of {scale_max}, {word.lower()}")
    if url:
        return format_html('<a class="score {}" href="{}">{}{}</a>', css, url, text, label)
    return format_html('<span class="score {}" title="{}">{}{}</span>', css, word, text, label)


def _sr(text: str) -> SafeString:
    return format_html('<span class="sr"> {}</span>', text)


@register.simple_tag
def category(value: object) -> SafeString:
    """The word promoter, passive or detractor as a tag; takes the word or the score."""
    name = str(value) if str(value) in CATEGORIES else score_category(value)
    if not name:
        return SafeString('<span class="tag">no score</span>')
    css, word = CATEGORIES[name]
    return format_html('<span class="tag {}">{}</span>', css, word)


TONES = {
    "": "",
    "good": "p",
    "watch": "n",
    "bad": "d",
    "accent": "a",
    "p": "p",
    "n": "n",
    "d": "d",
    "a": "a",
    "promoter": "p",
    "passive": "n",
    "detractor": "d",
    "info": "a",
    "success": "p",
    "warning": "n",
    "error": "d",
    "debug": "",
}


def tone_class(tone: object) -> str:
    """The class of a tone's word: good p, watch n, bad d, accent a; unknown words stay neutral."""
    return TONES.get(str(tone or "").lower(), "")


@register.filter
def tone(value: object) -> str:
    """`message.level_tag|tone` → the class of that tone; `answer|tone` → that of its score."""
    number, scale = _of_answer(value, (0, 0))
    return score_tone(number, scale)[0] if number is not value else tone_class(value)


@register.simple_tag
def badge(text: object, tone: str = "", title: str = "") -> SafeString:
    """A short state or label: tone is good, watch, bad, accent or nothing."""
    if title:
        return format_html('<span class="tag {}" title="{}">{}</span>', tone_class(tone), title, text)
    return format_html('<span class="tag {}">{}</span>', tone_class(tone), text)


@register.simple_tag
def delta(
    change: object, significant: bool | None = None, note: str = "", places: int | None = None
) -> SafeString:
    """A change, green up and red down; within noise (significant=False) it stays grey and says so."""
    number = _decimal(change)
    if number is None:
        return format_html('<span class="delta flat">{}</span>', note or NOTHING)
    if number == 0:
        css, mark = "flat", ICONS["flat"]
    else:
        css, mark = ("up", ICONS["up"]) if number > 0 else ("down", ICONS["down"])
    if significant is False:
        css = "flat"
        note = f"{note}, within noise" if note else "within noise"
    return format_html(
        '<span class="delta {}"><svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="{}"/></svg>{}{}</span>',
        css,
        mark,
        signed(number, places),
        format_html(' <span class="delta-note">{}</span>', note) if note else "",
    )


@register.simple_tag
def nps_figure(
    value: object,
    *,
    margin: object = None,
    low: object = None,
    high: object = None,
    n: int | None = None,
    definition: str = "",
    url: str = "",
    size: str = "",
) -> SafeString:
    """An NPS with what makes it honest: interval, number of answers, definition, link to the rows.

    Without a value it says "no data", never 0. `size` is "", "small" or "inline".
    """
    number, about, below, above = (_decimal(v) for v in (value, margin, low, high))
    counted = "" if n is None else f"{n:,} answer" + ("" if n == 1 else "s")
    if number is None:
        big: str = SafeString('<span class="big none">no data</span>')
        spread = ""
    else:
        big = format_html('<span class="big">{}</span>', signed(number, 0))
        if about is not None:
            spread = f"±{NBSP}{num(about, 0)}"
        elif below is not None and above is not None:
            spread = f"{signed(below, 0)} to {signed(above, 0)}"
        else:
            spread = ""
    if url:
        big = format_html('<a href="{}">{}</a>', url, big)
    css = {"small": "figure small-figure", "inline": "figure inline-figure"}.get(size, "figure")
    facts = [text for text in (counted, definition) if text]
    return format_html(
        '<{0} class="{1}"><span class="figure-line">{2}{3}</span>{4}</{0}>',
        SafeString("span" if size == "inline" else "div"),
        css,
        big,
        format_html(
            ' <span class="spread">{}<span class="sr"> interval</span> <span class="small">(95{}%)</span></span>',
            spread,
            NBSP,
        )
        if spread
        else "",
        format_html(' <span class="figure-facts">{}</span>', " · ".join(facts)) if facts else "",
    )


@register.simple_tag
def avatar(person: object, css: str = "") -> SafeString:
    """The initials of a person or company, decorative: the name stands beside it."""
    get_name = getattr(person, "get_full_name", None)
    name = str(get_name() if callable(get_name) and get_name() else person or "").strip()
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[:1].isalnum()]
    letters = "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"
    hue = sum(name.encode()) % 6
    return format_html('<span class="avatar h{} {}" aria-hidden="true">{}</span>', hue, css, letters)


@register.simple_tag
def progress(value: object, maximum: object = 100, label: str = "", tone: str = "") -> SafeString:
    """A bar of work done (`value` None: not known yet). The label is read out, the numbers stand beside it."""
    top = _decimal(maximum) or Decimal(0)
    done = _decimal(value)
    if done is None or top <= 0:
        return format_html('<progress class="progress" aria-label="{}"></progress>', label or "Progress")
    done = max(Decimal(0), min(done, top))
    return format_html(
        '<progress class="progress {}" value="{}" max="{}" aria-label="{}">{} of {}</progress>',
        tone_class(tone),
        f"{done:f}",
        f"{top:f}",
        label or "Progress",
        num(done),
        num(top),
    )


# --- Links that keep the filters ----------------------------------------------------------------------------


def _query(context: Context, **changes: object) -> str:
    """The page's query string with changes; an emptied one is "?", which still leads to this page."""
    request = context.get("request")
    params = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for key, value in changes.items():
        params.pop(key, None)
        if isinstance(value, (list, tuple, set)):
            params.setlist(key, [str(part) for part in value])
        elif value is not None and value != "":
            params[key] = str(value)
    return "?" + params.urlencode()


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: object) -> str:
    """This page's query string with changes (None or "" removes); always leads with "?", page is reset."""
    changes.setdefault("page", None)
    return _query(context, **changes)


@register.simple_tag(takes_context=True)
def chip(
    context: Context, label: str, value: object = "", *, url: str = "", remove: str = "", is_on: bool = False
) -> SafeString:
    """A filter at work, or one to switch on. `remove` names the parameters (spaces between) its cross takes off."""
    text = format_html("{} <b>{}</b>", label, value) if value not in ("", None) else format_html("{}", label)
    css = "chip on" if is_on or remove else "chip"
    body = (
        format_html('<a href="{}"{}>{}</a>', url, SafeString(' aria-current="true"') if is_on else "", text)
        if url
        else format_html("<span>{}</span>", text)
    )
    if not remove:
        return format_html('<span class="{}">{}</span>', css, body)
    target = _query(context, page=None, **dict.fromkeys(remove.split()))
    return format_html(
        '<span class="{}">{}<a class="chip-x" href="{}" aria-label="Remove filter {}">{}</a></span>',
        css,
        body,
        target,
        f"{label} {value}".strip(),
        icon("close"),
    )


@register.simple_tag(takes_context=True)
def sort_header(
    context: Context,
    label: str,
    key: str,
    *,
    css: str = "",
    param: str = "sort",
    default: str = "",
    target: str = "",
) -> SafeString:
    """A column head that sorts: `?sort=key`, then `?sort=-key`. `default` is the page's own order when none is asked."""
    request = context.get("request")
    asked = (request.GET.get(param) if request is not None else "") or default
    if asked == key:
        state, mark, after = "ascending", "up", f"-{key}"
    elif asked == f"-{key}":
        state, mark, after = "descending", "down", key
    else:
        # Numbers are read from the largest, words from A.
        state, mark, after = "", "sort", f"-{key}" if "r" in css.split() else key
    link = _query(context, page=None, **{param: after})
    return format_html(
        '<th scope="col" class="{}"{}><a class="sort{}" href="{}"{}>{}{}</a></th>',
        css,
        format_html(' aria-sort="{}"', state) if state else "",
        " on" if state else "",
        link,
        _htmx(link, target),
        label,
        icon(mark),
    )


def _htmx(link: str, target: str) -> SafeString:
    if not target:
        return EMPTY
    return format_html(' hx-get="{}" hx-target="{}" hx-push-url="true"', link, target)


class PageLink(NamedTuple):
    """One place in a pager: a page's number and address, or a gap (number 0)."""

    number: int
    url: str
    is_current: bool


def _page_numbers(page: Page[Any]) -> Iterator[int]:
    last = page.paginator.num_pages
    shown = sorted({1, 2, last - 1, last} | set(range(page.number - 1, page.number + 2)))
    previous = 0
    for number in (n for n in shown if 1 <= n <= last):
        if number - previous == 2:
            yield previous + 1
        elif number - previous > 2:
            yield 0
        yield number
        previous = number


@register.inclusion_tag("ui/_pager.html", takes_context=True)
def pager(
    context: Context, page: Page[Any], noun: str = "row", nouns: str = "", target: str = ""
) -> dict[str, Any]:
    """Where one is in a list and how to go on; keeps all filters. Draws only the count when one page holds all."""
    total = page.paginator.count

    def link(number: int) -> str:
        return _query(context, page=number)

    return {
        "page": page,
        "total": total,
        "noun": noun if total == 1 else (nouns or f"{noun}s"),
        "target": target,
        "several": page.paginator.num_pages > 1,
        "previous_url": link(page.previous_page_number()) if page.has_previous() else "",
        "next_url": link(page.next_page_number()) if page.has_next() else "",
        "links": [PageLink(n, link(n) if n else "", n == page.number) for n in _page_numbers(page)],
    }


# --- Forms --------------------------------------------------------------------------------------------------


@register.inclusion_tag("ui/_field.html")
def field(
    bound: forms.BoundField, label: str = "", help: str = "", css: str = "", unlabeled: bool = False
) -> dict[str, Any]:
    """A form field with label, help and errors tied to it for screen readers; required ones are marked."""
    widget = bound.field.widget
    kind = (
        "check"
        if isinstance(widget, forms.CheckboxInput)
        else "group"
        if bound.use_fieldset
        else "file"
        if isinstance(widget, forms.FileInput)
        else "text"
    )
    has_help = bool(help or bound.help_text)
    described = [f"{bound.auto_id}_helptext"] if has_help else []
    if bound.errors:
        described.append(f"{bound.auto_id}_error")
    attrs: dict[str, Any] = {}
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    return {
        "field": bound,
        "control": bound.as_widget(attrs=attrs),
        "kind": kind,
        "label": label or bound.label,
        "help": help or bound.help_text,
        "css": css,
        "unlabeled": unlabeled,
        "required": bound.field.required and not bound.field.disabled,
        "described": " ".join(described),
    }


@register.inclusion_tag("ui/_fields.html")
def fields(form: forms.BaseForm, only: str = "", but: str = "") -> dict[str, Any]:
    """All fields of a form (or `only` / all `but` the named ones), hidden ones included, errors of the whole first."""
    chosen, left_out = only.split(), but.split()
    visible: Iterable[forms.BoundField] = form.visible_fields()
    if chosen:
        visible = [form[name] for name in chosen]
    return {
        "form": form,
        "visible": [b for b in visible if b.name not in left_out],
        "hidden": form.hidden_fields(),
    }


class FormError(NamedTuple):
    label: str
    target: str
    message: str


@register.inclusion_tag("ui/_form_errors.html")
def form_errors(form: forms.BaseForm) -> dict[str, Any]:
    """What keeps a form from being accepted: its own errors, and links to the fields at fault."""
    if not form.is_bound:
        return {"own": [], "faults": []}
    faults = [
        FormError(str(bound.label), bound.id_for_label or bound.auto_id or "", str(message))
        for bound in form
        if not bound.is_hidden
        for message in bound.errors
    ]
    hidden = [f"{bound.label}: {message}" for bound in form.hidden_fields() for message in bound.errors]
    return {"own": [*map(str, form.non_field_errors()), *hidden], "faults": faults}


# --- Blocks -------------------------------------------------------------------------------------------------


@register.simple_block_tag(takes_context=True)
def card(
    context: Context,
    content: str,
    title: str = "",
    *,
    note: str = "",
    url: str = "",
    link: str = "",
    footer: str = "",
    css: str = "",
    id: str = "",
    flush: bool = False,
    level: int = 2,
) -> SafeString:
    """A surface for one thought. `css` places it (c4, c8), `flush` lets a table reach its edges."""
    head: str = EMPTY
    if title:
        aside = format_html('<a class="note" href="{}">{}</a>', url, link or note or "All") if url else EMPTY
        if note and not (url and not link):
            aside = format_html('<span class="note">{}</span>{}', note, aside)
        head = format_html("<header><h{0}>{1}</h{0}>{2}</header>", int(level), title, aside)
    return format_html(
        '<section class="card {}"{}>{}<div class="{}">{}</div>{}</section>',
        css,
        format_html(' id="{}"', id) if id else "",
        head,
        "flush" if flush else "body",
        content,
        format_html('<p class="card-foot">{}</p>', footer) if footer else "",
    )


@register.simple_block_tag
def banner(content: str, tone: str = "", title: str = "", css: str = "") -> SafeString:
    """A line that asks for attention above the content: bad, watch, good or accent. Links inside act."""
    marks = {"p": "check", "n": "warning", "d": "error", "a": "info", "": "info"}
    css_tone = tone_class(tone)
    return format_html(
        '<div class="banner {} {}">{}<div class="banner-text">{}{}</div></div>',
        css_tone,
        css,
        icon(marks[css_tone]),
        format_html("<b>{}</b> ", title) if title else "",
        content,
    )


@register.simple_block_tag
def empty_state(content: str, title: str, icon_name: str = "", css: str = "") -> SafeString:
    """A list without rows: says why, and in its content what to do next."""
    return format_html(
        '<div class="empty {}">{}<p class="empty-title">{}</p><div class="empty-text">{}</div></div>',
        css,
        icon(icon_name) if icon_name else "",
        title,
        content,
    )


@register.simple_block_tag
def dialog(content: str, id: str, title: str, css: str = "") -> SafeString:
    """A native dialog, opened by any element with data-open="id", closed by Escape, its cross or data-close."""
    return format_html(
        '<dialog id="{0}" class="dialog {1}" aria-labelledby="{0}-title"><header><h2 id="{0}-title">{2}</h2>'
        '<form method="dialog"><button class="icon-btn" aria-label="Close">{3}</button></form></header>{4}</dialog>',
        id,
        css,
        title,
        icon("close"),
        content,
    )


@register.simple_block_tag
def menu(
    content: str,
    label: str = "",
    *,
    icon_name: str = "",
    css: str = "btn",
    end: bool = False,
    title: str = "",
) -> SafeString:
    """A button with a panel below it, made of <details>: works without script. Content: links, buttons or a form."""
    return format_html(
        '<details class="menu{}"><summary class="{}"{}>{}{}{}</summary><div class="menu-panel">{}</div></details>',
        " end" if end else "",
        css,
        format_html(' aria-label="{}"', title) if title else "",
        icon(icon_name) if icon_name else "",
        label,
        icon("chevron-down", css="caret") if label else "",
        content,
    )


@register.simple_block_tag
def filter_menu(
    content: str, label: str, value: object = "", css: str = "", is_on: bool | None = None
) -> SafeString:
    """A chip that opens the controls of one filter; put it inside the page's GET form.

    With a value it looks switched on; say is_on=False for a value that is only the default.
    """
    text = format_html("{} <b>{}</b>", label, value) if value not in ("", None) else format_html("{}", label)
    return format_html(
        '<details class="menu {}"><summary class="chip{}">{}{}</summary><div class="menu-panel pad">{}</div></details>',
        css,
        " on" if (value not in ("", None) if is_on is None else is_on) else "",
        text,
        icon("chevron-down", css="caret"),
        content,
    )


@register.simple_block_tag
def tl_item(
    content: str, at: dt.datetime | dt.date | None = None, tone: str = "", icon_name: str = ""
) -> SafeString:
    """One entry of a timeline (inside <ul class="tl">): when, a dot in its tone, what happened."""
    return format_html(
        '<li><span class="tl-time">{}</span><span class="dot {}">{}</span><div class="tl-body">{}</div></li>',
        ago(at),
        tone_class(tone),
        icon(icon_name) if icon_name else "",
        content,
    )


@register.simple_block_tag
def quote(content: str, tone: str = "", clamp: bool = False) -> SafeString:
    """What a customer wrote, in their words. Content is trimmed; line breaks are kept."""
    return format_html(
        '<blockquote class="quote {}{}" dir="auto">{}</blockquote>',
        tone_class(tone),
        " clamp" if clamp else "",
        SafeString(content.strip()),  # the block's own content, escaped when it was rendered
    )


@register.simple_tag(takes_context=True)
def tab(
    context: Context, label: str, url: str, count: int | None = None, is_current: bool | None = None
) -> SafeString:
    """A tab (inside <nav class="tabs">). Current when told so, else when its path is this page's."""
    request = context.get("request")
    if is_current is None:
        is_current = request is not None and request.path == url.partition("?")[0]
    return format_html(
        '<a href="{}"{}>{}{}</a>',
        url,
        SafeString(' aria-current="page"') if is_current else "",
        label,
        format_html(' <span class="tab-count">{}</span>', num(count)) if count is not None else "",
    )


@register.simple_tag
def steps(current: int, *labels: str) -> SafeString:
    """Where one is in a sequence of pages; `current` counts from 1."""

    def state(number: int) -> str:
        return "done" if number < current else "now" if number == current else ""

    return format_html(
        '<ol class="steps">{}</ol>',
        format_html_join(
            "",
            '<li class="{}"{}><span class="step-no">{}</span>{}</li>',
            (
                (
                    state(number),
                    SafeString(' aria-current="step"') if number == current else "",
                    icon("check", label="done") if number < current else number,
                    label,
                )
                for number, label in enumerate(labels, start=1)
            ),
        ),
    )


@register.simple_tag
def stat(label: str, value: object, note: str = "", url: str = "", tone: str = "") -> SafeString:
    """A named figure in a row of figures (inside <div class="stats">), linked to what it counts."""
    shown = value if isinstance(value, str) else num(value)
    body = format_html(
        '<span class="stat-value {}">{}</span>', f"tone-{tone_class(tone)}" if tone else "", shown
    )
    if url:
        body = format_html('<a href="{}">{}</a>', url, body)
    return format_html(
        '<div class="stat"><span class="stat-label">{}</span>{}{}</div>',
        label,
        body,
        format_html('<span class="stat-note">{}</span>', note) if note else "",
    )
