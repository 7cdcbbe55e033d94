"""What the description of the API says of the door for deliveries, which is no view of the REST framework: it answers whatever
is sent to it, however broken, and passes by keys and limits."""

from typing import Any

PATH = "/api/v1/ingest/{token}"
_ANSWERS = {
    "200": "Taken, or known already. A GET or HEAD is answered with it too.",
    "400": "The request cannot be read: a header without end, a body shorter than was said, or neither valid JSON nor a"
    " form. Such a body is kept where it proves where it comes from, and the connection's log says so.",
    "401": "It does not prove where it comes from: the signature is missing or wrong, or its time is over.",
    "404": "No connection has this address.",
    "411": "It comes in pieces, and this server cannot tell their end.",
    "413": "Larger than 5 MB.",
    "415": "It is packed.",
    "503": "It could not be stored. Send it again.",
}


def describe_door(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the door to the paths; a postprocessing hook of drf-spectacular."""
    paths = dict(result["paths"])
    paths[PATH] = {
        "post": {
            "operationId": "ingest_create",
            "summary": "Deliver answers to a connection",
            "description": (
                "For the generic webhook and every other system that sends. The token is the last part of the connection’s"
                " address (`/connections/{id}/hook/`) and a secret; what else proves the delivery was chosen with the"
                " connection. It needs no API key. The delivery is stored before it is answered, and taken in by a worker;"
                " the same body again has no effect. Any JSON or form will do: which place means what was chosen too."
            ),
            "tags": ["ingest"],
            "security": [{}],
            "parameters": [{"in": "path", "name": "token", "required": True, "schema": {"type": "string"}}],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {}},
                    "application/x-www-form-urlencoded": {
                        "schema": {"type": "object", "additionalProperties": True}
                    },
                },
            },
            "responses": {status: {"description": words} for status, words in _ANSWERS.items()},
        }
    }
    result["paths"] = dict(sorted(paths.items()))
    return result
