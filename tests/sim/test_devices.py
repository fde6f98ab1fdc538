"""The simulated devices answer byte for byte as the real ones do (frames of their makers' manuals)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_sim.bus import Bus
from tonnam_sim.devices.pdu import Device
from tonnam_sim.devices.relay import RelayBoard
from tonnam_sim.devices.sensors import AirFelt, CwtLight, CwtSoil, PulseCounter, Qdy30a, Sht20, SoilFelt
from tonnam_sim.devices.sunspec import SunSpecInverter
from tonnam_sim.farm import build_farm
from tonnam_sim.modbus_rtu import crc16


def exchange(device: Device, frame: str) -> str:
    """Carry an RTU frame (hex with its CRC) to unit 1 and return the reply frame likewise."""
    request = bytes.fromhex(frame)
    assert crc16(request[:-2]) == request[-2:]
    response = Bus("test", {1: device}).execute(request[0], request[1:-2])
    assert response is not None
    reply = request[:1] + response
    return (reply + crc16(reply)).hex(" ").upper()


def words(device: Device, function: int, address: int, count: int) -> list[int]:
    response = device.execute(struct.pack(">BHH", function, address, count))
    assert response[:2] == bytes([function, 2 * count])
    return list(struct.unpack(f">{count}H", response[2:]))


def sht20(air_c: float = 30.5, humidity_pct: float = 54.6) -> Sht20:
    return Sht20(lambda: AirFelt(air_c, humidity_pct))


def soil(vwc_pct: float = 46.4, soil_c: float = 33.2, ec_us_cm: float = 44.0, ph: float = 9.0) -> CwtSoil:
    return CwtSoil(lambda: SoilFelt(vwc_pct, soil_c, ec_us_cm, ph), 1)


def light(lux: float) -> CwtLight:
    return CwtLight(lambda: lux, lambda: AirFelt(28.1, 65.4))


def inverter(power_w: float, energy_wh: float = 1_234_567.0) -> SunSpecInverter:
    return SunSpecInverter(lambda: power_w, lambda: energy_wh, "TN00000001")


def test_sht20_answers_the_manuals_frames() -> None:
    assert exchange(sht20(), "01 04 00 01 00 02 20 0B") == "01 04 04 01 31 02 22 2A CE"
    assert words(sht20(), 4, 1, 1) == [0x0131]
    assert words(sht20(air_c=-20.5), 4, 1, 1) == [0xFF33]


def test_sht20_correction_is_written_and_felt() -> None:
    device = sht20()
    assert device.execute(bytes.fromhex("060103FFF6")) == bytes.fromhex("060103FFF6")
    assert words(device, 4, 1, 1) == [295]
    assert device.execute(bytes.fromhex("0601030065")) == bytes.fromhex("8603")
    assert device.execute(bytes.fromhex("10010300020400050005")) == bytes.fromhex("1001030002")
    assert words(device, 4, 1, 2) == [310, 551]


def test_soil_probe_answers_the_manuals_frame() -> None:
    reply = exchange(soil(), "01 03 00 00 00 07 04 08")
    assert reply.startswith("01 03 0E 01 D0 01 4C 00 2C 00 5A ")
    assert words(soil(), 3, 0, 9)[:4] == [464, 332, 44, 90]


def test_soil_probe_knows_cold_dry_and_its_offsets() -> None:
    device = soil(vwc_pct=0.0, soil_c=-1.2, ec_us_cm=0.0)
    assert words(device, 3, 0, 3) == [0, 0xFFF4, 0]
    device.execute(struct.pack(">BHH", 6, 0x51, 15))
    assert words(device, 3, 0, 1) == [15]
    assert words(device, 3, 0x07D0, 2) == [1, 1]


def test_soil_probe_refuses_a_block_over_a_gap() -> None:
    assert soil().execute(bytes.fromhex("030000000A")) == bytes.fromhex("8302")


def test_light_sensor_answers_the_manuals_frame_and_stops_at_its_range() -> None:
    assert light(200_000).execute(bytes.fromhex("0300020002")) == bytes.fromhex("030400030D40")
    assert words(light(250_000), 3, 2, 2) == [0x0003, 0x0D40]
    assert words(light(132_800), 3, 6, 1) == [0x0530]
    assert words(light(0), 3, 0, 4) == [654, 281, 0, 0]


@pytest.mark.parametrize(("level_cm", "raw"), [(187.3, 1873), (0.0, 0), (-0.3, 0xFFFD)])
def test_level_counts_millimetres_and_may_be_a_little_negative(level_cm: float, raw: int) -> None:
    device = Qdy30a(lambda: level_cm)
    assert words(device, 3, 2, 3) == [1, 1, raw]
    assert exchange(device, "01 03 00 04 00 01 C5 CB").startswith("01 03 02 ")


def test_pulse_counter_runs_on_and_wraps() -> None:
    counter = PulseCounter(lambda: 2**32 + 70_000, lambda: 1.005)
    assert words(counter, 4, 0, 3) == [1, 4464, 100]


@pytest.mark.parametrize(
    ("device", "request_hex", "code"),
    [
        (sht20(), "0300010002", 2),
        (sht20(), "0100000001", 1),
        (sht20(), "0400010000", 3),
        (sht20(), "04000100", 3),
        (soil(), "0400000001", 1),
        (Qdy30a(lambda: 1.0), "0600020001", 1),
        (PulseCounter(lambda: 1, lambda: 0.0), "0400000004", 2),
        (light(1), "0300000005", 2),
        (inverter(1), "0300000002", 2),
        (inverter(1), "039C40007E", 3),
    ],
)
def test_what_a_device_will_not_do_is_its_exception(device: Device, request_hex: str, code: int) -> None:
    request = bytes.fromhex(request_hex)
    assert device.execute(request) == bytes([request[0] | 0x80, code])


def test_sunspec_chain_is_walked_from_its_mark_to_its_end() -> None:
    device = inverter(4321.0)
    assert words(device, 3, 40000, 2) == [0x5375, 0x6E53]
    at, models = 40002, {}
    while (head := words(device, 3, at, 2))[0] != 0xFFFF:
        models[head[0]] = at
        at += 2 + head[1]
    assert models == {1: 40002, 103: 40070}
    assert bytes.fromhex("".join(f"{word:04x}" for word in words(device, 3, 40052, 5))) == b"TN00000001"
    assert words(device, 3, 40070 + 14, 2) == [4321, 0]
    assert words(device, 3, 40070 + 24, 3) == [1_234_567 >> 16, 1_234_567 & 0xFFFF, 0]
    assert words(device, 3, 40070 + 38, 1) == [4]


def test_inverter_sleeps_at_night_without_forgetting_its_energy() -> None:
    device = inverter(0.0)
    assert words(device, 3, 40070 + 14, 1) == [0]
    assert words(device, 3, 40070 + 38, 1) == [2]
    assert words(device, 3, 40070 + 24, 2) == [1_234_567 >> 16, 1_234_567 & 0xFFFF]


def coils(board: RelayBoard) -> int:
    response = board.execute(bytes.fromhex("0100000008"))
    assert response[:2] == b"\x01\x01"
    return response[2]


def test_relay_answers_the_manuals_frames() -> None:
    board = RelayBoard()
    assert exchange(board, "01 01 00 00 00 08 3D CC") == "01 01 01 00 51 88"
    for frame in (
        "01 05 00 00 FF 00 8C 3A",
        "01 05 02 00 00 07 8D B0",
        "01 05 04 00 00 08 CD 3C",
        "01 05 02 00 02 58 CC E8",
        "01 05 02 03 17 70 32 66",
        "01 05 00 FF FF 00 BC 0A",
    ):
        assert exchange(board, frame) == frame
    assert coils(board) == 0xFF
    assert exchange(board, "01 0F 00 00 00 08 01 FF BE D5") == "01 0F 00 00 00 08 54 0D"
    assert board.execute(bytes.fromhex("0500FF0000")) == bytes.fromhex("0500FF0000")
    assert coils(board) == 0
    assert words(board, 3, 0x4000, 1) == [1]
    assert words(board, 3, 0x8000, 1) == [200]


def test_relay_toggles_one_and_all() -> None:
    board = RelayBoard()
    board.execute(bytes.fromhex("0500025500"))
    assert coils(board) == 0b100
    board.execute(bytes.fromhex("0500FF5500"))
    assert coils(board) == 0b1111_1011


def test_flash_on_opens_by_itself_at_its_deadline_and_not_before() -> None:
    board = RelayBoard()
    board.tick(100.0)
    board.execute(bytes.fromhex("0502010258"))
    board.tick(159.9)
    assert coils(board) == 0b10
    board.tick(160.0)
    assert coils(board) == 0
    assert board.next_flash_end_s() is None


def test_flash_off_ends_closed() -> None:
    board = RelayBoard()
    board.execute(bytes.fromhex("050403000A"))
    board.tick(0.9)
    assert coils(board) == 0
    board.tick(1.0)
    assert coils(board) == 0b1000


@pytest.mark.parametrize("ordinary", ["0500010000", "0500FF0000", "0F000000080100"])
def test_an_ordinary_off_ends_a_flash_for_good(ordinary: str) -> None:
    board = RelayBoard()
    board.execute(bytes.fromhex("0502010258"))
    board.execute(bytes.fromhex(ordinary))
    assert coils(board) == 0
    board.tick(60.0)
    assert coils(board) == 0


def test_an_ordinary_on_ends_a_flash_too_and_stays_on() -> None:
    board = RelayBoard()
    board.execute(bytes.fromhex("0502010258"))
    board.execute(bytes.fromhex("050001FF00"))
    board.tick(600.0)
    assert coils(board) == 0b10


def test_a_new_flash_replaces_the_old_one() -> None:
    board = RelayBoard()
    board.execute(bytes.fromhex("0502010258"))
    board.tick(50.0)
    board.execute(bytes.fromhex("0502010258"))
    board.tick(60.0)
    assert coils(board) == 0b10
    board.tick(110.0)
    assert coils(board) == 0


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("0500001234", 3),
        ("050008FF00", 2),
        ("050208000A", 2),
        ("0502000000", 3),
        ("0502008000", 3),
        ("0100000009", 2),
        ("0100000000", 3),
        ("0F0000000901FF", 2),
        ("0F00000008", 3),
        ("0600000001", 1),
    ],
)
def test_relay_refuses_what_the_board_does_not_have(request_hex: str, code: int) -> None:
    request = bytes.fromhex(request_hex)
    board = RelayBoard()
    assert board.execute(request) == bytes([request[0] | 0x80, code])
    assert coils(board) == 0


def test_longest_flash_is_accepted() -> None:
    board = RelayBoard()
    assert board.execute(bytes.fromhex("0502007FFF")) == bytes.fromhex("0502007FFF")
    assert board.next_flash_end_s() == pytest.approx(3276.7)


def test_a_stuck_coil_obeys_nobody_and_a_welded_contact_carries_on() -> None:
    board = RelayBoard()
    board.stuck[0] = True
    board.welded.add(1)
    board.execute(bytes.fromhex("0500FF0000"))
    assert coils(board) == 0b01
    assert [board.contact(channel) for channel in range(3)] == [True, True, False]


def test_a_broadcast_is_done_by_all_and_answered_by_none() -> None:
    farm = build_farm(1, 12.0)
    assert farm.buses["cabinet"].execute(0, bytes.fromhex("050000FF00")) is None
    assert farm.buses["cabinet"].execute(1, bytes.fromhex("0100000008")) == bytes.fromhex("010101")


def test_a_dead_unit_and_an_unknown_one_stay_silent() -> None:
    bus = build_farm(1, 12.0).buses["soil"]
    bus.dead.add(2)
    assert bus.execute(2, bytes.fromhex("0300000001")) is None
    assert bus.execute(9, bytes.fromhex("0300000001")) is None
    assert bus.execute(1, b"") is None
    assert bus.execute(3, bytes.fromhex("0300000001")) is not None


def test_every_device_of_the_farm_answers_at_its_place() -> None:
    farm = build_farm(1, 13.5)
    reads = {
        ("cabinet", 1): "0100000008",
        ("cabinet", 2): "0300020003",
        ("cabinet", 3): "0400000003",
        ("climate", 1): "0400010002",
        ("climate", 2): "0300020002",
        ("inverter", 1): "039C400002",
        **{("soil", unit): "0300000007" for unit in (1, 2, 3, 4)},
    }
    for (bus, unit), request in reads.items():
        response = farm.buses[bus].execute(unit, bytes.fromhex(request))
        assert response is not None
        assert response[0] == int(request[:2], 16)
    assert {bus: set(farm.buses[bus].devices) for bus in farm.buses} == {
        "cabinet": {1, 2, 3},
        "climate": {1, 2},
        "inverter": {1},
        "soil": {1, 2, 3, 4},
    }


@given(unit=st.integers(0, 5), request=st.binary(max_size=20))
def test_no_request_breaks_a_device(unit: int, request: bytes) -> None:
    for bus in build_farm(1, 12.0).buses.values():
        response = bus.execute(unit, request)
        assert response is None or response[0] & 0x7F == request[0] & 0x7F
