"""REST resources of webhooks: set up, changed, tried out, their log; and the two calls automation platforms make."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Refused
from integrations.outgoing import catalogue, queries, serializers, services
from integrations.outgoing.filters import DeliveryFilter, WebhookFilter
from integrations.outgoing.models import Webhook, WebhookDelivery
from team.domain import ApiScope
from team.models import ApiKey, User
from team.permissions import can_work

SCOPES = {"read": ApiScope.WEBHOOKS_READ, "write": ApiScope.WEBHOOKS_WRITE}


class _Own(ApiViewSet):
    scopes = SCOPES
    allowed: ClassVar[dict[str, Any]] = {"write": can_work}

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    @property
    def _key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)


@extend_schema_view(
    list=extend_schema(summary="List webhooks"), retrieve=extend_schema(summary="Read a webhook")
)
class WebhookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _Own):
    """Webhooks of the key's person; an administrator's key reaches all. What a key sets up tells no more than the key may
    read, and is paused when the key ends."""

    serializer_class = serializers.WebhookSerializer
    filterset_class = WebhookFilter
    queryset = Webhook.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    def get_queryset(self) -> QuerySet[Webhook]:
        return queries.list_webhooks(self._user)

    @extend_schema(
        summary="Set up a webhook",
        request=serializers.WebhookWriteSerializer,
        responses={201: serializers.NewWebhookSerializer},
    )
    def create(self, request: Request) -> Response:
        body = serializers.WebhookWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        webhook, secret = services.create_webhook(
            actor=self._user, api_key=self._key, **{"name": "", **given}
        )
        return Response({**serializers.WebhookSerializer(webhook).data, "secret": secret}, status=201)

    @extend_schema(
        summary="Change a webhook",
        request=serializers.WebhookChangeSerializer,
        responses=serializers.WebhookSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        body = serializers.WebhookChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.update_webhook(webhook=self.get_object(), actor=self._user, **body.validated_data)
        return self._shown(pk)

    @extend_schema(summary="Delete a webhook with its log", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_webhook(webhook=self.get_object(), actor=self._user)
        return Response(status=204)

    @extend_schema(summary="Pause", request=None, responses=serializers.WebhookSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        services.pause(webhook=self.get_object(), actor=self._user)
        return self._shown(pk)

    @extend_schema(
        summary="Resume, or switch on again", request=None, responses=serializers.WebhookSerializer
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        services.resume(webhook=self.get_object(), actor=self._user)
        return self._shown(pk)

    @extend_schema(summary="Make a new secret", request=None, responses=serializers.SecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        secret = services.rotate_secret(webhook=self.get_object(), actor=self._user)
        until = self.get_queryset().get(pk=pk).previous_until
        return Response(serializers.SecretSerializer({"secret": secret, "previous_until": until}).data)

    @extend_schema(
        summary="Send a test",
        request=serializers.TestRequestSerializer,
        responses={201: serializers.DeliverySerializer},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        body = serializers.TestRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = services.send_test(
            webhook=self.get_object(), kind=body.validated_data["kind"], actor=self._user
        )
        return Response(serializers.DeliverySerializer(made).data, status=201)

    @extend_schema(
        summary="Send a range again",
        description="Under the same ids, so that a receiver that keeps them takes nothing twice.",
        request=serializers.ReplayRequestSerializer,
        responses=serializers.ReplayedSerializer,
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        body = serializers.ReplayRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        count = services.replay_range(webhook=self.get_object(), actor=self._user, **body.validated_data)
        return Response({"deliveries": count})

    def _shown(self, pk: str) -> Response:
        return Response(serializers.WebhookSerializer(self.get_queryset().get(pk=pk)).data)


@extend_schema_view(list=extend_schema(summary="List messages of webhooks"))
class DeliveryViewSet(mixins.ListModelMixin, _Own):
    """The log: what was sent, what waits, what was given up. Kept for NPS_WEBHOOK_KEEP_DAYS."""

    serializer_class = serializers.DeliverySerializer
    filterset_class = DeliveryFilter
    queryset = WebhookDelivery.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": ()}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        return queries.list_deliveries(self._user)

    @extend_schema(summary="Read a message and its tries", responses=serializers.DeliveryDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(serializers.DeliveryDetailSerializer(self.get_object()).data)

    @extend_schema(summary="Send a message again", request=None, responses=serializers.DeliverySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        services.replay_delivery(delivery=self.get_object(), actor=self._user)
        return Response(serializers.DeliverySerializer(self.get_queryset().get(pk=pk)).data)


class EventTypeViewSet(_Own):
    """Which events there are, and what they look like."""

    queryset = Webhook.objects.none()
    serializer_class = serializers.EventTypeSerializer
    lookup_field = "kind"
    lookup_value_regex = r"[a-z_]+\.[a-z_]+"
    filter_backends = []

    @extend_schema(
        summary="List events of webhooks", responses=serializers.EventTypeSerializer(many=True), filters=False
    )
    def list(self, request: Request) -> Response:
        rows = list(catalogue.all_types().values())
        return Response(serializers.EventTypeSerializer(rows, many=True).data)

    @extend_schema(
        summary="Examples of an event",
        description="At most three, newest first, as a webhook of this key would get them; an invented one where there are none.",
        responses={200: {"type": "array", "items": {"type": "object", "additionalProperties": True}}},
    )
    @action(detail=True, methods=["get"])
    def samples(self, request: Request, kind: str) -> Response:
        if catalogue.find(kind) is None:
            raise Refused("There is no such event.", code="not_found", status=404)
        eyes = Webhook(owner=self._user, api_key=self._key, kinds=[kind])
        return Response(queries.samples(kind, self._user, eyes))


class HookViewSet(_Own):
    """What Zapier, Make and their like call: one address and one event each, ended by its id."""

    queryset = Webhook.objects.none()
    serializer_class = serializers.HookSubscribedSerializer

    def get_queryset(self) -> QuerySet[Webhook]:
        return queries.list_webhooks(self._user)

    @extend_schema(
        summary="Subscribe",
        request=serializers.HookWriteSerializer,
        responses={201: serializers.HookSubscribedSerializer},
    )
    def create(self, request: Request) -> Response:
        body = serializers.HookWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        webhook, secret = services.create_webhook(
            name=given["name"],
            url=given["target_url"],
            kinds=[given["event"]],
            actor=self._user,
            api_key=self._key,
        )
        return Response({"id": str(webhook.pk), "secret": secret}, status=201)

    @extend_schema(summary="Unsubscribe", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_webhook(webhook=self.get_object(), actor=self._user)
        return Response(status=204)
