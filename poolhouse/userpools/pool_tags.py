"""What may be tagged, and how: rules for tags of user pools (contract/rules.md section 11). Pure."""

import re
from collections.abc import Mapping

from poolhouse.model.cognito_idp_model import InvalidParameterException, ResourceNotFoundException

MAX_TAGS = 50
ISSUER_TAG = "poolhouse:issuer"
"""The tag by which a pool chooses how the `iss` of its tokens is formed."""
_ISSUER_FORMS = ("public", "host", "aws")
_POOL_ARN = re.compile(
    r"arn:aws:cognito-idp:(?P<region>[\w-]+):(?P<account>[0-9]+):userpool/(?P<pool>[\w-]+_[0-9a-zA-Z]+)"
)


def pool_arn(region: str, account_id: str, pool_id: str) -> str:
    """A pool's ARN (contract/wire.md section 3)."""
    return f"arn:aws:cognito-idp:{region}:{account_id}:userpool/{pool_id}"


def pool_of_arn(arn: str, account_id: str) -> str:
    """The id of the pool that the ARN names.

    Raises InvalidParameterException for what is no pool's ARN, ResourceNotFoundException for another account's.
    """
    found = _POOL_ARN.fullmatch(arn)
    if found is None:
        raise InvalidParameterException(f"Invalid resource ARN: {arn}")
    pool_id = found["pool"]
    if found["account"] != account_id or pool_id.rpartition("_")[0] != found["region"]:
        raise ResourceNotFoundException(f"User pool {pool_id} does not exist.")
    return pool_id


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a pool, whole. Raises InvalidParameterException: too many, reserved, or an unknown issuer form."""
    if len(tags) > MAX_TAGS:
        raise InvalidParameterException(f"A resource cannot have more than {MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterException("Tag keys cannot start with aws:.")
    form = tags.get(ISSUER_TAG)
    # An issuer that nobody meant would make every token of the pool fail where it is checked.
    if form is not None and form not in _ISSUER_FORMS:
        raise InvalidParameterException(f"The tag {ISSUER_TAG} must be one of {', '.join(_ISSUER_FORMS)}.")
    return dict(tags)
