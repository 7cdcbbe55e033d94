"""The shape of what people type, paste or upload about reward lists."""

from typing import Any

from django import forms

MAX_FILE_BYTES = 6 * 1024 * 1024
HEADINGS = {"code", "codes", "voucher", "vouchers", "coupon", "coupons"}


class RewardListForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What the codes are: “Coffee voucher”, “A month free”.")
    description = forms.CharField(
        label="What they are for", required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )


class CodesForm(forms.Form):
    """Codes as lines of a text, or as a file of such lines; both where both are given."""

    codes = forms.CharField(
        label="Paste codes", required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="One in a line. After saving nobody sees them again: they are kept sealed, and only counted.",
    )  # fmt: skip
    file = forms.FileField(
        label="Or a file", required=False, help_text="Text or CSV with one code in a line, at most 6 MB."
    )

    def clean_file(self) -> Any:
        sent = self.cleaned_data["file"]
        if sent is None:
            return None
        if sent.size > MAX_FILE_BYTES:
            raise forms.ValidationError("The file is larger than 6 MB. Split it.")
        try:
            text = sent.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError(
                "The file is not a text in UTF-8. Save it as CSV (UTF-8), one code in a line."
            ) from None
        return text

    def lines(self) -> list[str]:
        """What was given, line by line; the quotes and the heading of a CSV file are left out."""
        uploaded = [line.strip().strip('"') for line in (self.cleaned_data.get("file") or "").splitlines()]
        if uploaded and uploaded[0].strip().casefold() in HEADINGS:
            uploaded[0] = ""
        return [*uploaded, *self.cleaned_data["codes"].splitlines()]


class NewRewardListForm(CodesForm, RewardListForm):
    """A list with its first codes, which may also come later."""

    field_order = ("name", "description", "codes", "file")
