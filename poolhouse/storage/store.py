"""Every repository of an installation, on one database."""

from poolhouse.storage.audit import Audit
from poolhouse.storage.database import Database
from poolhouse.storage.groups import Groups
from poolhouse.storage.pools import Clients, Pools
from poolhouse.storage.sessions import Sessions
from poolhouse.storage.signing_keys import DataKeys, Facts, SigningKeys
from poolhouse.storage.user_search import UserSearch
from poolhouse.storage.users import Users


class Store:
    """Every repository of the user pool service, on one database."""

    __slots__ = (
        "audit",
        "clients",
        "data_keys",
        "facts",
        "groups",
        "pools",
        "sessions",
        "signing_keys",
        "user_search",
        "users",
    )

    def __init__(self, database: Database) -> None:
        self.pools = Pools(database)
        self.clients = Clients(database)
        self.users = Users(database)
        self.user_search = UserSearch(database)
        self.sessions = Sessions(database)
        self.signing_keys = SigningKeys(database)
        self.data_keys = DataKeys(database)
        self.facts = Facts(database)
        self.groups = Groups(database)
        self.audit = Audit(database)
