"""The hosted page: what a respondent meets after a click in the mail. Works without script, cookies and style."""

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Protocol, cast

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language_from_request
from django.views.decorators.http import require_http_methods

from core import clock, ratelimit
from core.errors import Refused
from core.failures import log_failure
from core.secrets import address_key
from surveys import questions, rendering, texts, tokens
from surveys.ingest import clean_comment
from surveys.intent_rules import GESTURES, Proof
from surveys.queries import respond as queries
from surveys.queries.respond import HostedPage, PageState, Visit
from surveys.services import respond as services
from surveys.services.respond import Result, Submission
from team.http import public
from team.receivers import ip_of

logger = logging.getLogger(__name__)
REASON = "a respondent's link carries its own signed token"
MAX_ECHO = 200_000
FORGED_PER_MINUTE = 60
PIXEL = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"
)
FOREVER = "public, max-age=31536000, immutable"
LOGO = re.compile(r"[0-9a-f]{32}\.(png|jpg|gif)")
LOGO_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}

HostedView = Callable[..., HttpResponseBase]


class Save(Protocol):
    """Takes an answer in. Whoever has more to say than a result answers the request itself."""

    def __call__(
        self, *, page: HostedPage, submission: Submission, now: dt.datetime
    ) -> Result | HttpResponseBase: ...


def hosted(*methods: str) -> Callable[[HostedView], HostedView]:
    """What all hosted pages share.

    - No cookie is read or needed, so there is no CSRF check: a form proves its page by a signed nonce.
    - A failing database answers with a kind page that keeps what was typed.
    - Refusals are not logged: their addresses are keys.
    """

    def decorate(view: HostedView) -> HostedView:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response: HttpResponseBase
            if request.method not in methods:
                response = HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            else:
                try:
                    response = view(request, *args, **kwargs)
                except DatabaseError as error:
                    log_failure(logger, "Hosted page", error)
                    response = trouble(request)
                except RequestDataTooBig:
                    response = HttpResponse(status=413)
                except SuspiciousOperation:
                    response = HttpResponse(status=400)
                except Refused:
                    response = say(spoken(request), spoken(request).texts.closed, status=409)
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
            cast(Any, response)._has_been_logged = True
            return response

        cast(Any, wrapped).csrf_exempt = True
        return wrapped

    return decorate


# Pages that only say something


def spoken(request: HttpRequest) -> texts.Language:
    """The browser's language, for pages that belong to nobody."""
    return texts.language_for(get_language_from_request(request))


def say(language: texts.Language, page: texts.Page, *, status: int, **more: Any) -> HttpResponse:
    values: dict[str, Any] = {
        "page_language": language.tag,
        "title": page.title,
        "body": page.body,
        "words": language.texts,
    }
    return HttpResponse(render_to_string("surveys/respond_message.html", values | more), status=status)


def forged(request: HttpRequest) -> HttpResponse:
    """The same answer for every link that is not exactly one of ours; who tries many has to wait."""
    language = spoken(request)
    address = ip_of(request)
    if address is not None:
        verdict = ratelimit.take(
            f"forged:{address_key(address)[:32]}", limit=FORGED_PER_MINUTE, per_seconds=60
        )
        if not verdict.allowed:
            page = say(language, language.texts.too_many, status=429)
            page["Retry-After"] = str(int(verdict.reset_seconds) + 1)
            return page
    return say(language, language.texts.forged, status=404)


def trouble(request: HttpRequest) -> HttpResponse:
    """503 with everything that was sent in hidden fields, so that one more press sends it again."""
    language = spoken(request)
    kept = (
        [
            (name, value)
            for name, values in request.POST.lists()
            if name in FIELDS or name.startswith("q-")
            for value in values
        ]
        if request.method == "POST"
        else []
    )
    return say(language, language.texts.trouble, status=503, kept=kept, retry_url=request.path)


def message(page: HostedPage, kind: str, *, status: int, language: str = "") -> HttpResponse:
    """A message in the survey's language and brand: expired, used or closed."""
    wording = page.wording(language)
    context = rendering.page_context(page.content, wording, logo=page.invitation.version.logo.name or "")
    words: texts.Page = getattr(wording.texts, kind)
    context |= {"title": words.title, "body": words.body, "is_test": page.invitation.is_test}
    return HttpResponse(render_to_string("surveys/respond_message.html", context), status=status)


def refused(page: HostedPage, *, sent: bool = False, language: str = "") -> HttpResponse:
    """The page for somebody who comes too late: 410 when it is over, 200 to read and 409 to change a locked answer."""
    if page.state is PageState.LOCKED:
        return message(page, "used", status=409 if sent else 200, language=language)
    return message(
        page, "expired" if page.state is PageState.EXPIRED else "closed", status=410, language=language
    )


