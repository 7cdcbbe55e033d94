"""The editor's form: one flat field for every text of every language, and its way to and from Content."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from core.errors import Invalid
from surveys import domain, logo, question_form, scales, texts
from surveys.channels.sms import text as sms_text
from surveys.channels.sms.words import words_for
from surveys.choices import SurveyKind
from surveys.content import (
    FOLLOW_UP_LENGTH,
    LABELS,
    LINK_LABEL_LENGTH,
    LINK_URL_LENGTH,
    MAIL_TEXTS,
    NAME_LENGTH,
    PLAIN_LIMITS,
    PLAIN_TEXTS,
    SMS_LENGTH,
    THANKS_LENGTH,
    Content,
    Issue,
    Wording,
    Words,
    kinds_of,
)
from surveys.logo import Picture
from surveys.services.surveys import NAME_LENGTH as SURVEY_NAME_LENGTH

SHARED = (
    "subject_name",
    "brand_name",
    "brand_colour",
    "sender_name",
    "reply_to",
    "default_language",
    "track_opens",
    "look",
    "asks_contact",
    "asks_quote",
)
KIND_HELP = (
    "A relationship survey asks for the view of your company as a whole and keeps its share of the asks a person may"
    " get; a transactional one asks about one thing that has just happened."
)


def kind_label(metric: str, kind: str) -> str:
    """The heading of a follow-up or thanks: for everybody, or for a level of the scale with its scores."""
    level = domain.scale(metric).named(kind)
    return f"{level.label} ({level.range})" if level is not None else "For everybody"


HELP = {
    "preheader": "The line that mail programs show beside the subject.",
    "intro": "An empty line begins a new paragraph.",
    "question": "{subject} stands for the product. The scale belongs to this question.",
    "signature": "The first line is the name, further lines say who that is.",
    "sms": "{link} is where the link goes. Who asks, the link and how to stop are added where you leave them out.",
}


@dataclass(frozen=True, slots=True)
class ThanksSection:
    """What is said to one group after its answer. Groups without words of their own are folded away."""

    label: str
    parts: list[forms.BoundField]
    is_open: bool


@dataclass(frozen=True, slots=True)
class LanguageSection:
    """The fields of one language, for the template."""

    tag: str
    name: str
    is_on: bool
    is_open: bool
    mail: list[forms.BoundField]
    sms: forms.BoundField
    sms_sample: sms_text.Sample
    question: forms.BoundField
    ends: list[forms.BoundField]
    consents: list[forms.BoundField]
    follow_ups: list[forms.BoundField]
    thanks: list["ThanksSection"]
    questions: list[question_form.QuestionTexts]


class SurveyForm(forms.Form):
    """Unbound from a survey's content, or bound to what was posted; `content` after `is_valid()`."""

    name = forms.CharField(
        max_length=SURVEY_NAME_LENGTH, label="Name of the survey", help_text="Only your team sees it."
    )
    subject_name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        label=LABELS["subject_name"],
        help_text="Stands in the question: how likely are you to recommend … ?",
    )
    brand_name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        label=LABELS["brand_name"],
        help_text="Who is asking. Empty: the name in the settings.",
    )
    brand_colour = forms.CharField(
        label=LABELS["brand_colour"], widget=forms.TextInput(attrs={"type": "color"}), required=False
    )
    picture = forms.FileField(
        required=False,
        label="Logo",
        help_text="PNG, JPEG or GIF, at most 1 MB. Shown in the preview once saved.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif"}),
    )
    remove_logo = forms.BooleanField(required=False, label="Remove the logo")
    sender_name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        label=LABELS["sender_name"],
        help_text="Empty: the company's name.",
    )
    reply_to = forms.CharField(max_length=254, required=False, label=LABELS["reply_to"])
    track_opens = forms.BooleanField(
        required=False,
        label="Count opened mails",
        help_text="By an invisible picture. Some mail programs load it for everybody, so opens are a hint, not proof.",
    )
    languages = forms.MultipleChoiceField(
        choices=texts.choices, widget=forms.CheckboxSelectMultiple, label=LABELS["languages"], required=False
    )
    default_language = forms.ChoiceField(
        choices=texts.choices,
        label=LABELS["default_language"],
        help_text="For everybody who speaks none of the others.",
    )
    kind = forms.ChoiceField(
        choices=[(SurveyKind.RELATIONSHIP, "Relationship"), (SurveyKind.TRANSACTIONAL, "Transactional")],
        required=False,
        label="What it is about",
        help_text=KIND_HELP,
    )
    look = forms.ChoiceField(required=False, label=LABELS["look"])
    asks_contact = forms.BooleanField(required=False, label="Ask whether you may contact the person")
    asks_quote = forms.BooleanField(required=False, label="Ask whether you may quote the person")
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        content: Content,
        name: str = "",
        seen: str = "",
        company: str = "",
        kind: str = SurveyKind.RELATIONSHIP,
    ) -> None:
        self.old = content
        self.company = company
        self.kinds = kinds_of(content.metric)
        if data is None:
            self.drafts = question_form.drafts_of(content)
        else:
            default = data.get("default_language", "")
            default = default if default in dict(texts.choices()) else content.default_language
            data = question_form.with_option_keys(question_form.rearranged(data), default)
            self.drafts = question_form.drafts_sent(data)
        initial = {"name": name, "seen": seen, "kind": kind, **_initial(content)}
        super().__init__(
            data,
            files,
            initial=initial | question_form.initial_of(self.drafts),
            auto_id="f-%s",
        )
        self.fields["look"] = forms.ChoiceField(
            choices=[(look, scales.LOOK_LABELS[look]) for look in scales.LOOKS[content.metric]],
            required=False,
            label=LABELS["look"],
        )
        for tag in self.question_tags:
            fallback = Content(
                subject_name=content.subject_name,
                brand_name=content.brand_name,
                metric=content.metric,
                default_language=tag,
                languages={tag: Words()},
            ).wording(tag, company=company)
            self.fields.update(_language_fields(tag, fallback, content.metric))
        self.fields.update(
            question_form.fields_of(
                self.drafts,
                metric=content.metric,
                default=self.default_tag,
                tags=self.question_tags,
            )
        )
        self.content = content
        self.chosen_picture: Picture | None = None

    @property
    def chosen_languages(self) -> list[str]:
        if self.is_bound:
            return [tag for tag in self["languages"].value() or [] if tag in dict(texts.choices())]
        return list(self.old.languages)

    @property
    def default_tag(self) -> str:
        chosen = self["default_language"].value()
        return chosen if chosen in dict(texts.choices()) else self.old.default_language

    @property
    def question_tags(self) -> list[str]:
        """The survey's languages, the default one first."""
        return [self.default_tag, *(tag for tag in self.chosen_languages if tag != self.default_tag)]

    def question_sections(self) -> list[question_form.QuestionSection]:
        return [
            question_form.section_of(self, number, self.drafts, self.question_tags, dict(texts.choices()))
            for number in range(len(self.drafts))
        ]

    def sections(self) -> list[LanguageSection]:
        on = self.chosen_languages
        asked = self.question_sections()
        return [
            LanguageSection(
                tag=tag,
                name=name,
                is_on=tag in on,
                is_open=tag == self["default_language"].value() or self._is_faulty(tag),
                mail=[self[f"{tag}-{field}"] for field in MAIL_TEXTS],
                sms=self[f"{tag}-sms"],
                sms_sample=sms_text.sample(self.content, tag, company=self.company),
                question=self[f"{tag}-question"],
                ends=[self[f"{tag}-scale_low"], self[f"{tag}-scale_high"]],
                consents=[self[f"{tag}-consent_contact"], self[f"{tag}-consent_quote"]],
                follow_ups=[self[f"{tag}-follow_up-{kind}"] for kind in self.kinds],
                thanks=[self._thanks(tag, kind) for kind in self.kinds],
                questions=[words for one in asked if (words := one.words_in(tag)) is not None],
            )
            for tag, name in texts.choices()
            if tag in self.question_tags
        ]

    def _thanks(self, tag: str, kind: str) -> ThanksSection:
        parts = [self[f"{tag}-thanks-{kind}-{part}"] for part in ("text", "link_label", "link_url")]
        return ThanksSection(
            label=kind_label(self.old.metric, kind),
            parts=parts,
            is_open=kind == self.kinds[0] or any(part.value() or part.errors for part in parts),
        )

    def _is_faulty(self, tag: str) -> bool:
        own = re.compile(rf"{tag}-.+|q\d+-t-{tag}-.+|q\d+-o\d+-{tag}")
        return self.is_bound and any(own.fullmatch(name) for name in self.errors)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        try:
            self.content = Content.from_json(self._json(data))
        except Invalid as refusal:
            self.note(Issue(refusal.field, refusal.message))
            return data
        for issue in self.content.problems():
            self.note(issue)
        for field, message in question_form.answer_faults(self.drafts):
            if field in self.fields:
                self.add_error(field, message)
        upload = data.get("picture")
        if upload is not None:
            try:
                # One byte more than allowed is enough to know that it is too large.
                self.chosen_picture = logo.read(upload.read(logo.MAX_BYTES + 1))
            except Invalid as refusal:
                self.add_error("picture", refusal.message)
        return data

    def note(self, issue: Issue) -> None:
        """Show a problem beside its field."""
        name = question_form.field_of(field_of(issue.field), self.drafts, self.default_tag)
        if name == field_of(issue.field):
            name = question_form.field_of(issue.field, self.drafts, self.default_tag)
            name = name if name in self.fields else field_of(issue.field)
        if name in self.fields:
            if issue.message not in self.errors.get(name, []):
                self.add_error(name, issue.message)
        else:
            self.add_error(None, f"{issue.label}: {issue.message}")

    def _json(self, data: Mapping[str, Any]) -> dict[str, Any]:
        made = {name: data.get(name, getattr(self.old, name)) for name in SHARED}
        size = self.old.logo
        made["logo"] = {"width": size.width, "height": size.height}
        made["metric"] = self.old.metric
        made["look"] = data.get("look") or ""
        default = self.default_tag
        made["questions"] = question_form.questions_json(self.drafts, data, default)
        made["languages"] = {
            tag: _words(tag, data, self.kinds)
            | {"questions": question_form.words_json(self.drafts, data, tag, default)}
            for tag in self.chosen_languages
        }
        return made


