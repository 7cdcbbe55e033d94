"""People and the audit log over the API; both are read only."""

from django.db.models import QuerySet
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from core.api import ApiViewSet
from team import queries
from team.api.serializers import AuditEntrySerializer, UserSerializer
from team.domain import ApiScope
from team.filters import AuditFilter, UserFilter
from team.models import AuditEntry, User
from team.permissions import can_administer


class UserViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """The colleagues: who owns accounts, gets alerts and does tasks. Everybody sees all of them."""

    scopes = {"read": ApiScope.TEAM_READ}
    serializer_class = UserSerializer
    filterset_class = UserFilter
    orderings = {"name": ("name",)}

    def get_queryset(self) -> QuerySet[User]:
        return queries.list_people()


class AuditEntryViewSet(ListModelMixin, ApiViewSet):
    """The audit log, for keys of administrators. Latest first with `ordering=-at`."""

    scopes = {"read": ApiScope.TEAM_READ}
    allowed = {"read": can_administer}
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    orderings = {"at": ("at",)}

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return queries.list_audit()
