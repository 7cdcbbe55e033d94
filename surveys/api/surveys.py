"""Surveys over the API: what is asked, as one JSON object with its versions' rules."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Refused
from surveys.choices import SurveyKind, SurveyState
from surveys.content import Content
from surveys.models import Survey
from surveys.queries import surveys as queries
from surveys.rendering import logo_path
from surveys.services import surveys as services
from surveys.services.surveys import NAME_LENGTH, Stale, Unfit
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead

IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag that was read: refuses with 412 if stale.",
)


class SurveyFilter(filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=[(state.value, state.value) for state in SurveyState])
    name = django_filters.CharFilter(lookup_expr="icontains")
    external_id = django_filters.CharFilter()

    class Meta:
        model = Survey
        fields = ("state", "name", "external_id")


class SurveySerializer(serializers.ModelSerializer[Survey]):
    """A survey. `content` is what its current version says; empty texts are said in built-in words."""

    version = serializers.IntegerField(source="current.number")
    content = serializers.JSONField(source="current.content")
    logo = serializers.SerializerMethodField()
    created_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Survey
        fields = (
            "id", "external_id", "name", "metric", "kind", "state", "version", "content", "logo", "created_by_id", "created_at",
        )  # fmt: skip

    def get_logo(self, survey: Survey) -> str | None:
        """The path of the logo on this server."""
        name = survey.current.logo.name if survey.current is not None else ""
        return logo_path(name) if name else None


class SurveyWriteSerializer(serializers.Serializer[Any]):
    """What can be said of a survey. `content` is taken as a whole; left out, it stays as it is."""

    name = serializers.CharField(max_length=NAME_LENGTH)
    external_id = serializers.CharField(max_length=120, required=False, allow_null=True)
    content = serializers.JSONField(required=False)
    kind = serializers.ChoiceField(choices=[kind.value for kind in SurveyKind], required=False)
    state = serializers.ChoiceField(
        choices=[SurveyState.ACTIVE.value, SurveyState.ARCHIVED.value], required=False
    )

    def validate_content(self, value: Any) -> Content:
        try:
            return Content.from_json(value)
        except Refused as refusal:
            whole = refusal.field == "content"
            detail: Any = [refusal.message] if whole else {refusal.field: [refusal.message]}
            raise serializers.ValidationError(detail) from None


@extend_schema_view(
    list=extend_schema(responses=SurveySerializer(many=True)),
    retrieve=extend_schema(responses=SurveySerializer),
    create=extend_schema(request=SurveyWriteSerializer, responses={201: SurveySerializer}),
    partial_update=extend_schema(
        request=SurveyWriteSerializer(partial=True), responses=SurveySerializer, parameters=[IF_MATCH]
    ),
)
class SurveyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Surveys. A version that was asked is frozen: changing its content makes the next one."""

    scopes = {"read": ApiScope.SURVEYS_READ, "write": ApiScope.SURVEYS_WRITE}
    allowed: ClassVar[Mapping[str, Any]] = {"write": can_lead}
    serializer_class = SurveySerializer
    filterset_class = SurveyFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"name": ("name",), "created_at": ("created_at",)}

    def get_queryset(self) -> QuerySet[Survey]:
        return queries.list_surveys(self._user)

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._shown(self.get_object())

    def create(self, request: Request) -> Response:
        given = self._read(partial=False)
        try:
            survey = services.create_survey(
                name=given["name"],
                content=given.get("content", Content()),
                external_id=given.get("external_id"),
                kind=given.get("kind", SurveyKind.RELATIONSHIP),
                actor=self._user,
                activate_now=given.get("state") == SurveyState.ACTIVE,
            )
        except Unfit as unfit:
            raise _of_content([(issue.field, issue.message) for issue in unfit.issues]) from None
        return self._shown(survey, status=201)

    def partial_update(self, request: Request, pk: int) -> Response:
        given = self._read(partial=True)
        survey: Survey = self.get_object()
        if "external_id" in given and given["external_id"] != survey.external_id:
            raise Refused("The external id of a survey cannot be changed.", field="external_id", status=400)
        assert survey.current is not None
        seen = str(request.headers.get("If-Match", "")).strip().removeprefix("W/").strip('"*')[:64]
        try:
            changed = services.change_survey(
                survey=survey,
                name=given.get("name"),
                content=given.get("content"),
                kind=given.get("kind"),
                state=given.get("state"),
                seen=seen or None,
                actor=self._user,
            )
        except Stale as stale:
            raise Refused(
                "The survey has changed since it was read. Read it again and repeat the change.",
                code=stale.code, status=412,
            ) from None  # fmt: skip
        except Unfit as unfit:
            raise _of_content([(issue.field, issue.message) for issue in unfit.issues]) from None
        return self._shown(changed)

    def _read(self, *, partial: bool) -> dict[str, Any]:
        body = SurveyWriteSerializer(data=self.request.data, partial=partial)
        body.is_valid(raise_exception=True)
        return cast(dict[str, Any], body.validated_data)

    def _shown(self, survey: Survey, *, status: int = 200) -> Response:
        response = Response(SurveySerializer(survey).data, status=status)
        response["ETag"] = f'"{services.revision_of(survey)}"'
        return response


def _of_content(found: list[tuple[str, str]]) -> serializers.ValidationError:
    """Problems of the content under their full paths: `content.languages.de.intro`."""
    detail: dict[str, list[str]] = {}
    for field, message in found:
        detail.setdefault(f"content.{field}", []).append(message)
    return serializers.ValidationError(detail)
