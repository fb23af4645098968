//! Libraries of other protocols, each reading one chat message, and other ways to read ours with serde.

use std::hint::black_box;

use serde::Deserialize;
use skaro_proto::Format;

use crate::Case;
use crate::known::Sender;
use crate::samples::{Content, TYPE_FIRST};

/// A typical chat message from Twitch: tags, the sender, the channel, and the same body as ours.
const TWITCH: &str = "@badge-info=;badges=;color=#0000FF;display-name=Alice;emotes=;first-msg=0;flags=;\
    id=14aa5932-d95c-430a-9a68-a62cc9310f58;mod=0;room-id=22484632;subscriber=0;tmi-sent-ts=1753358400000;\
    turbo=0;user-id=48356725;user-type= :alice!alice@alice.tmi.twitch.tv PRIVMSG #bob :Shall we meet at the bridge?";

/// The same without tags.
const IRC: &str = ":alice!alice@example.org PRIVMSG bob :Shall we meet at the bridge?";

pub fn cases() -> Vec<Case> {
    let json = Content::translated(Format::Json, TYPE_FIRST);
    let cbor = Content::translated(Format::Cbor, TYPE_FIRST);
    let (json_flat, cbor_flat) = (json.clone(), cbor.clone());
    vec![
        Case::repeated("tmi: a Twitch message with 15 tags", || {
            black_box(&tmi::IrcMessageRef::parse(black_box(TWITCH)).unwrap());
        }),
        Case::repeated("tmi: an IRC message without tags", || {
            black_box(&tmi::IrcMessageRef::parse(black_box(IRC)).unwrap());
        }),
        Case::repeated("irc-proto: a Twitch message with 15 tags", || {
            black_box(&black_box(TWITCH).parse::<irc_proto::Message>().unwrap());
        }),
        Case::repeated("irc-proto: an IRC message without tags", || {
            black_box(&black_box(IRC).parse::<irc_proto::Message>().unwrap());
        }),
        Case::repeated("serde_json: an internally tagged enum", move || {
            let message: Tagged<'_> = serde_json::from_str(black_box(json.text())).unwrap();
            black_box(&message);
        }),
        Case::repeated("serde_json: one flat struct, then dispatch", move || {
            let message: Flat<'_> = serde_json::from_str(black_box(json_flat.text())).unwrap();
            black_box(&message.dispatch());
        }),
        Case::repeated("cbor4ii: one flat struct, then dispatch", move || {
            let message: Flat<'_> = cbor4ii::serde::from_slice(black_box(cbor_flat.bytes())).unwrap();
            black_box(&message.dispatch());
        }),
        Case::repeated("ciborium: an internally tagged enum", move || {
            let message: OwnedTagged = ciborium::from_reader(black_box(cbor.bytes())).unwrap();
            black_box(&message);
        }),
    ]
}

/// The usual way with serde.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "what is not read still has to be parsed")]
enum Tagged<'a> {
    CheckConnection {
        token: &'a str,
    },
    Info {
        info: &'a str,
    },
    Error {
        info: &'a str,
    },
    ShowMessage {
        #[serde(borrow)]
        from: Sender<'a>,
        to: &'a str,
        body: &'a str,
        date: i64,
    },
    Request {
        r#for: &'a str,
        id: u64,
        status: &'a str,
        date: Option<i64>,
    },
}

/// ciborium can't borrow.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "what is not read still has to be parsed")]
enum OwnedTagged {
    CheckConnection { token: String },
    Info { info: String },
    Error { info: String },
    ShowMessage { from: OwnedSender, to: String, body: String, date: i64 },
    Request { r#for: String, id: u64, status: String, date: Option<i64> },
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what is not read still has to be parsed")]
struct OwnedSender {
    login: String,
}

/// The fields of all messages.
#[derive(Deserialize)]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    r#for: Option<&'a str>,
    id: Option<u64>,
    status: Option<&'a str>,
    info: Option<&'a str>,
    token: Option<&'a str>,
    #[serde(borrow)]
    from: Option<Sender<'a>>,
    to: Option<&'a str>,
    body: Option<&'a str>,
    date: Option<i64>,
}

impl<'a> Flat<'a> {
    fn dispatch(self) -> Option<Tagged<'a>> {
        Some(match self.kind {
            "check_connection" => Tagged::CheckConnection { token: self.token? },
            "info" => Tagged::Info { info: self.info? },
            "error" => Tagged::Error { info: self.info? },
            "show_message" => {
                Tagged::ShowMessage { from: self.from?, to: self.to?, body: self.body?, date: self.date? }
            }
            "request" => {
                Tagged::Request { r#for: self.r#for?, id: self.id?, status: self.status?, date: self.date }
            }
            _ => return None,
        })
    }
}
