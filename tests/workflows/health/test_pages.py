"""Health on pages: the list, an account's score and why, overrides, sentiment, and the configuration with its what-if."""

import datetime as dt
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client

from accounts.domain import Origin
from accounts.models import Account
from accounts.services import metrics
from core import clock
from team import queries as team_queries
from team.models import AuditEntry, RoleScope, User
from tests import factories
from workflows import digest, digest_sections
from workflows.health import compute, defaults, draft, queries, reasons, versions, what_if
from workflows.models import AccountHealth, HealthOverride, HealthSentiment, HealthSnapshot, HealthVersion
from workflows.services import health as services

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def use(number: float) -> dict[str, Any]:
    """A component of the metric "use", from 0 to 100."""
    return {
        "key": "use", "group": "Product use", "label": "Use", "weight": number, "source": "metric",
        "settings": {"metric": "use"}, "transform": {"kind": "linear", "worst": 0, "best": 100},
    }  # fmt: skip


def mood(number: float) -> dict[str, Any]:
    return {
        "key": "mood", "group": "Relationship", "label": "Mood", "weight": number, "source": "metric",
        "settings": {"metric": "mood"}, "transform": {"kind": "linear", "worst": 0, "best": 100},
    }  # fmt: skip


@pytest.fixture
def version(lead: User) -> HealthVersion:
    """One profile of two metrics, use and mood, three to one."""
    defaults.ensure()
    for key in ("use", "mood"):
        metrics.define_metric(key=key, unit="points", actor=lead)
    config = deepcopy(defaults.CONFIG)
    config["profiles"][0]["components"] = [use(30), mood(10)]
    return services.save_profiles(config=config, note="For the test", actor=lead)


def told(account: Account, *, days: int = 0, **values: int) -> None:
    """Values of metrics, observed and recorded so many days ago."""
    at = clock.now() - days * DAY
    metrics.put_values(account=account, values=values, observed_at=at, actor=None)  # type: ignore[arg-type]


@pytest.fixture
def mine(csm: User, version: HealthVersion) -> Account:
    account = factories.an_account("Acme", owner=csm, arr=1000, currency="EUR")
    told(account, use=90, mood=50)
    compute.recompute()
    return account


# --- An account ----------------------------------------------------------------------------------------------
def test_the_account_shows_its_score_as_parts_that_add_up(browser_of: Any, csm: User, mine: Account) -> None:
    page = browser_of(csm).get(f"/accounts/{mine.pk}/?tab=health").content.decode()
    standing = queries.health_of(mine.pk)
    assert standing is not None
    explained = reasons.explained(standing)

    assert (standing.shown, [line.points for line in explained.lines]) == (80, [67.5, 12.5])
    assert explained.total == 80.0
    assert "67.5" in page
    assert "90 points" in page
    overview = browser_of(csm).get(f"/accounts/{mine.pk}/").content.decode()
    assert "100 % of weight has data" in overview


def test_an_account_with_too_little_data_is_grey_and_says_why(
    browser_of: Any, csm: User, version: HealthVersion
) -> None:
    account = factories.an_account("Quiet", owner=csm)
    told(account, mood=50)
    compute.recompute()

    page = browser_of(csm).get(f"/accounts/{account.pk}/?tab=health").content.decode()

    assert "based on 1 of 2 components" in page
    assert "Unclear" in page


def test_an_account_without_health_yet_still_has_its_page(browser_of: Any, csm: User) -> None:
    account = factories.an_account("New", owner=csm)

    assert browser_of(csm).get(f"/accounts/{account.pk}/").status_code == 200
    assert "Not computed yet" in browser_of(csm).get(f"/accounts/{account.pk}/?tab=health").content.decode()


