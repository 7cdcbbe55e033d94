"""What a person does with a connection: set it up, check it, say what is read, start, pause, run, disconnect.

Every change is audited by the names of what changed. Credentials are only ever written; a changed one takes effect with the
next call, and the place where reading stopped stays.
"""

import datetime as dt
import secrets as randomness
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db import transaction
from django.urls import reverse

from core import clock, fetch
from core.errors import Invalid, Refused
from integrations import registry, vault
from integrations.contract import Delivery, Hook, Input, RemoteField, RemoteSurvey, Role, System, Trouble
from integrations.domain import OPEN_RUNS, ConnectionState, HookState, RunKind, RunState
from integrations.models import ConnectedSurvey, Connection, SyncRun
from integrations.services import hooks, lines, runs
from surveys.choices import MetricFamily
from surveys.models import Survey
from team import audit
from team import queries as team_queries
from team.models import User

HISTORY = dt.timedelta(days=183)
SECRET_OVERLAP = dt.timedelta(hours=24)
CONSENT_SECONDS = 900
MIN_MINUTES, MAX_MINUTES = 5, 24 * 60
# Of a delivery that is shown to be tried out.
MAX_SHOWN = 100_000
_SALT = "integrations.consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyChoice:
    """A survey over there and the one of ours its answers count for. `metric` is what a person says where the source
    cannot tell; `mapping` {role: [keys]} goes before the connection's own."""

    remote_id: str
    survey: Survey
    remote_name: str = ""
    metric: str = ""
    is_enabled: bool = True
    mapping: Mapping[str, Sequence[str]] | None = field(default=None)


# --- Setting up ----------------------------------------------------------------------------------------------
@transaction.atomic
def create_connection(*, system: str, name: str = "", actor: User) -> Connection:
    """A draft: nothing is called, pulled or heard before it is activated."""
    known = registry.get(system)
    connection = Connection(
        system=system,
        name=_name(name or known.name),
        zone=str(team_queries.workspace().time_zone),
        every_minutes=known.every_minutes,
        options={s.key: s.default for s in known.settings if s.input is not Input.SECRET and s.default},
        connected_by=actor,
        history_since=clock.now() - HISTORY if known.can_pull else None,
    )
    connection.save()
    if known.hook is not Hook.NONE:
        vault.new_token(connection)
        connection.save(update_fields=["hook_token", "hook_token_hash"])
    audit.record(action="connection.created", actor=actor, obj=connection, system=system)
    return connection


@transaction.atomic
def change_connection(
    *,
    connection: Connection,
    actor: User,
    name: str | None = None,
    options: Mapping[str, str] | None = None,
    new_secrets: Mapping[str, str] | None = None,
    zone: str | None = None,
    every_minutes: int | None = None,
    history_since: dt.datetime | None = None,
) -> Connection:
    """Change what is given and leave the rest. An empty secret leaves the stored one; the cursor stays in any case.

    An address on another server needs the credentials anew: those stored were given for the old one and are never sent to
    another; what they brought (tokens) goes. Refuses that, an unknown setting, a missing one that is needed, and an address
    that must not be called.
    """
    held = _hold_open(connection)
    system = registry.get(held.system)
    changed: list[str] = []
    given = {key: value.strip() for key, value in (new_secrets or {}).items() if value and value.strip()}
    left: set[str] = set()
    if name is not None and name != held.name:
        held.name = _name(name)
        changed.append("name")
    if options is not None:
        clean = _clean_options(system, options)
        if _leads_elsewhere(system, held.options, clean):
            left = _credentials_left(system, held, given)
        held.options = {**held.options, **clean}
        changed += sorted(options)
    if zone is not None and zone != held.zone:
        held.zone = _zone(zone)
        changed.append("zone")
    if every_minutes is not None and every_minutes != held.every_minutes:
        if not MIN_MINUTES <= every_minutes <= MAX_MINUTES:
            raise Invalid(
                f"Choose {MIN_MINUTES} minutes to {MAX_MINUTES // 60} hours between two pulls.",
                field="every_minutes",
            )
        held.every_minutes = every_minutes
        changed.append("every_minutes")
    if history_since is not None:
        if history_since > clock.now():
            raise Invalid("The history must begin in the past.", field="history_since")
        held.history_since = history_since
        changed.append("history_since")
    if given or left:
        allowed = {s.key for s in system.settings if s.input is Input.SECRET} | {"hook"}
        unknown = sorted(set(given) - allowed)
        if unknown:
            raise Invalid(f"{system.name} has no setting called {unknown[0][:40]}.", field=unknown[0][:40])
        vault.store_secrets(held, given, removed=left)
        changed += sorted(given)
    held.save()
    if changed:
        audit.record(action="connection.changed", actor=actor, obj=held, fields=changed)
    connection.refresh_from_db()
    return connection


