"""Acts over HTTP: those that are one insert into the ledger."""
