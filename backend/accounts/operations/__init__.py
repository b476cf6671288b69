"""What people do to sign in, stay signed in and leave."""

from backend.accounts.operations.codes import (
    CodeRequest,
    OtpExpired,
    OtpInvalid,
    OtpNotSent,
    OtpResendWait,
    OtpTooManyAttempts,
    SignIn,
    request_code,
    verify_code,
)
from backend.accounts.operations.profile import update_profile
from backend.accounts.operations.sessions import (
    AccountSuspended,
    DeviceDetails,
    RefreshReused,
    SessionExpired,
    SessionRevoked,
    open_session,
    refresh,
    revoke_device,
    seen,
    sign_out,
)

__all__ = [
    "AccountSuspended",
    "CodeRequest",
    "DeviceDetails",
    "OtpExpired",
    "OtpInvalid",
    "OtpNotSent",
    "OtpResendWait",
    "OtpTooManyAttempts",
    "RefreshReused",
    "SessionExpired",
    "SessionRevoked",
    "SignIn",
    "open_session",
    "refresh",
    "request_code",
    "revoke_device",
    "seen",
    "sign_out",
    "update_profile",
    "verify_code",
]
