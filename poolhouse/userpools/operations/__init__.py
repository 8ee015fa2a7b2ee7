"""Every built operation of the user pool service; importing this room registers them all."""

from poolhouse.userpools.operations import (
    account,
    admin_create_user,
    admin_users,
    client_secrets,
    clients,
    groups,
    list_users,
    mfa_config,
    pools,
    sign_in,
    tags,
    tokens,
)

__all__ = [
    "account",
    "admin_create_user",
    "admin_users",
    "client_secrets",
    "clients",
    "groups",
    "list_users",
    "mfa_config",
    "pools",
    "sign_in",
    "tags",
    "tokens",
]
