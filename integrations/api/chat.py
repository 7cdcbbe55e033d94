"""REST resource of chat channels. Their addresses go in and never come out."""

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from integrations.chat import queries
from integrations.chat.domain import ChatKind
from integrations.chat.models import ChatChannel
from integrations.services import chat as services
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead


class ChannelSerializer(serializers.ModelSerializer[ChatChannel]):
    class Meta:
        model = ChatChannel
        fields = [
            "id", "name", "kind", "host", "topics", "shows_words", "per_hour", "state", "last_sent_at", "last_error",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class ChannelChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=4_000, required=False, write_only=True)
    topics = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    shows_words = serializers.BooleanField(required=False)
    per_hour = serializers.IntegerField(required=False)


class ChannelWriteSerializer(ChannelChangeSerializer):
    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(choices=[kind.value for kind in ChatKind])
    url = serializers.CharField(max_length=4_000, write_only=True)


@extend_schema_view(
    list=extend_schema(summary="List chat channels"), retrieve=extend_schema(summary="Read a chat channel")
)
class ChatChannelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Channels of Slack and Microsoft Teams that are told of alerts; for keys of those who lead."""

    scopes = {"read": ApiScope.CONNECTIONS_READ, "write": ApiScope.CONNECTIONS_WRITE}
    allowed = {"read": can_lead, "write": can_lead}
    serializer_class = ChannelSerializer
    queryset = ChatChannel.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "name": ("name",)}

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[ChatChannel]:
        return queries.list_channels(self._user)

    @extend_schema(
        summary="Add a chat channel", request=ChannelWriteSerializer, responses={201: ChannelSerializer}
    )
    def create(self, request: Request) -> Response:
        given = ChannelWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        channel = services.create_channel(actor=self._user, **given.validated_data)
        return Response(ChannelSerializer(channel).data, status=201)

    @extend_schema(
        summary="Change a chat channel", request=ChannelChangeSerializer, responses={200: ChannelSerializer}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        given = ChannelChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        channel = services.change_channel(channel=self.get_object(), actor=self._user, **given.validated_data)
        return Response(ChannelSerializer(channel).data)

    @extend_schema(summary="Forget a chat channel", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_channel(channel=self.get_object(), actor=self._user)
        return Response(status=204)

    @extend_schema(summary="Write a test message", request=None, responses={202: ChannelSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        channel = self.get_object()
        services.send_test(channel=channel, actor=self._user)
        return Response(ChannelSerializer(channel).data, status=202)

    @extend_schema(summary="Pause a chat channel", request=None, responses={200: ChannelSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        channel = self.get_object()
        services.pause_channel(channel=channel, actor=self._user)
        return Response(ChannelSerializer(channel).data)

    @extend_schema(
        summary="Put a chat channel back in service", request=None, responses={200: ChannelSerializer}
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        channel = self.get_object()
        services.resume_channel(channel=channel, actor=self._user)
        return Response(ChannelSerializer(channel).data)
