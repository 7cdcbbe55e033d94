"""Domains whose letters are of two scripts, or of another one that looks like Latin."""

import pytest

from accounts import lookalikes


@pytest.mark.parametrize(
    ("written", "mixed"),
    [
        ("pаypal.com", "Cyrillic (а) and Latin"), ("ann@pаypal.com", "Cyrillic (а) and Latin"),
        ("https://www.Аcme.com/a", "Cyrillic (а) and Latin"), ("mail.gооgle.com", "Cyrillic (о) and Latin"),
        ("οffice.example", "Greek (ο) and Latin"), ("пpимер.рф", "Latin (p) and Cyrillic"), ("ａcmе.com", "Cyrillic (е) and Latin"),
        ("例а.jp", "Chinese (例) and Cyrillic"), ("ソースア한.jp", "Hangul (한) and Katakana"),
    ],
)  # fmt: skip
def test_letters_of_two_scripts_in_one_name_are_told(written: str, mixed: str) -> None:
    assert mixed in lookalikes.trouble_of(written)


@pytest.mark.parametrize(
    ("written", "script"),
    [("аррӏе.com", "Cyrillic"), ("ann@ѕсоре.example", "Cyrillic"), ("mail.ера-2.com", "Cyrillic"), ("νικο.com", "Greek")],
)  # fmt: skip
def test_a_name_all_of_lookalikes_is_told(written: str, script: str) -> None:
    trouble = lookalikes.trouble_of(written)
    assert f"written in {script} letters that all look like Latin ones" in trouble
    assert "write it as" in trouble
    assert "xn--" in trouble


@pytest.mark.parametrize(
    "written",
    [
        "сора.рф", "скоро.com", "ееее" + "е" * 60 + ".com",
        "example.com", "exämple.de", "ü@exämple.de", "пример.рф", "анна@пример.рф", "яндекс.com", "ａcme.com", "ελλάδα.gr", "例え.jp",
        "acmeソース例え.jp", "スーパー2000.jp", "acme한국.kr", "नमस्ते.भारत", "cafe\u0301-24.fr", "https://acme.com/страницаa", "аннаann@acme.com",
        "xn--pypal-4ve.com", "", "@", "..", "а" * 70 + "a.com",
    ],
)  # fmt: skip
def test_names_of_one_script_and_of_languages_that_use_several_are_fine(written: str) -> None:
    assert lookalikes.trouble_of(written) == ""
