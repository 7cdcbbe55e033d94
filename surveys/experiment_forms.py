"""The shape of what is typed of an experiment: up to four arms, each with its texts in every language of the survey."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from surveys import experiments, texts
from surveys.content import MAIL_TEXTS, Content
from surveys.models import Campaign, Variant
from surveys.services.experiments import MAX_HORIZON, NAME_LENGTH, TEXTS, ArmPlan

HOURS = [("", "as the campaign"), *((str(hour), f"{hour:02d}:00") for hour in range(24))]
LABELS = {"subject": "Subject", "intro": "Introduction"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """The texts of an arm in one language."""

    tag: str
    name: str
    fields: Sequence[BoundField]


@dataclass(frozen=True, slots=True)
class ArmFields:
    """One arm as the page shows it."""

    key: str
    fields: Sequence[BoundField]
    spoken: Sequence[Spoken]
    is_first: bool
    is_used: bool

    @property
    def title(self) -> str:
        return f"Arm {self.key.upper()}"


class ExperimentForm(forms.Form):
    """An arm without a name is not there, unless something else was typed into it."""

    horizon = forms.IntegerField(
        min_value=experiments.MIN_HORIZON,
        max_value=MAX_HORIZON,
        label="Compare after so many people in each arm",
        help_text="Fixed at the launch. The arms are compared once, on the first so many asked in each.",
    )

    def __init__(
        self,
        *args: Any,
        campaign: Campaign,
        content: Content,
        variants: Sequence[Variant] = (),
        horizon: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.content, self.keys = content, experiments.letters(experiments.MAX_ARMS)
        self.fields["horizon"].initial = campaign.experiment_horizon or horizon
        known = {variant.key: variant for variant in variants}
        channels = [
            ("", "as the campaign"),
            *(
                (c, c.replace("_", "-").upper() if c == "sms" else c.replace("_", " ").capitalize())
                for c in campaign.channels
            ),
        ]
        for key in self.keys:
            self._add_arm(key, known.get(key), channels)
        if not known:
            self.fields["a_name"].initial = "As it is"

    def _add_arm(self, key: str, known: Variant | None, channels: Sequence[tuple[str, str]]) -> None:
        def initial(name: str, otherwise: Any = "") -> Any:
            return getattr(known, name) if known is not None else otherwise

        self.fields[f"{key}_name"] = forms.CharField(
            max_length=NAME_LENGTH, required=False, label="Name", initial=initial("name")
        )
        self.fields[f"{key}_weight"] = forms.IntegerField(
            min_value=1, max_value=experiments.MAX_WEIGHT, required=False, label="Weight", initial=initial("weight", 1),
            help_text="1 and 1 are halves; 3 and 1 are three quarters and one.",
        )  # fmt: skip
        self.fields[f"{key}_channel"] = forms.ChoiceField(
            choices=channels, required=False, label="Channel", initial=initial("channel")
        )
        hour = initial("send_hour", None)
        self.fields[f"{key}_send_hour"] = forms.ChoiceField(
            choices=HOURS, required=False, label="Sent from", initial="" if hour is None else str(hour)
        )
        said: Mapping[str, Mapping[str, str]] = initial("texts", {})
        for tag in self.content.languages:
            for name in TEXTS:
                wording = self.content.wording(tag)
                self.fields[f"{key}_{name}_{tag}"] = forms.CharField(
                    required=False,
                    max_length=MAIL_TEXTS[name],
                    label=LABELS[name],
                    initial=said.get(tag, {}).get(name, ""),
                    widget=forms.Textarea(
                        attrs={"rows": 4, "lang": tag, "dir": "auto", "placeholder": wording.intro}
                    )
                    if name == "intro"
                    else forms.TextInput(attrs={"lang": tag, "dir": "auto", "placeholder": wording.subject}),
                )

    def arms(self) -> Iterator[ArmFields]:
        for n, key in enumerate(self.keys):
            spoken = [
                Spoken(tag, texts.language_for(tag).name, [self[f"{key}_{name}_{tag}"] for name in TEXTS])
                for tag in self.content.languages
            ]
            plain = [self[f"{key}_{name}"] for name in ("name", "weight", "channel", "send_hour")]
            used = any(field.value() for field in [plain[0], *(f for one in spoken for f in one.fields)])
            yield ArmFields(key, plain, spoken, n == 0, n < 2 or bool(used))

    @property
    def plans(self) -> list[ArmPlan]:
        """The arms as they were typed, closed up. Call on a valid form."""
        return [plan for _, plan in self._typed()]

    def field_of(self, refused: str) -> str | None:
        """The field that a refusal's `arms.<key>.<field>` means; keys count the arms that are there."""
        parts = refused.split(".")
        if parts[0] != "arms" or len(parts) < 3:
            return refused if refused in self.fields else None
        places = dict(
            zip(experiments.letters(len(self.keys)), [key for key, _ in self._typed()], strict=False)
        )
        key = places.get(parts[1], parts[1])
        name = f"{key}_{parts[4]}_{parts[3]}" if len(parts) == 5 else f"{key}_{parts[2]}"
        return name if name in self.fields else None

    def _typed(self) -> list[tuple[str, ArmPlan]]:
        data = self.cleaned_data
        found = []
        for key in self.keys:
            said = {
                tag: {name: text for name in TEXTS if (text := data.get(f"{key}_{name}_{tag}", ""))}
                for tag in self.content.languages
            }
            said = {tag: own for tag, own in said.items() if own}
            hour = data.get(f"{key}_send_hour", "")
            name, channel = data.get(f"{key}_name", ""), data.get(f"{key}_channel", "")
            if name or said or hour or channel:
                plan = ArmPlan(
                    name=name, weight=data.get(f"{key}_weight") or 1, channel=channel,
                    send_hour=int(hour) if hour else None, texts=said,
                )  # fmt: skip
                found.append((key, plan))
        return found
