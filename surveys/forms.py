"""The shape of what people say about answers."""

from typing import Any

from django import forms

from accounts.models import Account
from team import queries as team_queries
from team.models import User


class ExcludeForm(forms.Form):
    reason = forms.CharField(max_length=200, help_text="It stands beside the answer and in the audit log.")


class AssigneeForm(forms.Form):
    assignee: "forms.ModelChoiceField[User]" = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label="Nobody", label="Looked after by"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]


class LinkForm(forms.Form):
    """Which contact an answer belongs to, by address: the one thing about a person that is typed without searching."""

    email = forms.CharField(label="Contact's e-mail address", max_length=254)


class NewContactForm(forms.Form):
    account: "forms.ModelChoiceField[Account]" = forms.ModelChoiceField(queryset=Account.objects.none())
    name = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, accounts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
