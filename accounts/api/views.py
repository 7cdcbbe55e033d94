"""REST resources of customers. Each parses, finds what it names in the key's sight, and calls one service or query."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries, segments, versions
from accounts.api import filters, serializers
from accounts.domain import Sharing
from accounts.models import (
    Account,
    Contact,
    Contract,
    CustomField,
    Event,
    Interaction,
    LifecycleStage,
    Metric,
    MetricPoint,
    Segment,
)
from accounts.services import accounts as account_services
from accounts.services import bulk
from accounts.services import contacts as contact_services
from accounts.services import contracts as contract_services
from accounts.services import interactions as interaction_services
from accounts.services import metrics as metric_services
from accounts.services import segments as segment_services
from accounts.services import tracked as tracked_services
from core.api import ApiViewSet, BulkResultSerializer, RowResult, bulk_response, bulk_rows, validate_rows
from core.errors import Invalid, Refused
from team import queries as team_queries
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead

SCOPES = {"read": ApiScope.ACCOUNTS_READ, "write": ApiScope.ACCOUNTS_WRITE}
EXTERNAL_ID = r"by-external-id/(?P<external_id>[^/]{1,120})"
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag that was read: refuses with 412 if stale.",
)
Listed = mixins.ListModelMixin


class Customers(ApiViewSet):
    """What the resources of this app share."""

    scopes = SCOPES

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def read(self, serializer_class: Any, *, partial: bool = False) -> dict[str, Any]:
        """The body, checked."""
        given = serializer_class(data=self.request.data, partial=partial)
        given.is_valid(raise_exception=True)
        return cast(dict[str, Any], given.validated_data)

    def show(self, thing: Any, *, status: int = 200, fields: Sequence[str] = ()) -> Response:
        """The answer for one thing, with the ETag that `If-Match` takes."""
        response = Response(self.get_serializer_class()(thing).data, status=status)
        if fields:
            response["ETag"] = f'"{versions.version_of(thing, fields)}"'
        return response

    def version(self) -> str:
        return str(self.request.headers.get("If-Match", "")).strip().removeprefix("W/").strip('"*')[:64]

    def visible(self, queryset: QuerySet[Any], field: str, **lookup: Any) -> Any:
        """The row a body names; one outside sight is refused exactly like one that does not exist."""
        found = queryset.filter(**lookup).first()
        if found is None:
            raise Invalid(
                f"There is no {field} with this id that the key may see.", field=field, code="not_found"
            )
        return found


# --- Accounts ------------------------------------------------------------------------------------------------
def _account_values(view: Customers, data: Mapping[str, Any]) -> Any:
    values = dict(data)
    if values.get("parent") is not None:
        values["parent"] = view.visible(queries.list_accounts(view.user), "parent", pk=values["parent"])
    if values.get("stage") is not None:
        values["stage"] = view.visible(queries.list_stages(), "stage", pk=values["stage"])
    email = values.pop("owner_email", None)
    if values.get("owner") is not None:
        values["owner"] = view.visible(team_queries.list_assignable(), "owner", pk=values["owner"])
    elif email is not None:
        values["owner"] = view.visible(
            team_queries.list_assignable(), "owner_email", email=email.strip().lower()
        )
    return values


@extend_schema_view(
    list=extend_schema(summary="List accounts"), retrieve=extend_schema(summary="Read an account")
)
class AccountViewSet(Listed, Customers):
    serializer_class = serializers.AccountSerializer
    filterset_class = filters.AccountApiFilter
    queryset = Account.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {
        "id": (),
        "name": ("name",),
        "updated_at": ("updated_at",),
        "created_at": ("created_at",),
    }

    def get_queryset(self) -> QuerySet[Account]:
        return queries.list_accounts(self.user)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.show(self.get_object(), fields=account_services.EDITABLE)

    @extend_schema(
        summary="Create an account",
        request=serializers.AccountWriteSerializer,
        responses={201: serializers.AccountSerializer},
    )
    def create(self, request: Request) -> Response:
        values = _account_values(self, self.read(serializers.AccountWriteSerializer))
        account = account_services.create_account(values=values, actor=self.user)
        return self.show(account, status=201, fields=account_services.EDITABLE)

    @extend_schema(
        summary="Change an account",
        request=serializers.AccountWriteSerializer(partial=True),
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        account = self.get_object()
        values = _account_values(self, self.read(serializers.AccountWriteSerializer, partial=True))
        changed = account_services.update_account(
            account=account, values=values, actor=self.user, version=self.version()
        )
        return self.show(changed, fields=account_services.EDITABLE)

    @extend_schema(
        methods=["GET"], summary="Read an account by its external id", responses=serializers.AccountSerializer
    )
    @extend_schema(
        methods=["PUT"],
        summary="Create or change an account by its external id",
        description="Fields that are left out stay as they are.",
        request=serializers.AccountWriteSerializer,
        responses={200: serializers.AccountSerializer, 201: serializers.AccountSerializer},
    )
    @action(detail=False, methods=["get", "put"], url_path=EXTERNAL_ID)
    def by_external_id(self, request: Request, external_id: str) -> Response:
        account = self.get_queryset().filter(external_id=external_id).first()
        is_merged = False
        if account is None and (survivor := queries.survivor_by_external_id("account", external_id)):
            account = self.get_queryset().filter(pk=survivor).first()
            is_merged = account is not None
        if request.method == "GET":
            if account is None:
                raise Http404
            return self.show(account, fields=account_services.EDITABLE)
        data = self.read(serializers.AccountWriteSerializer)
        _same_key(data, external_id)
        values = {**_account_values(self, data), "external_id": external_id}
        if account is None:
            made = account_services.create_account(values=cast(Any, values), actor=self.user)
            return self.show(made, status=201, fields=account_services.EDITABLE)
        if is_merged:
            del values["external_id"]  # the survivor has its own; this one keeps leading to it
        changed = account_services.update_account(
            account=account, values=cast(Any, values), actor=self.user, version=self.version()
        )
        return self.show(changed, fields=account_services.EDITABLE)

    @extend_schema(
        methods=["GET"],
        summary="Read the newest value of each metric of an account",
        responses=serializers.AccountMetricSerializer(many=True),
    )
    @extend_schema(
        methods=["PUT"],
        summary="Put values of several metrics of an account",
        description="All or none. Sent again, the same values change nothing; another value for a moment that is known"
        " corrects it, and both are kept.",
        request=serializers.AccountMetricsWriteSerializer,
        responses=serializers.AccountMetricsResultSerializer,
    )
    @action(
        detail=True, methods=["get", "put"], url_path="metrics", pagination_class=None, filterset_class=None
    )
    def metrics(self, request: Request, pk: str) -> Response:
        return self._metrics(self.get_object())

    @extend_schema(
        methods=["GET"],
        summary="Read the newest value of each metric by the account's external id",
        responses=serializers.AccountMetricSerializer(many=True),
    )
    @extend_schema(
        methods=["PUT"],
        summary="Put values of several metrics by the account's external id",
        request=serializers.AccountMetricsWriteSerializer,
        responses=serializers.AccountMetricsResultSerializer,
    )
    @action(
        detail=False,
        methods=["get", "put"],
        url_path=EXTERNAL_ID + "/metrics",
        pagination_class=None,
        filterset_class=None,
    )
    def metrics_by_external_id(self, request: Request, external_id: str) -> Response:
        account = self.get_queryset().filter(external_id=external_id).first()
        if account is None and (survivor := queries.survivor_by_external_id("account", external_id)):
            account = self.get_queryset().filter(pk=survivor).first()
        if account is None:
            raise Http404
        return self._metrics(account)

    def _metrics(self, account: Account) -> Response:
        if self.request.method == "GET":
            found = queries.metrics_of(account)
            return Response(serializers.AccountMetricSerializer(found, many=True).data)
        data = self.read(serializers.AccountMetricsWriteSerializer)
        results = metric_services.put_values(
            account=account, values=data["values"], observed_at=data.get("observed_at"), actor=self.user
        )
        counts = {word: list(results.values()).count(word) for word in ("created", "updated", "unchanged")}
        return Response({**counts, "results": results})


def _same_key(data: Mapping[str, Any], external_id: str) -> None:
    if data.get("external_id", external_id) != external_id:
        raise Invalid("The external_id in the body is not that of the address.", field="external_id")


# --- Contacts ------------------------------------------------------------------------------------------------
def _contact_values(view: Customers, data: Mapping[str, Any]) -> Any:
    values = dict(data)
    key = values.pop("account_external_id", None)
    if values.get("account") is not None:
        values["account"] = view.visible(queries.list_accounts(view.user), "account", pk=values["account"])
    elif key:
        values["account"] = view.visible(
            queries.list_accounts(view.user), "account_external_id", external_id=key
        )
    return values


@extend_schema_view(
    list=extend_schema(summary="List contacts"), retrieve=extend_schema(summary="Read a contact")
)
class ContactViewSet(Listed, Customers):
    serializer_class = serializers.ContactSerializer
    filterset_class = filters.ContactApiFilter
    queryset = Contact.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {
        "id": (),
        "name": ("last_name", "first_name"),
        "updated_at": ("updated_at",),
        "created_at": ("created_at",),
    }

    def get_queryset(self) -> QuerySet[Contact]:
        return queries.list_contacts(self.user)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.show(self.get_object(), fields=contact_services.EDITABLE)

    @extend_schema(
        summary="Create a contact",
        request=serializers.ContactWriteSerializer,
        responses={201: serializers.ContactSerializer},
    )
    def create(self, request: Request) -> Response:
        values = _contact_values(self, self.read(serializers.ContactWriteSerializer))
        contact = contact_services.create_contact(values=values, actor=self.user)
        return self.show(contact, status=201, fields=contact_services.EDITABLE)

    @extend_schema(
        summary="Change a contact",
        request=serializers.ContactWriteSerializer(partial=True),
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        contact = self.get_object()
        values = _contact_values(self, self.read(serializers.ContactWriteSerializer, partial=True))
        changed = contact_services.update_contact(
            contact=contact, values=values, actor=self.user, version=self.version()
        )
        return self.show(changed, fields=contact_services.EDITABLE)

    @extend_schema(
        methods=["GET"], summary="Read a contact by its external id", responses=serializers.ContactSerializer
    )
    @extend_schema(
        methods=["PUT"],
        summary="Create or change a contact by its external id",
        description="Fields that are left out stay as they are.",
        request=serializers.ContactWriteSerializer,
        responses={200: serializers.ContactSerializer, 201: serializers.ContactSerializer},
    )
    @action(detail=False, methods=["get", "put"], url_path=EXTERNAL_ID)
    def by_external_id(self, request: Request, external_id: str) -> Response:
        contact = self.get_queryset().filter(external_id=external_id).first()
        is_merged = False
        if contact is None and (survivor := queries.survivor_by_external_id("contact", external_id)):
            contact = self.get_queryset().filter(pk=survivor).first()
            is_merged = contact is not None
        if request.method == "GET":
            if contact is None:
                raise Http404
            return self.show(contact, fields=contact_services.EDITABLE)
        data = self.read(serializers.ContactWriteSerializer)
        _same_key(data, external_id)
        values = {**_contact_values(self, data), "external_id": external_id}
        if contact is None:
            made = contact_services.create_contact(values=cast(Any, values), actor=self.user)
            return self.show(made, status=201, fields=contact_services.EDITABLE)
        if is_merged:
            del values["external_id"]  # the survivor has its own; this one keeps leading to it
        changed = contact_services.update_contact(
            contact=contact, values=cast(Any, values), actor=self.user, version=self.version()
        )
        return self.show(changed, fields=contact_services.EDITABLE)

    @extend_schema(
        summary="Create or change up to 1,000 contacts",
        description="Each row is found by `external_id`, else by `email`, and is done or refused by itself. "
        "The call counts once against the rate limit.",
        request=serializers.ContactWriteSerializer(many=True),
        responses=BulkResultSerializer,
    )
    @action(detail=False, methods=["post"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        good, refused = validate_rows(bulk_rows(request.data), serializers.ContactWriteSerializer)
        rows = [bulk.Row(index, _named(values)) for index, values in good]
        return bulk_response([*refused, *map(_result, bulk.upsert_contacts(rows=rows, actor=self.user))])


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the service takes it: its account by id or external id, looked up for all rows together."""
    named = dict(values)
    if "account" in named:
        named["account_id"] = named.pop("account")
    return named


