"""The demo's caught mail, as it is read in the browser."""

import datetime as dt
import mailbox as maildir
from pathlib import Path
from typing import Any

import pytest

from nps_crm.demo import mailbox

MAIL = "From: a@x.example\nTo: b@y.example\nSubject: Hello\n{date}MIME-Version: 1.0\nContent-Type: text/html\n\n<p>Hi</p>\n"


@pytest.fixture
def catch(tmp_path: Path, settings: Any) -> Any:
    settings.DATA_DIR = tmp_path

    def catch(date: str) -> mailbox.Caught:
        maildir.Maildir(mailbox.folder(), create=True).add(MAIL.format(date=date).encode())
        found = mailbox.read(mailbox.keys()[0])
        assert found is not None
        return found

    return catch


@pytest.mark.parametrize(
    "date", ["Date: Tue, 17 Mar 2026 10:00:00 -0000\n", "Date: Tue, 17 Mar 2026 11:00:00 +0100\n"]
)
def test_a_mail_is_dated_whatever_way_its_zone_is_written(catch: Any, date: str) -> None:
    assert catch(date).at == dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)


def test_a_mail_without_a_date_is_dated_by_its_arrival(catch: Any) -> None:
    assert catch("").at.tzinfo is not None


@pytest.mark.parametrize("key", ["../../etc/passwd", "nothing", "a/b", ""])
def test_what_is_no_key_finds_nothing(catch: Any, key: str) -> None:
    catch("")

    assert mailbox.read(key) is None


def test_links_open_beside_the_sandboxed_frame(catch: Any) -> None:
    assert mailbox.html_for_frame(catch("")).startswith('<base target="_blank">')
