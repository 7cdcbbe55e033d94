"""Asks over the API: the ledger of a person, asking one person now, and asks that other tools report."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as customers
from accounts.models import Contact
from core.api import ApiViewSet, BulkResultSerializer, RowResult, bulk_response, bulk_rows, validate_rows
from core.errors import Invalid, Refused
from surveys.api.campaigns import InvitationSerializer
from surveys.choices import AskScope, Channel, Reason, SurveyKind
from surveys.models import ExternalAsk
from surveys.queries import asks as queries
from surveys.services import asks as services
from surveys.services import suppressions
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead, can_work

MAX_ID = 2**63 - 1
SCOPES = {"read": ApiScope.SURVEYS_READ, "write": ApiScope.SURVEYS_WRITE}


# --- Asks by other tools -------------------------------------------------------------------------------------
class AskSerializer(serializers.ModelSerializer[ExternalAsk]):
    """An ask that another tool made, as it reported it. It counts like ours."""

    contact_id = serializers.IntegerField(allow_null=True)
    account_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = ExternalAsk
        fields = (
            "id", "source", "external_id", "contact_id", "account_id", "kind", "channel", "cost", "asked_at",
            "reported_at",
        )  # fmt: skip


class AskWriteSerializer(serializers.Serializer[Any]):
    """Who it is, is named by `contact_id`, `contact_external_id` or `email`, in exactly one way."""

    external_id = serializers.CharField(
        max_length=200, help_text="What the tool calls the ask. Sent again, it is the same ask."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field of the report
        max_length=40, required=False, help_text="The tool; the name of the key if left out."
    )
    contact_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    contact_external_id = serializers.CharField(max_length=120, required=False)
    email = serializers.CharField(max_length=254, required=False)
    kind = serializers.ChoiceField(
        choices=[kind.value for kind in SurveyKind], default=SurveyKind.TRANSACTIONAL.value
    )
    channel = serializers.ChoiceField(
        choices=[channel.value for channel in services.EXTERNAL_CHANNELS], default=Channel.EMAIL.value
    )
    cost = serializers.IntegerField(
        min_value=0, max_value=100, required=False,
        help_text="In tenths of an ask. If left out, what an ask on this channel costs here.",
    )  # fmt: skip
    asked_at = serializers.DateTimeField(required=False, help_text="Now if left out.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in _WHO) != 1:
            raise serializers.ValidationError(
                {"contact_id": "Name the contact by contact_id, contact_external_id or email, in one way."}
            )
        return attrs


_WHO = ("contact_id", "contact_external_id", "email")


class AskFilter(filters.FilterSet):
    contact = django_filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    account = django_filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    source = django_filters.CharFilter()
    asked_since = django_filters.IsoDateTimeFilter(field_name="asked_at", lookup_expr="gte")

    class Meta:
        model = ExternalAsk
        fields = ("contact", "account", "source", "asked_since")


@extend_schema_view(
    list=extend_schema(summary="List asks by other tools"),
    retrieve=extend_schema(summary="Read an ask by another tool"),
)
class AskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Asks that other tools report, so that they count against quiet times, limits and budgets."""

    scopes = SCOPES
    allowed: ClassVar[Mapping[str, Any]] = {"write": can_work}
    queryset = ExternalAsk.objects.none()
    serializer_class = AskSerializer
    filterset_class = AskFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "asked_at": ("asked_at",)}

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[ExternalAsk]:
        return queries.external_asks(self._user)

    @extend_schema(
        summary="Report an ask",
        description="201 for a new one; 200 for one that was reported before, which stays as it was.",
        request=AskWriteSerializer,
        responses={200: AskSerializer, 201: AskSerializer},
    )
    def create(self, request: Request) -> Response:
        body = AskWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reported = _reported(body.validated_data, self._user, request)
        (noted,) = services.note_external(reports=[reported], actor=self._user)
        return Response(AskSerializer(noted.ask).data, status=201 if noted.is_new else 200)

    @extend_schema(
        summary="Report up to 1,000 asks",
        description="Each row is done or refused by itself. The call counts once against the rate limit.",
        request=AskWriteSerializer(many=True),
        responses=BulkResultSerializer,
    )
    @action(detail=False, methods=["post"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        good, results = validate_rows(bulk_rows(request.data), AskWriteSerializer)
        reports: list[tuple[int, services.Reported]] = []
        for index, row in good:
            try:
                reports.append((index, services.check(_reported(row, self._user, request))))
            except Refused as refusal:
                results.append(RowResult.refused(index, refusal, row.get("external_id")))
        noted = services.note_external(reports=[one for _, one in reports], actor=self._user)
        results += [
            RowResult(index, "created" if one.is_new else "unchanged", one.ask.pk, one.ask.external_id)
            for (index, _), one in zip(reports, noted, strict=True)
        ]
        return bulk_response(results)


def _reported(row: Mapping[str, Any], user: User, request: Request) -> services.Reported:
    return services.Reported(
        source=row.get("source") or getattr(request.auth, "name", "")[:40] or "api",
        external_id=row["external_id"],
        contact=_contact(row, user),
        kind=SurveyKind(row["kind"]),
        channel=Channel(row["channel"]),
        asked_at=row.get("asked_at"),
        cost=row.get("cost"),
    )


def _contact(row: Mapping[str, Any], user: User) -> Contact:
    found = customers.list_contacts(user)
    (name,) = (name for name in _WHO if name in row)
    if name == "email":
        contact = found.filter(address_key=suppressions.key_of(row["email"])).first()
    else:
        contact = found.filter(**{"pk" if name == "contact_id" else "external_id": row[name]}).first()
    if contact is None:
        raise Invalid("There is no such contact that the key may see.", field=name, code="not_found")
    return contact


# --- One person ----------------------------------------------------------------------------------------------
class AskNowSerializer(serializers.Serializer[Any]):
    survey_id = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    channel = serializers.ChoiceField(
        choices=[channel.value for channel in services.BY_HAND], default=Channel.EMAIL.value
    )
    reason = serializers.CharField(
        max_length=services.MAX_REASON, required=False, allow_blank=True, default="",
        help_text="Why it is right to ask although a quiet time, limit or budget stands against it; kept and audited.",
    )  # fmt: skip


class EntrySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(
        help_text="When it was asked; of one that was not sent yet, when it was planned."
    )
    invitation_id = serializers.IntegerField(source="invitation.pk", default=None, allow_null=True)
    campaign_id = serializers.IntegerField(
        source="invitation.wave.campaign_id", default=None, allow_null=True
    )
    asked_by_id = serializers.IntegerField(
        source="invitation.asked_by_id", default=None, allow_null=True, help_text="Who asked by hand."
    )
    override_reason = serializers.CharField(source="invitation.override_reason", default="")
    ask_id = serializers.IntegerField(
        source="external.pk", default=None, allow_null=True, help_text="Of an ask by another tool."
    )
    source = serializers.CharField(source="external.source", default="")  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=[kind.value for kind in SurveyKind])
    channel = serializers.CharField(source="channel_code")
    state = serializers.CharField(source="invitation.state", default=None, allow_null=True)
    cost = serializers.IntegerField(help_text="In tenths of an ask.")


class BudgetSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(choices=[scope.value for scope in AskScope])
    used = serializers.IntegerField(help_text="In tenths of an ask, within the window.")
    left = serializers.IntegerField()
    budget = serializers.IntegerField()
    days = serializers.IntegerField(help_text="Length of the rolling window.")


class NextSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in SurveyKind])
    allowed = serializers.BooleanField(source="verdict.allowed")
    reason = serializers.ChoiceField(
        choices=[reason.value for reason in Reason], source="verdict.reason", allow_null=True
    )
    next_eligible_at = serializers.DateTimeField(
        source="verdict.next_eligible_at", allow_null=True,
        help_text="Where only time stands in the way and it is known how long.",
    )  # fmt: skip
    channel = serializers.CharField(source="verdict.channel", allow_null=True)


