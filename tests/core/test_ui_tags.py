"""The components of the pages: what they show, and that nothing a customer writes becomes markup."""

import datetime as dt
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from core import clock, navigation
from core.icons import ICONS
from core.templatetags import ui

NASTY = "<script>alert(1)</script>\"'{{ 7*7 }}"
NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


def render(source: str, path: str = "/accounts/", **context: object) -> str:
    request = RequestFactory().get(path)
    return Template(source).render(Context({"request": request, **context}))


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


# --- Numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1904, "1,904"),
        (0, "0"),
        (-3.5, "−3.5"),
        (-0.0, "0"),
        (None, "–"),
        ("", "–"),
        ("seven", "–"),
        (True, "–"),
        (float("nan"), "–"),
    ],
)
def test_num_shows_thousands_a_true_minus_and_a_dash_for_nothing(value: object, shown: str) -> None:
    assert ui.num(value).removesuffix(".0") == shown


@pytest.mark.parametrize(("value", "shown"), [(31, "+31"), (-4, "−4"), (0, "0"), (None, "–")])
def test_signed_shows_the_sign_except_of_zero(value: object, shown: str) -> None:
    assert ui.signed(value) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "compact", "shown"),
    [
        (184000, "EUR", False, "€ 184,000"),
        ("184000.00", "EUR", False, "€ 184,000"),
        ("12.5", "USD", False, "$ 12.50"),
        (1999.5, "JPY", False, "¥ 2,000"),
        (-1200, "EUR", False, "−€ 1,200"),
        (2410000, "EUR", True, "€ 2.41 M"),
        (999950, "EUR", True, "€ 1 M"),
        (184000, "EUR", True, "€ 184 k"),
        (0, "EUR", False, "€ 0"),
        (5000, "SEK", False, "SEK 5,000"),
        (None, "EUR", False, "–"),
    ],
)
def test_money(amount: object, currency: str, compact: bool, shown: str) -> None:
    assert ui.money(amount, currency, compact).replace("\u00a0", " ") == shown


# --- Scores and figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "css", "word"),
    [
        (0, "d", "detractor"),
        (6, "d", "detractor"),
        (7, "n", "passive"),
        (8, "n", "passive"),
        (9, "p", "promoter"),
        (10, "p", "promoter"),
    ],
)
def test_score_says_its_category_in_colour_and_in_words(score: int, css: str, word: str) -> None:
    html = ui.score(score)

    assert f'class="score {css}"' in html
    assert f'<span class="sr"> {word}</span>' in html


def test_zero_is_a_score_and_none_is_not() -> None:
    assert ">0<" in ui.score(0)
    assert "no score" in ui.score(None)


@pytest.mark.parametrize("value", [11, -1, 7.5, True, "nine"])
def test_a_number_off_the_scale_has_no_category(value: object) -> None:
    assert ui.score_category(value) == ""


def test_a_score_on_another_scale_is_not_called_a_promoter() -> None:
    html = ui.score(5, scale_min=1, scale_max=5)

    assert "of 5" in html
    assert "promoter" not in html


def test_nps_figure_never_stands_alone() -> None:
    html = ui.nps_figure(31, margin=7, n=487, definition="latest per contact", url="/nps/rows/")

    for part in ("+31", "±\u00a07", "95", "487 answers", "latest per contact", 'href="/nps/rows/"'):
        assert part in html


def test_nps_figure_without_answers_is_no_data_and_not_zero() -> None:
    html = ui.nps_figure(None, margin=None, n=0)

    assert "no data" in html
    assert "0 answers" in html
    assert "±" not in html


def test_nps_figure_of_zero_is_a_figure() -> None:
    assert '<span class="big">0</span>' in ui.nps_figure(0, low=-10, high=12, n=1)
    assert "−10 to +12" in ui.nps_figure(0, low=-10, high=12, n=1)
    assert "1 answer<" in ui.nps_figure(0, low=-10, high=12, n=1)


def test_a_change_within_noise_is_grey_and_says_so() -> None:
    assert 'class="delta down"' in ui.delta(-4)
    noisy = ui.delta(-4, significant=False)
    assert 'class="delta flat"' in noisy
    assert "within noise" in noisy


# --- Time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (dt.timedelta(seconds=-20), "just now"),
        (dt.timedelta(minutes=-5), "5 min ago"),
        (dt.timedelta(hours=-5), "5 h ago"),
        (dt.timedelta(hours=19), "in 19 h"),
        (dt.timedelta(days=-1, hours=-1), "yesterday"),
        (dt.timedelta(days=-4), "4 days ago"),
        (dt.timedelta(days=3), "in 3 days"),
        (dt.timedelta(days=-12), "9 Nov"),
        (dt.timedelta(days=-400), "17 Oct 2025"),
    ],
)
def test_ago_places_a_moment(at_noon: None, away: dt.timedelta, text: str) -> None:
    assert f">{text}</time>" in ui.ago(NOW + away)


