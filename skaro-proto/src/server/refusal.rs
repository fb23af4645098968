//! Refusals of requests.

use alloc::borrow::Cow;
use alloc::string::ToString;

use super::store::{Denial, StoreError};
use crate::message::{Refusal, StatusCode};

/// Text for an `info` field.
pub(super) type Info = Cow<'static, str>;

/// Refusal of a request: a status code as in HTTP (RFC 9110, section 15), whose first digit gives its class, and a
/// text.
pub(super) type Refused = (u16, Info);

/// Returns a refusal as it is sent.
pub(super) fn refusal((code, info): Refused) -> Refusal<'static> {
    Refusal { status: Some(StatusCode::new(code)), info }
}

pub(super) fn refused<T>(code: u16, info: impl Into<Info>) -> Result<T, Refused> {
    Err((code, info.into()))
}

/// Refuses a request that needs a user.
pub(super) fn nobody_signed_in<T>() -> Result<T, Refused> {
    refused(401, "nobody is signed in: authorize first")
}

/// Refuses a request about a user who does not exist.
pub(super) fn unknown_user<T>() -> Result<T, Refused> {
    refused(404, "there is no user with this login")
}

/// Refuses what a user may not do.
pub(super) fn denied<T>(denial: Denial) -> Result<T, Refused> {
    refused(if denial == Denial::Full { 409 } else { 403 }, denial.reason())
}

/// Refuses a password that someone could eavesdrop on.
pub(super) fn not_confidential<T>() -> Result<T, Refused> {
    refused(403, "passwords travel only over TLS or a loopback connection: connect by wss")
}

/// Refuses a request for which there is no memory.
pub(super) fn out_of_memory<T>() -> Result<T, Refused> {
    refused(503, "the server has no memory left for this: try again later")
}

/// Refuses a request because an application between machine and store does. If its status does not refuse, it is 403.
pub(super) fn refused_elsewhere<T>(refusal: Refusal<'static>) -> Result<T, Refused> {
    let status = refusal.status.as_ref().map_or(0, StatusCode::code);
    Err((if (400..600).contains(&status) { status } else { 403 }, refusal.info))
}

/// Refuses a request whose outcome is unknown.
pub(super) fn outcome_unknown<T>() -> Result<T, Refused> {
    refused(504, "the store does not answer: this may have been done, or may still be")
}

/// Refuses a request that the store has refused.
pub(super) fn not_stored<T>(error: StoreError) -> Result<T, Refused> {
    refused(503, error.to_string())
}

/// Refuses a request because the store has returned the outcome of another operation, which is its mistake.
pub(super) fn wrong_outcome<T>() -> Result<T, Refused> {
    refused(500, "the store has made a mistake")
}
