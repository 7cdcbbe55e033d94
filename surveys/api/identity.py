"""REST resources of the identity inbox: what waits, whose it may be, deciding, and undoing; and restatements."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse

from accounts import queries as account_queries
from accounts.models import Account, Contact
from core.api import ApiView, ApiViewSet
from core.errors import Invalid, Refused
from surveys.api.figures import read_day, read_figure_request
from surveys.api.serializers import FigureSerializer
from surveys.choices import Identity, IdentityActionKind
from surveys.inbox_filters import InboxFilter
from surveys.insight import known
from surveys.insight.figures import Figure
from surveys.models import IdentityAction, Response
from surveys.queries import feedback
from surveys.queries import inbox as queries
from surveys.services import inbox as services
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead

SCOPES = {"read": ApiScope.RESPONSES_READ, "write": ApiScope.RESPONSES_WRITE}


class HintSerializer(serializers.Serializer[Any]):
    """What the answer said about its author."""

    email = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    external_id = serializers.CharField(allow_blank=True)


class SuggestionSerializer(serializers.Serializer[Any]):
    contact = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())
    is_sure = serializers.BooleanField(help_text="Bulk linking would choose this one.")


class InboxRowSerializer(serializers.ModelSerializer[Response]):
    survey = serializers.IntegerField(source="survey_id")
    state = serializers.SerializerMethodField()
    hint = serializers.SerializerMethodField()
    suggestions = serializers.SerializerMethodField(help_text="Only when one row is read.")

    class Meta:
        model = Response
        fields = [
            "id", "survey", "source", "external_id", "channel", "metric", "score", "comment", "language", "responded_at",
            "received_at", "state", "hint", "suggestions",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: Response) -> str:
        return "ignored" if row.identity == Identity.IGNORED else "waiting"

    def get_hint(self, row: Response) -> dict[str, str]:
        return {key: str(row.identity_hint.get(key, "")) for key in ("email", "name", "phone", "external_id")}

    def get_suggestions(self, row: Response) -> list[dict[str, Any]]:
        looked = self.context.get("looked", {}).get(row.pk)
        if looked is None:
            return []
        return [
            {
                "contact": one.contact.pk,
                "reasons": list(one.reasons),
                "is_sure": one.contact.pk == looked.sure,
            }
            for one in looked.suggestions
        ]


class DecisionSerializer(serializers.ModelSerializer[IdentityAction]):
    """One decision: how many answers it moved and which figures it changed."""

    done_by = serializers.IntegerField(source="done_by_id", allow_null=True)
    kind = serializers.ChoiceField(choices=[k.value for k in IdentityActionKind])
    state = serializers.SerializerMethodField()
    changes = serializers.SerializerMethodField()

    class Meta:
        model = IdentityAction
        fields = [
            "id",
            "kind",
            "state",
            "number",
            "contacts_made",
            "changes",
            "done_at",
            "done_by",
            "undone_at",
        ]
        read_only_fields = fields

    def get_state(self, row: IdentityAction) -> str:
        if row.undone_at is not None:
            return "undone"
        undoing = {"running": "undoing", "failed": "undo_failed"}.get(
            row.effect.get("undo", {}).get("state", "")
        )
        if undoing is not None:
            return undoing
        return "running" if row.effect.get("job") else "done"

    def get_changes(self, row: IdentityAction) -> list[str]:
        return queries.words_of(row, self.context["request"].user)


class SplitSerializer(DecisionSerializer):
    contact_made = serializers.IntegerField(source="made_contact", help_text="The second person.")

    class Meta(DecisionSerializer.Meta):
        fields = [*DecisionSerializer.Meta.fields, "contact_made"]
        read_only_fields = fields


class LinkBodySerializer(serializers.Serializer[Any]):
    contact = serializers.IntegerField(min_value=1)


class CreateBodySerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField(min_value=1)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class UnlinkBodySerializer(serializers.Serializer[Any]):
    responses = serializers.ListField(
        child=serializers.IntegerField(min_value=1), min_length=1, max_length=services.AT_ONCE
    )


class RelinkBodySerializer(UnlinkBodySerializer):
    contact = serializers.IntegerField(min_value=1)


_OF_A_PERSON = ("first_name", "last_name", "email", "phone", "external_id")


class SplitBodySerializer(RelinkBodySerializer):
    """Which answers are the second person's, and who that is."""

    first_name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    last_name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, default="", allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    external_id = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class BulkBodySerializer(serializers.Serializer[Any]):
    """Rows by `ids`, or by the filters in the address when `all_matching` is true."""

    action = serializers.ChoiceField(choices=list(services.MODES))
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, max_length=10_000
    )
    all_matching = serializers.BooleanField(required=False, default=False)
    contact = serializers.IntegerField(min_value=1, required=False)
    account = serializers.IntegerField(min_value=1, required=False)


