"""What the database of an outbox is told to write down: apart from `ledger`, for programs that only need this."""

from __future__ import annotations

# Whatever is inserted by a transaction of the outbox is noted in the same transaction, so the ledger holds exactly
# what was committed, and production code knows nothing of it.
TRIGGERS = """
CREATE TABLE ledger (id INTEGER PRIMARY KEY, dictionary TEXT, observed_at_ms INTEGER, samples BLOB);
CREATE TRIGGER note_reading AFTER INSERT ON pending BEGIN
    INSERT INTO ledger (dictionary, observed_at_ms, samples) VALUES (NEW.dictionary, NEW.observed_at_ms, NEW.samples);
END;
CREATE TABLE ledger_of_batches (sequence INTEGER PRIMARY KEY, payload BLOB);
CREATE TRIGGER note_batch AFTER INSERT ON batch BEGIN
    INSERT INTO ledger_of_batches VALUES (NEW.sequence, NEW.payload);
END;
"""
