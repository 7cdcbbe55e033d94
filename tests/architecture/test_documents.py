"""Documents that would otherwise grow old."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def variables_read() -> set[str]:
    source = (ROOT / "nps_crm/settings.py").read_text()
    return set(re.findall(r"\benv(?:\.\w+)?\(\s*\"([A-Z][A-Z0-9_]+)\"", source))


def test_every_environment_variable_is_described_and_no_other() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    described = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text, re.MULTILINE))
    assert variables_read() - described == set(), "Describe these in docs/configuration.md."
    assert described - variables_read() == set(), "No setting reads these any more."


def test_only_the_settings_read_the_environment() -> None:
    allowed = {
        "core/processes.py",  # hands its own environment on to the processes it starts
    }
    readers = {
        path.relative_to(ROOT).as_posix()
        for app in ("core", "team", "accounts", "surveys", "workflows", "reports")
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv|\bgetenv\(", path.read_text())
    }
    assert readers <= allowed


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if not page.exists():
            continue
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if (
                "://" not in target
                and not target.startswith("mailto:")
                and not (page.parent / target).exists()
            ):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