def _result(row: bulk.Result) -> RowResult:
    if row.refusal is not None:
        return RowResult.refused(row.index, row.refusal, row.external_id)
    return RowResult(row.index, row.state, row.contact_id, row.external_id)


# --- Segments ------------------------------------------------------------------------------------------------
def _sharing(data: dict[str, Any], default: str) -> str:
    """With whom, from `sharing`, or from its short form `is_shared`."""
    if "sharing" in data or "is_shared" not in data:
        return str(data.get("sharing", default))
    return Sharing.EVERYBODY if data["is_shared"] else Sharing.PRIVATE


@extend_schema_view(
    list=extend_schema(summary="List segments"),
    retrieve=extend_schema(summary="Read a segment"),
    destroy=extend_schema(summary="Delete a segment that nothing uses"),
)
class SegmentViewSet(Listed, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, Customers):
    serializer_class = serializers.SegmentSerializer
    queryset = Segment.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    def get_queryset(self) -> QuerySet[Segment]:
        return queries.list_segments(self.user)

    @extend_schema(
        summary="Create a segment",
        request=serializers.SegmentWriteSerializer,
        responses={201: serializers.SegmentSerializer},
    )
    def create(self, request: Request) -> Response:
        data = self.read(serializers.SegmentWriteSerializer)
        sharing = _sharing(data, Sharing.EVERYBODY)
        segment = segment_services.create_segment(
            name=data["name"],
            target=data["target"],
            conditions=data["conditions"],
            sharing=sharing,
            owner=self.user,
            actor=self.user,
        )
        return self.show(segment, status=201)

    @extend_schema(summary="Change a segment", request=serializers.SegmentPatchSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        segment = self.get_object()
        data = self.read(serializers.SegmentPatchSerializer, partial=True)
        changed = segment_services.update_segment(
            segment=segment,
            name=data.get("name", segment.name),
            conditions=data.get("conditions", segment.conditions),
            sharing=_sharing(data, segment.sharing),
            actor=self.user,
            version=self.version(),
        )
        return self.show(changed)

    def perform_destroy(self, instance: Segment) -> None:
        segment_services.delete_segment(segment=instance, actor=self.user)

    @extend_schema(
        summary="Count the rows of a segment",
        description="The rows themselves are `/accounts/?saved=<id>` or `/contacts/?saved=<id>`.",
        responses=serializers.SegmentCountSerializer,
    )
    @action(detail=True, methods=["get"])
    def count(self, request: Request, pk: str) -> Response:
        return Response({"count": segments.rows_of(self.get_object(), self.user).count()})


# --- What happened -------------------------------------------------------------------------------------------
@extend_schema_view(
    list=extend_schema(summary="List events of the timeline"), retrieve=extend_schema(summary="Read an event")
)
class EventViewSet(Listed, mixins.RetrieveModelMixin, Customers):
    serializer_class = serializers.EventSerializer
    filterset_class = filters.EventApiFilter
    queryset = Event.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "occurred_at": ("occurred_at",)}

    def get_queryset(self) -> QuerySet[Event]:
        return queries.list_events(self.user)

    @extend_schema(
        summary="Tell something that happened",
        description="A purchase, a ticket solved, onboarding completed, any name. It goes on the timeline as an event of"
        " kind `tracked`, and campaigns that wait for its name ask the person. Told again under the same `source` and"
        " `external_id` it is answered with 200 and changes nothing.",
        request=serializers.TrackSerializer,
        responses={200: serializers.TrackedSerializer, 201: serializers.TrackedSerializer},
    )
    def create(self, request: Request) -> Response:
        row = self.read(serializers.TrackSerializer)
        (result,) = tracked_services.track(
            told=[_told(row, tracked_services.Who([row], self.user), request)], actor=self.user
        )
        body = serializers.TrackedSerializer(result.event).data
        return Response(body, status=201 if result.is_new else 200)

    @extend_schema(
        summary="Tell up to 1,000 things that happened",
        description="Each row is done or refused by itself. The call counts once against the rate limit.",
        request=serializers.TrackSerializer(many=True),
        responses=BulkResultSerializer,
    )
    @action(detail=False, methods=["post"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        good, results = validate_rows(bulk_rows(request.data), serializers.TrackSerializer)
        who = tracked_services.Who([row for _, row in good], self.user)
        told: list[tuple[int, tracked_services.Told]] = []
        for index, row in good:
            try:
                told.append((index, tracked_services.check(_told(row, who, request))))
            except Refused as refusal:
                results.append(RowResult.refused(index, refusal, row.get("external_id")))
        made = tracked_services.track(told=[one for _, one in told], actor=self.user)
        results += [
            RowResult(index, "created" if one.is_new else "unchanged", one.event.pk, one.event.external_id)
            for (index, _), one in zip(told, made, strict=True)
        ]
        return bulk_response(results)


def _told(row: Mapping[str, Any], who: tracked_services.Who, request: Request) -> tracked_services.Told:
    contact, account = who.of(row)
    return tracked_services.Told(
        name=row["name"],
        source=row.get("source") or getattr(request.auth, "name", "")[:40] or "api",
        contact=contact,
        account=account,
        occurred_at=row.get("occurred_at"),
        external_id=row.get("external_id"),
        data=row.get("data", {}),
    )


@extend_schema_view(
    list=extend_schema(summary="List interactions"), retrieve=extend_schema(summary="Read an interaction")
)
class InteractionViewSet(Listed, mixins.RetrieveModelMixin, Customers):
    serializer_class = serializers.InteractionSerializer
    filterset_class = filters.InteractionApiFilter
    queryset = Interaction.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "happened_at": ("happened_at",)}

    def get_queryset(self) -> QuerySet[Interaction]:
        return queries.list_interactions(self.user)

    @extend_schema(
        summary="Log an interaction",
        request=serializers.InteractionWriteSerializer,
        responses={201: serializers.InteractionSerializer},
    )
    def create(self, request: Request) -> Response:
        data = self.read(serializers.InteractionWriteSerializer)
        data["account"] = self.visible(queries.list_accounts(self.user), "account", pk=data["account"])
        if data["contact"] is not None:
            data["contact"] = self.visible(queries.list_contacts(self.user), "contact", pk=data["contact"])
        return self.show(interaction_services.log_interaction(**data, actor=self.user), status=201)

    @extend_schema(summary="Correct an interaction", request=serializers.InteractionPatchSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        interaction = self.get_object()
        data = self.read(serializers.InteractionPatchSerializer, partial=True)
        held = {name: getattr(interaction, name) for name in ("subject", "body", "outcome", "happened_at")}
        changed = interaction_services.update_interaction(
            interaction=interaction, actor=self.user, **{**held, **data}
        )
        return self.show(changed)


# --- Contracts and metrics -----------------------------------------------------------------------------------
@extend_schema_view(
    list=extend_schema(summary="List contracts"), retrieve=extend_schema(summary="Read a contract")
)
class ContractViewSet(Listed, Customers):
    serializer_class = serializers.ContractSerializer
    filterset_class = filters.ContractApiFilter
    queryset = Contract.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "ends_on": ("ends_on",)}

    def get_queryset(self) -> QuerySet[Contract]:
        return queries.list_contracts(self.user)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.show(self.get_object(), fields=contract_services.EDITABLE)

    @extend_schema(
        summary="Add a contract",
        request=serializers.ContractWriteSerializer,
        responses={201: serializers.ContractSerializer},
    )
    def create(self, request: Request) -> Response:
        values = self.read(serializers.ContractWriteSerializer)
        account = self.visible(queries.list_accounts(self.user), "account", pk=values.pop("account"))
        contract = contract_services.create_contract(
            account=account, values=cast(Any, values), actor=self.user
        )
        return self.show(contract, status=201, fields=contract_services.EDITABLE)

    @extend_schema(
        summary="Correct a contract",
        request=serializers.ContractPatchSerializer(partial=True),
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        contract = self.get_object()
        values: Any = self.read(serializers.ContractPatchSerializer, partial=True)
        changed = contract_services.update_contract(
            contract=contract, values=values, actor=self.user, version=self.version()
        )
        return self.show(changed, fields=contract_services.EDITABLE)

    @extend_schema(summary="Say how a contract ended", request=serializers.OutcomeSerializer)
    @action(detail=True, methods=["post"])
    def outcome(self, request: Request, pk: str) -> Response:
        contract = self.get_object()
        data = self.read(serializers.OutcomeSerializer)
        return self.show(contract_services.set_outcome(contract=contract, actor=self.user, **data))


@extend_schema_view(
    list=extend_schema(summary="List metrics"), retrieve=extend_schema(summary="Read a metric")
)
class MetricViewSet(Listed, mixins.RetrieveModelMixin, Customers):
    serializer_class = serializers.MetricSerializer
    queryset = Metric.objects.none()
    allowed: ClassVar = {"write": can_lead}

    def get_queryset(self) -> QuerySet[Metric]:
        return queries.list_metrics()

    @extend_schema(
        summary="Define a metric, or change it",
        request=serializers.MetricWriteSerializer,
        responses={200: serializers.MetricSerializer},
    )
    def create(self, request: Request) -> Response:
        data = self.read(serializers.MetricWriteSerializer)
        keep = "retention_days" in data and data["retention_days"] is None
        metric = metric_services.define_metric(**data, keep_for_good=keep, actor=self.user)
        return self.show(metric)


@extend_schema_view(list=extend_schema(summary="List points of metrics"))
class MetricPointViewSet(Listed, Customers):
    serializer_class = serializers.PointSerializer
    filterset_class = filters.PointApiFilter
    queryset = MetricPoint.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "observed_at": ("observed_at",)}

    def get_queryset(self) -> QuerySet[MetricPoint]:
        return queries.list_points(self.user)

    @extend_schema(
        summary="Put up to 1,000 points",
        description="All or none. A point for a moment that is known corrects it; both are kept.",
        request=serializers.PointWriteSerializer(many=True),
        responses=serializers.PointsResultSerializer,
    )
    def create(self, request: Request) -> Response:
        rows = bulk_rows(request.data)
        given = serializers.PointWriteSerializer(data=rows, many=True)
        given.is_valid(raise_exception=True)
        points = metric_services.read_points(rows=given.validated_data, user=self.user)
        results = metric_services.put_points(points=points, actor=self.user)
        unchanged = results.count("unchanged")
        return Response({"stored": len(results) - unchanged, "unchanged": unchanged})

    @extend_schema(
        summary="Put up to 1,000 points, each by itself",
        description="A row that is wrong is refused with its reasons, the others are stored. `updated` corrects what"
        " was known for its moment; `unchanged` was known already, so a call may be repeated.",
        request=serializers.PointWriteSerializer(many=True),
        responses=BulkResultSerializer,
    )
    @action(detail=False, methods=["post"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        good, results = validate_rows(bulk_rows(request.data), serializers.PointWriteSerializer)
        reader = metric_services.Reader([row for _, row in good], self.user)
        read = []
        for index, row in good:
            try:
                read.append((index, reader.point(row)))
            except Refused as refusal:
                results.append(RowResult.refused(index, refusal))
        made = metric_services.put_points(points=[point for _, point in read], actor=self.user)
        results += [RowResult(index, status) for (index, _), status in zip(read, made, strict=True)]
        return bulk_response(results)


@extend_schema_view(
    list=extend_schema(summary="List lifecycle stages"),
    retrieve=extend_schema(summary="Read a lifecycle stage"),
)
class StageViewSet(Listed, mixins.RetrieveModelMixin, Customers):
    serializer_class = serializers.StageSerializer
    queryset = LifecycleStage.objects.none()

    def get_queryset(self) -> QuerySet[LifecycleStage]:
        return queries.list_stages()


@extend_schema_view(
    list=extend_schema(summary="List custom fields"), retrieve=extend_schema(summary="Read a custom field")
)
class CustomFieldViewSet(Listed, mixins.RetrieveModelMixin, Customers):
    serializer_class = serializers.CustomFieldSerializer
    queryset = CustomField.objects.none()

    def get_queryset(self) -> QuerySet[CustomField]:
        return queries.list_custom_fields()