def _leads_elsewhere(system: System, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether an address now names another server, port or protocol than the one the credentials were given for."""
    addresses = [s for s in system.settings if (s.input is Input.URL or s.names_server) and s.key in after]
    return any(
        _server(str(before.get(s.key, "")) or s.default) not in {None, _server(after[s.key] or s.default)}
        for s in addresses
    )


def _server(address: str) -> tuple[str, str, int] | None:
    try:
        target = fetch.target_of(address if "://" in address else f"https://{address}")
    except fetch.Forbidden:
        return None
    return target.scheme, target.host, target.port


def _credentials_left(system: System, held: Connection, given: Mapping[str, str]) -> set[str]:
    """The stored credentials that a change of server takes away. Refuses where one of them was typed in and is not again."""
    stored = {key for key in vault.known_secrets(held) if not key.startswith("hook")}
    for setting in system.settings:
        if setting.input is Input.SECRET and setting.key in stored and setting.key not in given:
            raise Invalid(
                f"The address leads to another server. Enter “{setting.label}” again: what is stored was given for the old"
                " one, and is not sent elsewhere.",
                field=setting.key,
                code="secret_needed",
            )
    return stored - set(given)


def missing_settings(connection: Connection) -> list[str]:
    """Labels of what must still be said before the other side can be called."""
    system = registry.get(connection.system)
    known = vault.known_secrets(connection)
    return [
        s.label
        for s in system.settings
        if s.is_required
        and not (
            s.key in known if s.input is Input.SECRET else str(connection.options.get(s.key, "")).strip()
        )
    ]


def check_connection(*, connection: Connection) -> str:
    """Call the other side; returns whom we are connected to. Raises a `Trouble` in words, or `Refused`.

    Where it refused at the start to send deliveries, it is asked for them again.
    """
    _refuse_incomplete(connection)
    found = registry.get(connection.system).check(lines.open_line(connection)) or ""
    connection.connected_to = found[:200]
    Connection.objects.filter(pk=connection.pk).update(connected_to=connection.connected_to)
    if connection.state == ConnectionState.ACTIVE and connection.hook_state == HookState.FAILED:
        connection.refresh_from_db()
        subscribe(connection=connection)
    return found


def list_remote_surveys(*, connection: Connection) -> Sequence[RemoteSurvey]:
    """What can be read there, asked of the other side now."""
    _refuse_incomplete(connection)
    return registry.get(connection.system).surveys(lines.open_line(connection))


def sample_delivery(*, connection: Connection) -> str:
    """A delivery to try out: the last one that was heard and is still kept, else one as the system would send it."""
    for row in hooks.examples(connection):
        body = bytes(hooks.delivery_of(row).body)
        if len(body) <= MAX_SHOWN:
            return body.decode("utf-8", "replace")
    return registry.get(connection.system).sample(lines.open_line(connection))


def list_remote_fields(*, connection: Connection, remote_id: str, example: str = "") -> Sequence[RemoteField]:
    """The fields of that survey's answers with real examples: asked of the other side now, or found in what it sent.

    `example`, the body of a delivery, stands for what it sent. Raises a `Trouble` where it cannot be read.
    """
    _refuse_incomplete(connection)
    system = registry.get(connection.system)
    chosen = connection.surveys.filter(remote_id=remote_id).first()
    line = lines.open_line(connection, survey=chosen)
    if system.can_pull:
        return system.fields(line, remote_id)
    if example:
        given = Delivery(body=example.encode("utf-8", "replace"), headers={})
        system.hear(line, given)
        return system.fields_heard(line, [given])
    return system.fields_heard(line, [hooks.delivery_of(row) for row in hooks.examples(connection)])


def choose_surveys(*, connection: Connection, choices: Sequence[SurveyChoice], actor: User) -> None:
    """These surveys are read from now on, each into one of ours. One that is left out is no longer read; its place is kept.

    Of a connection at work whose webhook is made by our call, the other side is asked to send for these as well.
    """
    with transaction.atomic():
        held = _hold_open(connection)
        before = _read_there(held)
        _choose(held, choices)
        now = _read_there(held)
        audit.record(action="connection.surveys", actor=actor, obj=held, count=len(choices))
    is_heard = held.state == ConnectionState.ACTIVE and registry.get(held.system).hook is Hook.BY_CALL
    if is_heard and now and now != before:
        connection.refresh_from_db()
        subscribe(connection=connection)


def _read_there(connection: Connection) -> set[str]:
    return set(connection.surveys.filter(is_enabled=True).values_list("remote_id", flat=True))


def _choose(held: Connection, choices: Sequence[SurveyChoice]) -> None:
    seen: set[str] = set()
    for choice in choices:
        if choice.remote_id in seen:
            raise Invalid("The same survey was chosen twice.", field="surveys")
        seen.add(choice.remote_id)
        if choice.metric and choice.metric != choice.survey.metric:
            raise Invalid(
                f"{choice.remote_name or choice.remote_id} measures {choice.metric.upper()}, and our survey"
                f" {choice.survey.name} {choice.survey.metric.upper()}. Choose one of the same kind.",
                field="surveys",
            )
        if choice.metric and choice.metric not in set(MetricFamily):
            raise Invalid("Choose NPS, CSAT or CES.", field="metric")
        row, _ = ConnectedSurvey.objects.get_or_create(
            connection=held, remote_id=choice.remote_id, defaults={"survey": choice.survey}
        )
        row.survey, row.metric, row.is_enabled = choice.survey, choice.metric, choice.is_enabled
        row.remote_name = choice.remote_name[:300] or row.remote_name
        if choice.mapping is not None:
            row.mapping = clean_mapping(held, choice.mapping)
        row.save()
    held.surveys.exclude(remote_id__in=seen).update(is_enabled=False)


@transaction.atomic
def set_mapping(
    *,
    connection: Connection,
    mapping: Mapping[str, Sequence[str]],
    actor: User,
    remote_id: str | None = None,
) -> None:
    """Say which fields play which role, {role: [keys]}: for all surveys, or for one.

    What was read before stays as it was read; `rerun_since` reads it again in the new way.
    """
    held = _hold_open(connection)
    clean = clean_mapping(held, mapping)
    if remote_id is None:
        held.mapping = clean
        held.save(update_fields=["mapping", "updated_at"])
    elif not held.surveys.filter(remote_id=remote_id).update(mapping=clean):
        raise Invalid("This survey was not chosen.", field="survey")
    audit.record(action="connection.mapped", actor=actor, obj=held, roles=sorted(clean))
    connection.refresh_from_db()


def clean_mapping(connection: Connection, mapping: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The mapping as it is kept. Refuses roles that the system does not offer, and a second field where there can be one."""
    offered = registry.get(connection.system).roles
    clean: dict[str, list[str]] = {}
    for name, keys in mapping.items():
        if name not in set(Role) or Role(name) not in offered:
            raise Invalid(f"No field can be chosen for {str(name)[:40]} here.", field="mapping")
        wanted = list(dict.fromkeys(str(key)[:300] for key in keys if str(key).strip()))
        if len(wanted) > 1 and Role(name) is not Role.COMMENT:
            raise Invalid(f"Choose one field for {name.replace('_', ' ')}.", field=name)
        if wanted:
            clean[name] = wanted[:20]
    return clean


# --- At work -------------------------------------------------------------------------------------------------
def activate(*, connection: Connection, actor: User) -> SyncRun | None:
    """Begin: the first run reads the chosen history, then pulls follow their schedule and deliveries are heard.

    Returns the first run, None for a system that is only heard. Refuses while something is missing. Where the webhook is
    made by our call and that fails, the connection works without it and `hook_error` says why.
    """
    _refuse_incomplete(connection)
    system = registry.get(connection.system)
    if not connection.surveys.filter(is_enabled=True).exists():
        raise Refused("Choose at least one survey to read.", code="nothing_chosen", field="surveys")
    with transaction.atomic():
        held = _hold_open(connection)
        was = held.state
        held.state = ConnectionState.ACTIVE
        held.broken_since, held.failures, held.last_error, held.last_error_at = None, 0, "", None
        held.connected_by = held.connected_by or actor
        if system.hook is Hook.BY_HAND and held.hook_state == HookState.OFF:
            held.hook_state = HookState.WAITING
        held.next_run_at = clock.now() + dt.timedelta(minutes=held.every_minutes) if system.can_pull else None
        held.save()
        audit.record(action="connection.activated", actor=actor, obj=held, was=was)
        run = None
        if system.can_pull:
            run = runs.open_run(held) or runs.start(
                held,
                kind=RunKind.FIRST if held.first_sync_at is None else RunKind.BY_HAND,
                requested_by=actor,
            )
        else:
            run = runs.open_run(held)
        if run is not None and run.state == RunState.PAUSED:
            run = runs.carry_on(run)
    connection.refresh_from_db()
    if system.hook is Hook.BY_CALL:
        subscribe(connection=connection)
    return run


@transaction.atomic
def pause(*, connection: Connection, actor: User) -> None:
    """No more pulls until it is resumed; a run at work stops after its page. Deliveries are still stored, and taken in
    when it is resumed."""
    held = _hold(connection)
    if held.state not in {ConnectionState.ACTIVE, ConnectionState.BROKEN}:
        raise Refused("Only a connection at work can be paused.", code="not_active")
    held.state = ConnectionState.PAUSED
    held.save(update_fields=["state", "updated_at"])
    runs.pause_open(held)
    audit.record(action="connection.paused", actor=actor, obj=held)
    connection.refresh_from_db()


def resume(*, connection: Connection, actor: User) -> SyncRun | None:
    """Carry on after a pause or after what broke it was mended; a run that was stopped goes on where it was."""
    if connection.state not in {ConnectionState.PAUSED, ConnectionState.BROKEN}:
        raise Refused("This connection is not paused.", code="not_paused")
    run = activate(connection=connection, actor=actor)
    runs.release_deliveries(connection)
    return run


@transaction.atomic
def run_now(*, connection: Connection, actor: User) -> SyncRun:
    """Pull what is new now, without waiting for the schedule."""
    held = _active_puller(connection)
    run = runs.start(held, kind=RunKind.BY_HAND, requested_by=actor)
    audit.record(action="connection.run", actor=actor, obj=held, run=run.pk)
    return run


@transaction.atomic
def carry_on(*, run: SyncRun, actor: User) -> SyncRun:
    """A run that failed goes on where it stopped, now."""
    held = _active_puller(run.connection)
    new = runs.carry_on_failed(run, requested_by=actor)
    audit.record(action="connection.run", actor=actor, obj=held, run=new.pk, continues=run.pk)
    return new


@transaction.atomic
def rerun_since(*, connection: Connection, since: dt.datetime, actor: User) -> SyncRun:
    """Read everything again from that moment on, with the mapping of today. Nothing doubles.

    From a system that is pulled, what was answered since then; of one that only sends, what came in since then and is kept.
    """
    is_kept_only = registry.get(connection.system).can_reread
    held = _active(connection) if is_kept_only else _active_puller(connection)
    if since > clock.now():
        raise Invalid("Choose a moment in the past.", field="since")
    kind = RunKind.REREAD if is_kept_only else RunKind.BACKFILL
    run = runs.start(held, kind=kind, requested_by=actor, since=since)
    audit.record(
        action="connection.rerun",
        actor=actor,
        obj=held,
        run=run.pk,
        since=since.isoformat(timespec="minutes"),
    )
    return run


@transaction.atomic
def cancel_run(*, run: SyncRun, actor: User) -> None:
    """Stop a run for good; what it took in stays, and the next one begins its window again."""
    held = _hold(run.connection)
    if not SyncRun.objects.filter(pk=run.pk, state__in=OPEN_RUNS).exists():
        raise Refused("This run is over already.", code="over")
    runs.cancel_open(held)
    audit.record(action="connection.run_cancelled", actor=actor, obj=held, run=run.pk)


def disconnect(*, connection: Connection, actor: User) -> None:
    """End it: credentials are deleted, nothing is pulled or heard any more, and what waits to be taken in is dropped.
    Answers and their log stay."""
    if connection.state == ConnectionState.DISCONNECTED:
        raise Refused("This connection has ended already.", code="disconnected")
    left_behind = ""
    if connection.hook_subscription:
        try:
            registry.get(connection.system).unsubscribe(
                lines.open_line(connection), connection.hook_subscription
            )
        except (Refused, NotImplementedError) as trouble:
            left_behind = getattr(trouble, "message", "") or "The subscription over there was left as it is."
    with transaction.atomic():
        held = _hold(connection)
        runs.cancel_open(held)
        hooks.drop(held)
        held.state = ConnectionState.DISCONNECTED
        held.secrets, held.hook_token, held.hook_token_hash = "", "", None
        held.hook_state, held.hook_subscription, held.hook_error = HookState.OFF, {}, left_behind[:500]
        held.next_run_at = held.broken_since = None
        held.save()
        audit.record(action="connection.disconnected", actor=actor, obj=held)
    connection.refresh_from_db()


@transaction.atomic
def delete_draft(*, connection: Connection, actor: User) -> None:
    """Throw away a connection that was never activated."""
    held = _hold(connection)
    if held.state != ConnectionState.DRAFT:
        raise Refused("Only a draft can be deleted. Disconnect this one: its answers and log stay.")
    audit.record(action="connection.deleted", actor=actor, obj=held, system=held.system)
    held.delete()


# --- The webhook's address and secret ------------------------------------------------------------------------
def hook_url(connection: Connection) -> str:
    """The address that deliveries are sent to; "" where there is none. It is a secret: for administrators only."""
    token = vault.open_token(connection)
    return f"{settings.BASE_URL}{reverse('integrations:door', args=[token])}" if token else ""


def subscribe(*, connection: Connection) -> bool:
    """Have the other side send deliveries; False where it refuses, with the reason in `hook_error`."""
    system = registry.get(connection.system)
    known = vault.open_secrets(connection)
    if not known.get("hook"):
        known = vault.store_secrets(connection, {"hook": vault.new_hook_secret()})
    chosen = list(
        connection.surveys.filter(is_enabled=True).exclude(remote_id="").values_list("remote_id", flat=True)
    )
    try:
        state = system.subscribe(
            lines.open_line(connection), survey_ids=chosen, url=hook_url(connection), secret=known["hook"]
        )
    except Trouble as trouble:
        connection.hook_state, connection.hook_error = HookState.FAILED, trouble.message[:500]
    else:
        connection.hook_subscription, connection.hook_error = dict(state), ""
        if connection.hook_state != HookState.LISTENING:
            connection.hook_state = HookState.WAITING
    connection.save(update_fields=["hook_subscription", "hook_state", "hook_error", "updated_at"])
    return connection.hook_state != HookState.FAILED


def rotate_hook_secret(*, connection: Connection, actor: User, secret: str = "") -> str:
    """A new secret for signatures, given or made; the one before is still taken for a day. Returns the new one, once."""
    new = secret.strip() or vault.new_hook_secret()
    with transaction.atomic():
        held = _hold_open(connection)
        before = vault.open_secrets(held).get("hook", "")
        vault.store_secrets(held, {"hook": new, "hook_previous": before})
        held.hook_previous_until = clock.now() + SECRET_OVERLAP if before else None
        held.save(update_fields=["hook_previous_until", "updated_at"])
        audit.record(action="connection.hook_secret", actor=actor, obj=held)
    connection.refresh_from_db()
    if registry.get(connection.system).hook is Hook.BY_CALL and connection.hook_subscription:
        subscribe(connection=connection)
    return new


def rotate_hook_token(*, connection: Connection, actor: User) -> str:
    """A new address for deliveries; the old one is unknown from now on. Returns the new address."""
    with transaction.atomic():
        held = _hold(connection)
        if held.state == ConnectionState.DISCONNECTED or registry.get(held.system).hook is Hook.NONE:
            raise Refused("This connection has no address for deliveries.")
        vault.new_token(held)
        held.save(update_fields=["hook_token", "hook_token_hash", "updated_at"])
        audit.record(action="connection.hook_token", actor=actor, obj=held)
    connection.refresh_from_db()
    if registry.get(connection.system).hook is Hook.BY_CALL and connection.hook_subscription:
        subscribe(connection=connection)
    return hook_url(connection)


# --- Consent over there --------------------------------------------------------------------------------------
def consent_redirect() -> str:
    """Where the other side sends the browser back to; it must be entered there when the app is registered."""
    return f"{settings.BASE_URL}{reverse('integrations:consent')}"


def asks_consent(connection: Connection) -> bool:
    """Whether it needs a person's yes over there, as its options stand now; where its credentials cannot be opened, whether
    its system ever does."""
    system = registry.get(connection.system)
    try:
        return system.asks_consent(lines.open_line(connection, with_mapping=False))
    except Refused:
        return system.needs_consent


def start_consent(*, connection: Connection, actor: User) -> str:
    """Where to send the person's browser to say yes. What comes back is good once, for a quarter of an hour, and only for
    the same person."""
    system = registry.get(connection.system)
    line = lines.open_line(connection)
    if not system.asks_consent(line):
        raise Refused(f"{system.name} needs no consent in the browser.")
    _refuse_incomplete(connection)
    nonce = randomness.token_urlsafe(16)
    cache.set(_nonce_key(nonce), True, CONSENT_SECONDS)
    state = signing.dumps([connection.pk, actor.pk, nonce], salt=_SALT)
    return system.consent_url(line, redirect=consent_redirect(), state=state)


def finish_consent(*, state: str, code: str, actor: User) -> Connection:
    """Turn what the browser brought back into credentials. Refuses a state that is not this person's, spent or too old."""
    refusal = Refused(
        "This consent is too old, was used already, or was begun by somebody else. Begin it again.",
        code="consent",
    )
    try:
        pk, user, nonce = signing.loads(state, salt=_SALT, max_age=CONSENT_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        raise refusal from None
    if user != actor.pk or not cache.delete(_nonce_key(nonce)):
        raise refusal
    connection = Connection.objects.filter(pk=pk).exclude(state=ConnectionState.DISCONNECTED).first()
    if connection is None:
        raise refusal
    if not code:
        raise Refused("The other side gave no consent. Begin again and say yes there.", code="consent")
    registry.get(connection.system).redeem(
        lines.open_line(connection), code=code, redirect=consent_redirect()
    )
    audit.record(action="connection.consent", actor=actor, obj=connection)
    connection.refresh_from_db()
    return connection


# --- The checks ----------------------------------------------------------------------------------------------
def _nonce_key(nonce: str) -> str:
    return f"integrations.consent:{nonce}"


def _hold(connection: Connection) -> Connection:
    return Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)


def _hold_open(connection: Connection) -> Connection:
    """The connection's row, locked. Refuses one that has ended."""
    held = _hold(connection)
    if held.state == ConnectionState.DISCONNECTED:
        raise Refused("This connection has ended. Set up a new one.", code="disconnected")
    return held


def _active(connection: Connection) -> Connection:
    held = _hold(connection)
    if held.state != ConnectionState.ACTIVE:
        raise Refused("Resume the connection first.", code="not_active")
    return held


def _active_puller(connection: Connection) -> Connection:
    held = _active(connection)
    if not registry.get(held.system).can_pull:
        raise Refused("This system sends its answers by itself; there is nothing to pull.", code="not_pulled")
    return held


def _refuse_incomplete(connection: Connection) -> None:
    missing = missing_settings(connection)
    if missing:
        raise Refused(f"Still missing: {', '.join(missing)}.", code="incomplete")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise Invalid("Give the connection a name.", field="name")
    if len(name) > 120:
        raise Invalid("A name has at most 120 characters.", field="name")
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Invalid("There is no such time zone.", field="zone") from None
    return name


def _clean_options(system: System, options: Mapping[str, str]) -> dict[str, str]:
    known = {s.key: s for s in system.settings if s.input is not Input.SECRET}
    clean: dict[str, str] = {}
    for key, given in options.items():
        setting = known.get(key)
        if setting is None:
            raise Invalid(f"{system.name} has no setting called {key[:40]}.", field=key[:40])
        value = str(given).strip()
        if len(value) > 2_000:
            raise Invalid("At most 2,000 characters are possible here.", field=key)
        if not value and setting.is_required:
            raise Invalid(f"{setting.label} is needed.", field=key)
        if value and setting.input is Input.URL:
            try:
                fetch.check(value)
            except fetch.Forbidden as error:
                raise Invalid(error.message, field=key, code=error.code) from None
        if value and setting.input is Input.CHOICE and value not in {v for v, _ in setting.choices}:
            raise Invalid(f"{setting.label}: choose one of those offered.", field=key)
        if value and setting.input is Input.ZONE:
            _zone(value)
        clean[key] = value
    return clean
