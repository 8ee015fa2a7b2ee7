"""The list of services and the coverage table."""

import pytest

from poolhouse.model.catalogue import JSON_PREFIXES, coverage, model, target


def test_the_prefixes_are_those_of_the_models() -> None:
    assert {prefix: model(service).service.target_prefix for prefix, service in JSON_PREFIXES.items()} == {
        prefix: prefix for prefix in JSON_PREFIXES
    }


def test_the_table_has_every_operation_with_what_is_built_and_tested() -> None:
    built = {"AWSCognitoIdentityProviderService.SignUp", "AWSCognitoIdentityService.GetId", "sts.GetCallerIdentity"}
    rows = coverage(built, {"AWSCognitoIdentityProviderService.SignUp"})
    assert len(rows) == 153 + 23 + 12
    assert [(row.service, row.operation, row.auth, row.tested) for row in rows if row.built] == [
        ("cognito-idp", "SignUp", "none", True),
        ("cognito-identity", "GetId", "none", False),
        ("sts", "GetCallerIdentity", "sigv4", False),
    ]


def test_a_name_that_no_model_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no such operation: AWSCognitoIdentityProviderService\.SignUpp"):
        coverage({"AWSCognitoIdentityProviderService.SignUpp"}, set())


def test_the_target_of_an_operation_is_what_clients_send() -> None:
    assert target(model("cognito-idp").operations["GetUser"]) == "AWSCognitoIdentityProviderService.GetUser"
