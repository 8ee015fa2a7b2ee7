"""Every built operation of the user pool service; importing this room registers them all."""

from poolhouse.userpools.operations import (
    account,
    admin_create_user,
    admin_users,
    attributes,
    client_secrets,
    clients,
    groups,
    list_users,
    mfa_config,
    pools,
    recovery,
    sign_in,
    sign_up,
    tags,
    tokens,
)

__all__ = [
    "account",
    "admin_create_user",
    "admin_users",
    "attributes",
    "client_secrets",
    "clients",
    "groups",
    "list_users",
    "mfa_config",
    "pools",
    "recovery",
    "sign_in",
    "sign_up",
    "tags",
    "tokens",
]
