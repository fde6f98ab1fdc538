"""How the page is built: types hold, the lock names no place, and a weak signal is not asked for much."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.cloud.web_stub import DIST

WEB = Path(__file__).parents[2] / "cloud" / "web"
FIRST_VIEW_KB = 45
ALL_KB = 70
"""In Thai. English is a file more, for who speaks it."""
ENGLISH_KB = 8
pytestmark = pytest.mark.xdist_group("web-build")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_build", WEB / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sizes_kb(*suffixes: str) -> dict[str, float]:
    files = [file for file in (DIST / "assets").iterdir() if file.suffix in suffixes]
    return {file.name: len(gzip.compress(file.read_bytes())) / 1000 for file in files}


def built_version(build: ModuleType, web: Path) -> str:
    build.run(["npm", "run", "build", "--prefix", str(web)], build.tools_path(os.environ["PATH"]), "No second build")
    worker = (web.parent / "src" / "tonnam_cloud" / "web_dist" / "sw.js").read_text()
    found = re.search(r'"tonnam-(\w+)"', worker)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("changed", ["index.html", "public/icon.svg", "public/manifest.webmanifest"])
def test_version_follows_the_files_whose_names_stay(build: ModuleType, tmp_path: Path, changed: str) -> None:
    web = tmp_path / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    (web / "node_modules").symlink_to(WEB / "node_modules")
    before = built_version(build, web)
    file = web / changed
    file.write_text(file.read_text().replace("ต้นน้ำ", "ต้นน้ำ ใหม่").replace("<svg", "<svg data-new=''"))
    assert built_version(build, web) != before


def test_types_hold_and_both_languages_have_every_text(build: ModuleType) -> None:
    build.run(["npm", "run", "typecheck"], build.tools_path(os.environ["PATH"]), "The types do not hold")


def test_scripts_and_styles_stay_small_for_a_weak_signal() -> None:
    sizes = sizes_kb(".js", ".css")
    assert sum(size for name, size in sizes.items() if name.startswith("index")) < FIRST_VIEW_KB
    english = sum(size for name, size in sizes.items() if name.startswith("en-"))
    assert 0 < english < ENGLISH_KB
    assert sum(sizes.values()) - english < ALL_KB


def test_page_asks_nothing_of_other_hosts() -> None:
    texts = [file.read_text() for file in DIST.rglob("*") if file.suffix in {".html", ".css", ".js", ".webmanifest"}]
    hosts = {host for content in texts for host in re.findall(r"https?://([\w.-]+)", content)}
    assert hosts <= {"www.w3.org"}


def test_lock_names_no_download_address() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_packages_are_pinned() -> None:
    package = json.loads((WEB / "package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(version[0].isdigit() for version in versions)


def test_machine_without_node_is_not_taken_for_one_with_it(build: ModuleType, tmp_path: Path) -> None:
    assert not build.fits(str(tmp_path))


def test_node_that_is_too_old_is_not_used(build: ModuleType, tmp_path: Path) -> None:
    for name, words in {"node": "echo v18.19.0", "npm": "echo 9"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{words}\n")
        (tmp_path / name).chmod(0o755)
    assert build.node_version(str(tmp_path)) == (18, 19)
    assert not build.fits(str(tmp_path))