# The question


FIELDS = (
    "score",
    "comment",
    "may_contact",
    "may_quote",
    "asked",
    "nonce",
    "gesture",
    "seconds",
    "script",
    "via",
    "website",
    "lang",
)


@public(REASON)
@hosted("GET", "HEAD", "POST")
def respond(request: HttpRequest, token: str) -> HttpResponseBase:
    """The question, and where its form is sent."""
    now = clock.now()
    page = queries.find_page(token, now=now)
    if page is None:
        return forged(request)
    if request.method == "POST":
        return submitted(request, page)
    return looked_at(request, page)


@public(REASON)
@hosted("GET", "HEAD")
def score_link(request: HttpRequest, token: str, score: int) -> HttpResponseBase:
    """A number clicked in the mail: the page with that number chosen. Records no answer."""
    page = queries.find_page(token, now=clock.now())
    if page is None or score not in page.content.scale.scores:
        return forged(request)
    return looked_at(request, page, score)


@public(REASON)
@hosted("GET", "HEAD")
def hidden_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """A link that nobody can see. Whoever follows it reads every link, as programs do."""
    now = clock.now()
    page = queries.find_page(token, now=now)
    if page is None:
        return forged(request)
    services.note_visit(page=page, kind=Visit.HIDDEN, now=now)
    return HttpResponseRedirect(reverse("surveys:respond", args=[token]))


def looked_at(request: HttpRequest, page: HostedPage, score: int | None = None) -> HttpResponse:
    language = request.GET.get("lang", "")[:20]
    kind = Visit.HEAD if request.method == "HEAD" else Visit.PAGE if score is None else Visit.SCORE
    services.note_visit(page=page, kind=kind, now=clock.now(), score=score)
    if not page.takes_answers:
        return refused(page, language=language)
    answer = page.response
    return question(
        page,
        language=language,
        score=score if score is not None else (answer.score if answer is not None else None),
        comment=answer.comment if answer is not None else "",
        may_contact=answer.may_contact if answer is not None else False,
        may_quote=answer.may_quote if answer is not None else False,
        answers=answer.answers if answer is not None else {},
    )


def question(
    page: HostedPage,
    *,
    language: str,
    score: int | None,
    comment: str = "",
    may_contact: bool = False,
    may_quote: bool = False,
    answers: Mapping[str, Any] | None = None,
    asked: Iterable[str] = (),
    errors: Mapping[str, str] | None = None,
    step: Iterable[str] = (),
    nonce: str = "",
    status: int = 200,
    **notes: Any,
) -> HttpResponse:
    """The form; `error`, `errors` and `once_more` say why it is shown again.

    On the first page stand all further questions, those that depend on something hidden until the script shows them;
    without script they come in steps of their own (`step` names the questions of one), with everything said before in
    hidden fields. `asked` names the questions that a reader has met.
    """
    wording = page.wording(language)
    said = answers or {}
    steps = set(step)
    known = set(asked)
    if steps:
        wanted = [one for one in page.content.questions if one.key in steps]
        shown = steps
    else:
        wanted = list(page.content.questions)
        shown = known or {one.key for one in page.content.questions_for(None)}
    addresses = page.addresses
    context = rendering.page_context(
        page.content,
        wording,
        logo=page.invitation.version.logo.name or "",
        first_name=page.first_name,
        reader=page.reader,
        score=score,
        edit_hours=page.edit_hours,
        comment=comment,
        may_contact=may_contact,
        may_quote=may_quote,
        step=bool(steps),
        kept=kept_answers(page.content.questions, said, known, steps),
        blocks=rendering.question_blocks(
            page.content,
            wording,
            wanted=wanted,
            shown=shown,
            answers=said,
            errors=errors,
            first_name=page.first_name,
            reader=page.reader,
        ),
        nonce=nonce or page.make_nonce(clock.now()),
        action_url=addresses.action,
        confirm_url=addresses.confirm,
        hidden_url=addresses.hidden,
        unsubscribe_url=addresses.unsubscribe,
        is_edit=page.state is PageState.EDITABLE,
        is_test=page.state is PageState.TEST,
        **page.extras,
        **notes,
    )
    return HttpResponse(render_to_string("surveys/respond.html", context), status=status)


