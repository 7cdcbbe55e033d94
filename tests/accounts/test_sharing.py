"""Who sees a saved list, and what leaves the house with it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.domain import Sharing
from accounts.models import Segment
from accounts.services import segments as services
from core.errors import Refused
from team.models import AuditEntry, Team, User
from tests import factories

pytestmark = pytest.mark.django_db


def a_list(owner: User, sharing: str, **fields: Any) -> Segment:
    return services.create_segment(
        name=fields.get("name", sharing), target="account", conditions=fields.get("conditions", {}),
        sharing=sharing, owner=owner, actor=owner,
    )  # fmt: skip


def test_a_list_is_for_its_owner_their_team_or_everybody(csm: User, stranger: User, north: Team) -> None:
    mate = factories.user("mate@example.com", team=north)
    for sharing in Sharing:
        a_list(csm, sharing)

    def seen(user: User) -> set[str]:
        return set(Segment.objects.visible_to(user).values_list("name", flat=True))

    assert seen(csm) == {"private", "team", "everybody"}
    assert seen(mate) == {"team", "everybody"}
    assert seen(stranger) == {"everybody"}


def test_sharing_with_a_team_needs_a_team(lead: User) -> None:
    with pytest.raises(Refused) as refused:
        a_list(lead, "team")

    assert refused.value.field == "sharing"


def test_a_download_of_a_list_keeps_the_scope_and_runs_no_formula(
    as_csm: Client, csm: User, stranger: User
) -> None:
    factories.an_account("=1+1", owner=csm, plan="Scale")
    factories.an_account("Theirs", owner=stranger, plan="Scale")
    saved = a_list(csm, "everybody", conditions={"field": "plan", "op": "in", "value": ["Scale"]})

    text = b"".join(as_csm.get(f"/accounts/export/?saved={saved.pk}").streaming_content).decode()  # type: ignore[attr-defined]

    assert "'=1+1" in text
    assert "Theirs" not in text
    assert AuditEntry.objects.filter(action="accounts.exported").exists()


def test_the_api_speaks_of_sharing_and_still_of_is_shared(csm: User) -> None:
    key = factories.an_api_key(csm, "accounts:write")

    def call(method: str, path: str, data: Any) -> Any:
        return getattr(Client(), method)(
            f"/api/v1{path}", data=data, content_type="application/json", headers={"Authorization": key}
        ).json()

    made = call("post", "/segments/", {"name": "A", "target": "account", "conditions": {}, "sharing": "team"})
    old = call("post", "/segments/", {"name": "B", "target": "account", "conditions": {}, "is_shared": False})

    assert (made["sharing"], made["is_shared"]) == ("team", False)
    assert (old["sharing"], old["is_shared"]) == ("private", False)
    assert call("patch", f"/segments/{old['id']}/", {"is_shared": True})["sharing"] == "everybody"


# --- Ready lists ---------------------------------------------------------------------------------------------
def test_a_ready_list_is_offered_opened_and_kept(as_lead: Client) -> None:
    listed = as_lead.get("/segments/").content.decode()
    opened = as_lead.get("/segments/new/?target=account&from=quiet_accounts").content.decode()
    kept = as_lead.post("/segments/ready/quiet_accounts/keep/")

    assert "Quiet accounts by ARR" in listed
    assert "Asks since the last answer ≥ 2" in opened
    segment = Segment.objects.get()
    assert kept.headers["Location"] == f"/segments/{segment.pk}/"
    assert (segment.name, segment.sharing) == ("Quiet accounts by ARR", "everybody")
    assert as_lead.post("/segments/ready/quiet_accounts/keep/").status_code == 404


def test_a_csm_keeps_a_ready_list_to_themselves(as_csm: Client) -> None:
    as_csm.post("/segments/ready/promoters/keep/")

    assert Segment.objects.get().sharing == "private"


def test_a_viewer_cannot_keep_one(as_viewer: Client) -> None:
    assert as_viewer.post("/segments/ready/promoters/keep/").status_code == 403


def test_the_page_counts_each_list_once_and_nothing_per_row(
    as_lead: Client, lead: User, django_assert_max_num_queries: Any
) -> None:
    as_lead.get("/segments/")
    for number in range(3):
        a_list(lead, "everybody", name=f"List {number}")
    with CaptureQueriesContext(connection) as few:
        as_lead.get("/segments/")
    for number in range(30):
        factories.a_contact(f"c{number}@x.example", account=factories.an_account(f"A{number}"))

    with django_assert_max_num_queries(len(few)):
        as_lead.get("/segments/")
