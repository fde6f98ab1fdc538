"""`tonnam-cloud user`: people are added, get passwords and links, and are listed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tonnam_cloud.database import Database
from tonnam_cloud.main import app
from tonnam_cloud.people.service import People
from tonnam_cloud.refusals import NotSignedIn
from tonnam_link.clock import system_clock

Run = Callable[..., Result]
FARMER = ("--tenant", "demo-farm", "--role", "farmer")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line over a directory of its own, with one farm."""
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path))

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    assert invoke("node", "add", "demo-farm", "edge-1").exit_code == 0
    return invoke


@pytest.fixture
def people(run: Run, tmp_path: Path) -> People:
    return People(Database(f"sqlite:///{tmp_path / 'tonnam.db'}"), system_clock)


def test_made_up_password_is_printed_once_and_works(run: Run, people: People) -> None:
    result = run("user", "add", "somchai", *FARMER)
    assert result.exit_code == 0, result.output
    found = re.search(r"shown only now: (\S+)", result.stdout)
    assert found
    person = people.sign_in("somchai", found[1], "").person
    assert (person.tenants, person.may_command("demo-farm")) == (["demo-farm"], True)


def test_adding_again_changes_roles_and_keeps_the_password(run: Run, people: People) -> None:
    run("user", "add", "somchai", *FARMER, "--password-stdin", stdin="melons need water\n")
    run("node", "add", "demo-town", "gateway-1")
    again = run("user", "add", "somchai", "--tenant", "demo-town", "--role", "viewer", "--display-name", "สมชาย")
    assert "was there already" in again.stdout
    assert "password" not in again.stdout
    person = people.sign_in("somchai", "melons need water", "").person
    assert (person.display_name, person.tenants) == ("สมชาย", ["demo-farm", "demo-town"])


def test_new_password_signs_out_everywhere(run: Run, people: People) -> None:
    run("user", "add", "somchai", *FARMER, "--password-stdin", stdin="melons need water\n")
    token = people.sign_in("somchai", "melons need water", "").token
    assert run("user", "password", "somchai", "--password-stdin", stdin="rain is coming\n").exit_code == 0
    with pytest.raises(NotSignedIn):
        people.who(token)
    assert people.sign_in("somchai", "rain is coming", "").person.name == "somchai"


def test_link_is_one_line_that_signs_in_once(run: Run, people: People) -> None:
    run("user", "add", "somchai", *FARMER)
    result = run("user", "link", "somchai", "--base-url", "http://192.168.1.20:8080/")
    (line,) = result.stdout.splitlines()
    assert line.startswith("http://192.168.1.20:8080/#/link/")
    assert people.sign_in_by_link(line.rsplit("/", 1)[1]).person.name == "somchai"


def test_list_shows_who_may_do_what(run: Run) -> None:
    run("user", "add", "somchai", *FARMER)
    assert run("user", "list").stdout == "somchai  somchai  farmer of demo-farm\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("user", "add", "Som Chai", *FARMER), None, "cannot be a user name"),
        (("user", "add", "somchai", "--tenant", "nobody"), None, "no tenant 'nobody'"),
        (("user", "add", "somchai", *FARMER, "--password-stdin"), "short\n", "use at least 10"),
        (("user", "password", "nobody"), None, "no user 'nobody'"),
        (("user", "link", "nobody", "--base-url", "http://x"), None, "no user 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    run: Run, arguments: tuple[str, ...], stdin: str | None, said: str
) -> None:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["192.168.1.20:8080", "ftp://x", "http://"])
def test_link_needs_an_address_that_a_phone_can_open(run: Run, url: str) -> None:
    assert run("user", "link", "somchai", "--base-url", url).exit_code == 2


def test_wrong_rules_file_ends_serving_before_it_begins(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nid = 'x'\n")
    monkeypatch.setenv("TONNAM_RULES", str(rules))
    result = run("serve")
    assert result.exit_code == 2
    assert "rules.toml:1: kind: " in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["user", "list"],
        ["user", "password", "somchai"],
        ["node", "list"],
        ["node", "revoke", "t", "n"],
        ["quarantine", "list"],
    ],
)
def test_a_command_that_looks_into_the_wrong_directory_says_so_and_makes_nothing_there(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "elsewhere"))
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 2
    assert "TONNAM_DATA: there is no database in" in found.stderr
    assert not (tmp_path / "elsewhere").exists()
