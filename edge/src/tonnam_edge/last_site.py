"""The site as it was last served, kept beside the state: it can be turned off though the site file is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tonnam_edge.errors import Misconfigured
from tonnam_edge.site.profile import Profile
from tonnam_edge.site.site import Site, build_site
from tonnam_edge.site.site_file import SiteFile

LAST_SITE_FILE = "last-site.json"


def keep_site(site: Site, state: Path, log: Any) -> None:
    """Write down `site` in the state directory. A disk that refuses is no reason not to water: it is logged."""
    profiles = {name: device.profile.model_dump(mode="json") for name, device in site.devices.items()}
    text = json.dumps({"site": site.file.model_dump(mode="json"), "profiles": profiles}, ensure_ascii=False)
    fresh = state / f".{LAST_SITE_FILE}.new"
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(state / LAST_SITE_FILE)
    except OSError as failure:
        log.warning("site.not_kept", reason=str(failure))


def last_site(state: Path) -> Site:
    """The site that was last served from this state directory. Raises Misconfigured when that is not known."""
    try:
        kept = json.loads((state / LAST_SITE_FILE).read_text(encoding="utf-8"))
        profiles = {name: Profile.model_validate(profile) for name, profile in kept["profiles"].items()}
        return build_site(SiteFile.model_validate(kept["site"]), profiles)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise Misconfigured(f"{state}: it is not known what site was last served from here") from failure
