"""What replies say. A wrong score is worse than none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys import domain
from surveys.channels.sms.reading import read
from surveys.choices import MessageKind


@pytest.mark.parametrize(
    ("body", "score", "comment"),
    [
        ("9 love it", 9, "love it"),
        ("9", 9, ""),
        ("0", 0, ""),
        ("10", 10, ""),
        ("10/10", 10, ""),
        ("10 / 10 best ever", 10, "best ever"),
        ("9 out of 10", 9, ""),
        ("8 von 10, gut", 8, "gut"),
        ("９", 9, ""),
        ("１０", 10, ""),
        ("٩", 9, ""),
        ("9️⃣", 9, ""),
        ("🔟", 10, ""),
        ("nine", 9, ""),
        ("Nine!", 9, ""),
        ("TEN", 10, ""),
        ("nine love it", 9, "love it"),
        ("one", 1, ""),
        ("zero.", 0, ""),
        ("  7.  \n because it works", 7, "because it works"),
        ("9! Fast, friendly", 9, "Fast, friendly"),
        ("10+++", 10, ""),
        ("8 - slow support", 8, "slow support"),
        ("#8", 8, ""),
        ("Score: 8", 8, ""),
        ("my score is 6", 6, ""),
        ("I'd give you a 9", 9, ""),
        ("I would give it 7 because the app crashes", 7, "I would give it 7 because the app crashes"),
        ("(9)", 9, ""),
        ("9\nlove it", 9, "love it"),
        ("10 10 10", 10, "10 10"),
        ("9 since 2019", 9, "since 2019"),
        ("6 waited 3 weeks for an answer", 6, "waited 3 weeks for an answer"),
        ("10 for the 2nd time", 10, "for the 2nd time"),
        ("9 👍", 9, "👍"),
        ("3 =cmd|' /C calc'!A0", 3, "=cmd|' /C calc'!A0"),
        ("9 <script>alert()</script>", 9, "<script>alert()</script>"),
    ],
)  # fmt: skip
def test_scores(body: str, score: int, comment: str) -> None:
    found = read(body)

    assert (found.kind, found.score, found.comment) == (MessageKind.SCORE, score, comment)


@pytest.mark.parametrize(
    ("body", "language", "score"),
    [
        ("neun", "de", 9),
        ("Fünf, weil es oft hakt", "de", 5),
        ("zehn!", "de-AT", 10),
        ("nine", "de", 9),
        ("neuf", "fr", 9),
        ("nueve", "es", 9),
        ("otto", "it", 8),
        ("negen", "nl", 9),
        ("dez", "pt-BR", 10),
        ("åtta", "sv", 8),
        ("dziewięć", "pl", 9),
    ],
)
def test_written_numbers_in_the_language_of_the_ask(body: str, language: str, score: int) -> None:
    assert read(body, language=language).score == score


@pytest.mark.parametrize(
    "body",
    [
        "-5", "−5", "11", "100", "8.5", "7,5", "8.5 love it", "-5 terrible", "11 amazing",
        "it was 8 but now 3", "8 but now 3", "7-8", "7–8", "7 or 8", "between 6 and 7", "4/5", "5/7", "90%", "9%",
        "09", "007", "1e1", "it took 3 days to get an answer", "call me at 10:30", "10:30", "ticket 4711",
        "we waited 2 weeks", "you fixed 9 of our tickets", "+49 170 1234567", "9-5", "3x", "10€",
        "seven or eight", "nine, no, ten", "9 <b>1</b>", "99999999999999999999999999",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_no_score(body: str) -> None:
    found = read(body)

    assert (found.kind, found.score) == (MessageKind.REPLY, None)


@pytest.mark.parametrize(
    ("body", "score"),
    [("4", 4), ("4/5", 4), ("five", 5), ("0", None), ("6", None), ("9/10", None), ("six", None)],
)
def test_a_score_is_read_on_the_scale_that_was_asked_for(body: str, score: int | None) -> None:
    assert read(body, scale=domain.CSAT).score == score


@pytest.mark.parametrize(
    "body",
    [
        "love it",
        "",
        "   ",
        "🙂",
        "one thing I hate is the app",
        "no one answers",
        "acht geben",
        "who is this?",
        "𝕳",
    ],
)
def test_plain_text_is_plain_text(body: str) -> None:
    found = read(body)

    assert (found.kind, found.score, found.unclear) == (MessageKind.REPLY, None, False)


def test_a_reader_is_told_that_numbers_were_unclear() -> None:
    assert read("it was 8 but now 3").unclear
    assert not read("love it").unclear


@pytest.mark.parametrize(
    "body",
    [
        "STOP", "stop", "Stop.", " STOP ", "STOPALL", "stop all", "Unsubscribe", "CANCEL", "END", "QUIT", "STOPP", "stopp!",
        "Stop please", "STOP bitte", "ＳＴＯＰ", "S\u200bTOP", "opt out", "Abmelden", "BAJA", "\"STOP\"", "Stop now, thanks",
    ],
)  # fmt: skip
def test_stop_is_obeyed_in_every_spelling(body: str) -> None:
    assert read(body).kind is MessageKind.STOP


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("START", MessageKind.START), ("Unstop", MessageKind.START), ("YES", MessageKind.START),
        ("HELP", MessageKind.HELP), ("info?", MessageKind.HELP), ("Hilfe", MessageKind.HELP),
        ("Stop changing the menu", MessageKind.REPLY), ("please do not stop", MessageKind.REPLY),
        ("The end of the quarter", MessageKind.REPLY), ("yes it is great", MessageKind.REPLY),
        ("help is slow", MessageKind.REPLY), ("cancel my order of yesterday", MessageKind.REPLY),
    ],
)  # fmt: skip
def test_words_that_are_obeyed_and_sentences_that_are_read(body: str, kind: MessageKind) -> None:
    assert read(body).kind is kind


@given(st.text(max_size=300), st.sampled_from(["en", "de", "zz", ""]))
def test_any_text_is_read_without_trouble(body: str, language: str) -> None:
    found = read(body, language=language)

    assert (found.score is not None) == (found.kind is MessageKind.SCORE)
    assert found.score is None or 0 <= found.score <= 10


@given(
    st.integers(min_value=0, max_value=10), st.sampled_from(["", "!", ".", " ", "/10", " out of 10", "\n"])
)
def test_a_score_alone_is_always_read(score: int, end: str) -> None:
    found = read(f"{score}{end}")

    assert (found.score, found.comment) == (score, "")


@given(
    st.integers(min_value=0, max_value=10),
    st.integers(min_value=0, max_value=10),
    st.sampled_from([" ", " but now ", ", "]),
)
def test_two_scores_are_never_one(one: int, other: int, between: str) -> None:
    if one != other:
        assert read(f"{one}{between}{other}").score is None
