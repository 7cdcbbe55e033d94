"""REST resources of rules and their runs.

A rule is written and read as the editor writes it: its columns, with steps as a list of objects. What a step can be, and
what it needs, is in `GET /rules/catalogue/`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import django_filters as filters
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import ApiViewSet
from core.errors import Invalid
from team.domain import ApiScope
from team.models import User
from team.permissions import can_lead, can_work
from workflows.domain import RunState
from workflows.filters import MAX_ID
from workflows.models import DryRun, DryRunHit, Rule, Run, RunStep
from workflows.queries import dry_runs as dry_run_queries
from workflows.queries import rules as rule_queries
from workflows.queries import runs as run_queries
from workflows.rules import catalogue, checking, editor, files
from workflows.rules.definition import COLUMNS, values_of
from workflows.rules.sentences import Speaker
from workflows.services import authoring, dry_runs
from workflows.services import rules as rule_services

SCOPES = {"read": ApiScope.WORK_READ, "write": ApiScope.WORK_WRITE}


# --- Shapes --------------------------------------------------------------------------------------------------
class RuleSerializer(serializers.ModelSerializer[Rule]):
    """`state` is on, off, or draft where the rule never was on."""

    state = serializers.SerializerMethodField()
    recent_runs = serializers.IntegerField(read_only=True, default=0)
    last_run_at = serializers.DateTimeField(read_only=True, default=None)

    class Meta:
        model = Rule
        fields = [
            "id", "key", *COLUMNS, "is_active", "state", "version", "confirmed_reach", "created_at", "recent_runs",
            "last_run_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, rule: Rule) -> str:
        return rule_queries.state_of(rule) if hasattr(rule, "was_on") else "on" if rule.is_active else "off"


class RuleWriteSerializer(serializers.Serializer[Any]):
    """The columns of a rule; what is left out of a change stays. `draft` keeps one that is not finished."""

    name = serializers.CharField(max_length=checking.MAX_NAME)
    description = serializers.CharField(
        max_length=checking.MAX_DESCRIPTION, required=False, allow_blank=True, default=""
    )
    trigger = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    trigger_settings = serializers.JSONField(required=False, default=dict)
    conditions = serializers.JSONField(required=False, default=dict)
    steps = serializers.JSONField(required=False, default=list)  # type: ignore[arg-type]  # a list is JSON too
    exit_on = serializers.ListField(
        child=serializers.ChoiceField(choices=list(checking.EXITS)), required=False, default=list
    )
    reentry = serializers.ChoiceField(choices=list(checking.REENTRY), required=False, default="always")
    reentry_days = serializers.IntegerField(
        min_value=1, max_value=3_650, required=False, allow_null=True, default=None
    )
    one_run_per = serializers.ChoiceField(choices=list(checking.ONE_RUN_PER), required=False, default="cause")
    max_runs_per_day = serializers.IntegerField(
        min_value=1, max_value=1_000_000, required=False, allow_null=True, default=None
    )
    includes_imports = serializers.BooleanField(required=False, default=False)
    reply_suppresses = serializers.BooleanField(required=False, default=True)
    draft = serializers.BooleanField(required=False, default=False)
    note = serializers.CharField(max_length=authoring.MAX_NOTE, required=False, allow_blank=True, default="")


class RulePatchSerializer(RuleWriteSerializer):
    """`version` is the one that was read: where another was saved since, the answer is 412. `is_active` switches;
    `confirm_reach` repeats the number of people of the dry run, where it is large: to switch a rule on, and to save over
    one that is on what may reach others than before."""

    version = serializers.IntegerField(min_value=1, required=False)
    is_active = serializers.BooleanField(required=False)
    confirm_reach = serializers.IntegerField(min_value=0, required=False)


class VersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    saved_at = serializers.DateTimeField()
    author = serializers.IntegerField(source="author.pk", default=None, allow_null=True)
    note = serializers.CharField()
    values = serializers.SerializerMethodField()

    def get_values(self, version: rule_queries.Version) -> dict[str, Any]:
        return values_of(version.row)


class DryRunStartSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(
        min_value=1, max_value=dry_runs.MAX_DAYS, required=False, default=dry_runs.DAYS
    )
    as_if_live = serializers.BooleanField(required=False, default=True)


class DryRunSerializer(serializers.ModelSerializer[DryRun]):
    """`found` is there once it is done: the counts of what the key may see."""

    found = serializers.SerializerMethodField()

    class Meta:
        model = DryRun
        fields = [
            "id", "rule_version", "as_if_live", "until", "days", "days_done", "events_seen", "from_history", "state",
            "error", "created_at", "finished_at", "found",
        ]  # fmt: skip
        read_only_fields = fields

    def get_found(self, dry_run: DryRun) -> dict[str, Any] | None:
        if not dry_run.is_done:
            return None
        return dry_run_queries.summary(dry_run, self.context["request"].user).as_plain()


class DryRunHitSerializer(serializers.ModelSerializer[DryRunHit]):
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    event = serializers.IntegerField(source="event_id", allow_null=True)

    class Meta:
        model = DryRunHit
        fields = [
            "id",
            "event",
            "account",
            "contact",
            "cause_key",
            "occurred_at",
            "verdict",
            "messages",
            "withheld",
        ]
        read_only_fields = fields


class RunStepSerializer(serializers.ModelSerializer[RunStep]):
    class Meta:
        model = RunStep
        fields = [
            "path", "kind", "state", "outcome", "note", "result", "error", "attempts", "next_at", "started_at", "due_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class RuleRunSerializer(serializers.ModelSerializer[Run]):
    rule = serializers.IntegerField(source="rule_id")
    account = serializers.IntegerField(source="account_id", allow_null=True)
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    event = serializers.IntegerField(source="event_id", allow_null=True)
    steps = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = [
            "id", "rule", "rule_version", "account", "contact", "event", "cause_key", "state", "reason", "started_at",
            "finished_at", "steps",
        ]  # fmt: skip
        read_only_fields = fields

    def get_steps(self, run: Run) -> list[dict[str, Any]]:
        steps = sorted(run.steps.all(), key=lambda step: [part.zfill(3) for part in step.path.split(".")])
        return [dict(RunStepSerializer(step).data) for step in steps]


# --- Rules ---------------------------------------------------------------------------------------------------
class RuleFilter(filters.FilterSet):
    is_active = filters.BooleanFilter()
    trigger = filters.CharFilter(field_name="trigger")

    class Meta:
        model = Rule
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List rules"), retrieve=extend_schema(summary="Read a rule"))
class RuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_lead, "read": can_work}
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    queryset = Rule.objects.none()

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Rule]:
        return rule_queries.list_rules(self.user)

    def _show(self, rule: Rule, status: int = 200) -> Response:
        return Response(RuleSerializer(self.get_queryset().get(pk=rule.pk)).data, status=status)

    @extend_schema(
        summary="Write a rule, switched off", request=RuleWriteSerializer, responses={201: RuleSerializer}
    )
    def create(self, request: Request) -> Response:
        given = RuleWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        try:
            rule = authoring.create_rule(
                values=_columns(data), actor=self.user, note=data["note"], is_draft=data["draft"]
            )
        except checking.NotReady as refusal:
            raise _every(refusal) from None
        return self._show(rule, 201)

    @extend_schema(
        summary="Change a rule, or switch it on or off",
        request=RulePatchSerializer,
        responses={200: RuleSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        given = RulePatchSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        columns = _columns(data)
        values = {**values_of(rule), **columns}
        goes_off = data.get("is_active") is False
        if columns and not goes_off:
            authoring.try_change(rule=rule, values=values, actor=self.user)
        try:
            with transaction.atomic():
                if goes_off:
                    rule = rule_services.switch_rule(rule=rule, is_active=False, actor=self.user)
                if columns:
                    rule = authoring.save_rule(
                        rule=rule,
                        values=values,
                        actor=self.user,
                        note=data.get("note", ""),
                        version=data.get("version"),
                        is_draft=data.get("draft", False),
                        confirmed_reach=data.get("confirm_reach"),
                    )
                if data.get("is_active"):
                    rule_services.switch_rule(
                        rule=rule,
                        is_active=True,
                        actor=self.user,
                        confirmed_reach=data.get("confirm_reach"),
                    )
        except checking.NotReady as refusal:
            raise _every(refusal) from None
        return self._show(rule)

    @extend_schema(summary="Delete a rule with the record of its runs", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        authoring.delete_rule(rule=self.get_object(), actor=self.user)
        return Response(status=204)

    @extend_schema(summary="What rules can be made of", responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None)
    def catalogue(self, request: Request) -> Response:
        return Response(
            {
                "triggers": [
                    {
                        "key": one.key,
                        "label": one.label,
                        "settings": [_setting(setting) for setting in one.settings],
                        "fields": [
                            {"key": f.key, "label": f.label, "type": f.kind.value} for f in one.fields
                        ],
                    }
                    for _, ones in editor.starts()
                    for one in ones
                ],
                "steps": [
                    {
                        "kind": one.kind,
                        "label": one.label,
                        "writes_to_customers": one.reaches_out,
                        "settings": [_setting(setting) for setting in one.settings],
                    }
                    for _, ones in editor.kinds(may_branch=True)
                    for one in ones
                ],
            }
        )

    @extend_schema(summary="The versions of a rule", responses=VersionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        found = rule_queries.versions_of(self.get_object())
        return Response(VersionSerializer(found, many=True).data)

    @extend_schema(
        summary="Let held runs go",
        description="Starts the runs that were held because more began in a day than the rule allows, the oldest first.",
        request=None,
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        return Response({"released": rule_services.release_held(rule=self.get_object(), actor=self.user)})

    @extend_schema(
        summary="A rule in sentences",
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def words(self, request: Request, pk: str) -> Response:
        said = Speaker(self.user).rule(self.get_object())
        return Response(
            {
                "when": said.when,
                "conditions": said.conditions,
                "steps": [{"path": line.path, "depth": line.depth, "text": line.text} for line in said.steps],
                "journey": said.journey,
            }
        )

    @extend_schema(
        methods=["GET"],
        summary="What the rule would have done: the newest dry run",
        responses=DryRunSerializer,
    )
    @extend_schema(
        methods=["POST"],
        summary="Start a dry run on what has happened",
        request=DryRunStartSerializer,
        responses={202: DryRunSerializer},
    )
    @action(
        detail=True, methods=["get", "post"], url_path="dry-run", pagination_class=None, filterset_class=None
    )
    def dry_run(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        if request.method == "POST":
            given = DryRunStartSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            started = dry_runs.start(rule=rule, actor=self.user, **given.validated_data)
            return Response(DryRunSerializer(started, context={"request": request}).data, status=202)
        found = dry_run_queries.latest_of(rule)
        if found is None:
            raise Http404
        return Response(DryRunSerializer(found, context={"request": request}).data)

    @extend_schema(
        summary="Each time the rule would have run, by the newest dry run",
        responses=DryRunHitSerializer(many=True),
    )
    @action(detail=True, methods=["get"], url_path="dry-run/hits", filterset_class=None)
    def dry_run_hits(self, request: Request, pk: str) -> Response:
        found = dry_run_queries.latest_of(self.get_object())
        if found is None:
            raise Http404
        page = self.paginate_queryset(dry_run_queries.hits_of(found, self.user).order_by("pk"))
        return self.get_paginated_response(DryRunHitSerializer(page, many=True).data)

    @extend_schema(summary="A rule as a file", responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def export(self, request: Request, pk: str) -> Response:
        return Response(files.as_plain([self.get_object()]))

    @extend_schema(
        summary="Bring rules in from a file",
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT},
    )
    @action(detail=False, methods=["post"], url_path="import", pagination_class=None, filterset_class=None)
    def bring_in(self, request: Request) -> Response:
        brought = authoring.bring_in(read=files.read_parsed(request.data), actor=self.user)
        rows = [
            {"id": one.rule.pk, "name": one.rule.name, "missing": one.missing, "problems": one.problems}
            for one in brought
        ]
        return Response({"rules": rows}, status=201)


def _columns(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in COLUMNS if name in data}


def _every(refusal: checking.NotReady) -> serializers.ValidationError:
    """Every problem at its place, not only the first."""
    found: dict[str, list[str]] = {}
    for one in refusal.problems:
        found.setdefault(f"{one.place}.{one.field}" if one.field else one.place, []).append(one.message)
    return serializers.ValidationError(found, code=refusal.code)


def _setting(setting: catalogue.Setting) -> dict[str, Any]:
    return {
        "key": setting.key,
        "label": setting.label,
        "type": setting.kind.value,
        "required": setting.is_required,
        "default": setting.default,
        "choices": [{"value": value, "label": label} for value, label in setting.choices()]
        if setting.choices is not None
        else None,
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "merge_fields": setting.merge,
    }


# --- Runs ----------------------------------------------------------------------------------------------------
class RunFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=[(state.value, state.value.capitalize()) for state in RunState])
    rule = filters.NumberFilter(field_name="rule_id", min_value=1, max_value=MAX_ID)
    account = filters.NumberFilter(field_name="account_id", min_value=1, max_value=MAX_ID)
    contact = filters.NumberFilter(field_name="contact_id", min_value=1, max_value=MAX_ID)
    started_after = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")

    class Meta:
        model = Run
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List runs"), retrieve=extend_schema(summary="Read a run"))
class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    scopes = SCOPES
    allowed = {"write": can_lead, "read": can_work}
    serializer_class = RuleRunSerializer
    filterset_class = RunFilter
    queryset = Run.objects.none()
    orderings: ClassVar[dict[str, tuple[str, ...]]] = {"id": (), "started_at": ("started_at",)}

    def get_queryset(self) -> QuerySet[Run]:
        return run_queries.list_runs(user=cast(User, self.request.user))

    def _again(self, run: Run) -> Response:
        return Response(RuleRunSerializer(self.get_queryset().get(pk=run.pk)).data)

    @extend_schema(summary="Stop a run", request=None, responses=RuleRunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        rule_services.stop_run(run=run, actor=cast(User, request.user))
        return self._again(run)

    @extend_schema(summary="Try a failed step again", request=None, responses=RuleRunSerializer)
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<path>[0-9a-z.]{1,60})/retry")
    def retry(self, request: Request, pk: str, path: str) -> Response:
        run = self.get_object()
        rule_services.retry_step(step=_step_of(run, path), actor=cast(User, request.user))
        return self._again(run)

    @extend_schema(summary="Skip a step", request=None, responses=RuleRunSerializer)
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<path>[0-9a-z.]{1,60})/skip")
    def skip(self, request: Request, pk: str, path: str) -> Response:
        run = self.get_object()
        rule_services.skip_step(step=_step_of(run, path), actor=cast(User, request.user))
        return self._again(run)


def _step_of(run: Run, path: str) -> RunStep:
    found: RunStep | None = run.steps.filter(path=path).first()
    if found is None:
        raise Invalid(f"This run has no step {path}, or has not reached it.", field="path", status=404)
    return found
