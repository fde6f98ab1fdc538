"""The users file, what `broker-config` and `node credentials` say and write, and what they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cloud.broker_scene import FARM, TOWN, USERS, Access
from tonnam_cloud.broker import mosquitto, nats
from tonnam_cloud.broker.listening import Address, Listening
from tonnam_cloud.broker.passwords import fits, hashes_of, new_password, weakness
from tonnam_cloud.broker.rights import NodeAccess, users_of
from tonnam_cloud.broker.users_file import load_users, overlaps
from tonnam_cloud.errors import Misconfigured

ENVIRONMENT = {f"PASSWORD_{name}": "0123456789abcdefghij" for name in ("CLOUD", "FIELD", "HEALTH")}
HASHES = hashes_of("0123456789abcdefghij")
AT_HOME = Listening(Address("127.0.0.1", 1883))
pytestmark = pytest.mark.xdist_group("broker-config")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Access:
    return Access(tmp_path_factory.mktemp("access"))


# --- the users file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('name = "field"', 'name = "demo.field"', r"users.toml:7: name: .*pattern"),
        ('"PASSWORD_FIELD"', '"0123456789abcdefghij"', r"users.toml:8: password_variable: .*pattern"),
        ("cloud = true", "cloud = true\nadmin = true", r"users.toml:5: admin: "),
        ("cloud = true", "", r"users.toml:1: user: this user may do nothing"),
        (
            "cloud = true",
            'cloud = true\nreads = ["a"]',
            r"users.toml:1: user: cloud = true is all that the cloud needs",
        ),
        ('"tele/#"', '"#"', r"users.toml:9: writes.0: this reaches tonnam/1/\.\.\."),
        ('"tele/#"', '"+/1/+/edge-1/up"', r"users.toml:9: writes.0: this reaches tonnam/1/\.\.\."),
        ('"tele/#"', '"tonnam/1/demo-farm/edge-1/up"', r"users.toml:9: writes.0: this reaches"),
        ('"tele/#"', '"tele/#/x"', r"users.toml:9: writes.0: # is the last level"),
        ('"tele/#"', '"tele+/x"', r"users.toml:9: writes.0: \+ and # stand for whole levels"),
        ('"tele/#"', '"/tele"', r"users.toml:9: writes.0: a filter has no empty level"),
        ('"tele/#"', '"te le"', r"users.toml:9: writes.0: .*no space"),
        ('"tele/#"', '"tele\\nuser root"', r"users.toml:9: writes.0: .*no space"),
        ('"tele/#"', '"$JS/API/#"', r"users.toml:6: user: nobody may write to topics that begin with \$"),
        ('"$SYS/broker/uptime"', '"$JS/#"', r"users.toml:13: user: of the topics that begin with \$ only \$SYS/"),
        ('"demo-town/gateway-1"', '"gateway-1"', r"users.toml:11: gateways.0: .*pattern"),
        ('name = "health"', 'name = "field"', r"users.toml:1: user: the name 'field' is used twice"),
        ("cloud = true", "cloud = ", r"users.toml: not TOML: .*line 4"),
        ('"PASSWORD_FIELD"', '"PASSWORD_NONE"', r"users.toml:8: password_variable: PASSWORD_NONE: it is not set"),
        ('"PASSWORD_FIELD"', '"SHORT"', r"users.toml:8: password_variable: SHORT: it has 7 characters"),
    ],
)
def test_wrong_user_is_refused_with_line_key_and_what_is_right(
    tmp_path: Path, wrong: str, right: str, said: str
) -> None:
    path = tmp_path / "users.toml"
    assert wrong in USERS
    path.write_text(USERS.replace(wrong, right))
    with pytest.raises(Misconfigured, match=said) as caught:
        load_users(path, {**ENVIRONMENT, "SHORT": "letmein"})
    assert "letmein" not in str(caught.value)


def test_users_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml: the users file cannot be read"):
        load_users(tmp_path / "none.toml", ENVIRONMENT)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "+/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("+", "a/#", True),
        ("+", "a/b/#", False),
        ("+/tele/#", "tonnam/1/#", False),
        ("a/+/c", "a/b", False),
    ],
)
def test_filters_overlap_when_some_topic_fits_both(one: str, other: str, meet: bool) -> None:
    assert overlaps(one, other) is overlaps(other, one) is meet


# --- passwords ---------------------------------------------------------------------------------------------------


def test_password_has_128_random_bits_and_fits_only_its_own_hash() -> None:
    one, other = new_password(), new_password()
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert weakness(one) is None
    hashed = hashes_of(one)
    assert fits(hashed.bcrypt, one)
    assert not fits(hashed.bcrypt, other)
    assert hashed != hashes_of(one)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 40, "p\u00e4ssw\u00f6rd-with-umlauts", "a b" * 10, "0123456789" * 8]
)
def test_password_that_a_broker_or_a_guesser_would_misunderstand_is_weak(password: str) -> None:
    assert weakness(password)


# --- dialects ----------------------------------------------------------------------------------------------------


def test_node_without_a_password_has_no_user_and_still_its_gateway_speaks_for_it() -> None:
    nodes = [NodeAccess("t", "gate", None, HASHES), NodeAccess("t", "edge", "gate", None)]
    (gateway,) = users_of(nodes, [])
    assert gateway.name == "t.gate"
    assert "tonnam/1/t/edge/presence" in gateway.writes
    assert {"tonnam/1/t/edge/command", "tonnam/1/t/edge/config"} <= set(gateway.reads)


@pytest.mark.parametrize(
    ("topic_filter", "subjects"),
    [
        ("tele/+/SENSOR", ["tele.*.SENSOR"]),
        ("tele/#", ["tele", "tele.>"]),
        ("#", [">"]),
        ("+/tele/#", ["*.tele", "*.tele.>"]),
        ("town/pm2.5/state", ["town.pm2//5.state"]),
    ],
)
def test_filter_in_nats_words(topic_filter: str, subjects: list[str]) -> None:
    assert nats.subjects_of(topic_filter) == subjects


def test_user_who_may_write_nothing_is_not_by_that_allowed_everything(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text(USERS)
    written = nats.files_of(users_of([], load_users(path, ENVIRONMENT)), AT_HOME, tmp_path)["tonnam.conf"]
    line = next(line for line in written.splitlines() if '"health"' in line)
    assert json.loads(line)["permissions"]["publish"] == {"deny": ">"}


def test_mosquitto_listens_as_told(tmp_path: Path) -> None:
    listening = Listening(Address("::1", 1883), Address("0.0.0.0", 8883), Path("/tls/c.pem"), Path("/tls/k.pem"))
    written = mosquitto.files_of([], listening, tmp_path)["tonnam.conf"]
    assert (
        f"listener 1883 ::1\nlistener 8883\ncertfile {tmp_path}/certificate.pem\nkeyfile {tmp_path}/key.pem\n"
        in written
    )
    assert "allow_anonymous false" in written


@pytest.mark.parametrize("told", ["::1:1883", "[::1]:1883"])
def test_address_of_ip_6_is_written_as_each_broker_reads_it(tmp_path: Path, told: str) -> None:
    listening = Listening(Address.parse(told, "--listen"))
    assert 'listen: "[::1]:1883"' in nats.files_of([], listening, tmp_path)["tonnam.conf"]
    assert "listener 1883 ::1\n" in mosquitto.files_of([], listening, tmp_path)["tonnam.conf"]


# --- the command -------------------------------------------------------------------------------------------------


def test_wrong_directory_does_not_put_every_node_off_the_broker(
    shared: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = shared.arguments("nats", 1883, "--out", str(tmp_path / "broker"))
    shared.run(*command)
    before = (tmp_path / "broker" / "tonnam.conf").read_text()
    monkeypatch.setitem(shared.environment, "TONNAM_DATA", str(tmp_path / "elsewhere"))
    assert "is that the cloud's directory?" in shared.run(*command, code=2).output
    assert (tmp_path / "broker" / "tonnam.conf").read_text() == before
    assert not (tmp_path / "elsewhere").exists()


def test_broker_s_files_may_come_before_all_else(
    shared: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shared.environment, "TONNAM_DATA", str(tmp_path / "new"))
    shared.run(*shared.arguments("nats", 1883, "--out", str(tmp_path / "broker")))
    assert (tmp_path / "new" / "tonnam.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "where shall the broker listen"),
        (("--listen", "localhost"), "--listen: 'localhost' is not an address"),
        (("--listen", "1883", "--listen-tls", "8883"), "belong together"),
        (("--listen", "1883", "--site", "demo-town/gateway-1"), "the cloud is not at a site's broker"),
        (("--listen", "1883", "--site", "gateway-1"), "--site: 'gateway-1' is not TENANT/GATEWAY"),
        (("--listen", "1883", "--site", "demo-town/gateway-1/up"), "is not TENANT/GATEWAY"),
        (("--listen", "1883", "--out", "two\nlines"), "is no name that a broker can read"),
        (("--listen", "1883", "--tls-key", "k.pem"), "belong together"),
        (("--listen-tls", "8883", "--tls-certificate", "none.pem", "--tls-key", "none.pem"), "cannot be read"),
    ],
)
def test_wrong_options_end_with_2_and_touch_nothing(shared: Access, options: tuple[str, ...], said: str) -> None:
    arguments = ["broker-config", "nats", "--out", str(shared.out), "--users", str(shared.users), *options]
    assert said in shared.run(*arguments, code=2).output
    assert not shared.out.exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "no user of the users file has cloud = true"),
        (("--site", "demo-town/gateway-9"), 1, "demo-town/gateway-9 is no node that may connect"),
        (("--site", "demo-town/gateway-1"), 0, ""),
    ],
)
def test_broker_is_the_cloud_s_or_a_site_s(
    shared: Access, tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    arguments = ["broker-config", "nats", "--out", str(tmp_path), "--listen", "1883", *options]
    assert said in shared.run(*arguments, code=code).output


def test_file_that_is_no_certificate_is_named(shared: Access, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    tls = ("--listen-tls", "8883", "--tls-certificate", str(junk), "--tls-key", str(junk))
    result = shared.run(*shared.arguments("mosquitto", 0, *tls), code=2)
    assert "junk.pem are no certificate and its key" in result.output


def test_files_are_for_the_broker_s_eyes_only(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.run(*access.arguments("mosquitto", 1883))
    assert {path.stat().st_mode & 0o777 for path in access.out.iterdir()} == {0o600}
    assert {path.name for path in access.out.iterdir()} == {"tonnam.conf", "passwords", "acl", "version"}


def test_directory_that_cannot_be_written_is_one_clear_line(shared: Access, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["broker-config", "nats", "--out", str(tmp_path / "file"), "--users", str(shared.users)]
    result = shared.run(*arguments, "--listen", "1883", code=1)
    assert "cannot be written to" in result.output


# --- node credentials --------------------------------------------------------------------------------------------


def test_credentials_are_all_that_a_node_needs_and_are_kept_as_hashes_only(tmp_path: Path) -> None:
    access = Access(tmp_path)
    said = access.run("node", "credentials", *FARM.split("/"), "--broker", "mqtts://[::1]:8884?ca=/etc/ca.pem")
    broker, key = said.stdout.splitlines()
    found = re.fullmatch(
        r"TONNAM_BROKER=mqtts://demo-farm\.edge-1:([0-9a-f]{32})@\[::1\]:8884\?ca=/etc/ca\.pem", broker
    )
    assert found
    assert key.startswith("TONNAM_CLOUD_KEY=ed25519:")
    assert "shown only now" in said.stderr
    kept = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not any(found[1].encode() in content for content in kept)


def test_credentials_name_the_cloud_s_own_broker_without_its_password(shared: Access) -> None:
    shared.environment["TONNAM_BROKER"] = "mqtt://cloud:hush@broker.example:1884"
    said = shared.run("node", "credentials", *TOWN.split("/")).output
    del shared.environment["TONNAM_BROKER"]
    assert "@broker.example:1884\n" in said
    assert "hush" not in said


def test_given_password_counts_and_giving_it_again_changes_nothing(shared: Access) -> None:
    given = "a-password-of-the-demo-0815"
    arguments = ("node", "credentials", *FARM.split("/"), "--password-stdin")
    assert "has this password now" in shared.run(*arguments, stdin=f"{given}\n").output
    again = shared.run(*arguments, stdin=f"{given}\n").output
    assert "had this password already" in again
    assert given not in again


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (("credentials", "demo-farm", "edge-7"), None, 1, "not a node here: tonnam-cloud node add demo-farm edge-7"),
        (("revoke", "demo-farm", "edge-7"), None, 1, "not a node here"),
        (("restore", "demo-farm", "edge-7"), None, 1, "not a node here"),
        (("credentials", "demo-farm", "edge-1", "--broker", "http://x"), None, 2, "--broker: a broker's address is"),
        (("credentials", "demo-farm", "edge-1", "--password-stdin"), "letmein\n", 2, "it has 7 characters"),
        (("add", "demo-farm", "edge-1", "--via", "edge-1"), None, 1, "'edge-1' cannot speak for"),
        (("add", "demo-farm", "edge-1", "--via", "gateway-1"), None, 1, "add it as another node of demo-farm first"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    shared: Access, arguments: tuple[str, ...], stdin: str | None, code: int, said: str
) -> None:
    output = shared.run("node", *arguments, code=code, stdin=stdin).output
    assert said in output
    assert "letmein" not in output


def test_list_shows_who_may_connect(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.run("node", "add", "demo-farm", "edge-2")
    assert "revoked" in access.run("node", "revoke", *FARM.split("/")).output
    assert "was revoked already" in access.run("node", "revoke", *FARM.split("/")).output
    assert "revoked and cannot connect" in access.run("node", "credentials", *FARM.split("/")).output
    lines = access.run("node", "list").stdout.splitlines()
    states = {" ".join(line.split()[:2]): line.split("  ")[1] for line in lines}
    assert states == {
        "demo-farm edge-1": "revoked",
        "demo-farm edge-2": "offline (no password)",
        "demo-town edge-2": "offline (via gateway-1)",
        "demo-town gateway-1": "offline",
    }
    assert "may connect again" in access.run("node", "restore", *FARM.split("/")).output
    assert "was not revoked" in access.run("node", "restore", *FARM.split("/")).output


def test_node_that_is_added_again_keeps_what_is_not_said_anew(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.run("node", "add", "demo-town", "edge-2", "--name-th", "ท่าน้ำ")
    access.run("node", "add", "demo-town", "edge-2", "--via", "gateway-1")
    assert "demo-town edge-2  offline (via gateway-1)  last heard never  ท่าน้ำ" in access.run("node", "list").stdout
    access.run("node", "add", "demo-town", "edge-2", "--name-en", "Pier", "--via", "")
    assert "demo-town edge-2  offline  last heard never  Pier" in access.run("node", "list").stdout
