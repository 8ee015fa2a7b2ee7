"""Settings that this release cannot enforce, refused instead of recorded.

A pool that claims a second factor, a trigger or threat protection which then never acts would let people in whom its
owner meant to keep out. Owns that list and its words; what a setting means is known elsewhere.
"""

from poolhouse.model.cognito_idp_model import (
    CreateUserPoolRequest,
    InvalidParameterException,
    LambdaConfigType,
    SetUserPoolMfaConfigRequest,
    UpdateUserPoolRequest,
    UserPoolPolicyType,
)


def not_provided(setting: str, why: str) -> InvalidParameterException:
    """The refusal of a setting; `why` says what it would have needed."""
    return InvalidParameterException(f"{setting} is not provided by this release: {why}.")


def refuse_unprovided(request: CreateUserPoolRequest | UpdateUserPoolRequest) -> None:
    """Raises InvalidParameterException naming the first setting of the pool that would have no effect."""
    # DEVIATION: pool settings for MFA, triggers, passkeys, threat protection and the like are refused while they
    # could not be enforced; the service accepts all of them.
    if request.mfa_configuration not in (None, "OFF"):
        raise not_provided(f"MfaConfiguration {request.mfa_configuration}", "there is no multi-factor sign-in")
    _refuse_triggers(request.lambda_config)
    _refuse_policies(request.policies)
    add_ons = request.user_pool_add_ons
    if add_ons is not None:
        flows = add_ons.advanced_security_additional_flows
        if add_ons.advanced_security_mode != "OFF" or (flows is not None and flows.custom_auth_mode is not None):
            raise not_provided("AdvancedSecurityMode", "there is no threat protection, only OFF is possible")
    device = request.device_configuration
    if device is not None and device.challenge_required_on_new_device:
        raise not_provided("ChallengeRequiredOnNewDevice", "devices are not remembered")
    _refuse_identity(request)
    template = request.verification_message_template
    if template is not None and template.default_email_option == "CONFIRM_WITH_LINK":
        raise not_provided("CONFIRM_WITH_LINK", "there is no page for the link to lead to, use CONFIRM_WITH_CODE")


def refuse_unprovided_mfa(request: SetUserPoolMfaConfigRequest) -> None:
    """Raises InvalidParameterException for any factor and for passkeys."""
    # DEVIATION: SetUserPoolMfaConfig refuses to turn any factor on, because no sign-in would ask for it.
    if request.mfa_configuration not in (None, "OFF"):
        raise not_provided(f"MfaConfiguration {request.mfa_configuration}", "there is no multi-factor sign-in")
    if request.web_authn_configuration is not None:
        raise not_provided("WebAuthnConfiguration", "there is no sign-in with passkeys")


def _refuse_triggers(config: LambdaConfigType | None) -> None:
    if config is None:
        return
    for name, wire_name in zip(config.__struct_fields__, config.__struct_encode_fields__, strict=True):
        if getattr(config, name) is not None:
            raise not_provided(f"LambdaConfig {wire_name}", "triggers are not invoked")


def _refuse_policies(policies: UserPoolPolicyType | None) -> None:
    if policies is None:
        return
    if policies.password_policy is not None and policies.password_policy.password_history_size:
        raise not_provided("PasswordHistorySize", "earlier passwords are not kept")
    factors = policies.sign_in_policy.allowed_first_auth_factors if policies.sign_in_policy is not None else None
    if factors is not None and set(factors) != {"PASSWORD"}:
        raise not_provided("AllowedFirstAuthFactors", "PASSWORD is the only first factor")


def _refuse_identity(request: CreateUserPoolRequest | UpdateUserPoolRequest) -> None:
    """What changes who the pool is to others: its encryption key, its issuer, who registers clients, acr names."""
    key = request.key_configuration
    if key is not None and (key.key_type == "CUSTOMER_MANAGED_KEY" or key.kms_key_arn is not None):
        raise not_provided("KeyConfiguration", "the installation's own master key seals every pool")
    issuer = request.issuer_configuration
    if issuer is not None and issuer.type == "UPDATED":
        raise not_provided("IssuerConfiguration UPDATED", "tag the pool with poolhouse:issuer to choose its issuer")
    registration = request.dcr_configuration
    if registration is not None and (registration.enable_status != "Disabled" or registration.open_dcr_enabled):
        raise not_provided("DcrConfiguration", "clients cannot register themselves")
    if request.acr_configuration:
        raise not_provided("AcrConfiguration", "tokens carry no acr claim")