def field_of(path: str) -> str:
    """The form's name for a dotted path of Content."""
    return path.removeprefix("languages.").replace(".", "-") if path.startswith("languages.") else path


def _initial(content: Content) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(content, name) for name in SHARED}
    made["look"] = content.shown_look
    made["languages"] = list(content.languages)
    for tag, words in content.languages.items():
        for name in PLAIN_TEXTS:
            made[f"{tag}-{name}"] = getattr(words, name)
        for kind in content.kinds:
            made[f"{tag}-follow_up-{kind}"] = words.follow_up.get(kind, "")
            thanks = words.thanks.get(kind)
            for part in ("text", "link_label", "link_url"):
                made[f"{tag}-thanks-{kind}-{part}"] = getattr(thanks, part) if thanks is not None else ""
    return made


def _words(tag: str, data: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {name: data.get(f"{tag}-{name}", "") for name in PLAIN_TEXTS}
    made["follow_up"] = {kind: data.get(f"{tag}-follow_up-{kind}", "") for kind in kinds}
    made["thanks"] = {
        kind: {
            part: data.get(f"{tag}-thanks-{kind}-{part}", "") for part in ("text", "link_label", "link_url")
        }
        for kind in kinds
    }
    return made


def _built_in_sms(tag: str, fallback: Wording, metric: str) -> str:
    """What is sent where no SMS text is written, with the place of the link."""
    scale = domain.scale(metric)
    return words_for(tag).ask.format(
        brand=fallback.brand,
        question=fallback.question,
        link="{link}",
        low=scale.low,
        high=scale.high,
        best=fallback.scale_high,
    )


def _language_fields(tag: str, fallback: Wording, metric: str) -> Iterator[tuple[str, forms.Field]]:
    """The fields of a language; what is said when one is left empty stands in it as a placeholder."""

    def text(name: str, label: str, limit: int, placeholder: str, rows: int = 0) -> tuple[str, forms.Field]:
        attrs = {"placeholder": placeholder, "lang": tag}
        # The limit is checked with a message instead of cutting what is pasted.
        widget: forms.Widget = (
            forms.Textarea(attrs={**attrs, "rows": rows}) if rows else forms.TextInput(attrs=attrs)
        )
        part = name.rsplit("-", 1)[-1]
        return name, forms.CharField(
            required=False,
            strip=False,
            label=label,
            widget=widget,
            help_text=HELP.get(part, ""),
            max_length=limit * 4,
        )

    rows = {"intro": 5, "closing": 2, "signature": 2, "question": 2}
    for name, limit in MAIL_TEXTS.items():
        yield text(f"{tag}-{name}", LABELS[name], limit, getattr(fallback, name), rows.get(name, 0))
    yield text(f"{tag}-sms", LABELS["sms"], SMS_LENGTH, _built_in_sms(tag, fallback, metric), 3)
    for name, limit in PLAIN_LIMITS.items():
        yield text(f"{tag}-{name}", LABELS[name], limit, getattr(fallback, name), rows.get(name, 0))
    for kind in kinds_of(metric):
        said = fallback.follow_up("" if kind == "default" else kind)
        yield text(f"{tag}-follow_up-{kind}", kind_label(metric, kind), FOLLOW_UP_LENGTH, said)
    for kind in kinds_of(metric):
        said = fallback.farewell(kind).text if kind != "default" else ""
        yield text(f"{tag}-thanks-{kind}-text", LABELS["thanks"], THANKS_LENGTH, said, 2)
        shown = fallback.scale.thanks_link.get(kind, "")
        yield text(f"{tag}-thanks-{kind}-link_label", LABELS["link_label"], LINK_LABEL_LENGTH, shown)
        yield text(f"{tag}-thanks-{kind}-link_url", LABELS["link_url"], LINK_URL_LENGTH, "https://")
