"""Messages in the product over the API: what was written to whom, and what became of it. Rules write them."""

from typing import ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from surveys.in_app_filters import InAppMessageFilter
from surveys.models import InAppMessage
from surveys.queries import in_app_messages as queries
from surveys.services import in_app_messages as services
from team.domain import ApiScope
from team.models import User
from team.permissions import can_work


class InAppMessageSerializer(serializers.ModelSerializer[InAppMessage]):
    """A message for one contact. `key` names what wrote it, such as a step of a run: `run:12:0`."""

    contact_id = serializers.IntegerField()
    account_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = InAppMessage
        fields = (
            "id", "key", "contact_id", "account_id", "title", "text", "button_label", "button_url", "state", "queued_at",
            "expires_at", "shown_at", "clicked_at", "dismissed_at", "withdrawn_at",
        )  # fmt: skip
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List messages in the product"),
    retrieve=extend_schema(summary="Read a message in the product"),
)
class InAppMessageViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes: ClassVar = {"read": ApiScope.SURVEYS_READ, "write": ApiScope.SURVEYS_WRITE}
    allowed: ClassVar = {"write": can_work}
    queryset = InAppMessage.objects.none()
    serializer_class = InAppMessageSerializer
    filterset_class = InAppMessageFilter
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "queued_at": ("queued_at",)}

    def get_queryset(self) -> QuerySet[InAppMessage]:
        return queries.list_in_app_messages(cast(User, self.request.user))

    @extend_schema(
        summary="Withdraw a message in the product",
        description="It is shown no more. Refused with 409 when it is over anyway.",
        request=None,
        responses={200: InAppMessageSerializer},
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        found = services.withdraw(message=self.get_object(), actor=cast(User, request.user))
        return Response(InAppMessageSerializer(found).data)
