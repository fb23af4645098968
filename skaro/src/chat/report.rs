//! The chat's output: one variant for each event of its JSON, whose names and fields are a stable format.

use serde::{Serialize, Serializer};
use skaro_proto::Fields;
use skaro_proto::client::{Delivery, Failure};
use skaro_proto::message::{Contacts, Date, Message, Registration, User};

/// Something to show. `--json` writes it as it is here; for the text for people see [`wording`](super::wording).
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report<'a> {
    Connected,
    RegisterType {
        register_type: &'a Registration<'a>,
    },
    Authorized {
        session_id: &'a str,
        user: &'a User<'a>,
    },
    Restored {
        session_id: &'a str,
        #[serde(skip)]
        user: &'a User<'a>,
    },
    Contacts {
        contacts: &'a Contacts<'a>,
    },
    History {
        login: &'a str,
        history: &'a [Message<'a>],
    },
    MessageSent {
        to: &'a str,
        marker: u64,
        date: Option<&'a Date<'a>>,
        #[serde(skip)]
        from: &'a str,
        #[serde(skip)]
        body: &'a str,
    },
    Message {
        dialog: &'a str,
        message: &'a Message<'a>,
    },
    /// A refusal, with the request's type, or a notice from the server.
    Info {
        info: &'a str,
        request: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
    },
    Error {
        info: &'a str,
    },
    Unknown {
        #[serde(rename = "type")]
        kind: &'a str,
        message: &'a Fields<'a>,
    },
    ProtocolError {
        reason: String,
    },
    Disconnected {
        reason: String,
    },
    Reconnecting {
        after_ms: u64,
        /// The reason of the last failed attempt; none before the first attempt.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    TimedOut {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
    },
    Lost {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
        #[serde(serialize_with = "serialize_delivery")]
        delivery: Delivery,
    },
}

impl<'a> Report<'a> {
    /// Returns the report of a failed request of this type; `None` if the kind of failure is unknown.
    pub(crate) fn failure(request: &'a str, marker: Option<u64>, failure: &'a Failure<'_>) -> Option<Self> {
        match failure {
            Failure::Refused(refusal) => {
                Some(Report::Info { info: &refusal.info, request: Some(request), marker })
            }
            Failure::TimedOut => Some(Report::TimedOut { request, marker }),
            Failure::Lost(delivery) => Some(Report::Lost { request, marker, delivery: *delivery }),
            _ => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn serialize_delivery<S: Serializer>(delivery: &Delivery, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match delivery {
        Delivery::NotSent => "not_sent",
        Delivery::Unknown => "unknown",
    })
}
