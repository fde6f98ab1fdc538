"""A phone for the tests: Debian's Chromium, driven by playwright, before a page whose wire is the stub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.cloud.web_browser import PHONE
from tests.cloud.web_stub import DIST, Stub, serve
from tests.servers import executable

NOT_NEEDED = (
    "InitialWebUI,WebUIReloadButton,WebUIToolbar,WebUIOmniboxPopup,PreloadTopChromeWebUI,"  # parts of a window
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,OptimizationHints,NetworkTimeServiceQuerying"
)
"""The first line is ours: they cost a third of each new page. The others playwright would turn off itself."""
FLAGS = [
    f"--disable-features={NOT_NEEDED}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PATIENCE_MS = 20_000
"""On a machine that runs the whole suite a page may take long; what is right shows sooner and is not waited for."""
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """Without a window if the machine has that one: it takes half as long for a page."""
    return executable("chromium-headless-shell", "chromium")


@pytest.fixture
def stub() -> Iterator[Stub]:
    """The wire, with a farmer signed in."""
    assert (DIST / "index.html").is_file(), "The phone page is not built. Run: make web"
    with serve() as wire:
        wire.signed_in = True
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A phone of 360 px with nothing remembered; a fault in the page's scripts fails the test."""
    context = await browser.new_context(viewport=PHONE, locale="th-TH", reduced_motion="reduce")
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))
    yield context
    await context.close()
    assert faults == []