def test_times_are_told_in_the_readers_zone(at_noon: None) -> None:
    with timezone.override("Asia/Tokyo"):
        html = ui.when(dt.datetime(2026, 11, 9, 20, 30, tzinfo=dt.UTC))

    assert ">10 Nov 2026, 05:30</time>" in html
    assert 'datetime="2026-11-10T05:30:00+09:00"' in html


def test_a_date_has_no_hour_and_a_missing_time_is_a_dash(at_noon: None) -> None:
    assert ">1 Feb 2027</time>" in ui.when(dt.date(2027, 2, 1))
    assert 'title="in 72 days"' in ui.when(dt.date(2027, 2, 1))
    assert ui.ago(None) == "–"


# --- Lists --------------------------------------------------------------------------------------------------


def test_sort_header_asks_for_the_other_way_and_keeps_the_filters() -> None:
    html = render('{% sort_header "ARR" "arr" css="r" %}', "/accounts/?q=a%26b&sort=-arr&page=3")

    assert 'aria-sort="descending"' in html
    assert 'href="?q=a%26b&amp;sort=arr"' in html


def test_sort_header_starts_numbers_from_the_largest() -> None:
    assert "?sort=-arr" in render('{% sort_header "ARR" "arr" css="r" %}')
    assert "?sort=name" in render('{% sort_header "Name" "name" %}')
    assert "aria-sort" not in render('{% sort_header "Name" "name" %}')


def test_pager_keeps_the_filters_and_names_the_place() -> None:
    page = Paginator(range(1284), 25).page(4)

    html = render('{% pager page "account" %}', "/accounts/?q=x&page=4", page=page)

    assert "76 to 100 of 1,284 accounts" in html
    assert 'href="?q=x&amp;page=5"' in html
    assert 'aria-current="page"' in html
    assert 'rel="prev"' in html


def test_pager_of_one_page_only_counts() -> None:
    html = render('{% pager page "reply" nouns="replies" %}', page=Paginator([1], 25).page(1))

    assert "1 reply" in html
    assert "href" not in html


@pytest.mark.parametrize(("number", "total"), [(1, 1), (1, 2), (5, 9), (52, 52), (1, 52), (26, 52)])
def test_pager_numbers_rise_and_contain_first_current_and_last(number: int, total: int) -> None:
    page = Paginator(range(total), 1).page(number)

    shown = [n for n in ui._page_numbers(page) if n]

    assert shown == sorted(set(shown))
    assert {1, number, total} <= set(shown)


def test_chip_takes_its_own_parameters_off_and_leaves_the_rest() -> None:
    html = render(
        '{% chip "Owner" "Mara" remove="owner owner_role" %}', "/?owner=3&owner_role=csm&q=x&page=2"
    )

    assert 'href="?q=x"' in html
    assert 'aria-label="Remove filter Owner Mara"' in html


def test_query_changes_one_parameter_and_goes_back_to_the_first_page() -> None:
    assert render("{% query status='open' %}", "/?q=x&page=4&status=all") == "?q=x&amp;status=open"
    assert render("{% query q=None %}", "/?q=x") == "?"


# --- Forms --------------------------------------------------------------------------------------------------


class SurveyForm(forms.Form):
    name = forms.CharField(label="Name", help_text="Seen by your team only.")
    start = forms.ChoiceField(
        label="Start", widget=forms.RadioSelect, choices=[("now", "Now"), ("at", "At a time")]
    )
    consent = forms.BooleanField(label="May be contacted", required=False)
    token = forms.CharField(widget=forms.HiddenInput, required=False)


def test_field_ties_help_and_error_to_the_control() -> None:
    html = render("{% field form.name %}", form=SurveyForm({"name": "", "start": "now"}))

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'class="req"' in html


def test_a_choice_of_radios_is_a_fieldset_and_a_tick_has_its_label_after_it() -> None:
    html = render("{% fields form %}", form=SurveyForm())

    assert "<fieldset" in html
    assert "<legend>Start" in html
    assert html.index('type="checkbox"') < html.index("May be contacted")
    assert html.count('name="token"') == 1


def test_form_errors_lead_to_the_fields_at_fault() -> None:
    form = SurveyForm({"name": "", "start": "never"})

    html = render("{% form_errors form %}", form=form)

    assert "2 fields need another look." in html
    assert 'href="#id_name"' in html
    assert 'role="alert"' in html


def test_form_errors_are_silent_on_a_fresh_form() -> None:
    assert render("{% form_errors form %}", form=SurveyForm()).strip() == ""


