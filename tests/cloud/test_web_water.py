"""Water in one's hand: what the page sends, when it asks, and what it says of a command on its way."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.cloud.web_browser import ZONE_1, ZONE_2, open_page
from tests.cloud.web_samples import run, text
from tests.cloud.web_stub import Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-water")]


async def water(page: Page) -> None:
    await page.get_by_role("button", name="รดน้ำ 10 นาที").click()
    await page.get_by_role("button", name="ใช่ เปิดน้ำเลย").click()


async def test_minutes_step_and_stay_within_what_the_zone_allows(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["zones"][1]["max_run_s"] = 12 * 60
    page = await open_page(phone, stub, ZONE_2)
    more, fewer = page.get_by_role("button", name="เพิ่มเวลา"), page.get_by_role("button", name="ลดเวลา")
    for _ in range(4):
        await more.click(force=True)
    await expect(page.locator("output")).to_have_text("12 นาที")
    await expect(more).to_have_attribute("aria-disabled", "true")
    await expect(page.get_by_role("button", name="20 นาที")).to_have_count(0)
    await page.get_by_role("button", name="5 นาที", exact=True).click()
    for _ in range(6):
        await fewer.click(force=True)
    await expect(page.locator("output")).to_have_text("1 นาที")


async def test_water_is_asked_for_once_and_named_before_it_is_sent(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await page.get_by_role("button", name="รดน้ำ 10 นาที").click()
    await expect(page.get_by_role("heading", name="เปิดน้ำ แปลง 2 นาน 10 นาที?")).to_be_focused()
    assert stub.asked == []
    await page.get_by_role("button", name="ยังไม่เปิด").click()
    assert stub.asked == []
    await water(page)
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    [(zone, body, key)] = stub.asked
    assert (zone, body) == ("zone-2", {"action": "water", "minutes": 10})
    assert key is not None
    assert len(key) == 32


async def test_litres_are_asked_for_and_end_the_watering_and_not_a_time(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="ตามลิตร").click()
    await page.get_by_role("button", name="1,000 ลิตร", exact=True).click()
    await page.get_by_role("button", name="รดน้ำ 1,000 ลิตร").click()
    await expect(page.get_by_role("heading", name="รดน้ำ แปลง 2 1,000 ลิตร ใช่ไหม")).to_be_focused()
    await page.get_by_role("button", name="ใช่ เปิดน้ำเลย").click()
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    assert stub.asked[0][:2] == ("zone-2", {"action": "water", "litres": 1000})
    stub.begin_run(2, minutes=20)
    stub.farm["sites"][0]["zones"][1]["run"]["planned_litres"] = 1000
    stub.move_command("running")
    await expect(page.locator(".command")).to_contain_text("น้ำกำลังไหล จะปิดเองเมื่อครบ 1,000 ลิตร")
    await expect(page.locator(".facts")).to_contain_text("จะปิดเองเมื่อครบ 1,000 ลิตร (ไม่เกิน 20 นาที)")


async def test_command_is_told_step_by_step_in_a_live_region(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await water(page)
    region = page.locator(".control [role=status].command-place")
    await expect(region).to_contain_text("ส่งไปที่ฟาร์มแล้ว รอฟาร์มตอบ")
    await expect(region.locator(".is-now")).to_have_text("ส่งแล้ว")
    for state, words, step in [
        ("accepted", "ฟาร์มรับคำสั่งแล้ว กำลังเปิดน้ำ", ["ฟาร์มรับแล้ว"]),
        ("running", "น้ำกำลังไหล จะปิดเองเมื่อครบเวลา", ["น้ำไหล"]),
        ("done", "รดน้ำเสร็จแล้ว วาล์วปิดแล้ว", []),
    ]:
        stub.move_command(state)
        await expect(region).to_contain_text(words)
        await expect(region.locator(".is-now")).to_have_text(step)
    await page.get_by_role("button", name="ปิดข้อความนี้").click()
    await expect(page.locator(".command")).to_have_count(0)


async def test_readings_from_before_the_water_began_or_ended_are_waited_for(
    phone: BrowserContext, stub: Stub
) -> None:
    page = await open_page(phone, stub)
    site, second = stub.farm["sites"][0], page.locator("article.zone").last
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await expect(page.locator(".pump")).to_contain_text("หยุดอยู่")
    site["zones"][1]["run"] = run("now", "zone-2", 2, ended=False)
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".pump dd")).to_have_text(["รอค่าใหม่", "รอค่าใหม่"])
    await expect(second).to_contain_text("รอค่าใหม่จากวาล์ว")
    stub.begin_run(2)
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".pump dd")).to_have_text(["ทำงานอยู่", "60 ลิตร/นาที"])
    await expect(second).to_contain_text("น้ำกำลังไหล")
    site["zones"][1].update(run=None, last_run=run("now", "zone-2", 602))
    stub.push("changed", {"what": "overview"})
    await expect(second).to_contain_text("รอค่าใหม่จากวาล์ว")
    await expect(page.locator(".pump dd")).to_have_text(["รอค่าใหม่", "รอค่าใหม่"])


async def test_farm_is_fetched_at_once_when_a_command_ends(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(2)
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="หยุดน้ำ แปลง 2").click()
    await expect(page.locator(".command")).to_contain_text("ส่งคำสั่งหยุดไปที่ฟาร์มแล้ว")
    second = stub.farm["sites"][0]["zones"][1]
    second.update(running=False, run=None)
    second["valve"].update(value=0)
    stub.move_command("done")
    await expect(page.locator("article.zone").last).to_contain_text("ปิดน้ำอยู่")


async def test_refusal_says_why_and_that_no_water_ran(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await water(page)
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    stub.move_command("refused", text("ถังน้ำเหลือน้อยกว่า 50 ซม.", "The tank is under 50 cm"))
    await expect(page.locator(".command")).to_contain_text("ฟาร์มไม่รับคำสั่งนี้ คำสั่งนี้ไม่ได้เปิดน้ำ")
    await expect(page.locator(".command")).to_contain_text("เหตุผล: ถังน้ำเหลือน้อยกว่า 50 ซม.")


async def test_farms_own_word_is_shown_after_it_was_called_expired(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await water(page)
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    for state, words in [
        ("expired", "ฟาร์มไม่ตอบในเวลา คำสั่งนี้หมดอายุแล้ว"),
        ("running", "น้ำกำลังไหล จะปิดเองเมื่อครบเวลา"),
        ("done", "รดน้ำเสร็จแล้ว วาล์วปิดแล้ว"),
        ("running", "รดน้ำเสร็จแล้ว วาล์วปิดแล้ว"),
    ]:
        stub.move_command(state)
        await expect(page.locator(".command")).to_contain_text(words)


async def test_command_is_followed_without_the_live_stream(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await water(page)
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    stub.listeners.clear()
    stub.move_command("expired")
    await expect(page.locator(".command")).to_contain_text("ฟาร์มไม่ตอบในเวลา คำสั่งนี้หมดอายุแล้ว")


async def test_lost_answer_is_sent_again_with_the_same_key(phone: BrowserContext, stub: Stub) -> None:
    stub.drop_next_command = True
    page = await open_page(phone, stub, ZONE_2)
    await water(page)
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    keys = {key for _, _, key in stub.asked}
    assert len(stub.asked) == 2
    assert len(keys) == 1


async def test_stop_is_in_sight_wherever_one_has_scrolled_and_asks_nothing(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(1)
    page = await open_page(phone, stub, ZONE_1)
    stop = page.get_by_role("button", name="หยุดน้ำ แปลง 1")
    await expect(page.locator(".chart canvas")).to_be_visible()
    await expect(stop).to_be_in_viewport(ratio=1)
    await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    await expect(stop).to_be_in_viewport(ratio=1)
    await stop.click()
    await expect(page.locator(".command")).to_contain_text("ส่งคำสั่งหยุดไปที่ฟาร์มแล้ว")
    assert stub.asked[0][:2] == ("zone-1", {"action": "stop"})


async def test_stop_is_offered_on_the_home_page_too(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(2)
    page = await open_page(phone, stub)
    await page.get_by_role("button", name="หยุดน้ำ แปลง 2").click()
    await expect(page.locator(".command")).to_contain_text("ส่งคำสั่งหยุดไปที่ฟาร์มแล้ว")


async def test_stop_is_offered_when_nobody_knows_whether_water_runs(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["zones"][0]["running"] = None
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.get_by_role("button", name="หยุดน้ำ แปลง 1")).to_contain_text("สั่งปิดน้ำไว้ก่อน")


async def test_focus_is_not_lost_when_the_stop_goes_away(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(1)
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="หยุดน้ำ แปลง 1").focus()
    stub.farm["sites"][0]["zones"][0].update(running=False, run=None)
    stub.push("changed", {"what": "overview"})
    await expect(page.get_by_role("button", name="รดน้ำ 10 นาที")).to_be_visible()
    await expect(page.locator(".control")).to_be_focused()


async def test_one_who_may_only_look_sees_no_button_to_water(phone: BrowserContext, stub: Stub) -> None:
    stub.can_command = False
    stub.begin_run(1)
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.get_by_text("บัญชีนี้ดูได้อย่างเดียว")).to_be_visible()
    await expect(page.get_by_role("button", name="หยุดน้ำ แปลง 1")).to_have_count(0)


async def test_controller_out_of_reach_is_said_before_one_waters(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["node"]["online"] = False
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.get_by_text("ติดต่อตู้ควบคุมที่ฟาร์มไม่ได้ คำสั่งอาจไปไม่ถึง")).to_be_visible()
    await expect(page.locator(".connection.is-away")).to_have_text("ฟาร์มขาดการติดต่อ")
    await page.get_by_role("link", name="เมือง").click()
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
