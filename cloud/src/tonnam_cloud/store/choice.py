"""Which store the settings ask for."""

from __future__ import annotations

from tonnam_cloud.settings import Settings
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import Store


def open_store(settings: Settings) -> Store:
    """The store, open for writing. Raises Misconfigured when another process writes to the embedded one."""
    if settings.store == "embedded":
        return EmbeddedStore(settings.data)
    from tonnam_cloud.store.influx import InfluxAddress, InfluxStore  # noqa: PLC0415 - its client takes a second

    assert settings.influx_url is not None
    return InfluxStore(
        InfluxAddress(
            settings.influx_url,
            settings.influx_bucket or settings.influx_database or "tonnam",
            settings.influx_org,
            settings.influx_token.get_secret_value(),
            settings.influx_username,
            settings.influx_password.get_secret_value(),
        )
    )
