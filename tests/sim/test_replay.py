"""Recorded data, played into the town."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.servers import free_port
from tests.sim.processes import Listener, tonnam_sim
from tonnam_sim.main import app
from tonnam_sim.replay import BadReplay, Recording, Tally, Target, nearest, replay_messages

RECORDED = sorted(Path(os.environ.get("TONNAM_RECORDED_DATA", os.devnull)).glob("*.csv.gz"))
CSV = """\
,PM - µg/m³ (market),PM - µg/m³ (school),Rain (mm)
2020-08-16 12:45:00,12.5,,0
2020-08-16 12:50:00,,,
2020-08-16 12:55:00,n/a,7,0.2
2020-08-16 13:00:00,nan,inf
2020-08-16 13:05:00,0,-1.5e1,0.2
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recorded.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def played(path: Path, *columns: tuple[str, str]) -> tuple[list[dict[str, dict[str, float]]], Tally]:
    tally = Tally()
    with Recording(path, [(name, Target.parse(target)) for name, target in columns]) as opened:
        return list(opened.readings(tally)), tally


def test_blank_cells_are_not_sent_and_real_zeros_are(recording: Path) -> None:
    rows, tally = played(recording, ("PM - µg/m³ (market)", "air-1/pm2_5"), ("Rain (mm)", "rain-1/rain_total"))
    assert rows == [
        {"air-1": {"pm2_5": 12.5}, "rain-1": {"rain_total": 0.0}},
        {"rain-1": {"rain_total": 0.2}},
        {"air-1": {"pm2_5": 0.0}, "rain-1": {"rain_total": 0.2}},
    ]
    assert (tally.rows, tally.readings, tally.blank, tally.not_numbers) == (5, 5, 3, 2)


def test_columns_of_one_thing_share_a_message(recording: Path) -> None:
    rows, _ = played(recording, ("PM - µg/m³ (market)", "air-1/pm2_5"), ("PM - µg/m³ (school)", "air-1/pm10"))
    assert replay_messages(rows[-1], 1_700_000_000.1234) == [
        ("town/air-1/state", b'{"pm2_5": 0.0, "pm10": -15.0, "ts": 1700000000.123}')
    ]


def test_a_gzipped_recording_plays_the_same(recording: Path, tmp_path: Path) -> None:
    packed = tmp_path / "recorded.csv.gz"
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    column = ("Rain (mm)", "rain-1/rain_total")
    assert played(packed, column) == played(recording, column)


def test_an_unknown_column_names_the_nearest(recording: Path) -> None:
    with pytest.raises(BadReplay, match=r"no column 'market'(.|\n)*PM - µg/m³ \(market\)"):
        Recording(recording, [("market", Target("air-1", "pm2_5"))])


def test_nearest_prefers_titles_that_hold_the_words() -> None:
    titles = ["PAR Sensor", "Sensor - VPD", "Rain", "global par"]
    assert nearest("par", titles)[:2] == ["PAR Sensor", "global par"]
    assert nearest("Rian", titles)[0] == "Rain"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00bad", b"\x1f\x8bnot gzip"])
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(BadReplay, match=r"bad\.csv"):
        Recording(path, [("a", Target("x", "y"))])


def test_a_recording_cut_short_says_where(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    text = "a\n" + "".join(f"{n * 7919 % 10007}\n" for n in range(20_000))
    path.write_bytes(gzip.compress(text.encode())[:-2000])
    with pytest.raises(BadReplay, match="breaks off"):
        played(path, ("a", "x/y"))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cells=st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=8)), max_size=30))
def test_every_cell_is_sent_or_counted(tmp_path: Path, cells: list[float | str | None]) -> None:
    path = tmp_path / "any.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "what"])
        writer.writerows(["x", "" if cell is None else str(cell).encode(errors="replace").decode()] for cell in cells)
    rows, tally = played(path, ("what", "a/b"))
    assert tally.rows == len(cells) == tally.readings + tally.blank + tally.not_numbers
    assert len(rows) == tally.readings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--column", "market", "--as", "air-1/pm2_5"], "Nearest"),
        (["--column", "Rain (mm)", "--as", "Rain 1/mm"], "thing/property"),
        (["--column", "Rain (mm)", "--as", "rain-1/ts"], "thing/property"),
        (["--column", "Rain (mm)"], "--as"),
        (["--column", "Rain (mm)", "--column", "x", "--as", "a/b"], "2 --column but 1 --as"),
        (["--column", "Rain (mm)", "--column", "x", "--as", "a/b", "--as", "a/b"], "same"),
        (["--column", "Rain (mm)", "--as", "a/b", "--rate", "0"], "--rate"),
    ],
)
def test_wrong_options_are_exit_two(recording: Path, options: list[str], words: str) -> None:
    ended = CliRunner().invoke(app, ["replay", str(recording), "--broker", "mqtt://127.0.0.1:1", *options])
    assert ended.exit_code == 2
    assert words in ended.output


def test_a_recording_is_heard_at_the_broker_and_counted(broker: str, recording: Path) -> None:
    with Listener(broker, "town/#") as listener:
        arguments = ["--column", "PM - µg/m³ (school)", "--as", "air-2/pm10", "--rate", "100"]
        ended = tonnam_sim("replay", str(recording), "--broker", broker, *arguments)
        assert ended.returncode == 0, ended.stderr
        heard = [listener.wait_for(lambda _: True) for _ in range(2)]
    assert {message.topic for message in heard} == {"town/air-2/state"}
    assert [json.loads(message.payload)["pm10"] for message in heard] == [7.0, -15.0]
    assert "2 readings sent in 2 messages from 5 rows; skipped: 2 blank cells, 1 that are no numbers" in ended.stdout


def test_no_broker_is_one_line_and_exit_one(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonnam_sim.replay._PATIENCE_S", 0.2)
    arguments = ["--column", "Rain (mm)", "--as", "a/b", "--broker", f"mqtt://127.0.0.1:{free_port()}"]
    ended = CliRunner().invoke(app, ["replay", str(recording), *arguments])
    assert ended.exit_code == 1
    assert "no broker answers" in ended.output


def played_last_column(path: Path) -> tuple[int, Tally]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        titles = next(csv.reader(file))
    rows, tally = played(path, (titles[-1], "greenhouse/last_column"))
    return len(rows), tally


def test_a_month_plays_to_its_end_and_so_does_what_was_recorded_if_given(tmp_path: Path) -> None:
    month = tmp_path / "month.csv.gz"
    month.write_bytes(gzip.compress(b"at,vwc\n" + b"".join(b"t%d,%d\n" % (n, n % 40) for n in range(8640))))
    for path in (month, *RECORDED):
        sent, tally = played_last_column(path)
        assert sent == tally.readings > 1000
        assert tally.rows == tally.readings + tally.blank + tally.not_numbers
