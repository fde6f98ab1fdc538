"""Where readings live: one port, two adapters (`embedded`, `influx`) that pass one behaviour suite."""
