"""Writing, versioning, copying and moving rules, over HTTP and without script."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from team.models import AuditEntry, User
from workflows.models import Rule
from workflows.rules.definition import values_of
from workflows.services import authoring

pytestmark = pytest.mark.django_db
NEW = "/rules/new/"


def form(**fields: Any) -> dict[str, Any]:
    """The editor as a browser sends it: a rule that creates a task for detractors."""
    return {
        "name": "Call detractors", "description": "", "trigger": "response.scored", "trigger_was": "response.scored",
        "c-groups": "1", "c-mode": "all", "c-g0-mode": "all", "c-g0-rows": "1", "c-g0-r0-field": "event.category",
        "c-g0-r0-op": "in", "c-g0-r0-value": ["detractor"], "s-count": "1", "s-0-kind": "create_task",
        "s-0-title": "Call {{ first_name|them }}", "s-0-due_business_days": "1", "s-0-priority": "high",
        "reentry": "always", "one_run_per": "cause", "reply_suppresses": "1", "version": "1", "do": "save", **fields,
    }  # fmt: skip


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def rule(lead: User) -> Rule:
    step = {"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}
    values = {"name": "Call detractors", "trigger": "response.scored", "steps": [step]}
    return authoring.create_rule(values=values, actor=lead)


def test_only_leads_write_rules(as_csm: Client, rule: Rule) -> None:
    for name, args in (
        ("rule_new", []),
        ("rule_edit", [rule.pk]),
        ("rule_import", []),
        ("rule_export", [rule.pk]),
    ):
        assert as_csm.get(reverse(f"workflows:{name}", args=args)).status_code == 403
    for name in ("rule_copy", "rule_delete", "rule_take_back"):
        assert as_csm.post(reverse(f"workflows:{name}", args=[rule.pk])).status_code == 403


def test_a_rule_is_written_without_script_and_is_off_at_first(as_lead: Client, lead: User) -> None:
    answer = as_lead.post(NEW, form(note="First try"))

    made = Rule.objects.get(name="Call detractors")
    assert answer.url == reverse("workflows:rule_detail", args=[made.pk])
    assert (made.is_active, made.version, made.created_by) == (False, 1, lead)
    assert made.conditions == {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}
    assert made.steps[0]["due_business_days"] == 1
    assert made.history.get().history_change_reason == "First try"
    assert AuditEntry.objects.filter(action="rule.created", actor=lead).exists()
    page = text(as_lead.get(answer.url))
    assert "the category is Detractor (0–6)" in page
    assert "Draft" in page


def test_each_button_of_the_editor_sends_the_form_and_shows_it_changed(as_lead: Client) -> None:
    added = text(as_lead.post(NEW, form(do="add::branch")))
    assert 'name="s-1-kind" value="branch"' in added
    inside = text(
        as_lead.post(NEW, form(**{"do": "add:1.then:create_alert", "s-count": "2", "s-1-kind": "branch"}))
    )
    assert 'name="s-1-then-0-kind" value="create_alert"' in inside
    moved = text(as_lead.post(NEW, form(**{"do": "up:1", "s-count": "2", "s-1-kind": "create_alert"})))
    assert 'name="s-0-kind" value="create_alert"' in moved
    removed = text(as_lead.post(NEW, form(do="remove:0")))
    assert "s-0-kind" not in removed
    copied = text(as_lead.post(NEW, form(do="copy:0")))
    assert copied.count("Call {{ first_name|them }}") >= 2
    asked = text(as_lead.post(NEW, form(do="in:c-:add-row:0")))
    assert 'name="c-g0-rows" value="2"' in asked
    assert not Rule.objects.filter(name="Call detractors").exists()


@pytest.mark.parametrize(
    "do",
    ["add:9.then:create_task", "add::nothing", "up:0", "down:7", "remove:0.then.0", "remove:-1", "in:s-5-x-:add-row:0", "in::", "copy:", "::::", "add:0.then.0:wait", "in:c-:remove-row:9:9"],
)  # fmt: skip
def test_buttons_that_lead_nowhere_change_nothing(as_lead: Client, do: str) -> None:
    page = as_lead.post(NEW, form(do=do))

    assert page.status_code == 200
    assert 'name="s-count" value="1"' in text(page)


def test_numbers_in_the_form_cannot_make_it_huge(as_lead: Client) -> None:
    page = as_lead.post(NEW, form(**{"s-count": "999", "c-groups": "99999999999", "do": "refresh"}))

    assert page.status_code == 200
    assert text(page).count("-kind") < 100


def test_what_is_missing_is_listed_and_marked_where_it_stands(as_lead: Client) -> None:
    page = as_lead.post(NEW, form(**{"s-0-title": ""}))

    assert page.status_code == 422
    assert "Step 1 (" in text(page)
    assert 'href="#s-0"' in text(page)
    assert 'aria-invalid="true"' in text(page)
    assert not Rule.objects.filter(name="Call detractors").exists()


def test_a_draft_is_kept_unfinished_and_cannot_be_switched_on(as_lead: Client) -> None:
    as_lead.post(NEW, form(**{"s-0-title": "", "do": "draft"}))

    made = Rule.objects.get(name="Call detractors")
    assert "Not ready to be switched on." in text(
        as_lead.get(reverse("workflows:rule_detail", args=[made.pk]))
    )
    answer = as_lead.post(reverse("workflows:rule_switch", args=[made.pk]), {"is_active": "1"}, follow=True)
    assert "is missing" in text(answer)
    made.refresh_from_db()
    assert not made.is_active


def test_what_is_written_is_shown_as_text_and_never_as_markup(as_lead: Client) -> None:
    bad = "<script>alert(1)</script> {{ 7*7 }}"
    page = as_lead.post(NEW, form(**{"name": bad, "s-0-title": bad, "do": "refresh"}))

    assert "<script>alert" not in text(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in text(page)


def test_the_sentence_follows_while_one_writes(as_lead: Client) -> None:
    page = as_lead.post(NEW, form(do="preview"), headers={"HX-Request": "true", "HX-Target": "rule-preview"})

    assert text(page).lstrip().startswith('<div id="rule-preview"')
    assert "the category is Detractor (0–6)" in text(page)


def test_two_tabs_do_not_overwrite_each_other(as_lead: Client, rule: Rule, administrator: User) -> None:
    authoring.save_rule(rule=rule, values={**values_of(rule), "name": "Theirs"}, actor=administrator)
    address = reverse("workflows:rule_edit", args=[rule.pk])

    page = as_lead.post(address, form(name="Mine"))

    assert page.status_code == 412
    assert "Ada Admin saved version 2 of this rule while you were editing it." in text(page)
    assert 'value="Mine"' in text(page)
    assert 'name="version" value="2"' in text(page)
    assert Rule.objects.get(pk=rule.pk).name == "Theirs"

    as_lead.post(address, form(name="Mine", version="2"))
    rule.refresh_from_db()
    assert (rule.name, rule.version) == ("Mine", 3)


def test_saving_what_stands_already_makes_no_version(lead: User, rule: Rule) -> None:
    assert authoring.save_rule(rule=rule, values=values_of(rule), actor=lead).version == 1


def test_versions_are_compared_in_words_and_taken_back(as_lead: Client, lead: User, rule: Rule) -> None:
    step = {**rule.steps[0], "title": "Write"}
    authoring.save_rule(rule=rule, values={**values_of(rule), "steps": [step]}, actor=lead, note="Softer")
    address = reverse("workflows:rule_versions", args=[rule.pk])

    page = text(as_lead.get(address))
    assert "Softer" in page
    assert "“Call”" in page.split("<del>")[1].split("</del>")[0]
    assert "“Write”" in page.split("<ins>")[1].split("</ins>")[0]

    as_lead.post(reverse("workflows:rule_take_back", args=[rule.pk]), {"version": "1"})
    rule.refresh_from_db()
    assert (rule.steps[0]["title"], rule.version) == ("Call", 3)
    assert (
        as_lead.post(reverse("workflows:rule_take_back", args=[rule.pk]), {"version": "99"}).status_code
        == 302
    )


def test_a_copy_is_a_draft_of_its_own(as_lead: Client, rule: Rule) -> None:
    as_lead.post(reverse("workflows:rule_copy", args=[rule.pk]))

    made = Rule.objects.get(name="Call detractors (copy)")
    assert (made.steps, made.is_active, made.version) == (rule.steps, False, 1)


def test_rules_that_came_with_the_product_or_are_on_are_not_deleted(as_lead: Client, rule: Rule) -> None:
    built_in = Rule.objects.get(key="detractor-recovery")
    as_lead.post(reverse("workflows:rule_delete", args=[built_in.pk]))
    Rule.objects.filter(pk=rule.pk).update(is_active=True)
    as_lead.post(reverse("workflows:rule_delete", args=[rule.pk]))
    assert Rule.objects.filter(pk__in=[rule.pk, built_in.pk]).count() == 2

    Rule.objects.filter(pk=rule.pk).update(is_active=False)
    as_lead.post(reverse("workflows:rule_delete", args=[rule.pk]))
    assert not Rule.objects.filter(pk=rule.pk).exists()


def test_the_library_is_read_as_sentences_and_opens_in_the_editor(as_lead: Client) -> None:
    assert "From promoter to detractor" in text(as_lead.get(reverse("workflows:rule_library")))
    assert 'value="From promoter to detractor"' in text(as_lead.get(f"{NEW}?from=fell_two_categories"))
    assert as_lead.get(f"{NEW}?from=nothing").status_code == 404


# --- Files -----------------------------------------------------------------------------------------------------
def bring(client: Client, body: bytes) -> Any:
    return client.post(reverse("workflows:rule_import"), {"file": SimpleUploadedFile("rules.json", body)})


def test_a_rule_goes_out_as_a_file_and_comes_back_the_same(as_lead: Client, lead: User, csm: User) -> None:
    owned = {"all": [{"field": "owner", "op": "in", "value": [csm.pk]}]}
    step = {"kind": "create_task", "title": "Ruf an ☎", "due_business_days": 2, "priority": "normal"}
    values = {
        "name": "Mine",
        "trigger": "response.scored",
        "conditions": owned,
        "steps": [step],
        "reentry": "never",
    }
    rule = authoring.create_rule(values=values, actor=lead)

    body = as_lead.get(reverse("workflows:rule_export", args=[rule.pk])).content

    assert {"person": csm.email} in json.loads(body)["rules"][0]["conditions"]["all"][0]["value"]
    assert "Everything it names is here." in text(bring(as_lead, body))
    came = Rule.objects.latest("pk")
    assert came.pk != rule.pk
    assert {**values_of(came)} == {**values_of(rule)}


def test_who_is_not_here_is_said_with_the_place(as_lead: Client) -> None:
    file = {
        "format": "nps-crm.rules", "version": 1, "rules": [{
            "name": "Theirs", "trigger": "response.scored",
            "conditions": {"all": [{"field": "owner", "op": "in", "value": [{"person": "nobody@example.org"}]}]},
            "steps": [{"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}],
        }],
    }  # fmt: skip

    page = text(bring(as_lead, json.dumps(file).encode()))

    assert "names nobody@example.org, who is not among the active people here" in page
    assert Rule.objects.get(name="Theirs").is_active is False


def test_a_file_comes_in_whole_or_not_at_all(as_lead: Client) -> None:
    good = {"name": "Good", "trigger": "response.scored", "steps": []}
    file = {"format": "nps-crm.rules", "version": 1, "rules": [good, {**good, "name": ""}]}

    page = bring(as_lead, json.dumps(file).encode())

    assert page.status_code == 422
    assert not Rule.objects.filter(name="Good").exists()


def test_the_list_asks_the_database_the_same_whatever_there_is(
    as_lead: Client, lead: User, rule: Rule
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            as_lead.get(reverse("workflows:rule_list"))
        return len(found)

    queries()
    before = queries()
    for number in range(5):
        authoring.create_rule(values={**values_of(rule), "name": f"More {number}"}, actor=lead)

    assert queries() == before
