-- Pools that are gone for everybody and whose users, sessions and other rows are still being removed, in portions.
CREATE TABLE deleted_pools (
    pool_id {text} NOT NULL PRIMARY KEY,
    deleted_at BIGINT NOT NULL
);
