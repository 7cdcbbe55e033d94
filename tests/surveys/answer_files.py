"""Files of answers, going through an import as a person does. Built for tests; the shapes are those of the tools' exports."""

from typing import Any

from accounts.imports.mapping import Columns
from accounts.models import Import
from surveys.models import Survey
from team.models import User
from tests.accounts import importing

PLAIN = "Email,Score,Comment,Date,Response ID\n"
QUALTRICS = (
    "StartDate,EndDate,Status,Finished,RecordedDate,ResponseId,RecipientEmail,ExternalReference,Q1_NPS_GROUP,Q1,Q2,plan\n"
    "Anfangsdatum,Enddatum,Antworttyp,Fertig,Aufgezeichnet,Antwort-ID,E-Mail,Referenz,Gruppe,Wie wahrscheinlich…,Warum?,plan\n"
    '"{""ImportId"":""startDate"",""timeZone"":""America/Denver""}","{""ImportId"":""endDate"",""timeZone"":""America/Denver""}",'
    '"{""ImportId"":""status""}","{""ImportId"":""finished""}","{""ImportId"":""recordedDate"",""timeZone"":""America/Denver""}",'
    '"{""ImportId"":""_recordId""}","{""ImportId"":""recipientEmail""}","{""ImportId"":""externalDataReference""}",'
    '"{""ImportId"":""QID1_NPS_GROUP""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2_TEXT""}","{""ImportId"":""plan""}"\n'
)


def upload(content: str | bytes, *, actor: User, name: str = "answers.csv") -> Import:
    return importing.upload(content, actor=actor, target="answer", name=name)


def check(
    run: Import,
    *,
    actor: User,
    dialect: dict[str, str] | None = None,
    columns: dict[int, str] | None = None,
    **options: Any,
) -> Import:
    """Check with what was proposed, `options` and `columns` laid over it."""
    mapping = Columns.of(run.mapping)
    if columns:
        mapping.columns = {number: key for number, key in {**mapping.columns, **columns}.items() if key}
    if "survey" in options and isinstance(options["survey"], Survey):
        options["survey"] = str(options["survey"].pk)
    chosen = {**mapping.options, **options}
    score = next((number for number, key in sorted(mapping.columns.items()) if key == "score"), None)
    chosen["scale_for"] = f"{score}|{chosen.get('survey', '')}"
    return importing.check(run, actor=actor, dialect=dialect, columns=mapping.columns, options=chosen)


def bring_in(content: str | bytes, *, actor: User, name: str = "answers.csv", **more: Any) -> Import:
    run = check(upload(content, actor=actor, name=name), actor=actor, **more)
    return importing.start(run, actor=actor) if run.state == "checked" else run
