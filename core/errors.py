"""Refusals: failures we anticipate, whose text may be shown to the person who caused them."""


class Refused(Exception):
    """A request that is understood and not carried out.

    `message` names the trouble and the remedy and is safe to show; `code` is for machines; `field` is the
    input it belongs to, if any. Pages show it beside the field, the API answers 409 (or `status`).
    """

    code = "refused"
    status = 409

    def __init__(self, message: str, *, code: str = "", field: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.field = field
        self.status = status or self.status


class Invalid(Refused):
    """Input that can never be right as it stands (400 in the API)."""

    code = "invalid"
    status = 400
