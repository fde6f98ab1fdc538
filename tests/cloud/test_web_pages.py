"""What the phone page says and shows, in a real browser, of what the cloud tells it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import ZONE_1, open_page, speak_english
from tests.cloud.web_samples import Json, alert, iso, measure, text, zone
from tests.cloud.web_stub import DIST, LINK_TOKEN, PASSWORD, Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-pages")]


async def test_home_says_in_words_what_each_zone_is_like(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    first, second = page.locator("article.zone").first, page.locator("article.zone").last
    await expect(page.locator(".verdict")).to_have_text("แปลง 2 ดินแห้ง")
    await expect(first).to_contain_text("ชื้นพอดี")
    await expect(first).to_contain_text("28.4 %")
    await expect(first).to_contain_text("ควรอยู่ 26–31 %")
    await expect(first).to_contain_text("ปิดน้ำอยู่")
    await expect(first).to_contain_text("ข้อมูลล่าสุด")
    await expect(second).to_contain_text("ดินแห้ง")
    await expect(second.get_by_role("img")).to_have_attribute("aria-label", "ความชื้นดิน 24.6 % ควรอยู่ 26–31 %")


async def test_zones_in_one_sentence_have_thai_spaces(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["zones"] = [zone(1, 20.4, "dry"), zone(2, 24.6, "dry")]
    page = await open_page(phone, stub)
    await expect(page.locator(".verdict")).to_have_text("แปลง 1 และแปลง 2 ดินแห้ง")


async def test_dates_are_of_the_buddhist_era_in_thai_and_not_in_english(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    date = page.locator(".hero-when span").first
    year = (datetime.now(UTC) + timedelta(hours=7)).year
    await expect(date).to_have_text(re.compile(rf"^วัน.* {year + 543}$"))
    await page.get_by_role("button", name="English").click()
    await expect(date).to_have_text(re.compile(rf"^\w+day.* {year}$"))


async def test_language_is_remembered_and_told_to_screen_readers(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator("html")).to_have_attribute("lang", "th")
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".verdict")).to_have_text("Zone 2: soil is dry")
    await page.reload()
    await expect(page.locator(".verdict")).to_have_text("Zone 2: soil is dry")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_unknown_is_said_and_never_shown_as_zero(phone: BrowserContext, stub: Stub) -> None:
    site = stub.farm["sites"][0]
    site["zones"][0] = {**zone(1, None, "unknown"), "running": None}
    site["zones"][0]["moisture"]["last_value"] = 27.5
    site["tank"] = {**measure(site["tank"]["datastream"], text("ถัง", "Tank"), "cm", None), "full_cm": 200}
    page = await open_page(phone, stub)
    first = page.locator("article.zone").first
    await expect(first).to_contain_text("ไม่รู้ว่าน้ำไหลอยู่หรือไม่")
    await expect(first).to_contain_text("ล่าสุดที่รู้ 27.5 %")
    await expect(first.get_by_role("img")).to_have_attribute("aria-label", "ไม่รู้ความชื้นดิน ควรอยู่ 26–31 %")
    await expect(first.locator(".figure")).to_have_count(0)
    await expect(page.locator(".tank")).to_contain_text("ไม่รู้ระดับน้ำในถัง")


async def test_zone_without_a_band_shows_its_moisture_all_the_same(phone: BrowserContext, stub: Stub) -> None:
    nobody_said = {"low_pct": None, "high_pct": None}
    stub.farm["sites"][0]["zones"][0]["band"] = stub.zone_history["band"] = nobody_said
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".zone")).to_contain_text("28.4 %")
    await expect(page.locator(".zone")).to_contain_text("ยังไม่ได้ตั้งช่วงที่พอดี")
    await expect(page.locator(".chart canvas")).to_be_visible()


async def test_zero_that_was_measured_is_shown_as_zero(phone: BrowserContext, stub: Stub) -> None:
    stub.farm["sites"][0]["tank"].update(value=0)
    page = await open_page(phone, stub)
    await expect(page.locator(".tank .figure")).to_have_text("0 %")


def live_reading(datastream: str, ahead_s: float, value: float) -> Json:
    at = iso(datetime.now(UTC) + timedelta(seconds=ahead_s))
    return {"datastream": datastream, "observed_at": at, "value": value, "quality": "good"}


async def test_live_reading_changes_the_figure_but_none_from_the_future(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    datastream = stub.farm["sites"][0]["zones"][0]["moisture"]["datastream"]
    readings = [live_reading(datastream, 2, 29.9), live_reading(datastream, 20 * 3600, 30.7)]
    stub.push("readings", {"tenant": "demo-farm", "site": "melon-greenhouse", "readings": readings})
    await expect(page.locator("article.zone").first).to_contain_text("29.9 %")


async def test_change_told_live_is_fetched_and_shown(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    stub.begin_run(1)
    stub.farm["alerts"] = [alert("critical")]
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".verdict")).to_have_text("กำลังรดน้ำ แปลง 1")
    await expect(page.locator("article.zone").first).to_contain_text("เหลืออีก 8 นาที")
    await expect(page.locator(".alert")).to_contain_text("ด่วน น้ำในถังเหลือน้อย")


async def test_lost_signal_says_from_when_the_figures_are_and_comes_back(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    stub.away = True
    stub.cut()
    await expect(page.get_by_role("status").first).to_contain_text("ที่เห็นอยู่เป็นของเวลา")
    await expect(page.locator("article.zone").first).to_contain_text("28.4 %")
    stub.away = False
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await expect(page.locator(".notice")).to_have_count(0)


async def test_page_opens_without_signal_with_what_was_last_seen(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    stub.away = True
    await page.reload()
    await expect(page.locator("article.zone").first).to_contain_text("28.4 %")
    await expect(page.get_by_role("status").first).to_contain_text("ที่เห็นอยู่เป็นของเวลา")


async def test_hidden_page_listens_no_more_and_listens_again_when_seen(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    await page.evaluate(hide, True)
    stub.push("readings", {"tenant": "demo-farm", "site": "melon-greenhouse", "readings": []})
    stub.farm["sites"][0]["zones"][0]["moisture"]["value"] = 30.3
    await page.evaluate(hide, False)
    await expect(page.locator("article.zone").first).to_contain_text("30.3 %")
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")


async def test_shell_is_kept_by_the_service_worker(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    kept = await page.evaluate(
        """async () => {
            await navigator.serviceWorker.ready;
            const cache = await caches.open((await caches.keys())[0]);
            return (await cache.keys()).map(request => new URL(request.url).pathname);
        }"""
    )
    assert "/" in kept
    assert {path.rsplit(".", 1)[-1] for path in kept} >= {"js", "css", "woff2", "svg"}
    assert not [path for path in kept if path.startswith("/api")]


def next_build(dist: Path, to: Path, version: str) -> Path:
    """As a newer build: another page, another worker."""
    shutil.copytree(dist, to)
    page, worker = to / "index.html", to / "sw.js"
    page.write_text(page.read_text().replace("<body>", f'<body data-version="{version}">'))
    worker.write_text(re.sub(r'(const CACHE = "tonnam-)\w+', rf"\g<1>{version}", worker.read_text()))
    return to


UPDATE = """async version => {
    const taken = new Promise(resolve => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    await (await navigator.serviceWorker.ready).update();
    await taken;
    return (await caches.keys()).at(-1) === `tonnam-${version}`;
}"""


async def test_updated_page_is_what_opens_without_signal(phone: BrowserContext, stub: Stub, tmp_path: Path) -> None:
    page = await open_page(phone, stub)
    await page.wait_for_function("navigator.serviceWorker.controller !== null")
    for version in ("second", "third"):
        stub.dist = next_build(DIST, tmp_path / version, version)
        assert await page.evaluate(UPDATE, version)
    stub.page_away = True
    await page.reload()
    await expect(page.locator("article.zone")).to_have_count(2)
    await expect(page.locator("body")).to_have_attribute("data-version", "third")
    caches = await page.evaluate("caches.keys()")
    assert [name for name in caches if name.startswith("tonnam-")] == ["tonnam-second", "tonnam-third"]


async def test_signing_in_serves_password_managers_and_says_what_is_wrong(phone: BrowserContext, stub: Stub) -> None:
    stub.signed_in = False
    page = await open_page(phone, stub)
    username, password = page.get_by_label("ชื่อผู้ใช้"), page.get_by_label("รหัสผ่าน", exact=True)
    await expect(username).to_have_attribute("autocomplete", "username")
    await expect(password).to_have_attribute("autocomplete", "current-password")
    await username.fill("somchai")
    await password.fill("not-this")
    await page.get_by_role("button", name="เข้าสู่ระบบ").click()
    await expect(page.get_by_role("alert")).to_contain_text("ชื่อผู้ใช้หรือรหัสผ่านไม่ถูกต้อง")
    await password.fill(PASSWORD)
    await password.press("Enter")
    await expect(page.locator("article.zone")).to_have_count(2)


async def test_one_time_link_signs_in_and_leaves_no_token_behind(phone: BrowserContext, stub: Stub) -> None:
    stub.signed_in = False
    page = await open_page(phone, stub, f"#/link/{LINK_TOKEN}")
    await expect(page.locator("article.zone")).to_have_count(2)
    assert LINK_TOKEN not in page.url


async def test_spent_link_says_so_and_offers_the_password(phone: BrowserContext, stub: Stub) -> None:
    stub.signed_in = False
    page = await open_page(phone, stub, "#/link/spent")
    await expect(page.get_by_role("alert")).to_contain_text("ลิงก์นี้ใช้ไม่ได้แล้ว")
    await page.get_by_role("button", name="เข้าด้วยรหัสผ่าน").click()
    await expect(page.get_by_label("ชื่อผู้ใช้")).to_be_visible()


async def test_signing_out_forgets_what_was_kept_on_the_phone(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="ออกจากระบบ").click()
    await expect(page.get_by_label("ชื่อผู้ใช้")).to_be_visible()
    assert await page.evaluate("localStorage.getItem('tonnam.kept.3')") is None


async def test_zone_tells_its_day_as_chart_as_words_and_as_table(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".chart canvas")).to_be_visible()
    chart = page.locator(".chart-canvas")
    await expect(chart).to_have_attribute("aria-label", await page.locator(".chart-summary").inner_text())
    await expect(chart).to_have_attribute("aria-label", re.compile("ต่ำสุด 26.* % สูงสุด 29.* % .* รดน้ำ 2 ครั้ง"))
    await page.get_by_text("ดูเป็นตาราง").click()
    await expect(page.locator(".day tbody tr").nth(23)).to_be_visible()
    await expect(page.locator(".runs li")).to_have_count(2)


def silent_for_hours(moisture: Json) -> Json:
    """The same series with unknown values in its middle third."""
    third = len(moisture["t"]) // 3
    values = [None if third < i < 2 * third else value for i, value in enumerate(moisture["v"])]
    return {"t": moisture["t"], "v": values}


async def test_hour_without_known_values_is_unknown_in_the_table(phone: BrowserContext, stub: Stub) -> None:
    stub.zone_history["moisture"] = silent_for_hours(stub.zone_history["moisture"])
    page = await open_page(phone, stub, ZONE_1)
    await page.get_by_text("ดูเป็นตาราง").click()
    await expect(page.locator(".day tbody")).to_contain_text("ไม่รู้")


async def test_town_says_air_rain_and_river_in_words(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".air")).to_contain_text("ปานกลาง")
    await expect(page.locator(".air-shape")).to_have_text("75")
    await expect(page.get_by_role("img", name="ตอนนี้อยู่ระดับ 3 จาก 5")).to_be_visible()
    await expect(page.locator(".rain")).to_contain_text("ฝนปานกลาง")
    await expect(page.locator(".rain .drop.is-full")).to_have_count(2)
    await expect(page.locator(".river")).to_contain_text("กำลังขึ้น")
    await expect(page.get_by_role("img", name="ระดับน้ำ 2.31 เมตร ตลิ่งสูง 4.0 เมตร")).to_be_visible()
    await expect(page.locator(".chart canvas")).to_have_count(3)


async def test_air_with_too_few_hours_shows_no_number(phone: BrowserContext, stub: Stub) -> None:
    label = text("ข้อมูลยังไม่พอ", "Not enough data")
    air = stub.town["sites"][0]["sensors"][0]["air"]
    air.update(band="not_enough_data", aqi=None, aqi_text=None, pm2_5_24h=None, hours=9, label=label)
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".air")).to_contain_text("มีข้อมูล 9 จาก 24 ชั่วโมง")
    await expect(page.locator(".air-shape")).to_have_text("–")
    await expect(page.locator(".air-scale")).to_have_count(0)


async def test_gauge_that_went_silent_says_until_when_it_counted(phone: BrowserContext, stub: Stub) -> None:
    rain = stub.town["sites"][0]["sensors"][1]["rain"]
    label = text("ไม่รู้ตั้งแต่ 07:05 น.", "Not known since 07:05")
    rain.update(today_mm=0.0, until="2026-11-20T00:05:00.000Z", band="unknown", label=label)
    page = await open_page(phone, stub, "#/town")
    card = page.locator(".rain")
    await expect(card).to_contain_text("ไม่รู้ตั้งแต่ 07:05 น.")
    await expect(card).to_contain_text("7 โมงเช้าถึง 07:05 น.")
    await expect(card).not_to_contain_text("ไม่มีฝน")
    await page.get_by_role("button", name="English").click()
    await expect(card).to_contain_text("from 7 in the morning until 07:05")


async def test_rain_that_is_not_counted_from_seven_says_from_when(phone: BrowserContext, stub: Stub) -> None:
    stub.town["sites"][0]["sensors"][1]["rain"].update(since="2026-11-20T04:00:00.000Z")
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".rain")).to_contain_text("นับตั้งแต่ 11:00 น.")


@pytest.mark.parametrize("where", ["", ZONE_1, "#/town", "#/nowhere"])
async def test_alert_is_above_every_page(phone: BrowserContext, stub: Stub, where: str) -> None:
    stub.farm["alerts"] = [alert("critical")]
    page = await phone.new_page()
    await page.goto(f"{stub.url}/{where}")
    await expect(page.locator(".alert")).to_contain_text("น้ำในถังเหลือน้อย")
    await expect(page.locator(".alert")).to_have_count(1)
    await expect(page.locator(".alert")).to_be_in_viewport()


async def test_person_who_has_only_a_town_sees_its_alert(phone: BrowserContext, stub: Stub) -> None:
    stub.farm = {"sites": [], "alerts": [{**alert("critical"), "title": text("แม่น้ำ: น้ำใกล้ล้นตลิ่ง", "River high")}]}
    page = await phone.new_page()
    await page.goto(f"{stub.url}/")
    await expect(page.locator(".hero")).to_contain_text("บัญชีนี้ยังไม่มีฟาร์ม")
    await expect(page.locator(".alert")).to_contain_text("น้ำใกล้ล้นตลิ่ง")
    await page.get_by_role("link", name="เมือง").click()
    await expect(page.locator(".air")).to_be_visible()
    await expect(page.locator(".alert")).to_contain_text("น้ำใกล้ล้นตลิ่ง")


async def test_wrong_clock_of_the_phone_does_not_change_how_long_ago(phone: BrowserContext, stub: Stub) -> None:
    await phone.add_init_script("const real = Date.now; Date.now = () => real() + 3 * 3600 * 1000")
    page = await open_page(phone, stub)
    await expect(page.locator("article.zone").first).to_contain_text("วินาทีที่แล้ว")


async def test_next_watering_of_tomorrow_is_said_as_tomorrow_and_once(phone: BrowserContext, stub: Stub) -> None:
    await speak_english(phone)
    bangkok = datetime.now(UTC) + timedelta(hours=7)
    day = bangkok.replace(hour=6, minute=0) + timedelta(days=1, hours=-7)
    plan = text("รดพรุ่งนี้ 06:00 น. · หรือเมื่อดินแห้ง", "Waters tomorrow at 06:00 · or when soil is dry")
    stub.farm["sites"][0]["zones"][0]["next"] = {"at": iso(day), "text": plan}
    page = await open_page(phone, stub)
    await expect(page.locator("article.zone").first).to_contain_text("tomorrow 06:00 or when soil is dry")
