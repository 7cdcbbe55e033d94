"""What browsers are given is what the sources say, and light."""

import re

from surveys.widget import build, installing


def test_the_committed_files_are_what_the_sources_make() -> None:
    for name, text in build.built().items():
        assert (build.TARGET / name).read_text() == text, "Run python -m surveys.widget.build."


def test_it_weighs_at_most_8_kb() -> None:
    for name, text in build.built().items():
        assert build.weight(text) <= build.BUDGET, name


def test_it_uses_nothing_that_a_strict_policy_refuses() -> None:
    for name, text in build.built().items():
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "cookie",
        ):
            assert sink not in text, f"{sink} in {name}"


def test_a_pinned_script_names_the_bytes_it_was_pinned_to() -> None:
    snippets = installing.snippets("wk_0123456789", base_url="https://crm.example.com")

    assert re.search(r'integrity="sha384-[A-Za-z0-9+/=]{64}" crossorigin="anonymous"', snippets["pinned"])
    assert 'src="https://crm.example.com/static/widget.js"' in snippets["script"]
