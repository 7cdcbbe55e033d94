"""What the people who build the host's pages copy: the script, the module, and how a server signs an identity."""

import base64
from collections.abc import Mapping
from functools import cache
from hashlib import sha384
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static

SCRIPT, MODULE = "widget.js", "widget.mjs"


def snippets(key: str, *, base_url: str) -> Mapping[str, str]:
    """Ready to copy, for the widget of this key."""
    script = f"{base_url}{_plain(SCRIPT)}"
    return {
        "script": (
            "<script>window.npsCrm=window.npsCrm||function(){(npsCrm.q=npsCrm.q||[]).push(arguments)}</script>\n"
            f'<script async src="{script}" data-key="{key}"></script>'
        ),
        "pinned": (
            f'<script async src="{base_url}{static(SCRIPT)}" data-key="{key}"\n'
            f'  integrity="{integrity(SCRIPT)}" crossorigin="anonymous"></script>'
        ),
        "module": (
            f'import {{ start }} from "{base_url}{_plain(MODULE)}";\n\n'
            f'const npsCrm = start({{ key: "{key}", server: "{base_url}" }});\n'
            "npsCrm.identify({ token });"
        ),
        "policy": f"script-src 'nonce-…' {base_url}; connect-src {base_url}",
        "identify": (
            'npsCrm("identify", {\n'
            "  id: \"4711\",            // the user's id, as in the contact's external id\n"
            '  signature: "…",        // made by your server, see below\n'
            '  traits: { plan: "pro" } // for targeting only\n'
            "});"
        ),
        "python": (
            "import hashlib, hmac\n\n"
            "# SECRET: the widget's secret, from your server's configuration\n"
            "signature = hmac.new(SECRET.encode(), user_id.encode(), hashlib.sha256).hexdigest()"
        ),
        "javascript": (
            'import { createHmac } from "node:crypto";\n\n'
            "// SECRET: the widget's secret, from your server's configuration\n"
            'const signature = createHmac("sha256", SECRET).update(userId).digest("hex");'
        ),
        "php": (
            "// $secret: the widget's secret, from your server's configuration\n"
            '$signature = hash_hmac("sha256", $userId, $secret);'
        ),
        "token": (
            "import jwt, time  # PyJWT\n\n"
            "token = jwt.encode(\n"
            '    {"sub": user_id, "email": email, "name": name, "account": account_id, "exp": int(time.time()) + 3600},\n'
            '    SECRET, algorithm="HS256",\n'
            ")"
        ),
    }


def _plain(name: str) -> str:
    """The address that stays the same when the file changes."""
    root = settings.STATIC_URL if settings.STATIC_URL.startswith("/") else f"/{settings.STATIC_URL}"
    return f"{root}{name}"


@cache
def integrity(name: str) -> str:
    """What a browser compares the file with before it runs it (Subresource Integrity)."""
    path = finders.find(name)
    assert isinstance(path, str), "The built widget is part of the product."
    digest = sha384(Path(path).read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"