def submitted(request: HttpRequest, page: HostedPage, *, save: Save = services.answer) -> HttpResponseBase:
    """What was sent, read and checked, is handed to `save`; what stands in its way is said with the form still filled."""
    now = clock.now()
    try:
        sent = request.POST
    except RequestDataTooBig:
        return too_long(page, "", score=None, status=413)
    except SuspiciousOperation:
        return question(page, language="", score=None, status=400)
    language = sent.get("lang", "")[:20]
    if not page.takes_answers:
        return refused(page, sent=True, language=language)
    comment = clean_comment(sent.get("comment", ""))
    content = page.content
    score = read_score(sent.getlist("score"), content.scale.scores)
    may_contact = sent.get("may_contact") == "1"
    may_quote = sent.get("may_quote") == "1"
    given = questions.from_form(content.questions, sent)
    form: dict[str, Any] = {
        "language": language,
        "score": score,
        "comment": comment,
        "may_contact": may_contact,
        "may_quote": may_quote,
        "answers": given,
        "asked": sent.getlist("asked"),
    }
    if len(comment) > rendering.MAX_COMMENT:
        return too_long(page, comment[:MAX_ECHO], **{k: v for k, v in form.items() if k != "comment"})
    if score is None:
        return question(page, **form, status=400, error=page.wording(language).scale.score_missing)
    rendered_at = page.read_nonce(sent.get("nonce", ""))
    if rendered_at is None or rendered_at > now:
        # The form was not made by this page. A person whose page is very old presses once more; nothing is lost.
        return question(page, **form, status=400, once_more=True)
    checked = content.check_answers(score, given)
    form["answers"] = {**given, **checked.answers}
    words = page.wording(language).texts
    met = set(form["asked"])
    visible = content.questions_for(score, checked.answers)
    errors = {problem.key: said_of(problem, words) for problem in checked.problems}
    errors |= {
        one.key: words.question_required
        for one in visible
        if one.required and one.key in met and one.key not in checked.answers and one.key not in errors
    }
    pending = [one.key for one in visible if one.key not in met]
    is_last = not errors and not pending
    again = ({"step": errors, "errors": errors, "status": 400} if errors else {"step": pending}) | {
        "nonce": sent.get("nonce", "")
    }
    if page.state is PageState.TEST:
        return thanked(page, score=score, language=language) if is_last else question(page, **form, **again)
    if not is_last and page.extras.get("is_kiosk"):
        return question(page, **form, **again)  # somebody else may answer next, so it is saved once and whole
    submission = Submission(
        score=score,
        comment=comment,
        may_contact=may_contact if content.asks_contact else None,
        may_quote=may_quote if content.asks_quote else None,
        # What was asked and left empty takes an earlier answer back.
        answers={
            **dict.fromkeys((key for key in met if any(key == one.key for one in visible)), ""),
            **checked.answers,
        }
        if content.questions
        else None,
        is_final=is_last,
        language=page.wording(language).tag,
        proof=read_proof(request, rendered_at),
        visible_seconds=read_seconds(sent.get("seconds", "")),
    )
    try:
        result = save(page=page, submission=submission, now=now)
    except Refused:
        return message(page, "closed", status=409, language=language)
    is_saved = result is Result.SAVED or (isinstance(result, HttpResponseBase) and result.status_code == 303)
    if is_saved and not is_last:
        return question(page, **form, **again)
    if isinstance(result, HttpResponseBase):
        return result
    if result is Result.SAVED:
        path = page.addresses.thanks
        shown = f"?lang={language}" if language in page.content.languages else ""
        return HttpResponseRedirect(path + shown, status=303)
    if result is Result.HELD:
        return question(page, **form, once_more=True)
    late = queries.find_page(page.token, now=now)
    return forged(request) if late is None else refused(late, sent=True, language=language)


def too_long(
    page: HostedPage,
    comment: str,
    *,
    score: int | None,
    language: str = "",
    status: int = 400,
    **form: Any,
) -> HttpResponse:
    words = page.wording(language).texts
    error = texts.fill(words.comment_too_long, limit=f"{rendering.MAX_COMMENT:,}")
    return question(
        page,
        language=language,
        score=score,
        comment=comment,
        status=status,
        comment_error=error,
        **form,
    )


def said_of(problem: questions.Problem, words: texts.Texts) -> str:
    """A refused answer in the reader's language. Only a crafted form sends what is not on offer."""
    if problem.code == "too_long":
        return texts.fill(words.comment_too_long, limit=f"{questions.MAX_TEXT:,}")
    return words.question_required


