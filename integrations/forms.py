"""The shape of what is typed about connections. Its meaning is judged by integrations/services/connections.py."""

import datetime as dt
from typing import Any
from zoneinfo import available_timezones

from django import forms

from core import clock
from integrations.chat.domain import KIND_LABELS, ChatKind
from integrations.contract import Input, System
from integrations.models import Connection
from team import queries as team_queries
from workflows.notifying import topics

EVERY = [
    (5, "every 5 minutes"),
    (15, "every 15 minutes"),
    (60, "every hour"),
    (240, "every 4 hours"),
    (1440, "once a day"),
]
DEPTHS = [
    ("none", "Nothing: only what is answered from now on"),
    ("30", "The last month"),
    ("183", "The last six months"),
    ("365", "The last year"),
    ("all", "Everything there is"),
    ("date", "From a date"),
]
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


class CredentialsForm(forms.Form):
    """What a system must be told, made of its settings. A secret that is stored shows as an empty field that may stay so."""

    name = forms.CharField(max_length=120, help_text="For you and your colleagues.")

    def __init__(
        self, data: Any = None, *, system: System, connection: Connection, stored: frozenset[str]
    ) -> None:
        super().__init__(data, initial={"name": connection.name, **connection.options})
        self.system = system
        for setting in system.settings:
            is_stored = setting.input is Input.SECRET and setting.key in stored
            options: dict[str, Any] = {
                "label": setting.label,
                "required": setting.is_required and not is_stored,
                "help_text": setting.where,
            }
            field: forms.Field
            if setting.input is Input.SECRET:
                if is_stored:
                    options["help_text"] = (
                        f"Stored and sealed. Leave it empty to keep it. {setting.where}".strip()
                    )
                field = forms.CharField(
                    max_length=4_000, strip=True,
                    widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}), **options,
                )  # fmt: skip
            elif setting.input is Input.CHOICE:
                field = forms.ChoiceField(choices=list(setting.choices), **options)
            elif setting.input is Input.ZONE:
                field = forms.ChoiceField(choices=_zones(), **options)
            else:
                field = forms.CharField(
                    max_length=2_000, widget=forms.TextInput(attrs={"spellcheck": "false"}), **options
                )
            if not self.initial.get(setting.key) and setting.default and setting.input is not Input.SECRET:
                self.initial[setting.key] = setting.default
            self.fields[setting.key] = field

    @property
    def options(self) -> dict[str, str]:
        return {s.key: self.cleaned_data[s.key] for s in self.system.settings if s.input is not Input.SECRET}

    @property
    def secrets(self) -> dict[str, str]:
        return {s.key: self.cleaned_data[s.key] for s in self.system.settings if s.input is Input.SECRET}


class RhythmForm(forms.Form):
    """How far back the first sync reads, how often pulls follow, and the zone of times that come without one."""

    depth = forms.ChoiceField(label="How far back", choices=DEPTHS, widget=forms.RadioSelect)
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Only with “From a date”.",
    )  # fmt: skip
    every_minutes = forms.TypedChoiceField(label="Then look for new answers", coerce=int, choices=EVERY)
    zone = forms.ChoiceField(
        label="Times without a zone are in", choices=_zones,
        help_text="Most systems send the zone along; this is for those that do not.",
    )  # fmt: skip

    @classmethod
    def of(cls, connection: Connection) -> dict[str, Any]:
        since = connection.history_since
        depth = "183"
        if since is not None:
            days = (clock.now() - since).days
            near = [name for name in ("30", "183", "365") if abs(days - int(name)) <= 1]
            depth = "none" if days <= 0 else near[0] if near else "all" if since <= EARLIEST else "date"
        every = min(
            (minutes for minutes, _ in EVERY), key=lambda minutes: abs(minutes - connection.every_minutes)
        )
        return {
            "depth": depth,
            "since": since.astimezone(team_queries.zone()).date() if since and depth == "date" else None,
            "every_minutes": every,
            "zone": connection.zone,
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("depth") == "date" and not given.get("since"):
            self.add_error("since", "Say from which day on.")
        return given

    @property
    def history_since(self) -> dt.datetime:
        depth = self.cleaned_data["depth"]
        if depth == "date":
            midnight = dt.datetime.combine(self.cleaned_data["since"], dt.time.min)
            return midnight.replace(tzinfo=team_queries.zone())
        if depth == "all":
            return EARLIEST
        return clock.now() - dt.timedelta(days=0 if depth == "none" else int(depth))


class SinceForm(forms.Form):
    since = forms.DateField(
        label="Read again from", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Everything from that day on is read again with the fields chosen now. Nothing doubles.",
    )  # fmt: skip

    @property
    def moment(self) -> dt.datetime:
        midnight = dt.datetime.combine(self.cleaned_data["since"], dt.time.min)
        return midnight.replace(tzinfo=team_queries.zone())


class DisconnectForm(forms.Form):
    name = forms.CharField(label="Type the connection's name to end it", max_length=120)

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.connection.name:
            raise forms.ValidationError(f"Type “{self.connection.name}” exactly as it stands above.")
        return name


def _kinds_of_alerts() -> list[tuple[str, str]]:
    return [(topic.key, topic.label) for topic in topics.all_topics() if topic.group == topics.ALERT]


class ChatForm(forms.Form):
    """A chat channel. The address shows as an empty field that may stay so: it is never shown again."""

    name = forms.CharField(max_length=80, help_text="As your colleagues know it, such as #customer-alerts.")
    url = forms.CharField(
        label="Address of the webhook", required=False, max_length=4_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="It is stored sealed. Leave it empty to keep the present one.",
    )  # fmt: skip
    topics = forms.MultipleChoiceField(
        label="Alerts that are told there",
        required=False,
        choices=_kinds_of_alerts,
        widget=forms.CheckboxSelectMultiple,
    )
    shows_words = forms.BooleanField(
        label="Show what the customer wrote", required=False, initial=True,
        help_text="Without it a message names the customer and the score alone.",
    )  # fmt: skip
    per_hour = forms.IntegerField(
        label="Messages an hour, at most", min_value=1, max_value=200, initial=20,
        help_text="What comes beyond it waits and goes as one message.",
    )  # fmt: skip


class NewChatForm(ChatForm):
    kind = forms.ChoiceField(
        label="Where", choices=[(kind.value, KIND_LABELS[kind]) for kind in ChatKind], initial=ChatKind.SLACK
    )
    field_order = ("kind", "name", "url", "topics", "shows_words", "per_hour")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].required = True
        self.fields["url"].help_text = "It is stored sealed and not shown again."
