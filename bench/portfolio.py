"""The portfolio page over 100,000 accounts: HTTP over its SQL, and the counts of the lists.

    createdb nps_bench
    DATABASE_URL=postgres://superuser@127.0.0.1:5432/nps_bench python bench/portfolio.py [--accounts 100000]

Accounts with ARR, renewal, owner and health are made set-based in a database of their own (it is emptied). Printed: the
statements of the page, the page over HTTP with one worker, its ratio, and the time of each ready list's count.
"""

import argparse

import benchlib

benchlib.setup()

from dashboard import over_http, timed  # noqa: E402
from django.core.management import call_command  # noqa: E402

from accounts import queries, segments  # noqa: E402
from accounts.models import Account  # noqa: E402
from reports import portfolio  # noqa: E402
from reports.portfolio import Chosen  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402


def fill(accounts: int) -> User:
    call_command("migrate", verbosity=0)
    benchlib.sql(
        "TRUNCATE accounts_account, surveys_response, surveys_contactscore, surveys_accountscore, surveys_invitation CASCADE"
    )
    lead = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.LEAD
    )
    benchlib.sql(
        "INSERT INTO accounts_account (name, domain, plan, segment, industry, country, city, currency, arr, owner_id,"
        " renewal_on, custom, created_at, updated_at)"
        " SELECT 'Account ' || k, '', (ARRAY['Basic','Scale','Business'])[1 + k % 3], '', '', 'DE', '',"
        f" CASE WHEN k % 20 = 0 THEN 'USD' ELSE 'EUR' END, 1000 + (random() * 90000)::int, {lead.pk},"
        " current_date - 30 + (random() * 500)::int, '{}', now(), now()"
        f" FROM generate_series(1, {accounts}) k"
    )
    benchlib.sql(
        "INSERT INTO workflows_accounthealth (account_id, profile, version, score, own_score, shown, confidence, band,"
        " reason, parts, below, computed_at, told_band)"
        " SELECT id, 'standard', 1, s, s, s::int, 1,"
        " CASE WHEN s < 40 THEN 'at_risk' WHEN s < 70 THEN 'watch' ELSE 'healthy' END, '', '[]', '', now(), ''"
        " FROM (SELECT id, random() * 100 AS s FROM accounts_account) q WHERE id % 10 > 0"
    )
    benchlib.sql(
        "INSERT INTO surveys_accountscore (account_id, metric, people, promoters, detractors, mean, median, latest_at,"
        " changes_on) SELECT id, 'nps', 3, 1, 1, random() * 10, (random() * 10)::int, now(), current_date + 90"
        " FROM accounts_account WHERE id % 3 > 0"
    )
    benchlib.vacuum("accounts_account", "workflows_accounthealth", "surveys_accountscore")
    return lead


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    options = parser.parse_args()
    lead = fill(options.accounts)
    chosen = Chosen(currency="EUR")

    def page() -> None:
        portfolio.read(lead, chosen, {})

    whole, part = timed(page)
    http = over_http(lead, "/portfolio/")
    print(f"{options.accounts:,} accounts, 95 % of them in the currency shown\n")
    print(
        f"statements {part['sql'] * 1e3:,.0f} ms, reading the page {whole * 1e3:,.0f} ms, over HTTP {http * 1e3:,.0f} ms"
    )
    print(f"HTTP over SQL: {http / part['sql']:.2f}\n")
    found = {"sql_ms": part["sql"] * 1e3, "http_ms": http * 1e3}
    for one in queries.offered_lists(lead):
        if one.target != "account":
            continue
        fields = segments.fields_for("account", lead)
        rows = segments.narrow(
            Account.objects.visible_to(lead), one.conditions, target="account", user=lead, fields=fields
        )
        spent, _ = timed(rows.count, 3)
        print(f"count of “{one.name}”: {rows.count():,} in {spent * 1e3:,.0f} ms")
        found[one.key] = spent * 1e3
    benchlib.save("portfolio", found)


if __name__ == "__main__":
    main()
