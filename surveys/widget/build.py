"""Build the widget: `python -m surveys.widget.build` joins `source/*.js` and writes surveys/static/widget.js and .mjs.

Both come from the same files; only the last one, which reads the script's own element, is for the classic script alone.
What is written is committed, so that serving needs no build; a test compares.
"""

import gzip
import re
import sys
from pathlib import Path

import rjsmin  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source"
TARGET = HERE.parent / "static"
SCRIPT_ONLY = "7-script.js"
_STYLE = re.compile(r"const CSS = `[^`]*`")
BUDGET = 8 * 1024
HEAD = "/* NPS CRM widget: docs/widget.md */\n"


def built() -> dict[str, str]:
    """The text of each file by its name."""
    parts = {path.name: path.read_text() for path in sorted(SOURCE.glob("*.js"))}
    shared = "\n".join(text for name, text in parts.items() if name != SCRIPT_ONLY)
    script = f'(()=>{{"use strict";\n{shared}\n{parts[SCRIPT_ONLY]}\n}})();\n'
    module = f"{shared}\nexport {{ start }};\nexport default start;\n"
    return {"widget.js": HEAD + _small(script), "widget.mjs": HEAD + _small(module)}


def _small(text: str) -> str:
    # The minifier leaves texts alone, and the stylesheet is one.
    joined = _STYLE.sub(lambda found: found[0].replace("\n", ""), text)
    small: str = rjsmin.jsmin(joined)
    return small.strip() + "\n"


def weight(text: str) -> int:
    """Bytes on the wire, gzip level 9."""
    return len(gzip.compress(text.encode(), 9, mtime=0))


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    for name, text in built().items():
        (TARGET / name).write_text(text)
        sys.stdout.write(
            f"{name}: {len(text.encode()):,} bytes, {weight(text):,} gzipped (at most {BUDGET:,})\n"
        )


if __name__ == "__main__":
    main()
