"""The dialects that the gateway understands. A new one is a module here and a line in this table."""

from tonnam_gateway.dialects import chirpstack, plain_json, tasmota
from tonnam_gateway.dialects.base import Dialect

DIALECTS: dict[str, Dialect] = {
    "tasmota": tasmota.DIALECT,
    "chirpstack": chirpstack.DIALECT,
    "json": plain_json.DIALECT,
}
