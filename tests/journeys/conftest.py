"""The browser and the way to open JavaScript clients, as the client tests have them."""

from tests.clients.conftest import browser, javascript, node

__all__ = ["browser", "javascript", "node"]
