"""What the API says no to, in words for people. `api` turns each kind into its HTTP status, in one place."""

from __future__ import annotations

from typing import ClassVar

from tonnam_cloud.errors import Rejected
from tonnam_cloud.words import Words


class Refusal(Rejected):
    """Base: a `code` for the page, and words for the person."""

    code: ClassVar[str] = "refused"
    words: ClassVar[Words] = Words(th="ทำไม่ได้", en="This cannot be done.")

    def __init__(self, words: Words | None = None, *, code: str | None = None) -> None:
        self.said = words or self.words
        self.kind = code or self.code
        super().__init__(self.said.en)


class NotSignedIn(Refusal):
    code = "not_signed_in"
    words = Words(th="กรุณาเข้าสู่ระบบ", en="Please sign in.")


class NotAllowed(Refusal):
    code = "not_allowed"
    words = Words(th="บัญชีนี้ดูได้ แต่สั่งรดน้ำไม่ได้", en="This account may look, but not start or stop water.")


class NotFound(Refusal):
    code = "not_found"
    words = Words(th="ไม่พบสิ่งที่ขอ", en="There is no such thing.")


class Invalid(Refusal):
    code = "invalid"
    words = Words(th="ข้อมูลไม่ถูกต้อง", en="This is not valid.")


class Conflict(Refusal):
    code = "conflict"
    words = Words(th="ขัดกับคำสั่งเดิม", en="This contradicts an earlier request.")


class TooMany(Refusal):
    """Too many tries; `retry_s` says when the next one is welcome."""

    code = "too_many_tries"
    words = Words(
        th="ลองผิดหลายครั้ง กรุณารอ {seconds} วินาทีแล้วลองใหม่",
        en="Too many wrong tries. Please wait {seconds} seconds and try again.",
    )

    def __init__(self, retry_s: int) -> None:
        self.retry_s = retry_s
        super().__init__(self.words.filled(seconds=retry_s))