def test_a_change_between_two_days_is_told_in_sentences_that_add_up(
    frozen: Any, browser_of: Any, csm: User, lead: User, mine: Account
) -> None:
    frozen.shift(10 * DAY)
    told(mine, use=40)
    compute.recompute()
    frozen.shift(5 * DAY)
    config = deepcopy(defaults.CONFIG)
    config["profiles"][0]["components"] = [use(30), mood(30)]
    services.save_profiles(config=config, note="Mood matters more", actor=lead)
    compute.recompute()
    today = team_queries.today()

    comparison = reasons.between(mine.pk, today - 15 * DAY, today)

    assert comparison is not None
    assert not comparison.has_residual
    assert [(reason.cause, reason.points) for reason in comparison.reasons] == [
        ("value", -31),
        ("weight", -4),
    ]
    assert comparison.reasons[0].text.startswith("Use fell from 90 points to 40 points on ")
    assert comparison.points == 45 - 80
    page = (
        browser_of(csm)
        .get(f"/accounts/{mine.pk}/health/change/?from={today - 15 * DAY}&to={today}")
        .content.decode()
    )
    assert "The weight of Mood was changed from 10 to 30" in page
    assert f"/settings/health/versions/{HealthVersion.objects.count()}/?against=2" in page


@pytest.mark.parametrize(
    "asked",
    ["from=x&to=y", "from=2026-03-01&to=2026-02-01", "from=2999-01-01&to=2999-02-01", "to=0000-00-00"],
)
def test_days_that_cannot_be_compared_are_refused_in_words(
    browser_of: Any, csm: User, mine: Account, asked: str
) -> None:
    answer = browser_of(csm).get(f"/accounts/{mine.pk}/health/change/?{asked}")

    assert answer.status_code == 422


def test_why_it_changed_of_an_account_out_of_sight_is_not_found(
    browser_of: Any, stranger: User, mine: Account
) -> None:
    browser = browser_of(stranger)

    assert browser.get(f"/accounts/{mine.pk}/health/change/").status_code == 404
    for path in ("override", "sentiment"):
        assert browser.get(f"/accounts/{mine.pk}/health/{path}/").status_code == 404
    assert browser.post(f"/accounts/{mine.pk}/health/override/end/").status_code == 404


# --- Overrides and sentiment ---------------------------------------------------------------------------------
def test_an_override_needs_a_reason_and_an_end_and_says_what_is_computed(
    browser_of: Any, csm: User, viewer: User, mine: Account
) -> None:
    browser, url = browser_of(csm), f"/accounts/{mine.pk}/health/override/"
    until = (team_queries.today() + 20 * DAY).isoformat()

    form = browser.get(url).content.decode()
    refused = browser.post(url, {"band": "at_risk", "score": "20"})
    wrong = browser.post(url, {"band": "at_risk", "score": "90", "reason": "x", "expires_on": until})
    done = browser.post(
        url, {"band": "at_risk", "score": "20", "reason": "They told us <b>", "expires_on": until}
    )

    assert "Computed is <b>80</b>, healthy" in form
    assert (refused.status_code, wrong.status_code, done.status_code) == (422, 422, 302)
    assert "must lie in the band" in wrong.content.decode()
    page = browser.get(f"/accounts/{mine.pk}/?tab=health").content.decode()
    assert "They told us &lt;b&gt;" in page
    assert "Computed: 80, healthy" in page
    assert browser_of(viewer).get(url).status_code == 403
    browser.post(f"/accounts/{mine.pk}/health/override/end/")
    assert HealthOverride.objects.get().ended_by == csm
    assert (
        "no override to end"
        in browser.post(f"/accounts/{mine.pk}/health/override/end/", follow=True).content.decode()
    )


def test_an_override_is_a_part_of_the_shown_score(csm: User, mine: Account) -> None:
    services.override(
        account=mine, band="at_risk", score=20, reason="x", expires_on=team_queries.today(), actor=csm
    )
    standing = queries.health_of(mine.pk)
    assert standing is not None

    lines = reasons.explained(standing).lines

    assert [(line.label, line.points) for line in lines] == [
        ("Use", 67.5),
        ("Mood", 12.5),
        ("Override", -60.0),
    ]


def test_a_sentiment_is_said_with_a_note(browser_of: Any, csm: User, mine: Account) -> None:
    browser, url = browser_of(csm), f"/accounts/{mine.pk}/health/sentiment/"

    assert browser.post(url, {"value": "9"}).status_code == 422
    assert browser.post(url, {"value": "2", "note": "The champion left"}).status_code == 302
    page = browser.get(f"/accounts/{mine.pk}/?tab=health").content.decode()

    assert HealthSentiment.objects.get().value == 2
    assert "The champion left" in page


