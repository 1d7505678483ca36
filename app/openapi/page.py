"""The page behind ``/docs``: Swagger UI from its package's files, and as little else as possible.

Nothing comes from another host, and nothing inline is run: the policy forbids both.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

PACKAGE = "flask_swagger_ui"

ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "docs.css": "text/css",
    "docs.js": "text/javascript",
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self';"
        " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/docs.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/docs.js" defer></script>
</head>
<body>
<main id="api">
<noscript>This page needs JavaScript. The description itself is <a href="openapi.json">here</a>.\
</noscript>
</main>
</body>
</html>
"""

_STYLE = b"""body { margin: 0 }
html { color-scheme: light dark }
html.dark-mode body { background: #1c2022 }
"""

# A deep link names an operation; nothing is asked of the validator on the web.
_SCRIPT = b"""const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
  validatorUrl: null,
});
"""

_OWN = {"docs.css": _STYLE, "docs.js": _SCRIPT}


@cache
def asset(name: str) -> bytes:
    """The bytes of one of ``ASSETS``."""
    if name in _OWN:
        return _OWN[name]
    return (files(PACKAGE) / "dist" / name).read_bytes()


@cache
def packed(name: str) -> bytes:
    """The same in gzip, which is a quarter of it."""
    return gzip.compress(asset(name), compresslevel=6, mtime=0)
