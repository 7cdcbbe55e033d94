"""What the API says about people and the audit log."""

from rest_framework import serializers

from team.models import AuditEntry, Team, User


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


class UserSerializer(serializers.ModelSerializer[User]):
    """A colleague. `id` is what owner, assignee and actor fields refer to."""

    team = TeamSerializer(allow_null=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "title", "role", "team", "is_active")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One thing done by somebody. `detail` holds names of fields and neutral values, never personal text."""

    actor_id = serializers.IntegerField(allow_null=True)
    api_key_id = serializers.IntegerField(allow_null=True)
    detail = serializers.DictField()

    class Meta:
        model = AuditEntry
        fields = ("id", "at", "action", "actor_id", "api_key_id", "object_type", "object_id", "detail")
