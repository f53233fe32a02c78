"""The embedded API, running, and clients for it."""

from collections.abc import Callable, Iterator

import pytest
from local.client import Client

from function.local.server import LocalAPI


@pytest.fixture
def api() -> Iterator[LocalAPI]:
    """Without controller: nothing happens but what the test does."""
    with LocalAPI(controller=False, namespaces=("default", "other")) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[[LocalAPI], Client]]:
    """Makes clients and closes them."""
    made: list[Client] = []

    def connect(running: LocalAPI) -> Client:
        made.append(Client(running.url))
        return made[-1]

    yield connect
    for client in made:
        client.connection.close()


@pytest.fixture
def client(api: LocalAPI, connect: Callable[[LocalAPI], Client]) -> Client:
    return connect(api)
