"""Filters that the pages of connections share with the API."""

import django_filters as filters

from integrations.domain import ConnectionState, LineKind, RunKind, RunState, pairs
from integrations.models import Connection, RunLine, SyncRun

MAX_ID = 2**63 - 1


class ConnectionFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=pairs(ConnectionState))
    system = filters.CharFilter(field_name="system")

    class Meta:
        model = Connection
        fields: list[str] = []


class RunFilter(filters.FilterSet):
    connection = filters.NumberFilter(field_name="connection_id", min_value=1, max_value=MAX_ID)
    kind = filters.ChoiceFilter(choices=pairs(RunKind))
    state = filters.ChoiceFilter(choices=pairs(RunState))

    class Meta:
        model = SyncRun
        fields: list[str] = []


class LineFilter(filters.FilterSet):
    run = filters.NumberFilter(field_name="run_id", min_value=1, max_value=MAX_ID)
    connection = filters.NumberFilter(field_name="run__connection_id", min_value=1, max_value=MAX_ID)
    kind = filters.ChoiceFilter(choices=pairs(LineKind))

    class Meta:
        model = RunLine
        fields: list[str] = []
