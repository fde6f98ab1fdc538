"""What `tonnam-cloud` is told from outside: environment variables that begin with TONNAM_."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tonnam_cloud.errors import Misconfigured
from tonnam_link.mqtt.broker import Broker

DATABASE_FILE = "tonnam.db"


class Settings(BaseSettings):
    """All of them, checked before any I/O. `TONNAM_DATA` is `data` here, and so on."""

    model_config = SettingsConfigDict(env_prefix="TONNAM_", frozen=True, env_ignore_empty=True)

    data: Annotated[Path, Field(description="the directory for databases")] = Path("tonnam-data")
    broker: Annotated[str, Field(description="mqtt://user:password@host, or mqtts://..?ca=FILE")] = (
        "mqtt://127.0.0.1:1883"
    )
    store: Annotated[Literal["embedded", "influx"], Field(description="where readings live")] = "embedded"
    influx_url: Annotated[str | None, Field(description="such as http://localhost:8086")] = None
    influx_database: Annotated[str | None, Field(description="the database, on InfluxDB 1.x")] = None
    influx_bucket: Annotated[str | None, Field(description="the bucket, on InfluxDB 2.x and 3.x")] = None
    influx_org: Annotated[str, Field(description="the organisation, on InfluxDB 2.x")] = ""
    influx_token: Annotated[SecretStr, Field(description="the token, on InfluxDB 2.x and 3.x")] = SecretStr("")
    influx_username: Annotated[str, Field(description="the user, on InfluxDB 1.x")] = ""
    influx_password: Annotated[SecretStr, Field(description="and the password")] = SecretStr("")
    database_url: Annotated[str, Field(description="SQLite in TONNAM_DATA unless postgresql://...")] = ""
    rules: Annotated[Path | None, Field(description="a file of alert rules instead of the shipped ones")] = None
    host: Annotated[str, Field(description="the address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="the port of the API and the page")] = 8080

    trusted_proxies: Annotated[
        str, Field(description="addresses and networks of reverse proxies, with commas between")
    ] = "127.0.0.1"

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: str) -> str:
        for each in proxies.split(","):
            try:
                ip_network(each.strip())
            except ValueError as error:
                raise ValueError("addresses such as 127.0.0.1,172.16.0.0/12 are right") from error
        return proxies

    @field_validator("broker")
    @classmethod
    def _broker_is_an_address(cls, url: str) -> str:
        Broker.parse(url)
        return url

    @field_validator("influx_url")
    @classmethod
    def _influx_is_an_address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError("an address such as http://localhost:8086 is right")
        return url

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, url: str) -> str:
        try:
            known = not url or make_url(url).get_backend_name() in {"sqlite", "postgresql", "postgres"}
        except ArgumentError:
            known = False
        if not known:
            raise ValueError("sqlite:////path/file.db or postgresql://user:password@host/database is right")
        return url

    @model_validator(mode="after")
    def _influx_is_complete(self) -> Self:
        if self.store == "influx" and self.influx_url is None:
            raise ValueError("TONNAM_STORE=influx needs TONNAM_INFLUX_URL, such as http://localhost:8086")
        return self

    @property
    def database_file(self) -> Path:
        """Where the relational database lies, unless `database_url` says another place."""
        return self.data / DATABASE_FILE

    @property
    def relational_url(self) -> str:
        """The address of the relational database."""
        return self.database_url or f"sqlite:///{self.database_file.absolute()}"


def read_settings(**given: object) -> Settings:
    """The settings from the environment; what is `given` (and not None) on the command line goes first.

    Raises Misconfigured with one line for each thing that is wrong, and what would be right.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise Misconfigured("\n".join(_line(problem) for problem in error.errors())) from error


def _line(problem: object) -> str:
    """One line on one problem. Values are not repeated: one of them may be a password."""
    assert isinstance(problem, dict)
    message = str(problem["msg"]).removeprefix("Value error, ")
    name = "_".join(str(part) for part in problem["loc"]).upper()
    if not name:
        return message
    described = Settings.model_fields[str(problem["loc"][0])].description
    return f"TONNAM_{name}: {message} ({described})"
