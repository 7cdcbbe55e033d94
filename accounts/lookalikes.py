"""Domains that pass for others: letters of two scripts in one name, such as a Cyrillic а in "paypal".

What one name may mix is what Unicode calls highly restrictive (UTS 39, section 5.2): one script, or Latin with the scripts
that Japanese, Chinese and Korean are written in together. A name that is all of one script and looks like another passes.
"""

import unicodedata
from collections import defaultdict

_TOGETHER = (
    {"Latin", "Chinese", "Hiragana", "Katakana"},
    {"Latin", "Chinese", "Bopomofo"},
    {"Latin", "Chinese", "Hangul"},
)
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
    for name in domain.split("."):
        letters = _letters_by_script(name)
        if len(letters) < 2 or any(set(letters) <= together for together in _TOGETHER):
            continue
        try:
            plain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return ""  # no domain at all, which is said elsewhere
        scripts = sorted(letters, key=lambda script: (len(letters[script]), script))
        found = " and ".join(
            [
                *(f"{script} ({', '.join(sorted(set(letters[script])))})" for script in scripts[:-1]),
                scripts[-1],
            ]
        )
        return (
            f"The domain “{domain[:100]}” mixes {found} letters in one name, as those do that pass for another domain."
            f" Type it again in one alphabet; if it is meant, write it as {plain[:100]}."
        )
    return ""


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
