"""The refusals of sign-up, recovery and verification, word for word (contract/operations.md). Owns texts only."""

from poolhouse.model.cognito_idp_model import (
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
    LimitExceededException,
    NotAuthorizedException,
    UserNotFoundException,
)


def code_mismatch() -> CodeMismatchException:
    """CMIS."""
    return CodeMismatchException("Invalid verification code provided, please try again.")


def code_expired() -> ExpiredCodeException:
    """CEXP: expired, used, or none was sent."""
    return ExpiredCodeException("Invalid code provided, please request a code again.")


def limit_exceeded() -> LimitExceededException:
    """LIMIT."""
    return LimitExceededException("Attempt limit exceeded, please try after some time.")


def unknown_to_client() -> UserNotFoundException:
    """UNFCLI."""
    return UserNotFoundException("Username/client id combination not found.")


def sign_up_not_permitted() -> NotAuthorizedException:
    """ADMINONLY."""
    return NotAuthorizedException("SignUp is not permitted for this user pool")


def cannot_be_confirmed(status: str) -> NotAuthorizedException:
    """CONFST."""
    return NotAuthorizedException(f"User cannot be confirmed. Current status is {status}")


def already_confirmed() -> InvalidParameterException:
    """ALREADY."""
    return InvalidParameterException("User is already confirmed.")


def nothing_to_verify() -> InvalidParameterException:
    """ResendConfirmationCode where the pool verifies nothing, or nothing that the user has."""
    return InvalidParameterException("Cannot resend codes. Auto verification not turned on.")


def no_recovery_address() -> InvalidParameterException:
    """NORECOV."""
    return InvalidParameterException(
        "Cannot reset password for the user as there is no registered/verified email or phone_number"
    )


def only_administrators_recover() -> NotAuthorizedException:
    """ADMINRESET."""
    return NotAuthorizedException("Contact administrator to reset password.")


def cannot_be_reset() -> NotAuthorizedException:
    """STATE."""
    return NotAuthorizedException("User password cannot be reset in the current state.")


def disabled_for_reset() -> NotAuthorizedException:
    """DISABLED2, without a full stop."""
    return NotAuthorizedException("User is disabled")


def preferred_username_too_early() -> InvalidParameterException:
    """As an alias it is given after confirmation (contract/rules.md §1)."""
    return InvalidParameterException("Preferred username can not be provided for unconfirmed account")


def cannot_be_verified(name: str) -> InvalidParameterException:
    """Only e-mail addresses and phone numbers that the user has are verified."""
    return InvalidParameterException(f"No verification code can be sent for the attribute {name}.")
