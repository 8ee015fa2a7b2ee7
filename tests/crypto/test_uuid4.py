"""UUIDs as text are those of the uuid module."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from poolhouse.crypto.uuid4 import uuid4_text


@given(st.binary(min_size=16, max_size=16))
def test_the_text_is_the_uuid_modules(random: bytes) -> None:
    assert uuid4_text(random) == str(uuid.UUID(bytes=random, version=4))
