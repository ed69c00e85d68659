"""Turn the SVG that matplotlib writes into an element of an HTML page.

Identifiers get a prefix, so that a page can hold several figures. Colours become CSS variables, so that they follow
the colour scheme. Text takes the page's font, and links become links of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup

from thresher.interfaces.report.colours import LIGHT

Link = Callable[[str, int], Markup]
"""Makes the attributes and the title of an anchor from the target of a link, such as ("clip", 12)."""

_NAMES = {value: name for name, value in LIGHT.items()}
_LINK = re.compile(r'<a xlink:href="([a-z]+):([0-9]+)" target="_blank">')
_OUTSIDE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_NOT_WANTED = re.compile(r'<metadata>.*?</metadata>\s*|<style type="text/css">.*?</style>\s*', re.DOTALL)
_EMPTY = re.compile(r"<defs>\s*</defs>\s*|<g id=\"[^\"]*\"/>\s*")
_SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_USED = re.compile(r'(?:xlink:href="|url\()#([^")]+)')


def inline_svg(svg: str, name: str, link: Link) -> Markup:
    """Return an SVG document of matplotlib as an element of an HTML page; `name` is unique on the page."""
    text = _NOT_WANTED.sub("", _OUTSIDE.sub("", svg))
    text = _EMPTY.sub("", text)
    used = set(_USED.findall(text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'xlink:href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    text = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var(--{_NAMES[m[0]]})" if m[0] in _NAMES else m[0], text)
    text = re.sub(r" ?font-family: [^;\"]*;?", "", text)
    text = re.sub(r' transform="rotate\(-?0 [^"]*"', "", text)
    text = _SIZE.sub(lambda m: f'<svg viewBox="{m[1]}" role="group">', text, count=1)
    text = re.sub(r"\s*\n\s*", "\n", text)
    return Markup(_LINK.sub(lambda m: f"<a {link(m[1], int(m[2]))}", text))
