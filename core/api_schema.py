"""How the OpenAPI schema describes what all endpoints have in common: refusals of one shape, tags, one header."""

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.plumbing import list_hash
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

REFUSALS = {
    "400": "The input cannot be right as it stands: `attr` names the field.",
    "401": "No API key, or one that is unknown, revoked, expired, or of a deactivated person.",
    "403": "The key lacks the scope, or the role of its person does not allow it.",
    "404": "There is nothing of this id that the key may see.",
    "409": "Understood, and not possible as things stand; or the same Idempotency-Key is still being worked on.",
    "413": "The body or the list in it is too large.",
    "415": "Send JSON in UTF-8.",
    "422": "The Idempotency-Key was used with another body.",
    "429": "More requests in a minute than the key allows; `Retry-After` says when to go on.",
}
WRITING = {"POST", "PUT", "PATCH", "DELETE"}


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For machines; stays the same when the text is improved.")
    detail = serializers.CharField(help_text="For people: the trouble and the remedy.")
    attr = serializers.CharField(allow_null=True, help_text="The field it is about, if any.")


class ErrorsSerializer(serializers.Serializer[Any]):
    """The one shape of every refusal."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # a field, not the errors found


class AutoSchema(SpectacularAutoSchema):
    """drf-spectacular's, with our refusals at every operation and the first part of the path as its tag."""

    def get_tags(self) -> list[str]:
        path = self.path.removeprefix("/api/v1/")
        return [path.split("/")[0].replace("-", " ")]

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        for place in (schema, schema.get("items", {})) if isinstance(schema, dict) else ():
            if "x-spec-enum-id" in place and "enum" in place:
                # The same values are the same type, whatever labels stand beside them.
                values = sorted(str(value) for value in place["enum"] if value not in ("", None))
                place["x-spec-enum-id"] = list_hash([(value, value) for value in values])
        return schema

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if getattr(self.view, "is_idempotent", False) and self.method == "POST":
            found.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    required=False,
                    description="Any text of 1 to 255 visible characters. Repeating the request with it answers what"
                    " the first one answered, and changes nothing more.",
                )
            )
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        responses = super()._get_response_bodies(direction=direction)
        if direction != "response":
            return responses
        for status, text in REFUSALS.items():
            if status not in responses and self._can_answer(status):
                refusal = self._get_response_for_code(ErrorsSerializer, status)  # type: ignore[no-untyped-call]
                responses[status] = {**refusal, "description": text}
        return dict(sorted(responses.items()))

    def _can_answer(self, status: str) -> bool:
        if status == "404":
            return "{" in self.path
        if status == "400":
            return self.method in WRITING - {"DELETE"} or self._is_list_view()
        if status in {"413", "415"}:
            return self.method in WRITING - {"DELETE"}
        if status == "409":
            return self.method in WRITING
        if status == "422":
            return bool(getattr(self.view, "is_idempotent", False)) and self.method == "POST"
        return True
