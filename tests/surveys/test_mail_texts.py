"""The built-in words: complete in every language, with the same places to fill."""

import re

import pytest

from surveys import merge, texts

ENGLISH = texts.language_for("en")
CODES = sorted(texts.languages())


def _shape(sentences: list[tuple[str, str]]) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
    shape: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}
    for path, sentence in sentences:
        tags = re.findall(r"\{\{ (\w+)", sentence.replace("{{{{", "{{").replace("}}}}", "}}"))
        names = shape.get(path, (frozenset(), ()))[0] | texts.placeholders(sentence)
        shape[path] = (names, tuple(sorted(set(tags))))
    return shape


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_is_there_with_the_same_placeholders(code: str) -> None:
    wanted = _shape(list(texts.sentences(ENGLISH.texts)))
    found = _shape(list(texts.sentences(texts.language_for(code).texts)))

    assert found.keys() == wanted.keys()
    for path, (names, tags) in wanted.items():
        assert found[path][0] == names, path
        if path not in {
            "mail_intro",
            "mail_intro_reminder",
        }:  # the greeting takes the name its language wants
            assert found[path][1] == tags, path
    for path, sentence in texts.sentences(texts.language_for(code).texts):
        assert sentence.strip(), path
        assert "!" not in sentence, path


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_fills_and_its_merge_tags_are_known(code: str) -> None:
    for path, sentence in texts.sentences(texts.language_for(code).texts):
        filled = texts.fill(
            sentence, subject="Acme", brand="Acme", count=2, score=7, hours=24, name="Mara", limit=20000,
            low=0, high=10, link="https://a.example/x", question="How?", date="1 May",
        )  # fmt: skip

        assert not merge.problems(filled), path


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_another_language_is_not_english(code: str) -> None:
    english = dict(texts.sentences(ENGLISH.texts))
    same = {path for path, words in texts.sentences(texts.language_for(code).texts) if english[path] == words}

    assert same <= {"mail_logo_alt", "test_subject_prefix"}


@pytest.mark.parametrize(
    ("asked", "given"),
    [("de-AT", "de"), ("de_CH", "de"), ("DE", "de"), ("en-GB", "en"), ("xx", "en"), ("", "en"), (None, "en"),
     ("../../etc", "en"), ("de-Latn-AT", "de"), ("z" * 1000, "en")],
)  # fmt: skip
def test_a_language_falls_back_step_by_step(asked: str | None, given: str) -> None:
    assert texts.language_for(asked).tag == given


def test_a_value_is_not_read_for_placeholders() -> None:
    assert texts.fill(ENGLISH.texts.mail_subject, brand="{subject} {0.__class__}") == (
        "A quick question from {subject} {0.__class__}"
    )


@pytest.mark.parametrize(("count", "words"), [(1, "1 Stunde lang"), (24, "24 Stunden lang")])
def test_numbers_take_their_form(count: int, words: str) -> None:
    german = texts.language_for("de")

    assert words in german.count(german.texts.edit_window, count)
