"""An open page explains that the server is away, and goes on when it is back."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, chromium, serving
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import note

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]


def test_a_page_survives_a_restart_of_the_server_and_sees_what_happened_meanwhile(shelf: Catalog) -> None:
    with chromium() as driver:
        with serving(shelf) as address:
            page = Page(driver, address)
            page.wait("changes", "m.newest.value.clip === 4 && !m.newest.value.trouble")
        page.wait("changes", "m.newest.value.trouble !== null")
        shown = "const t = document.getElementById('trouble'); return t.hidden ? '' : t.textContent"
        assert "the server does not answer" in page.run(shown)
        decision = note(shelf, ["1"], "meanwhile").decision
        assert decision is not None
        with serving(shelf, port=urlsplit(address).port or 0):
            page.wait("changes", f"m.newest.value.decision === {decision.id} && !m.newest.value.trouble")
            assert page.run(shown) == ""