# --- Nothing written by a customer becomes markup -----------------------------------------------------------


INJECTIONS = [
    "{% badge x x title=x %}",
    "{% category x %}",
    "{% score 3 url=x %}",
    "{% nps_figure 3 n=4 definition=x url=x %}",
    "{% delta 3 note=x %}",
    "{% avatar x %}",
    "{% icon 'mail' label=x css=x %}",
    "{% icon x %}",
    "{% chip x x url=x %}",
    "{% chip x x remove='q' %}",
    "{% sort_header x x css=x target=x %}",
    "{% progress 1 2 x %}",
    "{% stat x x note=x url=x %}",
    "{% steps 1 x x %}",
    "{% tab x x 3 %}",
    "{% money 3 x %}",
    "{% ago None x %}",
    "{{ x|num }}{{ x|signed }}{{ x|percent }}",
    "{% card title=x note=x url=x link=x footer=x css=x id=x %}{{ x }}{% endcard %}",
    "{% banner tone=x title=x css=x %}{{ x }}{% endbanner %}",
    "{% empty_state title=x icon_name=x %}{{ x }}{% endempty_state %}",
    "{% dialog id=x title=x %}{{ x }}{% enddialog %}",
    "{% menu label=x title=x css=x %}{{ x }}{% endmenu %}",
    "{% filter_menu label=x value=x %}{{ x }}{% endfilter_menu %}",
    "{% tl_item tone=x icon_name=x %}{{ x }}{% endtl_item %}",
    "{% quote tone=x %}{{ x }}{% endquote %}",
]


@pytest.mark.parametrize("source", INJECTIONS)
def test_text_stays_text(source: str) -> None:
    html = render(source, x=NASTY)

    assert "<script" not in html
    assert "\"'" not in html
    assert "49" not in html


def test_field_and_pager_escape_what_is_typed() -> None:
    form = SurveyForm({"name": NASTY, "start": NASTY})
    form.fields["name"].label = NASTY
    form.fields["name"].help_text = NASTY
    page = Paginator(range(90), 25).page(2)

    html = render(
        "{% fields form %}{% pager page noun=x %}", "/?q=" + "%3Cscript%3E", form=form, page=page, x=NASTY
    )

    assert "<script" not in html


def test_no_component_writes_a_style_or_a_handler() -> None:
    html = "".join(render(source, x="Nordwind") for source in INJECTIONS)

    assert " style=" not in html
    assert " on" not in html.replace(" on ", "").replace("chip on", "").replace("sort on", "")
    assert set(ICONS) >= {"today", "accounts", "mail"}


# --- Navigation ---------------------------------------------------------------------------------------------


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {"today": "/", "accounts": "/accounts/", "account_new": "/accounts/new/", "rules": "/rules/"}
    monkeypatch.setattr(navigation, "_items", {})
    monkeypatch.setattr(navigation, "_resolve", lambda name: urls.get(name, ""))
    navigation.register("act", "Rules", "rules", "rules", permission=lambda user: user.is_lead)
    navigation.register("main", "Accounts", "accounts", "accounts", key="a", badge=lambda user: 3)
    navigation.register("main", "Today", "today", "today", key="t")
    navigation.register("main", "Feedback", "not_built_yet", "feedback")


def test_navigation_orders_places_and_leaves_out_what_does_not_exist(places: None) -> None:
    groups = navigation.groups_for(user=SimpleNamespace(is_lead=True), path="/")

    assert [(g.heading, [link.label for link in g.links]) for g in groups] == [
        ("", ["Today", "Accounts"]),
        ("Act", ["Rules"]),
    ]


def test_navigation_hides_what_a_user_may_not_enter(places: None) -> None:
    groups = navigation.groups_for(user=SimpleNamespace(is_lead=False), path="/")

    assert [link.label for g in groups for link in g.links] == ["Today", "Accounts"]


@pytest.mark.parametrize(
    ("path", "current"),
    [("/", "Today"), ("/accounts/", "Accounts"), ("/accounts/17/", "Accounts"), ("/elsewhere/", "")],
)
def test_navigation_marks_the_place_one_is_in(places: None, path: str, current: str) -> None:
    groups = navigation.groups_for(user=SimpleNamespace(is_lead=True), path=path)

    assert [link.label for g in groups for link in g.links if link.is_current] == (
        [current] if current else []
    )


def test_registering_twice_shows_a_place_once(places: None) -> None:
    navigation.register("main", "Accounts", "accounts", "accounts", badge=lambda user: 5)

    links = [
        link for g in navigation.groups_for(user=SimpleNamespace(is_lead=False), path="/") for link in g.links
    ]

    assert [link.count for link in links if link.label == "Accounts"] == [5]
