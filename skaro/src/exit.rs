//! The end of the program: an exit status for scripts, and a reason for people.

use std::process::ExitCode;

use skaro_proto::client::{CommandError, Disconnect, Failure, RequestError};
use skaro_proto::message::{Refusal, StatusCode};
use skaro_tokio::ConnectError;

use crate::text::Shown;

/// An exit status, with the numbers of BSD's sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Success.
    Success = 0,
    /// EX_USAGE
    Usage = 64,
    /// EX_DATAERR
    Data = 65,
    /// EX_NOINPUT
    NoInput = 66,
    /// EX_NOUSER
    NoUser = 67,
    /// EX_NOHOST
    NoHost = 68,
    /// EX_UNAVAILABLE
    Unavailable = 69,
    /// EX_SOFTWARE
    Software = 70,
    /// EX_OSERR
    System = 71,
    /// EX_IOERR
    Output = 74,
    /// EX_TEMPFAIL
    Temporary = 75,
    /// EX_PROTOCOL
    Protocol = 76,
    /// EX_NOPERM
    Denied = 77,
    /// EX_CONFIG
    Config = 78,
}

/// The list of exit statuses, for people.
pub(crate) const TABLE: &str = "\
Exit statuses (sysexits.h):
   0  all went well
  64  usage: an option, or the URL, makes no sense
  65  data: the text is too long or empty, or a line of the chat is no command; a user is there
      already; a store or a backup is damaged, or is none
  66  a file can't be read, or there is no store in the directory
  67  there is no such user
  68  there is no such host
  69  no server: it can't be reached, or does not do this
  70  a mistake in this program
  71  the system refuses something: an address to listen on, a signal, a terminal
  74  the output, or the server's data, can't be written or read (a pipe that nobody reads any more
      is no error)
  75  for now: too much at once, no answer in time, or the connection broke; may be repeated,
      but a message may have arrived all the same, as the error then says; or another server
      has the data open
  76  the server speaks something else: no WebSocket, no TLS, a certificate not to be trusted
  77  wrong password, or not allowed
  78  the configuration is wrong: a file, one that others can read, no trust roots in the system";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The reason and exit status of a command that failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) exit: Exit,
    pub(crate) reason: Shown,
}

impl Fault {
    pub(crate) fn new(exit: Exit, reason: impl Into<Shown>) -> Self {
        Fault { exit, reason: reason.into() }
    }

    /// Returns the same failure, with a text in front of the reason.
    pub(crate) fn in_front(self, tried: &str) -> Self {
        Fault { reason: Shown::from(tried).append(self.reason), ..self }
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        let exit = match &error {
            ConnectError::Url(_) | ConnectError::Header(_) => Exit::Usage,
            ConnectError::Resolve { .. } => Exit::NoHost,
            ConnectError::NotTls { .. } | ConnectError::TlsExpected { .. } => Exit::Protocol,
            ConnectError::Tls { .. } | ConnectError::Handshake(_) => Exit::Protocol,
            ConnectError::NoTrustRoots(_) => Exit::Config,
            ConnectError::Status { code, .. } | ConnectError::Proxy { status: Some(code), .. }
                if is_temporary(*code) =>
            {
                Exit::Temporary
            }
            // A status of the web server: 404, for example, is about the URL, not about a user.
            ConnectError::Status { code: 401 | 403, .. } => Exit::Denied,
            ConnectError::Status { .. } => Exit::Protocol,
            ConnectError::TimedOut => Exit::Temporary,
            ConnectError::Ended(reason) => Exit::from(reason),
            _ => Exit::Unavailable,
        };
        Fault::new(exit, error.to_string())
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        let exit = match &error {
            RequestError::Command(error) => Exit::from(error),
            RequestError::Failure(failure) => Exit::from(failure),
            _ => Exit::Protocol,
        };
        Fault::new(exit, error.to_string())
    }
}

impl From<&Disconnect> for Exit {
    fn from(reason: &Disconnect) -> Self {
        match reason {
            // Going away (RFC 6455), service restart, try again later (both registered with IANA).
            Disconnect::Closed { code: Some(1001 | 1012 | 1013), .. } => Exit::Temporary,
            Disconnect::TimedOut(_) | Disconnect::Unavailable => Exit::Temporary,
            _ => Exit::Unavailable,
        }
    }
}

impl From<&CommandError> for Exit {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::TooLong { .. } => Exit::Data,
            CommandError::NotSignedIn => Exit::Denied,
            CommandError::AlreadySignedIn | CommandError::ReservedType(_) | CommandError::NotConfidential => {
                Exit::Usage
            }
            CommandError::TooManyRequests { .. }
            | CommandError::OutputFull { .. }
            | CommandError::OfflineFull { .. }
            | CommandError::OutboxFull { .. } => Exit::Temporary,
            _ => Exit::Unavailable,
        }
    }
}

