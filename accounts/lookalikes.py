"""Domains that pass for others: letters of two scripts in one name, such as a Cyrillic а in "paypal", and names of which
every letter of another script looks like a Latin one.

What one name may mix is what Unicode calls highly restrictive (UTS 39, section 5.2): one script, or Latin with the scripts
that Japanese, Chinese and Korean are written in together. A name all of lookalikes (UTS 39, section 4.2) is meant where the
domain ends in a name of other letters too, as those of a country do: browsers show such domains by the same rule.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

_TOGETHER = (
    {"Latin", "Chinese", "Hiragana", "Katakana"},
    {"Latin", "Chinese", "Bopomofo"},
    {"Latin", "Chinese", "Hangul"},
)
_LIKE_LATIN = {"Cyrillic": frozenset("асԁеһіјӏорԛѕԝху"), "Greek": frozenset("αικνορτυω")}
_CALLED = {"Cjk": "Chinese", "Ideographic": "Chinese"}
# The first words of letters that belong to several scripts.
_COMMON = {"Katakana-Hiragana", "Modifier", ""}


def trouble_of(written: str) -> str:
    """What is wrong with the domain of an e-mail address or web address, and the remedy; "" where nothing is.

    A name in its ASCII form (xn--…) cannot be mistaken and is not looked into: it is how such a domain is given on purpose.
    """
    if written.isascii():
        return ""
    domain = _domain_of(written)
    try:
        plain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""  # no domain at all, which is said elsewhere
    remedy = f"Type it again in one alphabet; if it is meant, write it as {plain[:100]}."
    names = domain.split(".")
    for name in names:
        letters = _letters_by_script(name)
        if len(letters) > 1 and not any(set(letters) <= together for together in _TOGETHER):
            return (
                f"The domain “{domain[:100]}” mixes {_listed(letters)} letters in one name, as those do that pass for"
                f" another domain. {remedy}"
            )
        script = next(iter(letters), "")
        if script in _LIKE_LATIN and names[-1].isascii() and set(letters[script]) <= _LIKE_LATIN[script]:
            return (
                f"The domain “{domain[:100]}” is written in {script} letters that all look like Latin ones, as those are that"
                f" pass for another domain. {remedy}"
            )
    return ""


def _listed(letters: Mapping[str, Sequence[str]]) -> str:
    """The scripts, and which letters are of the rarer ones."""
    scripts = sorted(letters, key=lambda script: (len(letters[script]), script))
    few = (f"{script} ({', '.join(sorted(set(letters[script])))})" for script in scripts[:-1])
    return " and ".join([*few, scripts[-1]])


def _domain_of(written: str) -> str:
    text = unicodedata.normalize("NFKC", written).strip().casefold()
    text = text.removeprefix("https://").removeprefix("http://").split("/")[0]
    return text.rpartition("@")[2].removeprefix("www.")


def _letters_by_script(name: str) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for character in name:
        if unicodedata.category(character).startswith("L"):
            # A letter's name begins with its script: Python knows no other way to tell it.
            word = unicodedata.name(character, "").partition(" ")[0].title()
            if word not in _COMMON:
                found[_CALLED.get(word, word)].append(character)
    return found
