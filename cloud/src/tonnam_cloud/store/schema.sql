-- The embedded store's file. Readings are in `log` (as they came, one blob a batch), then in `chunk` (packed by
-- datastream); a chunk holds what came in a stretch of the log, and `rank`, its first log id, keeps their order.
CREATE TABLE IF NOT EXISTS datastream (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS source (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS seen (
    source INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, readings INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS chunk (
    datastream INTEGER NOT NULL, rank INTEGER NOT NULL,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, readings INTEGER NOT NULL, packed BLOB NOT NULL,
    UNIQUE (datastream, rank)
);

CREATE TABLE IF NOT EXISTS latest (
    datastream INTEGER PRIMARY KEY, observed_at_ms INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL, raw REAL
);
-- What cannot be read any more: records of the log, and chunks. For people; nothing reads it.
CREATE TABLE IF NOT EXISTS damaged (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, datastream INTEGER,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, readings INTEGER NOT NULL, blob BLOB NOT NULL
);
