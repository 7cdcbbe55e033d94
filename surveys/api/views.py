"""REST resources of listening: answers, and the figures made of them."""

from datetime import date
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse

from core import clock
from core.api import (
    ApiView,
    ApiViewSet,
    BulkResultSerializer,
    RowResult,
    bulk_response,
    bulk_rows,
)
from core.errors import Refused
from surveys import ingest
from surveys.api import door, serializers
from surveys.api.answers import STATUS, answer_from, body_of, check_origin, refusal_of
from surveys.api.figures import read_figure_request
from surveys.filters import ResponseFilter
from surveys.models import Response
from surveys.queries import feedback
from surveys.queries import figures as figure_queries
from surveys.services import responses as services
from team.domain import ApiScope
from team.models import User


def _person(request: Request) -> User:
    """Whose key it is; the base class lets nobody else in."""
    return cast(User, request.user)


@extend_schema_view(
    list=extend_schema(summary="List answers"), retrieve=extend_schema(summary="Read an answer")
)
class ResponseViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Answers with a score. Sending one in again with the same source and external id updates it."""

    scopes = {"read": ApiScope.RESPONSES_READ, "write": ApiScope.RESPONSES_WRITE}
    serializer_class = serializers.ResponseSerializer
    filterset_class = ResponseFilter
    orderings = {"responded_at": ("responded_at",), "received_at": ("received_at",)}

    def get_queryset(self) -> QuerySet[Response]:
        return feedback.list_responses(_person(self.request))

    @extend_schema(
        summary="Send an answer in",
        request=serializers.AnswerSerializer,
        responses={
            201: OpenApiResponse(serializers.OutcomeSerializer, description="Written."),
            200: OpenApiResponse(
                serializers.OutcomeSerializer, description="Known already: updated, or unchanged."
            ),
        },
    )
    def create(self, request: Request) -> HttpResponse:
        answer = answer_from(request.data, now=clock.now())
        check_origin(answer, _person(request))
        (outcome,) = ingest.ingest([answer], actor=_person(request), visible_to=_person(request))
        if outcome.result == "refused":
            raise refusal_of(outcome)
        return HttpResponse(body_of(outcome), status=STATUS[outcome.result])

    @extend_schema(
        summary="Send up to 1,000 answers in",
        request=serializers.AnswerSerializer(many=True),
        responses={200: BulkResultSerializer},
        filters=False,
    )
    @action(detail=False, methods=["post"], url_path="bulk")
    def bulk(self, request: Request) -> HttpResponse:
        """A result for each row, in their order; a refused row does not hinder the others."""
        rows, now = bulk_rows(request.data), clock.now()
        answers, places, results = [], [], []
        for index, row in enumerate(rows):
            try:
                answer = answer_from(row, now=now)
                check_origin(answer, _person(request))
            except Refused as refusal:
                results.append(RowResult.refused(index, refusal, _external_id(row)))
            else:
                answers.append(answer)
                places.append(index)
        with door.hotline_of_answers.held():
            outcomes = ingest.ingest(answers, actor=_person(request), visible_to=_person(request))
        for index, answer, outcome in zip(places, answers, outcomes, strict=True):
            if outcome.result == "refused":
                results.append(RowResult.refused(index, refusal_of(outcome), answer.external_id))
            else:
                results.append(RowResult(index, outcome.result, outcome.response_id, answer.external_id))
        return bulk_response(results)

    @extend_schema(
        summary="Change the status, the assignee, or whether an answer counts",
        request=serializers.ResponsePatchSerializer,
        responses={200: serializers.ResponseSerializer},
    )
    def partial_update(self, request: Request, pk: str | None = None) -> HttpResponse:
        response = self.get_object()
        serializer = serializers.ResponsePatchSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        services.change_response(
            responses=self.get_queryset().filter(pk=response.pk),
            values=serializer.validated_data,
            actor=_person(request),
        )
        return HttpResponse(serializers.ResponseSerializer(self.get_object()).data, status=status.HTTP_200_OK)


def _external_id(row: Any) -> str | None:
    found = row.get("external_id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else None


class NpsView(ApiView):
    """The NPS by a named definition, with what it stands on."""

    scopes = {"read": ApiScope.RESPONSES_READ}

    @extend_schema(
        summary="Read the NPS",
        parameters=[
            OpenApiParameter(
                "definition", str, description="Key of a metric definition; company if left out."
            ),
            OpenApiParameter(
                "window", int, description="Trailing days instead of the definition's, 1 to 3650."
            ),
            OpenApiParameter("counts", str, enum=["latest", "all"], description="Which answers count."),
            OpenApiParameter("survey", int, many=True, description="Answers to these surveys only."),
            OpenApiParameter("saved", int, description="Id of a saved segment."),
            OpenApiParameter("plan", str, description="As noted at the answer; none for empty."),
            OpenApiParameter("segment", str),
            OpenApiParameter("country", str),
            OpenApiParameter("owner", str),
            OpenApiParameter("channel", str),
            OpenApiParameter("as_of", date, description="The last day of the window; today if left out."),
            OpenApiParameter("by", str, enum=sorted(figure_queries.BY), description="Adds a breakdown."),
        ],
        responses=serializers.NpsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = read_figure_request(request.query_params, _person(request))
        return HttpResponse(
            figure_queries.nps_numbers(asked.question, key=asked.key, as_of=asked.as_of, by=asked.by)
        )


class ScaleView(ApiView):
    """Satisfaction (csat) or effort (ces), with what it stands on."""

    scopes = {"read": ApiScope.RESPONSES_READ}

    @extend_schema(
        summary="Read a CSAT or CES",
        parameters=[
            OpenApiParameter(
                "window", int, description="Trailing days instead of the definition's, 1 to 3650."
            ),
            OpenApiParameter("counts", str, enum=["latest", "all"], description="Which answers count."),
            OpenApiParameter("survey", int, many=True, description="Answers to these surveys only."),
            OpenApiParameter("as_of", date, description="The last day of the window; today if left out."),
        ],
        responses=serializers.ScaleFigureSerializer,
    )
    def get(self, request: Request, metric: str) -> HttpResponse:
        asked = read_figure_request(request.query_params, _person(request), metric=metric)
        return HttpResponse(figure_queries.scale_numbers(asked.question, as_of=asked.as_of))


_collection: Any = ResponseViewSet.as_view({"get": "list", "post": "create"})


@csrf_exempt
def response_collection(request: HttpRequest) -> HttpResponseBase:
    """`/api/v1/responses`: the fast door for a plain post, DRF for everything else."""
    if door.is_plain_post(request):
        return door.create_response(request)
    found: HttpResponseBase = _collection(request)
    return found


# What documentation and guards look at is the view set behind the door.
for _name in ("cls", "initkwargs", "actions"):
    setattr(response_collection, _name, getattr(_collection, _name))