# --- The list ------------------------------------------------------------------------------------------------
@pytest.fixture
def many(csm: User, stranger: User, version: HealthVersion) -> list[Account]:
    accounts = []
    for name, owner, value in (
        ("Low", csm, 10),
        ("Middle", csm, 50),
        ("High", csm, 90),
        ("Theirs", stranger, 5),
    ):
        account = factories.an_account(name, owner=owner, arr=value)
        told(account, use=value, mood=value)
        accounts.append(account)
    factories.an_account("Silent", owner=csm)
    factories.an_account("Left", owner=csm, churned_on=team_queries.today() - DAY)
    compute.recompute()
    return accounts


def names(page: Any) -> list[str]:
    return [row.account.name for row in page.context["page"]]


def test_the_list_shows_what_one_sees_the_lowest_first_and_filters(
    browser_of: Any, csm: User, many: list[Account]
) -> None:
    browser = browser_of(csm)

    assert names(browser.get("/health/")) == ["Low", "Middle", "High", "Silent"]
    assert names(browser.get("/health/?band=healthy")) == ["High"]
    assert names(browser.get("/health/?band=none")) == ["Silent"]
    assert names(browser.get("/health/?sort=-arr")) == ["High", "Middle", "Low", "Silent"]
    assert names(browser.get("/health/?q=mid&owner=me")) == ["Middle"]
    assert names(browser.get(f"/health/?owner={many[3].owner_id}")) == []
    assert names(browser.get("/health/?owner=0x&band=%00&change=sideways")) == []
    assert "Theirs" not in browser.get("/health/").content.decode()


def test_the_list_finds_what_fell_and_says_why(
    frozen: Any, browser_of: Any, csm: User, many: list[Account]
) -> None:
    frozen.shift(31 * DAY)
    told(many[2], use=30)
    compute.recompute()

    page = browser_of(csm).get("/health/?change=fell")

    assert names(page) == ["High"]
    assert "Use fell from 90 points to 30 points" in page.content.decode()
    assert names(browser_of(csm).get("/health/?change=rose")) == []


def test_the_list_takes_a_flat_number_of_statements(
    frozen: Any, browser_of: Any, csm: User, many: list[Account], django_assert_max_num_queries: Any
) -> None:
    frozen.shift(31 * DAY)
    for number in range(30):
        account = factories.an_account(f"More {number}", owner=csm)
        told(account, use=number, mood=number)
    compute.recompute()
    browser = browser_of(csm)
    browser.get("/health/")

    with django_assert_max_num_queries(30):
        browser.get("/health/")


def test_the_export_holds_the_list_and_is_audited(
    browser_of: Any, csm: User, viewer: User, many: list[Account]
) -> None:
    answer = browser_of(csm).get("/health/export/?band=at_risk")
    lines = b"".join(answer.streaming_content).decode().splitlines()

    assert len(lines) == 2
    assert ",Low," in lines[1]
    assert AuditEntry.objects.filter(action="health.exported", detail__count=1).exists()
    assert browser_of(viewer).get("/health/export/").status_code == 403


def test_the_bar_counts_the_accounts_that_the_list_shows(
    browser_of: Any, csm: User, many: list[Account]
) -> None:
    many[0].churned_on = team_queries.today() - DAY
    many[0].save()
    browser = browser_of(csm)

    for band, count in queries.count_by_band(user=csm).items():
        assert browser.get(f"/health/?band={band or 'none'}").context["page"].paginator.count == count
    assert "at_risk" not in queries.count_by_band(user=csm)


# --- Turned red ----------------------------------------------------------------------------------------------
def red(user: User) -> list[str]:
    return [row.account.name for row in queries.list_turned_red(user=user, since=clock.now() - 7 * DAY)]


