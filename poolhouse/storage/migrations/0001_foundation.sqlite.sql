-- PostgreSQL tells other nodes by NOTIFY; SQLite's other processes read this table when the file has changed.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    at BIGINT NOT NULL
);