class LedgerSerializer(serializers.Serializer[Any]):
    """A person's latest 200 asks, newest first, the budgets, and when the next ask is possible by kind of survey."""

    asks = EntrySerializer(many=True)
    budgets = BudgetSerializer(many=True)
    next = NextSerializer(many=True)


class ContactAskViewSet(ApiViewSet):
    """What one person was asked, and asking them now."""

    scopes = SCOPES
    allowed: ClassVar[Mapping[str, Any]] = {"write": can_lead}
    queryset = Contact.objects.none()
    serializer_class = LedgerSerializer

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    @extend_schema(summary="Read a person's ledger of asks", responses=LedgerSerializer, filters=False)
    def retrieve(self, request: Request, pk: int) -> Response:
        contact = get_object_or_404(customers.list_contacts(self._user), pk=pk)
        standing = queries.standing(contact)
        rows = queries.ledger(self._user, contact=contact)[: queries.LISTED]
        body = {"asks": queries.read(list(rows)), "budgets": standing.budgets, "next": standing.nexts}
        return Response(LedgerSerializer(body).data)

    @extend_schema(
        summary="Ask one person now",
        description="409 with code `override_needed` where a reason would do, with the rule's own code where none does.",
        request=AskNowSerializer,
        responses={201: InvitationSerializer},
    )
    def create(self, request: Request, pk: int) -> Response:
        contact = get_object_or_404(customers.list_contacts(self._user), pk=pk)
        body = AskNowSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        survey = queries.surveys_to_ask().filter(pk=body.validated_data["survey_id"]).first()
        if survey is None:
            raise Invalid("There is no published survey with this id.", field="survey_id", code="not_found")
        invitation = services.ask_now(
            contact=contact,
            survey=survey,
            channel=Channel(body.validated_data["channel"]),
            reason=body.validated_data["reason"],
            actor=self._user,
        )
        return Response(InvitationSerializer(invitation).data, status=201)