def test_what_turned_red_stands_on_the_first_page_and_in_the_digest(
    frozen: Any, browser_of: Any, csm: User, lead: User, stranger: User, many: list[Account]
) -> None:
    RoleScope.objects.update_or_create(role="csm", defaults={"scope": "own"})
    assert red(lead) == []  # "Low" was red from its first day: it did not turn

    frozen.shift(DAY)
    told(many[2], use=5, mood=5)
    compute.recompute()

    assert red(csm) == ["High"]
    assert red(lead) == ["High"]
    assert red(stranger) == []
    page = browser_of(csm).get("/").content.decode()
    assert "Health turned red" in page
    assert f"/accounts/{many[2].pk}/?tab=health" in page
    today = digest.Today(lead, team_queries.zone_of(lead), team_queries.today(), clock.now())
    found = digest_sections.turned_red(today)
    assert [(line.title, line.note) for line in found.lines] == [("High", "health 5, today")]
    assert "health_red" in [section.key for section in digest.sections()]
    frozen.shift(8 * DAY)
    assert red(csm) == []


def test_what_is_no_longer_red_or_never_moved_did_not_turn_red(
    frozen: Any, csm: User, lead: User, version: HealthVersion, many: list[Account]
) -> None:
    frozen.shift(DAY)
    told(many[2], use=5, mood=5)
    told(many[1], use=5, mood=5)
    compute.recompute()
    assert sorted(red(lead)) == ["High", "Middle"]

    frozen.shift(DAY)
    told(many[1], use=80, mood=80)
    services.override(
        account=many[2],
        band="watch",
        reason="They are moving",
        expires_on=team_queries.today() + 9 * DAY,
        actor=csm,
    )
    compute.recompute()
    assert red(lead) == []

    frozen.shift(8 * DAY)
    config = deepcopy(version.config)
    for band, start in zip(config["bands"], (0, 85, 95), strict=True):
        band["from"] = start
    services.save_profiles(config=config, note="Stricter", actor=lead)
    compute.recompute(origin=Origin.CORRECTION)
    assert AccountHealth.objects.get(account=many[1]).band == "at_risk"
    assert red(lead) == []  # the ruler moved, not the customer


def test_a_person_who_says_red_turns_it_red(csm: User, lead: User, many: list[Account]) -> None:
    services.override(
        account=many[2],
        band="at_risk",
        reason="Sponsor left",
        expires_on=team_queries.today() + 9 * DAY,
        actor=csm,
    )

    assert red(lead) == ["High"]


# --- The configuration ---------------------------------------------------------------------------------------
def form_of(version: HealthVersion, key: str = "standard", **changed: str) -> dict[str, Any]:
    """What the profile's page would send, with changes."""
    profile = versions.config_of(version).profile(key)
    assert profile is not None
    shown = draft.from_profile(profile)
    data: dict[str, Any] = {
        "base": str(version.number), "name": shown.name, "roll_up": shown.roll_up, "components": str(len(shown.rows)),
        "groups": "1", "mode": "all", "g0-mode": "all", "g0-rows": "1", "g0-r0-field": "", "do": "save",
    }  # fmt: skip
    for row in shown.rows:
        for name in (
            "key", "label", "group", "weight", "source", "kind", "worst", "best", "outside", "steps", "below", "scores",
            "other", "missing", "expires", "stale",
        ):  # fmt: skip
            data[f"{row.name}-{name}"] = getattr(row, name)
        for setting, values in row.settings.items():
            data[f"{row.name}-s-{setting}"] = values
    return {**data, **changed}


def test_the_editor_gives_back_what_it_was_given(version: HealthVersion) -> None:
    for config in (defaults.CONFIG, version.config):
        saved = services.save_profiles(config=deepcopy(config), note="", actor=None)
        profile = versions.config_of(saved).profiles[0]
        raw = draft.to_raw(
            draft.from_profile(profile),
            key=profile.key,
            conditions=profile.conditions,
            is_active=profile.is_active,
        )
        again = deepcopy(saved.config)
        again["profiles"][0] = raw

        assert services.save_profiles(config=again, note="", actor=None).pk == saved.pk


