-- Every table leads with the pool, so that a distributed database can shard on it.
-- Times are epoch milliseconds (BIGINT). Flags are 0 or 1. Documents are JSON in the service model's shapes.

CREATE TABLE data_keys (
    id {text} NOT NULL PRIMARY KEY,
    wrapped {blob} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE pools (
    pool_id {text} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    document {text} NOT NULL
);

CREATE TABLE clients (
    pool_id {text} NOT NULL,
    client_id {text} NOT NULL,
    name {text} NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    document {text} NOT NULL,
    secrets {blob},
    PRIMARY KEY (pool_id, client_id)
);
CREATE UNIQUE INDEX clients_by_id ON clients (client_id);

CREATE TABLE signing_keys (
    pool_id {text} NOT NULL,
    kid {text} NOT NULL,
    token_use {text} NOT NULL,
    private_key {blob} NOT NULL,
    public_key {text} NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (pool_id, kid)
);

CREATE TABLE users (
    pool_id {text} NOT NULL,
    user_id {text} NOT NULL,
    username {text} NOT NULL,
    status {text} NOT NULL,
    enabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    attributes {text} NOT NULL,
    credential {blob},
    credential_version BIGINT NOT NULL,
    password_expires_at BIGINT,
    generation BIGINT NOT NULL,
    version BIGINT NOT NULL,
    email {text},
    phone_number {text},
    name {text},
    given_name {text},
    family_name {text},
    preferred_username {text},
    PRIMARY KEY (pool_id, user_id)
);
CREATE INDEX users_by_username ON users (pool_id, username, user_id);
CREATE INDEX users_by_email ON users (pool_id, email, user_id) WHERE email IS NOT NULL;
CREATE INDEX users_by_phone_number ON users (pool_id, phone_number, user_id) WHERE phone_number IS NOT NULL;
CREATE INDEX users_by_name ON users (pool_id, name, user_id) WHERE name IS NOT NULL;
CREATE INDEX users_by_given_name ON users (pool_id, given_name, user_id) WHERE given_name IS NOT NULL;
CREATE INDEX users_by_family_name ON users (pool_id, family_name, user_id) WHERE family_name IS NOT NULL;
CREATE INDEX users_by_preferred_username ON users (pool_id, preferred_username, user_id)
    WHERE preferred_username IS NOT NULL;
CREATE INDEX users_by_status ON users (pool_id, status, user_id);
CREATE INDEX users_disabled ON users (pool_id, user_id) WHERE enabled = 0;

-- Every name that a user can sign in with, the username included: uniqueness is decided here and nowhere else.
CREATE TABLE aliases (
    pool_id {text} NOT NULL,
    alias {text} NOT NULL,
    kind {text} NOT NULL,
    user_id {text} NOT NULL,
    PRIMARY KEY (pool_id, alias)
) {clustered};
CREATE INDEX aliases_by_user ON aliases (pool_id, user_id);

CREATE TABLE groups (
    pool_id {text} NOT NULL,
    name {text} NOT NULL,
    description {text},
    role_arn {text},
    precedence BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, name)
);

CREATE TABLE group_members (
    pool_id {text} NOT NULL,
    group_name {text} NOT NULL,
    user_id {text} NOT NULL,
    PRIMARY KEY (pool_id, group_name, user_id)
) {clustered};
CREATE INDEX group_members_by_user ON group_members (pool_id, user_id, group_name);

-- A session is one authentication: its id is the tokens' origin_jti. It lives while it is not revoked, its user
-- is enabled, and its generation is still the user's (a global sign-out moves the user's on).
CREATE TABLE sessions (
    pool_id {text} NOT NULL,
    session_id {text} NOT NULL,
    user_id {text} NOT NULL,
    client_id {text} NOT NULL,
    generation BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    refresh_hash {blob},
    previous_hash {blob},
    rotated_at BIGINT,
    scope {text} NOT NULL,
    event_id {text} NOT NULL,
    device_key {text},
    PRIMARY KEY (pool_id, session_id)
) {clustered};
CREATE INDEX sessions_by_user ON sessions (pool_id, user_id, session_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Failed sign-ins per subject: a user id, or for an unknown name the id that the name is answered with.
CREATE TABLE attempts (
    pool_id {text} NOT NULL,
    subject {text} NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    PRIMARY KEY (pool_id, subject)
) {clustered};
CREATE INDEX attempts_by_age ON attempts (last_failed_at);

-- What may be used once and has been: session strings, SRP secret blocks.
CREATE TABLE spent (
    pool_id {text} NOT NULL,
    token_id {text} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, token_id)
) {clustered};
CREATE INDEX spent_by_expiry ON spent (expires_at);

CREATE TABLE codes (
    pool_id {text} NOT NULL,
    user_id {text} NOT NULL,
    purpose {text} NOT NULL,
    code_hash {blob} NOT NULL,
    destination {text} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, user_id, purpose)
);
CREATE INDEX codes_by_expiry ON codes (expires_at);

-- Counted windows (codes sent, codes tried) per user and purpose.
CREATE TABLE quotas (
    pool_id {text} NOT NULL,
    subject {text} NOT NULL,
    purpose {text} NOT NULL,
    window_start BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (pool_id, subject, purpose)
) {clustered};
CREATE INDEX quotas_by_age ON quotas (window_start);

CREATE TABLE devices (
    pool_id {text} NOT NULL,
    user_id {text} NOT NULL,
    device_key {text} NOT NULL,
    document {text} NOT NULL,
    credential {blob},
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    last_authenticated_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, user_id, device_key)
);

-- Messages on their way out; the payload (it holds codes and temporary passwords) is sealed.
CREATE TABLE outbox (
    message_id {text} NOT NULL PRIMARY KEY,
    pool_id {text} NOT NULL,
    channel {text} NOT NULL,
    recipient {text} NOT NULL,
    payload {blob} NOT NULL,
    created_at BIGINT NOT NULL,
    state {text} NOT NULL,
    tries BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    sent_at BIGINT,
    failure {text}
);
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE state = 'pending';
CREATE INDEX outbox_by_recipient ON outbox (recipient, message_id);

CREATE TABLE audit (
    pool_id {text} NOT NULL,
    event_id {text} NOT NULL,
    at BIGINT NOT NULL,
    event {text} NOT NULL,
    user_id {text},
    client_id {text},
    actor {text},
    address {text},
    request_id {text},
    detail {text},
    PRIMARY KEY (pool_id, event_id)
) {clustered};

CREATE TABLE stacks (
    name {text} NOT NULL PRIMARY KEY,
    stack_id {text} NOT NULL,
    status {text} NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    document {text} NOT NULL
);

-- What a stack deploys beside pools and clients: apis, functions, roles and whatever later kinds bring.
CREATE TABLE deployed (
    kind {text} NOT NULL,
    name {text} NOT NULL,
    stack {text} NOT NULL,
    document {text} NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE access_keys (
    key_id {text} NOT NULL PRIMARY KEY,
    secret {blob} NOT NULL,
    principal {text} NOT NULL,
    policy {text} NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Facts about the installation that every node must agree on (account id, secret of stable answers).
CREATE TABLE facts (
    name {text} NOT NULL PRIMARY KEY,
    value {blob} NOT NULL
);

CREATE INDEX audit_by_age ON audit (at);