impl From<&Failure<'_>> for Exit {
    fn from(failure: &Failure<'_>) -> Self {
        match failure {
            Failure::Refused(Refusal { status, .. }) => {
                Exit::of_code(status.as_ref().map_or(0, StatusCode::code))
            }
            Failure::TimedOut | Failure::Lost(_) => Exit::Temporary,
            _ => Exit::Unavailable,
        }
    }
}

impl Exit {
    /// Returns the exit status for a status code of the protocol, which has HTTP's meanings.
    const fn of_code(code: u16) -> Self {
        match code {
            401 | 403 => Exit::Denied,
            404 => Exit::NoUser,
            409 | 413 => Exit::Data,
            _ if is_temporary(code) => Exit::Temporary,
            _ => Exit::Unavailable,
        }
    }
}

/// Returns whether an HTTP status says that the same request may succeed later (RFC 9110, section 15; RFC 8470,
/// section 5.2; RFC 6585, section 4).
const fn is_temporary(code: u16) -> bool {
    matches!(code, 408 | 425 | 429 | 500..=599) && !matches!(code, 501 | 505)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use skaro_proto::client::{Awaited, Delivery};

    use super::*;

    fn refused(code: u16) -> RequestError {
        let refusal = Refusal::new(Some(StatusCode::new(code)), "no");
        RequestError::Failure(Failure::Refused(refusal))
    }

    #[test]
    fn every_end_of_a_request_has_its_status() {
        let too_long = CommandError::TooLong { field: "body", length: 2, limit: 1 };
        for (error, status) in [
            (refused(401), 77),
            (refused(403), 77),
            (refused(404), 67),
            (refused(409), 65),
            (refused(413), 65),
            (refused(429), 75),
            (refused(500), 75),
            (refused(503), 75),
            (refused(408), 75),
            (refused(425), 75),
            (refused(501), 69),
            (refused(505), 69),
            (refused(400), 69),
            (refused(0), 69),
            (RequestError::Failure(Failure::TimedOut), 75),
            (RequestError::Failure(Failure::Lost(Delivery::Unknown)), 75),
            (RequestError::Command(too_long), 65),
            (RequestError::Command(CommandError::NotSignedIn), 77),
            (RequestError::Command(CommandError::NotConfidential), 64),
            (RequestError::WrongCommand, 76),
        ] {
            assert_eq!(Fault::from(error.clone()).exit as u8, status, "{error:?}");
        }
    }

    #[test]
    fn every_failure_to_connect_has_its_status() {
        let text = || String::from("x");
        let source = || io::Error::from(io::ErrorKind::NotFound);
        let proxy = |status| ConnectError::Proxy { proxy: text(), status, reason: text() };
        let status = |code| ConnectError::Status { code, reason: text() };
        let closed = |code| ConnectError::Ended(Disconnect::Closed { code, reason: text() });
        for (error, expected) in [
            (ConnectError::Url("x"), 64),
            (ConnectError::Header(text()), 64),
            (ConnectError::resolve(text(), source()), 68),
            (ConnectError::network(text(), source()), 69),
            (proxy(None), 69),
            (proxy(Some(403)), 69),
            (proxy(Some(429)), 75),
            (proxy(Some(503)), 75),
            (proxy(Some(501)), 69),
            (ConnectError::Tls { host: text(), source: Arc::new(source()) }, 76),
            (ConnectError::NotTls { host: text() }, 76),
            (ConnectError::TlsExpected { host: text() }, 76),
            (ConnectError::NoTrustRoots(text()), 78),
            (ConnectError::Handshake("x"), 76),
            (status(200), 76),
            (status(401), 77),
            (status(404), 76),
            (status(413), 76),
            (status(408), 75),
            (status(425), 75),
            (status(429), 75),
            (status(501), 76),
            (status(503), 75),
            (status(505), 76),
            (ConnectError::TimedOut, 75),
            (closed(Some(1013)), 75),
            (closed(Some(1008)), 69),
            (closed(None), 69),
            (ConnectError::Ended(Disconnect::TimedOut(Awaited::Greeting)), 75),
        ] {
            let shown = format!("{error:?}");
            assert_eq!(Fault::from(error).exit as u8, expected, "{shown}");
        }
    }

    #[test]
    fn the_readme_has_the_same_table() {
        assert!(include_str!("../README.md").contains(TABLE));
    }
}
