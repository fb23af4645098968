//! The server for the fuzzed client: it reads the client's frames, and answers as the bytes decide.

use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ChangedUserData, ClientMessage, Date, History, Message, Notice,
    Refusal, Registration, Request, Sender, ServerMessage, SignedIn, StatusCode, Typing, User,
};
use skaro_proto::{Fields, Format, Transmit};

use super::Choices;
use super::ledger::Ledger;

#[derive(Default)]
pub struct Script {
    /// Requests without an answer, and some that were answered, on this connection or an earlier one.
    requests: Vec<Arrived>,
    last_number: u64,
    is_closing: bool,
}

struct Arrived {
    number: u64,
    kind: String,
    format: Format,
    is_open: bool,
}

/// An answer of the server.
pub struct AnswerFrame {
    pub format: Format,
    pub frame: Vec<u8>,
    /// Set if it is the first answer to a request of this connection, with the matching type.
    pub is_right: bool,
}

impl Script {
    pub fn new_connection(&mut self) {
        self.requests.iter_mut().for_each(|request| request.is_open = false);
        self.is_closing = false;
    }

    pub fn challenge(&self, token: &str, format: Format) -> Vec<u8> {
        let mut challenge = Challenge::new(token);
        challenge.extensions.push("people".into());
        ServerMessage::CheckConnection(challenge).encode(format)
    }

    /// Handles a frame from the client; returns the length of its content in bytes.
    pub fn sent(&mut self, transmit: Transmit<'_>, ledger: &mut Ledger) -> usize {
        assert!(!self.is_closing, "{transmit:?} after the end");
        let frame = match transmit {
            Transmit::Frame(frame) => frame,
            Transmit::Ping => return 0,
            Transmit::Close(_) => {
                self.is_closing = true;
                return 0;
            }
            other => panic!("{other:?}"),
        };
        let message = ClientMessage::decode(frame).expect("a client writes what a server reads");
        if message.request.is_one_way() {
            return frame.as_bytes().len();
        }
        assert!(message.on_request > self.last_number, "the numbers grow");
        self.last_number = message.on_request;
        match &message.request {
            Request::SendMessage { body, .. } => ledger.sent(body),
            Request::GetHistory { login, .. } => ledger.sent(login),
            _ => (),
        }
        let (number, kind) = (message.on_request, message.request.kind().into());
        self.requests.push(Arrived { number, kind, format: frame.format(), is_open: true });
        if self.requests.len() > 32 {
            // A forgotten request never gets an answer, which is allowed.
            self.requests.remove(0);
        }
        frame.as_bytes().len()
    }

    /// Answers one of the last requests, mostly correctly.
    pub fn answer(&mut self, choices: &mut Choices<'_>) -> Option<AnswerFrame> {
        let count = self.requests.len();
        let at = count.checked_sub(1)?.checked_sub(choices.below(count))?;
        let request = &mut self.requests[at];
        let choice = choices.byte();
        let is_of_its_type = choice % 8 != 7;
        let kind = if is_of_its_type { request.kind.clone() } else { "no_such_type".into() };
        let outcome = match choice % 8 {
            0..4 | 7 => Ok(success(&kind, choices)),
            _ => {
                let status = choices.pick(&[401, 429, 503, 200, 0]);
                let status = (status != 200).then(|| StatusCode::new(status));
                Err(Refusal::new(status, "no"))
            }
        };
        let fits = !matches!(
            &outcome,
            Ok(Answer::Authorized(it) | Answer::Restored(it)) if it.user.login.len() > 16
        );
        let is_right = request.is_open && is_of_its_type && fits;
        request.is_open &= !is_right;
        let message = AnswerMessage::new(kind, request.number, outcome);
        let frame = ServerMessage::Answer(message).encode(request.format);
        Some(AnswerFrame { format: request.format, frame, is_right })
    }

    pub fn say(&self, choices: &mut Choices<'_>) -> (Format, Vec<u8>) {
        let format = if choices.flag() { Format::Cbor } else { Format::Json };
        let notice = Notice::new("hear");
        let message = match choices.below(6) {
            0 => ServerMessage::Info(notice),
            1 => ServerMessage::Error(notice),
            2 => ServerMessage::Unknown {
                kind: "news".into(),
                message: [("type", "news".into())].into_iter().collect(),
            },
            3 => return (format, self.challenge("another", format)),
            4 if choices.flag() => ServerMessage::Typing(Typing::new(Sender::new("bob"))),
            4 => ServerMessage::ChangedUserData(ChangedUserData::new(User::new("bob"))),
            _ => ServerMessage::ShowMessage(chat_message(choices)),
        };
        (format, message.encode(format))
    }
}

fn success(kind: &str, choices: &mut Choices<'_>) -> Answer<'static> {
    match kind {
        "authorize" => Answer::Authorized(signed_in(choices)),
        "session_restore" => Answer::Restored(signed_in(choices)),
        "register_type" => Answer::RegisterType(Registration::Open),
        "get_contacts" => Answer::Contacts(vec![User::new("bob")].into()),
        "get_history" => {
            Answer::History(History::new((0..choices.below(4)).map(|_| chat_message(choices)).collect()))
        }
        "send_message" => Answer::MessageSent { date: date(choices), position: None },
        "register" => Answer::Registered,
        "add_contact" => Answer::Contact,
        "update_my_data" => Answer::Updated,
        "sign_out" => Answer::SignedOut,
        _ => Answer::Other(Fields::new()),
    }
}

fn signed_in(choices: &mut Choices<'_>) -> SignedIn<'static> {
    let login = choices.pick(&["alice", "alice", "bob", "somebody with a long name"]);
    SignedIn::new(format!("s{}", choices.byte()), User::new(login))
}

fn chat_message(choices: &mut Choices<'_>) -> Message<'static> {
    let from = choices.pick(&["alice", "bob"]);
    let mut message = Message::new(from, "alice", "hello");
    message.date = date(choices);
    message
}

fn date(choices: &mut Choices<'_>) -> Option<Date<'static>> {
    match choices.byte() {
        0 => None,
        1 => Some(Date::Text("today".into())),
        number => Some(Date::Integer(number.into())),
    }
}
