"""Give the contacts that are there the key of their telephone number; numbers written since have theirs."""

from typing import Any

from django.db import migrations

from accounts import cleaning
from core.secrets import address_key

BATCH = 2_000


def fill(apps: Any, schema_editor: Any) -> None:
    contacts = apps.get_model("accounts", "Contact").objects
    workspace = apps.get_model("team", "Workspace").objects.filter(pk=1).first()
    home = cleaning.country_of_zone(workspace.time_zone) if workspace else ""
    last = 0
    while True:
        rows = contacts.filter(pk__gt=last, phone_key__isnull=True).exclude(phone="").order_by("pk")
        batch = list(rows.select_related("account")[:BATCH])
        if not batch:
            return
        last = batch[-1].pk
        found = []
        for contact in batch:
            country = (contact.account.country if contact.account else "") or home
            number = cleaning.international(contact.phone, country=country)
            if number:
                contact.phone_key = address_key(number)
                found.append(contact)
        contacts.bulk_update(found, ["phone_key"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_asking_well"),
        ("team", "0001_initial"),
    ]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