@extend_schema_view(
    list=extend_schema(summary="List answers that wait for their author", operation_id="inbox_list"),
    retrieve=extend_schema(summary="Read a waiting answer with suggestions", operation_id="inbox_retrieve"),
)
class InboxViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """The identity inbox. Rows belong to no account, so only keys of people who see all accounts see any."""

    scopes = SCOPES
    allowed: ClassVar[Any] = {"write": can_lead}
    serializer_class = InboxRowSerializer
    filterset_class = InboxFilter
    queryset = Response.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {
        "responded_at": ("responded_at",),
        "received_at": ("received_at",),
    }

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Response]:
        return queries.list_waiting(self.user)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "looked": getattr(self, "looked", {})}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        row = self.get_object()
        self.looked = queries.look([row], self.user)
        return HttpResponse(self.get_serializer(row).data)

    def _told(self, decision: IdentityAction, status: int = 200) -> HttpResponse:
        return HttpResponse(
            DecisionSerializer(decision, context={"request": self.request}).data, status=status
        )

    def _contact(self, pk: int | None) -> Contact:
        found = account_queries.list_contacts(self.user).filter(pk=pk or 0).first()
        if found is None:
            raise Invalid(
                "There is no contact with this id that the key may see.", field="contact", code="not_found"
            )
        return found

    def _account(self, pk: int | None) -> Account:
        found = account_queries.list_accounts(self.user).filter(pk=pk or 0).first()
        if found is None:
            raise Invalid(
                "There is no account with this id that the key may see.", field="account", code="not_found"
            )
        return found

    def _read(self, serializer_class: Any) -> dict[str, Any]:
        given = serializer_class(data=self.request.data)
        given.is_valid(raise_exception=True)
        return cast(dict[str, Any], given.validated_data)

    @extend_schema(summary="Link to a contact", request=LinkBodySerializer, responses=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def link(self, request: Request, pk: str) -> HttpResponse:
        row, body = self.get_object(), self._read(LinkBodySerializer)
        contact = self._contact(body["contact"])
        return self._told(services.link(pairs={row.pk: contact.pk}, actor=self.user))

    @extend_schema(
        summary="Make a contact of the author",
        request=CreateBodySerializer,
        responses={201: DecisionSerializer},
    )
    @action(detail=True, methods=["post"], url_path="create")
    def create_contact(self, request: Request, pk: str) -> HttpResponse:
        row, body = self.get_object(), self._read(CreateBodySerializer)
        account = self._account(body["account"])
        made = services.create(response=row, account=account, name=body["name"], actor=self.user)
        return self._told(made, 201)

    @extend_schema(summary="Set aside", request=None, responses=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, pk: str) -> HttpResponse:
        return self._told(services.ignore_response(response=self.get_object(), actor=self.user))

    @extend_schema(summary="Take back what was set aside", request=None, responses=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> HttpResponse:
        return self._told(services.take_back(response=self.get_object(), actor=self.user))

    @extend_schema(
        summary="Decide about many answers",
        description="Up to 200 are done at once, more in the background: read the decision until its state is `done`.",
        request=BulkBodySerializer,
        responses={202: DecisionSerializer},
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> HttpResponse:
        body = self._read(BulkBodySerializer)
        rows = self.filter_queryset(self.get_queryset()) if body["all_matching"] else self.get_queryset()
        if not body["all_matching"]:
            if not body.get("ids"):
                raise Invalid("Give ids, or set all_matching.", field="ids")
            rows = rows.filter(pk__in=body["ids"])
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[: services.MAX_ROWS + 1])
        mode = body["action"]
        decision = services.decide_many(
            response_ids=ids,
            mode=mode,
            actor=self.user,
            contact=self._contact(body.get("contact")) if mode == "contact" else None,
            account=self._account(body["account"]) if mode == "create" and "account" in body else None,
        )
        return self._told(decision, 202)


@extend_schema_view(
    list=extend_schema(summary="List decisions of the inbox"),
    retrieve=extend_schema(summary="Read a decision and what it changed"),
)
class DecisionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Who decided what about whose answers are whose, newest first."""

    scopes = SCOPES
    allowed: ClassVar[Any] = {"write": can_lead}
    serializer_class = DecisionSerializer
    queryset = IdentityAction.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"done_at": ("done_at",), "id": ()}

    def get_queryset(self) -> QuerySet[IdentityAction]:
        return queries.list_actions(cast(User, self.request.user))

    @extend_schema(summary="Undo a decision", request=None, responses=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> HttpResponse:
        undone = services.undo(action=self.get_object(), actor=cast(User, request.user))
        return HttpResponse(self.get_serializer(undone).data)

    @extend_schema(
        summary="Take answers away from whoever has them",
        description="They wait in the inbox again, and are not given back by themselves. Answers that are nobody's are left.",
        request=UnlinkBodySerializer,
        responses={201: DecisionSerializer},
    )
    @action(detail=False, methods=["post"])
    def unlink(self, request: Request) -> HttpResponse:
        rows = self._answers(self._read(UnlinkBodySerializer)["responses"])
        return self._made(services.unlink(responses=rows, actor=self._user))

    @extend_schema(
        summary="Give answers to another contact",
        description="Whoever has them now, or nobody.",
        request=RelinkBodySerializer,
        responses={201: DecisionSerializer},
    )
    @action(detail=False, methods=["post"])
    def relink(self, request: Request) -> HttpResponse:
        body = self._read(RelinkBodySerializer)
        rows, contact = self._answers(body["responses"]), self._contact(body["contact"])
        return self._made(services.link(pairs={row.pk: contact.pk for row in rows}, actor=self._user))

    @extend_schema(
        summary="Split a contact into two",
        description="The chosen answers go to a second contact at the same account; `contact_made` is that one.",
        request=SplitBodySerializer,
        responses={201: SplitSerializer},
    )
    @action(detail=False, methods=["post"])
    def split(self, request: Request) -> HttpResponse:
        body = self._read(SplitBodySerializer)
        contact = self._contact(body["contact"])
        values = {key: body[key] for key in _OF_A_PERSON if body.get(key)}
        rows = self._answers(body["responses"])
        decision, made = services.split(
            contact=contact, response_ids=[row.pk for row in rows], values=values, actor=self._user
        )
        decision.made_contact = made.pk  # type: ignore[attr-defined]  # for the answer alone
        context = {"request": self.request}
        return HttpResponse(SplitSerializer(decision, context=context).data, status=201)

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def _read(self, serializer_class: Any) -> dict[str, Any]:
        given = serializer_class(data=self.request.data)
        given.is_valid(raise_exception=True)
        return cast(dict[str, Any], given.validated_data)

    def _answers(self, ids: list[int]) -> list[Response]:
        rows = list(feedback.list_responses(self._user).filter(pk__in=ids).order_by("pk"))
        if len(rows) < len(set(ids)):
            raise Invalid(
                "There is an answer among them that does not exist or that the key may not see.",
                field="responses",
                code="not_found",
            )
        return rows

    def _contact(self, pk: int) -> Contact:
        found = account_queries.list_contacts(self._user).filter(pk=pk).first()
        if found is None:
            raise Invalid(
                "There is no contact with this id that the key may see.", field="contact", code="not_found"
            )
        return found

    def _made(self, decision: IdentityAction) -> HttpResponse:
        return HttpResponse(self.get_serializer(decision).data, status=201)


# --- Restatements --------------------------------------------------------------------------------------------
class CauseSerializer(serializers.Serializer[Any]):
    cause = serializers.ChoiceField(choices=[c.value for c in known.Cause])
    answers = serializers.IntegerField()
    promoters = serializers.IntegerField(help_text="By how many it changed the number of promoters.")
    passives = serializers.IntegerField()
    detractors = serializers.IntegerField()
    ids = serializers.ListField(child=serializers.IntegerField(), help_text="The first 200 answers.")


class RestatementSerializer(serializers.Serializer[Any]):
    """A figure as it was known, as it is, and why; the causes add up to the difference."""

    as_of = serializers.DateField()
    known_on = serializers.DateField()
    then = FigureSerializer()
    now = FigureSerializer()
    causes = CauseSerializer(many=True)
    summary = serializers.CharField()


def _numbers(figure: Figure) -> dict[str, Any]:
    counts = figure.counts
    interval = counts.interval
    return {
        "nps": counts.score,
        "exact": None if counts.exact is None else float(counts.exact),
        "n": counts.n,
        "promoters": counts.promoters,
        "passives": counts.passives,
        "detractors": counts.detractors,
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "margin": interval.margin},
    }


class RestatementView(ApiView):
    """The NPS as it was known on a date, and why it is another now."""

    scopes = {"read": ApiScope.RESPONSES_READ}

    @extend_schema(
        summary="Read the NPS as known on a date",
        description="Takes the parameters of `/nps/` (without `by`), and `known_on`.",
        parameters=[
            OpenApiParameter(
                "known_on", str, required=True, description="What was known by the end of this day."
            ),
            OpenApiParameter("as_of", str, description="The last day of the window; today if left out."),
            OpenApiParameter("window", int),
            OpenApiParameter("counts", str, enum=["latest", "all"]),
        ],
        responses=RestatementSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        params = request.query_params
        asked = read_figure_request(params, cast(User, request.user), more={"known_on"})
        day = read_day(params, "known_on")
        if day is None:
            raise Refused("Say on which day it was known.", field="known_on", code="required", status=400)
        found = known.restatement(asked.question, asked.as_of, day)
        causes = [
            {
                "cause": part.cause, "answers": part.number, "promoters": part.promoters, "passives": part.passives,
                "detractors": part.detractors, "ids": list(part.answers),
            }
            for part in found.parts
        ]  # fmt: skip
        body = {
            "as_of": found.as_of, "known_on": found.known_on, "then": _numbers(found.then), "now": _numbers(found.now),
            "causes": causes, "summary": found.summary,
        }  # fmt: skip
        return HttpResponse(RestatementSerializer(body).data)
