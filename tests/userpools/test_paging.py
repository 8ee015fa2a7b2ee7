"""Page tokens open only where they were made for (contract/rules.md section 8)."""

import pytest

from poolhouse.model.cognito_idp_model import InvalidParameterException
from poolhouse.userpools.paging import open_page, seal_page
from tests.house import House

SCOPE = ["ListGroups", "eu-west-1_abcdefghi"]


def test_a_token_leads_to_the_key_it_was_made_of(house: House) -> None:
    token = seal_page(house.call(), SCOPE, ["a group", "ü"])
    assert open_page(house.call(), SCOPE, token) == ["a group", "ü"]
    assert "group" not in token
    assert open_page(house.call(), SCOPE, None) is None


@pytest.mark.parametrize(
    "scope", [["ListGroups", "eu-west-1_abcdefghj"], ["ListUsersInGroup", SCOPE[1]], [*SCOPE, ""], ["ListGroups"]]
)
def test_a_token_of_another_list_is_refused(house: House, scope: list[str]) -> None:
    token = seal_page(house.call(), SCOPE, ["x"])
    with pytest.raises(InvalidParameterException) as refused:
        open_page(house.call(), scope, token)
    assert refused.value.message == "Invalid pagination token"


def test_a_forged_or_changed_token_is_refused(house: House) -> None:
    token = seal_page(house.call(), SCOPE, ["x"])
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for forged in ("", "x", changed, token + "A", "é" * 40, "A" * 100_000):
        with pytest.raises(InvalidParameterException, match="Invalid pagination token"):
            open_page(house.call(), SCOPE, forged)


def test_a_token_is_good_for_a_day(house: House) -> None:
    token = seal_page(house.call(), SCOPE, ["x"])
    house.clock.forward(86_401)
    with pytest.raises(InvalidParameterException, match="Invalid pagination token"):
        open_page(house.call(), SCOPE, token)
