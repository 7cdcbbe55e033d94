"""The editor's form: one flat field for every text of every language, and its way to and from Content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from core.errors import Invalid
from surveys import logo, texts
from surveys.content import (
    CATEGORIES,
    FOLLOW_UP_LENGTH,
    KINDS,
    LABELS,
    LINK_LABEL_LENGTH,
    LINK_URL_LENGTH,
    MAIL_TEXTS,
    NAME_LENGTH,
    QUESTION_LENGTH,
    THANKS_LENGTH,
    Content,
    Issue,
    Wording,
    Words,
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
)
KIND_LABELS = {
    "default": "For everybody",
    "promoter": "Promoters (9–10)",
    "passive": "Passives (7–8)",
    "detractor": "Detractors (0–6)",
}
HELP = {
    "preheader": "The line that mail programs show beside the subject.",
    "intro": "An empty line begins a new paragraph.",
    "question": "{subject} stands for the product. The scale from 0 to 10 belongs to this question.",
    "signature": "The first line is the name, further lines say who that is.",
}


@dataclass(frozen=True, slots=True)
class LanguageSection:
    """The fields of one language, for the template."""

    tag: str
    name: str
    is_on: bool
    is_open: bool
    mail: list[forms.BoundField]
    question: forms.BoundField
    follow_ups: list[forms.BoundField]
    thanks: list[tuple[str, list[forms.BoundField]]]


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
    ) -> None:
        self.old = content
        super().__init__(
            data, files, initial={"name": name, "seen": seen, **_initial(content)}, auto_id="f-%s"
        )
        for tag, _ in texts.choices():
            fallback = Content(
                subject_name=content.subject_name,
                brand_name=content.brand_name,
                default_language=tag,
                languages={tag: Words()},
            ).wording(tag, company=company)
            self.fields.update(_language_fields(tag, fallback))
        self.content = content
        self.chosen_picture: Picture | None = None

    @property
    def chosen_languages(self) -> list[str]:
        if self.is_bound:
            return [tag for tag in self["languages"].value() or [] if tag in dict(texts.choices())]
        return list(self.old.languages)

    def sections(self) -> list[LanguageSection]:
        on = self.chosen_languages
        return [
            LanguageSection(
                tag=tag,
                name=name,
                is_on=tag in on,
                is_open=tag == self["default_language"].value() or self._is_faulty(tag),
                mail=[self[f"{tag}-{field}"] for field in MAIL_TEXTS],
                question=self[f"{tag}-question"],
                follow_ups=[self[f"{tag}-follow_up-{kind}"] for kind in KINDS],
                thanks=[
                    (
                        KIND_LABELS[kind],
                        [self[f"{tag}-thanks-{kind}-{part}"] for part in ("text", "link_label", "link_url")],
                    )
                    for kind in KINDS
                ],
            )
            for tag, name in texts.choices()
        ]

    def _is_faulty(self, tag: str) -> bool:
        return self.is_bound and any(name.startswith(f"{tag}-") for name in self.errors)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        try:
            self.content = Content.from_json(self._json(data))
        except Invalid as refusal:
            self.note(Issue(refusal.field, refusal.message))
            return data
        for issue in self.content.problems():
            self.note(issue)
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
        name = field_of(issue.field)
        if name in self.fields:
            if issue.message not in self.errors.get(name, []):
                self.add_error(name, issue.message)
        else:
            self.add_error(None, f"{issue.label}: {issue.message}")

    def _json(self, data: Mapping[str, Any]) -> dict[str, Any]:
        made = {name: data.get(name, getattr(self.old, name)) for name in SHARED}
        size = self.old.logo
        made["logo"] = {"width": size.width, "height": size.height}
        made["languages"] = {tag: _words(tag, data) for tag in self.chosen_languages}
        return made


def field_of(path: str) -> str:
    """The form's name for a dotted path of Content."""
    return path.removeprefix("languages.").replace(".", "-") if path.startswith("languages.") else path


def _initial(content: Content) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(content, name) for name in SHARED}
    made["languages"] = list(content.languages)
    for tag, words in content.languages.items():
        for name in (*MAIL_TEXTS, "question"):
            made[f"{tag}-{name}"] = getattr(words, name)
        for kind in KINDS:
            made[f"{tag}-follow_up-{kind}"] = words.follow_up.get(kind, "")
            thanks = words.thanks.get(kind)
            for part in ("text", "link_label", "link_url"):
                made[f"{tag}-thanks-{kind}-{part}"] = getattr(thanks, part) if thanks is not None else ""
    return made


def _words(tag: str, data: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {name: data.get(f"{tag}-{name}", "") for name in (*MAIL_TEXTS, "question")}
    made["follow_up"] = {kind: data.get(f"{tag}-follow_up-{kind}", "") for kind in KINDS}
    made["thanks"] = {
        kind: {
            part: data.get(f"{tag}-thanks-{kind}-{part}", "") for part in ("text", "link_label", "link_url")
        }
        for kind in KINDS
    }
    return made


def _language_fields(tag: str, fallback: Wording) -> Iterator[tuple[str, forms.Field]]:
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

    rows = {"intro": 5, "closing": 2, "signature": 2}
    for name, limit in MAIL_TEXTS.items():
        yield text(f"{tag}-{name}", LABELS[name], limit, getattr(fallback, name), rows.get(name, 0))
    yield text(f"{tag}-question", LABELS["question"], QUESTION_LENGTH, fallback.question, 2)
    for kind in KINDS:
        said = fallback.follow_up("" if kind == "default" else kind)
        yield text(f"{tag}-follow_up-{kind}", KIND_LABELS[kind], FOLLOW_UP_LENGTH, said)
    for kind in KINDS:
        said = fallback.farewell(kind).text if kind in CATEGORIES else ""
        label = fallback.texts.thanks_link
        yield text(f"{tag}-thanks-{kind}-text", LABELS["thanks"], THANKS_LENGTH, said, 2)
        shown = getattr(label, kind) if kind in CATEGORIES else ""
        yield text(f"{tag}-thanks-{kind}-link_label", LABELS["link_label"], LINK_LABEL_LENGTH, shown)
        yield text(f"{tag}-thanks-{kind}-link_url", LABELS["link_url"], LINK_URL_LENGTH, "https://")
