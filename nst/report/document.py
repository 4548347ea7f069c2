"""A page of HTML that needs no other file and fetches none."""

from __future__ import annotations

import base64
import hashlib

import nst
from nst.report.stylesheet import STYLE
from nst.report.words import escaped


def document(title: str, body: str, *, looks: str = "", script: str = "") -> str:
    """Return the whole document. Its policy forbids every fetch, and any script but the one that is given.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        What follows the heading, as HTML.
    looks : str
        Rules of style beside those that every page has.
    script : str
    """
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'"
    )
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        policy, script = f"{policy}; script-src 'sha256-{digest}'", f"<script>{script}</script>\n"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="nst {nst.__version__}">
<title>{escaped(title)}</title>
<style>{STYLE}{looks}</style>
</head>
<body>
<main>
<h1>{escaped(title)}</h1>
{body}
<footer>Written by nst {nst.__version__}. This file holds all that it shows and fetches nothing.</footer>
</main>
{script}</body>
</html>
"""
