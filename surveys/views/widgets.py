"""Widgets: the list, one with how to install it, its secret, trying it out; and where a campaign shows in it."""

from typing import Any

from csp.constants import NONCE, NONE
from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from core import clock
from core.errors import Refused
from surveys import texts
from surveys.choices import CampaignState, WidgetMode, WidgetTheme
from surveys.widget import installing, manage, queries, tickets
from surveys.widget.api import TEST_GOOD_FOR
from surveys.widget.forms import MODES, THEMES, PlacementForm, RotateForm, WidgetEditForm, WidgetForm
from surveys.widget.tickets import Kind
from team.http import UserRequest, public, requires
from team.permissions import can_administer, can_lead, can_view


@requires(can_lead)
@require_safe
def widget_list(request: UserRequest) -> HttpResponseBase:
    context = {"widgets": queries.list_widgets(), "may_administer": can_administer(request.user)}
    return render(request, "surveys/widget_list.html", context)


@requires(can_administer)
@never_cache
def widget_new(request: UserRequest) -> HttpResponseBase:
    form = WidgetForm(request.POST or None, initial={"theme": "auto"})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            widget, secret = manage.create_widget(
                name=given["name"], origins=form.lines, theme=given["theme"],
                creates_contacts=given["creates_contacts"], actor=request.user,
            )  # fmt: skip
        except Refused as refusal:
            _show(form, refusal)
        else:
            # Shown in the answer itself: after a redirect the secret would have to be kept somewhere in between.
            context = {"widget": widget, "secret": secret, "is_new": True}
            return render(request, "surveys/widget_secret.html", context)
    return render(request, "surveys/widget_form.html", {"form": form}, status=422 if form.is_bound else 200)


@requires(can_lead)
@require_safe
def widget_detail(request: UserRequest, pk: int) -> HttpResponseBase:
    widget = get_object_or_404(queries.list_widgets(), pk=pk)
    now = clock.now()
    context = {
        "widget": widget,
        "theme": THEMES[WidgetTheme(widget.theme)],
        "placements": queries.placements_of(widget),
        "modes": {mode.value: label for mode, label in MODES.items()},
        "snippets": installing.snippets(widget.key, base_url=settings.BASE_URL),
        "previous_until": widget.previous_until
        if widget.previous_until and widget.previous_until > now
        else None,
        "rotate_form": RotateForm(),
        "may_administer": can_administer(request.user),
    }
    return render(request, "surveys/widget_detail.html", context)


@requires(can_administer)
def widget_edit(request: UserRequest, pk: int) -> HttpResponseBase:
    widget = get_object_or_404(queries.list_widgets(), pk=pk)
    form = WidgetEditForm(request.POST or None, initial=WidgetForm.of(widget))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            manage.update_widget(
                widget=widget, name=given["name"], origins=form.lines, theme=given["theme"],
                creates_contacts=given["creates_contacts"], is_active=given["is_active"], actor=request.user,
            )  # fmt: skip
        except Refused as refusal:
            _show(form, refusal)
        else:
            messages.info(request, "Saved. It holds everywhere within a few seconds.")
            return redirect("surveys:widget_detail", pk=pk)
    context = {"form": form, "widget": widget}
    return render(request, "surveys/widget_form.html", context, status=422 if form.is_bound else 200)


@requires(can_administer)
@require_POST
@never_cache
def widget_rotate(request: UserRequest, pk: int) -> HttpResponseBase:
    widget = get_object_or_404(queries.list_widgets(), pk=pk)
    form = RotateForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose for how long the present secret stays good.")
        return redirect("surveys:widget_detail", pk=pk)
    secret = manage.rotate_secret(widget=widget, days=form.cleaned_data["days"], actor=request.user)
    context = {"widget": widget, "secret": secret, "days": form.cleaned_data["days"]}
    return render(request, "surveys/widget_secret.html", context)


# --- Trying it out -----------------------------------------------------------------------------------------------
@requires(can_lead)
@require_safe
def widget_test(request: UserRequest, pk: int) -> HttpResponseBase:
    """The widget in a page that is a stranger to ours: a frame with an origin of its own."""
    widget = get_object_or_404(queries.list_widgets(), pk=pk)
    offered = queries.tryable(widget)
    chosen = next((one for one in offered if one.value == request.GET.get("what")), next(iter(offered), None))
    mode = request.GET.get("mode", "")
    if mode not in set(WidgetMode):
        mode = chosen.mode if chosen else WidgetMode.CORNER.value
    language = request.GET.get("language", "")
    ticket = ""
    if chosen is not None:
        ticket = tickets.seal(
            Kind.TEST,
            {
                "w": widget.pk, "key": widget.key, "c": chosen.campaign_id, "v": chosen.version_id, "m": mode,
                "l": language[:20],
            },
            now=clock.now(),
        )  # fmt: skip
    context = {
        "widget": widget,
        "offered": offered,
        "chosen": chosen,
        "mode": mode,
        "modes": [(value.value, label) for value, label in MODES.items()],
        "language": language,
        "languages": texts.choices(),
        "ticket": ticket,
    }
    return render(request, "surveys/widget_test.html", context)


@public("a signed ticket of a person who may try the widget; nothing it shows is anybody's")
@require_safe
@never_cache
@xframe_options_sameorigin
def widget_sample(request: HttpRequest, ticket: str) -> HttpResponseBase:
    """A plain page of some product with the widget in it. Its sandbox makes it a stranger to this site."""
    found = tickets.read(Kind.TEST, ticket, now=clock.now(), good_for=TEST_GOOD_FOR)
    if found is None:
        raise Http404
    server = f"{request.scheme}://{request.get_host()}"
    policy = {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [server],
        "connect-src": [server],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [server],
        "sandbox": ["allow-scripts", "allow-popups"],
    }
    right_to_left = texts.language_for(found.get("l")).direction == "rtl"
    context = {
        "ticket": ticket, "key": found["key"], "server": server, "language": found.get("l") or "en",
        "direction": "rtl" if right_to_left else "ltr",
    }  # fmt: skip
    page = csp(policy)(lambda inner: render(inner, "surveys/widget_sample.html", context))
    return page(request)


# --- Where a campaign shows --------------------------------------------------------------------------------------
@requires(can_view)
def campaign_in_app(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    placement = queries.get_placement(campaign)
    may_lead = can_lead(request.user)
    if request.method == "POST" and not may_lead:
        raise Http404
    form = PlacementForm(
        request.POST or None,
        initial=PlacementForm.of(placement) if placement else {"mode": "corner", "delay_seconds": 5},
    )
    if request.method == "POST" and form.is_valid():
        try:
            manage.save_placement(campaign=campaign, actor=request.user, **form.values)
        except Refused as refusal:
            _show(form, refusal)
        else:
            messages.info(request, "Saved. It holds everywhere within a few seconds.")
            return redirect("surveys:campaign_in_app", pk=pk)
    context = {
        "campaign": campaign,
        "placement": placement,
        "form": form,
        "may_lead": may_lead,
        "is_over": campaign.state in {CampaignState.STOPPED, CampaignState.FINISHED},
        "has_widgets": form.fields["widget"].queryset.exists(),  # type: ignore[attr-defined]
    }
    return render(request, "surveys/campaign_in_app.html", context, status=422 if form.is_bound else 200)


@requires(can_lead)
@require_POST
def campaign_in_app_remove(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    manage.remove_placement(campaign=campaign, actor=request.user)
    messages.info(request, "This campaign shows in no widget any more.")
    return redirect("surveys:campaign_in_app", pk=pk)


def _show(form: Any, refusal: Refused) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
