"""REST resources of merging customers, and of what a person may ask for: everything known about them, and being erased."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import extend, queries
from accounts.api import filters
from accounts.models import Account, Contact, Merge
from accounts.services import erase, merge, person_export
from core.api import ApiView, ApiViewSet
from core.errors import Invalid, Refused
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead

SCOPES = {"read": ApiScope.ACCOUNTS_READ, "write": ApiScope.ACCOUNTS_WRITE}


class MergeSerializer(serializers.ModelSerializer[Merge]):
    """One merge: which record became part of which, what moved, and which figures changed."""

    survivor = serializers.IntegerField(source="survivor_key")
    loser = serializers.IntegerField(source="loser_key")
    done_by = serializers.IntegerField(source="done_by_id", allow_null=True)
    state = serializers.SerializerMethodField()
    moved = serializers.IntegerField(source="moved_count")
    changes = serializers.SerializerMethodField()

    class Meta:
        model = Merge
        fields = [
            "id",
            "target",
            "survivor",
            "loser",
            "state",
            "moved",
            "changes",
            "done_at",
            "done_by",
            "undone_at",
        ]
        read_only_fields = fields

    def get_state(self, row: Merge) -> str:
        if row.undone_at is not None:
            return "undone"
        return "sealed" if row.sealed_at is not None else "done"

    def get_changes(self, row: Merge) -> list[str]:
        effect = row.effect.get("undone") if row.undone_at is not None else row.effect
        user = self.context["request"].user
        return extend.words_of_change(effect["before"], effect["after"], user) if effect else []


class MergeBodySerializer(serializers.Serializer[Any]):
    target = serializers.ChoiceField(choices=["contact", "account"])
    survivor = serializers.IntegerField(min_value=1)
    loser = serializers.IntegerField(min_value=1)
    choices = serializers.DictField(
        child=serializers.ChoiceField(choices=["survivor", "loser"]),
        required=False,
        default=dict,
        help_text="Whose value stays, by field; otherwise the survivor's, or the loser's where the survivor has none.",
    )


class FieldChoiceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    survivor = serializers.CharField(allow_null=True)
    loser = serializers.CharField(allow_null=True)
    suggested = serializers.ChoiceField(choices=["survivor", "loser"])


class MergePreviewSerializer(serializers.Serializer[Any]):
    """What a merge would do: the fields that differ, and the number of rows that would move, by kind."""

    target = serializers.CharField()
    survivor = serializers.IntegerField()
    loser = serializers.IntegerField()
    fields_that_differ = FieldChoiceSerializer(many=True)
    rows = serializers.DictField(child=serializers.IntegerField())


@extend_schema_view(
    list=extend_schema(summary="List merges"),
    retrieve=extend_schema(summary="Read a merge and what it changed"),
)
class MergeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Merges of contacts and of accounts. Both records must be in the key's sight; accounts need the key of a lead."""

    scopes = SCOPES
    serializer_class = MergeSerializer
    filterset_class = filters.MergeApiFilter
    queryset = Merge.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"done_at": ("done_at",), "id": ()}

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Merge]:
        return queries.list_merges(self.user)

    def _pair(self) -> tuple[Any, Any, dict[str, Any]]:
        given = MergeBodySerializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        body = cast(dict[str, Any], given.validated_data)
        rows: QuerySet[Any] = (
            queries.list_contacts(self.user)
            if body["target"] == "contact"
            else queries.list_accounts(self.user)
        )
        found = []
        for name in ("survivor", "loser"):
            thing: Contact | Account | None = rows.filter(pk=body[name]).first()
            if thing is None:
                raise Invalid(
                    f"There is no {body['target']} with this id that the key may see.",
                    field=name,
                    code="not_found",
                )
            found.append(thing)
        return found[0], found[1], body

    def _lead_only(self, target: str) -> None:
        if target == "account" and not can_lead(self.user):
            raise Refused(
                "Only the key of a lead or an administrator may merge accounts.",
                code="permission_denied",
                status=403,
            )

    @extend_schema(summary="Merge two records", request=MergeBodySerializer, responses={201: MergeSerializer})
    def create(self, request: Request) -> Response:
        survivor, loser, body = self._pair()
        self._lead_only(body["target"])
        do: Any = merge.merge_contacts if body["target"] == "contact" else merge.merge_accounts
        done = do(survivor=survivor, loser=loser, actor=self.user, choices=body["choices"])
        return Response(self.get_serializer(done).data, status=201)

    @extend_schema(
        summary="See what a merge would do", request=MergeBodySerializer, responses=MergePreviewSerializer
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        survivor, loser, body = self._pair()
        self._lead_only(body["target"])
        found = merge.preview(survivor=survivor, loser=loser)
        shown = {
            "target": found.target,
            "survivor": survivor.pk,
            "loser": loser.pk,
            "fields_that_differ": [
                {
                    "name": one.name, "survivor": _text(one.survivor), "loser": _text(one.loser),
                    "suggested": one.suggested,
                }
                for one in found.fields
                if one.differs
            ],
            "rows": dict(found.rows),
        }  # fmt: skip
        return Response(MergePreviewSerializer(shown).data)

    @extend_schema(summary="Undo a merge", request=None, responses=MergeSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        self._lead_only(row.target)
        return Response(self.get_serializer(merge.undo_merge(merge=row, actor=self.user)).data)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


class ErasureSerializer(serializers.Serializer[Any]):
    contact = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["waiting", "done"])


class ErasureView(ApiView):
    """Erasing a person: it runs in the background and cannot be undone."""

    scopes = SCOPES
    allowed: ClassVar[Any] = {"write": can_lead}

    @extend_schema(summary="Erase a person", request=None, responses={202: ErasureSerializer})
    def post(self, request: Request, pk: int) -> Response:
        user = cast(User, request.user)
        contact = queries.list_contacts(user).filter(pk=pk).first()
        if contact is None:
            raise Refused(
                "There is no contact with this id that the key may see.", code="not_found", status=404
            )
        erase.request_erasure(contact=contact, actor=user)
        return Response({"contact": contact.pk, "state": "waiting"}, status=202)


class PersonExportView(ApiView):
    """Everything known about a person; each reading stands in the audit log."""

    # A key that may only read may not take a person's whole data away.
    scopes = {"read": ApiScope.ACCOUNTS_WRITE}

    @extend_schema(
        summary="Read everything known about a person",
        parameters=[OpenApiParameter("pk", OpenApiTypes.INT, OpenApiParameter.PATH)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, pk: int) -> Response:
        user = cast(User, request.user)
        contact = queries.list_contacts(user).filter(pk=pk).first()
        if contact is None:
            raise Refused(
                "There is no contact with this id that the key may see.", code="not_found", status=404
            )
        return Response(person_export.export_person(contact=contact, actor=user).as_plain())