def kept_answers(
    listed: Iterable[questions.Question], answers: Mapping[str, Any], asked: set[str], step: set[str]
) -> list[tuple[str, str]]:
    """What was said before this step, as hidden fields."""
    kept: list[tuple[str, str]] = []
    if not step:
        return kept
    for one in listed:
        if one.key in step or one.key not in asked:
            continue
        kept.append(("asked", one.key))
        value = answers.get(one.key)
        values = value if isinstance(value, list) else [value] if value is not None else []
        kept += [(f"q-{one.key}", str(each)) for each in values if str(each)]
    return kept


@public(REASON)
@hosted("POST")
def confirm(request: HttpRequest, token: str) -> HttpResponseBase:
    """The first gesture on the page, told by its script: commits the chosen score, nothing else."""
    now = clock.now()
    page = queries.find_page(token, now=now)
    if page is None:
        return HttpResponse(status=404)
    score = read_score(request.POST.getlist("score"), page.content.scale.scores)
    rendered_at = tokens.read_nonce(token, request.POST.get("nonce", ""))
    if (
        score is None
        or rendered_at is None
        or rendered_at > now
        or request.POST.get("gesture") not in GESTURES
    ):
        return HttpResponse(status=400)
    if page.state is PageState.TEST:
        return HttpResponse(status=204)
    if not page.takes_answers:
        return HttpResponse(status=409 if page.state is PageState.LOCKED else 410)
    result = services.answer(
        page=page,
        submission=Submission(
            score=score,
            language=page.wording(request.POST.get("lang", "")[:20]).tag,
            proof=read_proof(request, rendered_at),
            visible_seconds=read_seconds(request.POST.get("seconds", "")),
            is_final=False,
        ),
        now=now,
    )
    return HttpResponse(status={Result.SAVED: 204, Result.HELD: 202, Result.LOCKED: 409}.get(result, 410))


@public(REASON)
@hosted("GET", "HEAD")
def thanks(request: HttpRequest, token: str) -> HttpResponseBase:
    page = queries.find_page(token, now=clock.now())
    if page is None:
        return forged(request)
    language = request.GET.get("lang", "")[:20]
    if page.response is None or page.state is PageState.CLOSED:
        return HttpResponseRedirect(reverse("surveys:respond", args=[token]))
    return thanked(page, score=page.response.score, language=language)


def thanked(page: HostedPage, *, score: int, language: str) -> HttpResponse:
    wording = page.wording(language)
    context = rendering.page_context(
        page.content,
        wording,
        logo=page.invitation.version.logo.name or "",
        first_name=page.first_name,
        reader=page.reader,
        score=score,
        edit_hours=page.edit_hours,
        change_url=page.addresses.change,
        is_test=page.state is PageState.TEST,
        **page.extras,
        **rendering.thanks_context(
            page.content, wording, score=score, first_name=page.first_name, reader=page.reader
        ),
    )
    return HttpResponse(render_to_string("surveys/respond_thanks.html", context))


@public(REASON)
@hosted("GET", "HEAD")
def opened(request: HttpRequest, token: str) -> HttpResponseBase:
    """The mail's invisible picture. The same picture for every token, known or not."""
    if request.method == "GET":
        now = clock.now()
        page = queries.find_page(token, now=now)
        if page is not None:
            services.note_opened(page=page, now=now)
    return HttpResponse(PIXEL, content_type="image/gif")


# The brand


@public("a brand's colour as a stylesheet")
@require_http_methods(["GET", "HEAD"])
def brand_css(request: HttpRequest, colour: str) -> HttpResponse:
    return HttpResponse(
        rendering.brand_css(colour),
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": FOREVER},
    )


@public("a survey's logo, named by its content")
@require_http_methods(["GET", "HEAD"])
def brand_logo(request: HttpRequest, name: str) -> HttpResponse:
    found = LOGO.fullmatch(name)
    if found is None or not default_storage.exists(f"brand/{name}"):
        raise Http404
    with default_storage.open(f"brand/{name}") as stored:
        picture = stored.read()
    headers = {"Cache-Control": FOREVER, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return HttpResponse(picture, content_type=LOGO_TYPES[found[1]], headers=headers)


# Reading what was sent


def read_score(given: list[str], scores: range) -> int | None:
    """The score, if exactly one was sent, it is written as we write it, and it lies on the survey's scale."""
    if len(given) != 1 or not re.fullmatch(r"10|[0-9]", given[0], re.ASCII):
        return None
    return int(given[0]) if int(given[0]) in scores else None


def read_seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII) else 0


def read_proof(request: HttpRequest, rendered_at: Any) -> Proof:
    sent = request.POST
    return Proof(
        rendered_at=rendered_at,
        gesture=sent.get("gesture", "")[:10],
        ran_script=sent.get("script") == "1",
        by_button=sent.get("via") == "button",
        hidden_field=bool(sent.get("website", "")),
    )
