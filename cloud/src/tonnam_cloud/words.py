"""Text for people, in Thai and English."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Words(BaseModel):
    """One text in the two languages of the page."""

    model_config = ConfigDict(frozen=True)

    th: str
    en: str

    @classmethod
    def read(cls, stored: Mapping[str, object] | None) -> Words | None:
        """The words in a stored JSON object, None when it has none; a missing language is filled from the other."""
        th, en = ((stored or {}).get(language) for language in ("th", "en"))
        if not (th or en):
            return None
        return cls(th=str(th or en), en=str(en or th))

    def filled(self, **values: object) -> Words:
        """These words with `{name}` filled in; a value that is Words gives each language its own."""
        return Words(th=_fill(self.th, "th", values), en=_fill(self.en, "en", values))


def _fill(text: str, language: str, values: Mapping[str, object]) -> str:
    chosen = {name: getattr(value, language) if isinstance(value, Words) else value for name, value in values.items()}
    return text.format(**chosen)
