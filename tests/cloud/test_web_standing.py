"""What keeps water off until a person acts, on the phone: what is said, what is asked, and what is sent."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import ZONE_1, ZONE_2, axe_findings, open_page, speak_english
from tests.cloud.web_samples import Json, latch, lockout, text
from tests.cloud.web_stub import Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-standing")]

HAND = {"mode": "hand", "text": text("มีคนรดด้วยมือที่ตู้", "By hand at the cabinet")}


def second(stub: Stub) -> Json:
    zone: Json = stub.farm["sites"][0]["zones"][1]
    return zone


def found_wrong(stub: Stub) -> None:
    found = latch()
    stub.farm["sites"][0]["latches"] = [found]
    second(stub).update(latches=[found], why_not=found["text"])


def mended(stub: Stub) -> None:
    stub.farm["sites"][0]["latches"] = []
    second(stub).update(latches=[], why_not=second(stub)["next"]["text"])


async def test_a_latch_is_cleared_after_one_question(phone: BrowserContext, stub: Stub) -> None:
    found_wrong(stub)
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    standing = page.get_by_role("region", name="มีเรื่องที่ต้องจัดการก่อนรด")
    await expect(standing.get_by_role("heading", name="เปิดแล้วน้ำไม่ไหล")).to_be_visible()
    await expect(page.locator(".water-now")).to_have_count(0)
    await standing.get_by_role("button", name="ซ่อมแล้ว รดต่อได้").click()
    await expect(standing.locator(".asks-what")).to_be_focused()
    assert stub.asked == []
    await standing.get_by_role("button", name="ยัง").click()
    assert stub.asked == []
    await standing.get_by_role("button", name="ซ่อมแล้ว รดต่อได้").click()
    await standing.get_by_role("button", name="ใช่ ซ่อมแล้ว").click()
    told = page.locator(".standing [role=status]")
    await expect(told).to_contain_text("ส่งไปที่ฟาร์มแล้ว รอฟาร์มตอบ")
    [(zone, body, key)] = stub.asked
    assert (zone, body) == (None, {"action": "clear", "latch": "l-1"})
    assert key is not None
    mended(stub)
    stub.move_command("done")
    await expect(told).to_contain_text("ปลดแล้ว ฟาร์มทำงานต่อได้")
    await expect(standing).to_have_count(0)
    await expect(page.locator(".water-now")).to_be_visible()


async def test_a_clearing_that_nobody_answers_is_not_called_done(phone: BrowserContext, stub: Stub) -> None:
    found_wrong(stub)
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="ซ่อมแล้ว รดต่อได้").click()
    await page.get_by_role("button", name="ใช่ ซ่อมแล้ว").click()
    await expect(page.locator(".standing .command")).to_contain_text("รอฟาร์มตอบ")
    stub.move_command("expired", text("ตู้ไม่ตอบ", "No answer"))
    await expect(page.locator(".standing .command")).to_contain_text("ยังไม่ได้ปลด")
    await expect(page.get_by_role("button", name="ซ่อมแล้ว รดต่อได้")).to_be_visible()


async def test_the_farm_page_says_why_a_zone_gets_no_water(phone: BrowserContext, stub: Stub) -> None:
    found_wrong(stub)
    page = await open_page(phone, stub)
    cards = page.locator("article.zone")
    await expect(cards.last).to_contain_text("ไม่รดตอนนี้เพราะ")
    await expect(cards.last).to_contain_text("เปิดแล้วแต่น้ำไม่ไหลใน 45 วินาที")
    await expect(cards.last).not_to_contain_text("รดครั้งต่อไป")
    await expect(cards.first).to_contain_text("รดครั้งต่อไป")


@pytest.mark.parametrize(
    ("kind", "thai", "english"),
    [
        ("meter_still", "มิเตอร์น้ำไม่เดิน", "The water meter stands still"),
        ("welded", "ปั๊มหรือวาล์วไม่ยอมปิด", "A pump or valve does not turn off"),
        ("dosing", "จ่ายปุ๋ยไม่ได้", "Dosing has stopped"),
    ],
)
async def test_a_latch_has_a_title_that_says_what_it_is(
    phone: BrowserContext, stub: Stub, kind: str, thai: str, english: str
) -> None:
    second(stub).update(latches=[latch(kind=kind)])
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".stands h3")).to_have_text(thai)
    await speak_english(phone)
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".stands h3")).to_have_text(english)


async def test_who_may_only_look_is_told_but_not_asked(phone: BrowserContext, stub: Stub) -> None:
    stub.can_command = False
    found_wrong(stub)
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".stands")).to_contain_text("เปิดแล้วน้ำไม่ไหล")
    await expect(page.locator(".stands button")).to_have_count(0)
    await expect(page.locator(".lock-form")).to_have_count(0)


async def test_what_no_zone_uses_is_cleared_from_the_farm_page(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["latches"] = [latch("l-9", "of_a_later_version", ())]
    page = await open_page(phone, stub)
    await expect(page.locator(".stands h3")).to_have_text("พบสิ่งผิดปกติ")
    await page.get_by_role("button", name="ไปดูและซ่อมแล้ว").click()
    await page.get_by_role("button", name="ใช่ ซ่อมแล้ว").click()
    await expect(page.locator(".standing .command")).to_contain_text("รอฟาร์มตอบ")
    assert stub.asked[0][1]["latch"] == "l-9"


async def test_an_empty_stock_tank_is_not_mended_from_afar_and_water_goes_on(
    phone: BrowserContext, stub: Stub
) -> None:
    stub.farm["sites"][0]["latches"] = [latch("l-1", "stock_empty", ()), latch("l-2", "dosing", ())]
    page = await open_page(phone, stub)
    empty, wrong = page.locator(".stands").first, page.locator(".stands").last
    await expect(empty.locator("h3")).to_have_text("ถังปุ๋ยหมด")
    await expect(empty).to_contain_text("tonnam-edge refilled")
    await expect(empty.get_by_role("button")).to_have_count(0)
    await expect(wrong).to_contain_text("รดน้ำเปล่าต่อไปตามปกติ")
    await wrong.get_by_role("button", name="ซ่อมแล้ว จ่ายปุ๋ยต่อได้").click()
    await expect(wrong).to_contain_text("พืชอาจได้ปุ๋ยหรือกรดมากหรือน้อยเกินไป")


async def test_a_memory_that_was_lost_is_not_cleared_from_afar(phone: BrowserContext, stub: Stub) -> None:
    second(stub).update(latches=[latch(kind="memory_lost")])
    page = await open_page(phone, stub, ZONE_2)
    found = page.locator(".stands")
    await expect(found).to_contain_text("อาจมีคนล็อกไว้และยังทำงานที่ปั๊ม ท่อ หรือประตู")
    await expect(found).to_contain_text("tonnam-edge clear")
    await expect(found.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("whole", [False, True])
async def test_a_lock_says_why_and_asks_first(phone: BrowserContext, stub: Stub, whole: bool) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await page.locator(".lock-form summary").click()
    button = page.get_by_role("button", name="ล็อกทั้งฟาร์ม" if whole else "ล็อก แปลง 2")
    await button.click()
    await expect(page.get_by_role("alert")).to_have_text("บอกก่อนว่าเพราะอะไร คนอื่นจะได้รู้")
    await page.get_by_label("เพราะอะไร").fill("ขุดท่อ")
    await button.click()
    await expect(page.get_by_role("heading", name="ปลดจากโทรศัพท์ไม่ได้")).to_be_focused()
    assert stub.asked == []
    await page.get_by_role("button", name="ใช่ ล็อกเลย").click()
    await expect(page.locator(".standing .command")).to_contain_text("ยังไม่ล็อกจนกว่าฟาร์มจะตอบ")
    zone = None if whole else "zone-2"
    assert stub.asked[0][:2] == (zone, {"action": "lock", "zone": zone, "why": "ขุดท่อ"})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lockouts": [lockout()]}, ["สมชาย ใจดี has locked this zone", "ขุดท่อเมนหน้าแปลง 2", "at the farm only"]),
        ({"lockouts": [lockout(None)]}, ["สมชาย ใจดี has locked the whole farm"]),
        ({"mode": HAND}, ["Cabinet switch: hand", "By hand at the cabinet"]),
        ({"mode": {**HAND, "mode": "off"}}, ["Cabinet switch: off"]),
    ],
)
async def test_who_keeps_the_water_off_is_said_and_no_water_is_offered(
    phone: BrowserContext, stub: Stub, changed: Json, words: list[str]
) -> None:
    second(stub).update(changed, why_not=text("ปิดอยู่", "Kept off"))
    await speak_english(phone)
    page = await open_page(phone, stub, ZONE_2)
    for each in words:
        await expect(page.locator(".standing")).to_contain_text(each)
    await expect(page.locator(".water-now")).to_have_count(0)
    await expect(page.locator(".stands button")).to_have_count(0)
    await expect(page.locator(".zone .facts")).to_contain_text("Kept off")


@pytest.mark.parametrize(("mode", "how"), [(HAND, "บิดสวิตช์ที่ตู้"), (None, "สั่งที่เครื่องควบคุม ถ้าไม่รู้วิธีให้ถามช่าง")])
async def test_a_switch_unlocks_only_where_there_is_one(
    phone: BrowserContext, stub: Stub, mode: Json | None, how: str
) -> None:
    second(stub).update(lockouts=[lockout()], mode=mode)
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".standing")).to_contain_text(how)
    assert (mode is None) == ("สวิตช์" not in await page.locator(".standing").inner_text())


async def test_a_switch_that_is_not_read_still_lets_a_person_water(phone: BrowserContext, stub: Stub) -> None:
    unknown = {"mode": "unknown", "text": text("ไม่รู้", "Not known")}
    second(stub).update(mode=unknown, why_not=unknown["text"])
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".stands")).to_contain_text("สวิตช์ที่ตู้: ไม่รู้")
    await expect(page.locator(".water-now")).to_be_visible()


async def test_an_emergency_stop_stands_on_every_zone(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["emergency"] = {"since": latch()["since"]}
    for where in (ZONE_1, ZONE_2):
        page = await open_page(phone, stub, where)
        await expect(page.locator(".stands")).to_contain_text("ปุ่มหยุดฉุกเฉินถูกกด")
        await expect(page.locator(".water-now")).to_have_count(0)


async def test_everything_at_once_is_accessible(phone: BrowserContext, stub: Stub) -> None:
    found_wrong(stub)
    stub.farm["sites"][0]["emergency"] = {"since": None}
    second(stub).update(lockouts=[lockout()], mode=HAND)
    page = await open_page(phone, stub, ZONE_2)
    await page.get_by_role("button", name="ซ่อมแล้ว รดต่อได้").click()
    await page.locator(".lock-form summary").click()
    await page.get_by_role("button", name="ล็อกทั้งฟาร์ม").click()
    assert await axe_findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
