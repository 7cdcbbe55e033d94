"""REST resource of reward lists: counts go out, codes only come in."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from team.models import User
from team.permissions import can_lead
from workflows.api.common import SCOPES
from workflows.models import RewardList
from workflows.queries import rewards as queries
from workflows.services import rewards as services


class RewardListSerializer(serializers.ModelSerializer[RewardList]):
    codes_left = serializers.IntegerField(source="left", help_text="Codes that nobody has yet.")
    codes_given = serializers.IntegerField(source="given", help_text="Codes that went to somebody.")

    class Meta:
        model = RewardList
        fields = ["id", "name", "description", "codes_left", "codes_given", "created_at"]
        read_only_fields = fields


class RewardListWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


def _codes(**extra: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=services.MAX_CODE), max_length=services.MAX_CODES,
        help_text="Kept sealed; no answer of the API shows them.", **extra,
    )  # fmt: skip


class NewRewardListSerializer(RewardListWriteSerializer):
    codes = _codes(required=False)


class RewardCodesSerializer(serializers.Serializer[Any]):
    codes = _codes(allow_empty=False)


class RewardCodesAddedSerializer(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Codes the list had already, or that came twice.")
    codes_left = serializers.IntegerField()
    codes_given = serializers.IntegerField()


def _read(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


@extend_schema_view(
    list=extend_schema(summary="List reward lists"), retrieve=extend_schema(summary="Read a reward list")
)
class RewardListViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"read": can_lead, "write": can_lead}
    serializer_class = RewardListSerializer
    queryset = RewardList.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    def get_queryset(self) -> QuerySet[RewardList]:
        return queries.list_reward_lists()

    @extend_schema(
        summary="Create a reward list",
        description="With its first codes, or without any.",
        request=NewRewardListSerializer,
        responses={201: RewardListSerializer},
    )
    def create(self, request: Request) -> Response:
        values = _read(NewRewardListSerializer(data=request.data))
        made = services.create_list(
            name=values["name"], description=values.get("description", ""), codes=values.get("codes", ()),
            actor=cast(User, request.user),
        )  # fmt: skip
        return Response(self._shown(made.pk), status=201)

    @extend_schema(
        summary="Change a reward list",
        request=RewardListWriteSerializer,
        responses={200: RewardListSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        values = _read(RewardListWriteSerializer(data=request.data, partial=True))
        found = services.update_list(list=self.get_object(), actor=cast(User, request.user), **values)
        return Response(self._shown(found.pk))

    @extend_schema(
        summary="Add codes to a reward list",
        description=f"At most {services.MAX_CODES:,} a call. A code the list has already is left out.",
        request=RewardCodesSerializer,
        responses={200: RewardCodesAddedSerializer},
    )
    @action(detail=True, methods=["post"])
    def codes(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        values = _read(RewardCodesSerializer(data=request.data))
        added, known = services.add_codes(list=found, codes=values["codes"], actor=cast(User, request.user))
        shown = self._shown(found.pk)
        return Response(
            {
                "added": added,
                "known": known,
                "codes_left": shown["codes_left"],
                "codes_given": shown["codes_given"],
            }
        )

    def _shown(self, pk: int) -> dict[str, Any]:
        return dict(RewardListSerializer(self.get_queryset().get(pk=pk)).data)
