"""The service's refusals, word for word (contract/operations.md, "Error codes used below"). Owns texts only."""

from poolhouse.model.cognito_idp_model import (
    CodeMismatchException,
    InvalidParameterException,
    NotAuthorizedException,
    PasswordResetRequiredException,
    UserNotConfirmedException,
    UserNotFoundException,
)
from poolhouse.userpools.authority import TokenRefused


def incorrect_username_or_password() -> NotAuthorizedException:
    """IUP."""
    return NotAuthorizedException("Incorrect username or password.")


def user_does_not_exist() -> UserNotFoundException:
    """UNF."""
    return UserNotFoundException("User does not exist.")


def user_disabled() -> NotAuthorizedException:
    """DISABLED."""
    return NotAuthorizedException("User is disabled.")


def user_not_confirmed() -> UserNotConfirmedException:
    """NOTCONF."""
    return UserNotConfirmedException("User is not confirmed.")


def password_reset_required() -> PasswordResetRequiredException:
    """RESET."""
    return PasswordResetRequiredException("Password reset required for the user")


def attempts_exceeded() -> NotAuthorizedException:
    """LOCK."""
    return NotAuthorizedException("Password attempts exceeded")


def temporary_password_expired() -> NotAuthorizedException:
    """TMPEXP."""
    return NotAuthorizedException("Temporary password has expired and must be reset by an administrator.")


def session_malformed() -> CodeMismatchException:
    """SESSEXP, malformed form."""
    return CodeMismatchException("Invalid session provided")


def session_expired() -> NotAuthorizedException:
    """SESSEXP."""
    return NotAuthorizedException("Invalid session for the user, session is expired.")


def session_of_another() -> NotAuthorizedException:
    """SESSEXP, wrong user or client."""
    return NotAuthorizedException("Invalid session for the user.")


def session_used() -> NotAuthorizedException:
    """SESSUSED."""
    return NotAuthorizedException("Invalid session for the user, session can only be used once.")


def missing_parameter(name: str) -> InvalidParameterException:
    """A required entry of AuthParameters or ChallengeResponses is not there."""
    return InvalidParameterException(f"Missing required parameter {name}")


def unauthorized_attribute() -> NotAuthorizedException:
    """WRITEATTR."""
    return NotAuthorizedException("A client attempted to write unauthorized attribute")


def invalid_refresh_token() -> NotAuthorizedException:
    """RTINV."""
    return NotAuthorizedException("Invalid Refresh Token")


def access_token_refused(refused: TokenRefused) -> NotAuthorizedException | UserNotFoundException:
    """ATINV, ATEXP, ATREV, UNF: what an API call answers to a token that opens nothing."""
    match refused.reason:
        case "expired":
            return NotAuthorizedException("Access Token has expired")
        case "revoked" | "signed_out" | "user_disabled":
            return NotAuthorizedException("Access Token has been revoked")
        case "user_deleted":
            return user_does_not_exist()
        case "bad_signature":
            return NotAuthorizedException("Could not verify signature for Access Token")
        case "malformed" | "unknown_key" | "wrong_pool" | "client_deleted":
            return NotAuthorizedException("Invalid Access Token")