def test_what_a_change_would_do_is_shown_before_it_is_saved(
    browser_of: Any, lead: User, many: list[Account], version: HealthVersion
) -> None:
    told(many[2], mood=0)
    compute.recompute()
    browser, url = browser_of(lead), "/settings/health/profiles/standard/"
    data = form_of(version, **{"c0-weight": "10", "c1-weight": "30"})

    shown = browser.post(url, data, headers={"HX-Request": "true", "HX-Target": "segment-preview"})
    text = " ".join(shown.content.decode().split())

    assert "<html" not in text
    assert '<b class="num">1</b> watch → <span class="tone-d">at risk</span>' in text
    assert "High" in text
    assert HealthVersion.objects.count() == version.number
    saved = browser.post(url, {**data, "note": "Mood first"})
    assert saved.status_code == 302
    newest = queries.list_versions()[0]
    assert (newest.note, newest.author, newest.config["profiles"][0]["components"][0]["weight"]) == (
        "Mood first", lead, 10.0,
    )  # fmt: skip


def test_the_what_if_counts_only_what_one_sees(
    lead: User, many: list[Account], version: HealthVersion
) -> None:
    RoleScope.objects.update_or_create(role=lead.role, defaults={"scope": "own"})
    config = deepcopy(version.config)
    config["bands"][1]["from"] = 1

    found = what_if.what_if(config, User.objects.get(pk=lead.pk))

    assert (found.total, found.changing, found.accounts) == (0, 0, [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"c0-weight": "much"}, "Use: "),
        ({"c0-weight": "-1"}, "Use: "),
        ({"c0-weight": "NaN"}, "Use: "),
        ({"c0-weight": "1e400"}, "Use: "),
        ({"c1-best": "0"}, "Mood: "),
        ({"c1-kind": "thresholds", "c1-steps": "three is 70"}, "Mood: "),
        ({"c1-kind": "nonsense"}, "Mood: "),
        ({"c1-s-metric": "none"}, "Mood: "),
        ({"c1-expires": "soon"}, "Mood: "),
        ({"name": ""}, "name"),
        ({"components": "0"}, "at least one component"),
        ({"c1-key": "use"}, "same key"),
        ({"g0-r0-field": "plan", "g0-r0-op": "is", "g0-r0-value": ""}, ""),
        ({"base": "1"}, "saved in the meantime"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_with_its_component_and_nothing_is_lost(
    browser_of: Any, lead: User, version: HealthVersion, changed: dict[str, str], said: str
) -> None:
    answer = browser_of(lead).post("/settings/health/profiles/standard/", form_of(version, **changed))

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert HealthVersion.objects.count() == version.number


def test_components_are_added_and_taken_out_without_script(
    browser_of: Any, lead: User, version: HealthVersion
) -> None:
    browser, url = browser_of(lead), "/settings/health/profiles/standard/"

    added = browser.post(url, {**form_of(version), "do": "add-component", "new-source": "touch"})
    taken = browser.post(url, {**form_of(version), "do": "remove-component:0"})

    assert [row.key for row in added.context["draft"].rows] == ["use", "mood", "touch"]
    assert added.context["draft"].rows[2].settings == {"kinds": ["call", "meeting", "mail"]}
    assert [row.key for row in taken.context["draft"].rows] == ["mood"]
    assert HealthVersion.objects.count() == version.number


def test_a_new_profile_comes_first_and_takes_the_accounts_it_is_for(
    browser_of: Any, lead: User, version: HealthVersion
) -> None:
    account = factories.an_account("Big", plan="Enterprise")
    told(account, use=50)
    data = form_of(
        version, name="Enterprise", **{"g0-r0-field": "plan", "g0-r0-op": "in", "g0-r0-value": "Enterprise"}
    )

    answer = browser_of(lead).post("/settings/health/profiles/new/", data)
    compute.recompute()

    assert answer.status_code == 302
    assert [one["key"] for one in queries.list_versions()[0].config["profiles"]] == ["enterprise", "standard"]
    assert AccountHealth.objects.get(account=account).profile == "enterprise"
    page = browser_of(lead).get("/settings/health/").content.decode()
    assert "Enterprise" in page


def test_profiles_are_moved_copied_switched_and_taken_out_each_as_a_version(
    browser_of: Any, lead: User, version: HealthVersion
) -> None:
    browser = browser_of(lead)

    def act(key: str, action: str) -> list[tuple[str, bool]]:
        browser.post(f"/settings/health/profiles/{key}/{action}/")
        return [(one["key"], one["is_active"]) for one in queries.list_versions()[0].config["profiles"]]

    assert act("standard", "copy") == [("standard", True), ("standard-2", False)]
    assert act("standard-2", "up") == [("standard-2", False), ("standard", True)]
    assert act("standard-2", "switch") == [("standard-2", True), ("standard", True)]
    assert act("standard-2", "down") == [("standard", True), ("standard-2", True)]
    assert act("standard-2", "remove") == [("standard", True)]
    assert queries.list_versions()[0].number == version.number + 5
    assert browser.post("/settings/health/profiles/standard/explode/").status_code == 404
    assert browser.post("/settings/health/profiles/none/up/").status_code == 404


def test_bands_are_edited_with_what_would_change(
    browser_of: Any, lead: User, many: list[Account], version: HealthVersion
) -> None:
    browser, url = browser_of(lead), "/settings/health/bands/"
    data = {
        "base": str(version.number), "bands": "3", "b0-key": "at_risk", "b0-label": "At risk", "b0-start": "0",
        "b1-key": "watch", "b1-label": "Watch", "b1-start": "8", "b2-key": "healthy", "b2-label": "Healthy",
        "b2-start": "70", "confidence": "50", "margin": "0", "do": "save",
    }  # fmt: skip

    shown = browser.post(url, data, headers={"HX-Request": "true", "HX-Target": "segment-preview"})
    wrong = browser.post(url, {**data, "b1-start": "70"})
    more = browser.post(url, {**data, "do": "add-band"})
    saved = browser.post(url, data)

    assert '<b class="num">1</b> at risk → <span class="">watch</span>' in " ".join(
        shown.content.decode().split()
    )
    assert (wrong.status_code, saved.status_code) == (422, 302)
    assert len(more.context["draft"].rows) == 4
    assert versions.config_of(queries.list_versions()[0]).bands[1].start == 8


def test_a_version_is_compared_and_gone_back_to(
    browser_of: Any, lead: User, csm: User, version: HealthVersion
) -> None:
    config = deepcopy(version.config)
    config["profiles"][0]["components"][0]["weight"] = 99
    services.save_profiles(config=config, note="Too much", actor=lead)
    url = f"/settings/health/versions/{version.number}/"

    page = browser_of(csm).get(f"{url}?against={version.number + 1}").content.decode()

    assert "All customers: Use, weight" in page
    assert "Go back" not in page
    assert browser_of(csm).post(f"{url}restore/").status_code == 403
    assert "Go back to version" in browser_of(lead).get(url).content.decode()
    browser_of(lead).post(f"{url}restore/", {"note": "As before"})
    newest = queries.list_versions()[0]
    assert (newest.config, newest.restores, newest.note) == (version.config, version, "As before")
    assert browser_of(lead).get("/settings/health/versions/").status_code == 200


@pytest.mark.parametrize("path", ["", "bands/", "profiles/new/", "profiles/standard/"])
def test_only_those_who_lead_edit_health(
    browser_of: Any, csm: User, version: HealthVersion, path: str
) -> None:
    assert browser_of(csm).get(f"/settings/health/{path}").status_code == 403


def test_pages_open_for_everybody_who_may(
    browser_of: Any, lead: User, viewer: User, version: HealthVersion
) -> None:
    for path in ("", "bands/", "profiles/new/", "profiles/standard/"):
        assert browser_of(lead).get(f"/settings/health/{path}").status_code == 200
    for path in ("/health/", "/health/how/", "/settings/health/versions/"):
        assert browser_of(viewer).get(path).status_code == 200
    assert Client().get("/health/").status_code == 302


def test_the_trend_reaches_over_eighteen_weeks(
    frozen: Any, browser_of: Any, csm: User, mine: Account
) -> None:
    HealthSnapshot.objects.filter(account=mine).update(day=team_queries.today() - 130 * DAY)

    page = browser_of(csm).get(f"/accounts/{mine.pk}/?tab=health").content.decode()

    assert "19 of 27 periods have a score" in page
