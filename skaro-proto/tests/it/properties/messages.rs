//! Every message of both directions, made up.

mod people;

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ClientMessage, Cursor, Date, History, Message, Notice, Page, ReadMark,
    Refusal, Registration, Request, RequestKind, Sender, Sent, ServerMessage, SignedIn, Since, StatusCode,
    User,
};
use skaro_proto::{Fields, Value};

/// The names of all fields: some message's are another one's that nobody has listed.
const NAMES: [&str; 49] = [
    "type",
    "on_request",
    "for",
    "id",
    "status",
    "info",
    "token",
    "login",
    "password",
    "sid",
    "from",
    "to",
    "body",
    "date",
    "session_id",
    "user",
    "register_type",
    "data",
    "history",
    "in_conference",
    "position",
    "key",
    "extensions",
    "since",
    "log",
    "head",
    "begin",
    "up_to",
    "before",
    "after",
    "before_date",
    "after_date",
    "limit",
    "more",
    "presence",
    "profile",
    "state",
    "member",
    "owner",
    "blocked",
    "prefix",
    "invitation",
    "until",
    "old_password",
    "end_sessions",
    "sessions",
    "session",
    "current",
    "others",
];

pub fn text() -> impl Strategy<Value = Cow<'static, str>> {
    let char = prop_oneof![
        4 => prop::char::range(' ', '~'),
        1 => prop::sample::select(vec!['"', '\\', '/', '\0', '\x08', '\x0c', '\n', '\r', '\t', '\x1f', '\x7f']),
        1 => prop::sample::select(vec!['é', 'я', '\u{2028}', '\u{fffd}', '\u{ffff}', '😀', '\u{10ffff}']),
        1 => any::<char>(),
    ];
    let short = vec(char, 0..12).prop_map(|chars| chars.into_iter().collect::<String>());
    // Lengths at which CBOR's heads change.
    let long = prop::sample::select(vec![23, 24, 255, 256, 65_535, 65_536]).prop_map(|n| "x".repeat(n));
    prop_oneof![200 => short, 1 => long].prop_map(Cow::Owned)
}

fn float() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NORMAL, SUBNORMAL, ZERO};
    let short =
        (-2048..2048_i32, -20..8_i32).prop_map(|(whole, exponent)| f64::from(whole) * 2_f64.powi(exponent));
    let edges = vec![f64::MAX, f64::MIN, f64::MIN_POSITIVE, 65_504.0, 65_536.0, 1e16, 1.8446744073709552e19];
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO,
        any::<f32>().prop_filter("finite", |it| it.is_finite()).prop_map(f64::from),
        short,
        prop::sample::select(edges)
    ]
}

/// Whole numbers around the places where something changes, and all others.
fn unsigned() -> impl Strategy<Value = u64> {
    let edges = vec![
        0,
        23,
        24,
        255,
        256,
        65_535,
        65_536,
        u32::MAX.into(),
        1 << 32,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
    ];
    prop_oneof![0..100_u64, prop::sample::select(edges), any::<u64>()]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![unsigned().prop_map(|number| number as i64), unsigned().prop_map(|number| !(number as i64))]
}

/// Values that both formats have; CBOR has bytes besides.
fn value(bytes: bool) -> impl Strategy<Value = Value<'static>> {
    let byte_string = vec(any::<u8>(), 0..30).prop_map(|bytes| Value::Bytes(bytes.into()));
    let leaf = prop_oneof![
        4 => Just(Value::Null),
        4 => any::<bool>().prop_map(Value::Bool),
        4 => unsigned().prop_map(Value::Unsigned),
        4 => signed().prop_map(|number| match number {
            ..0 => Value::Negative(number),
            number => Value::Unsigned(number as u64),
        }),
        4 => float().prop_map(Value::Float),
        4 => text().prop_map(Value::Text),
        u32::from(bytes) * 4 => byte_string,
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let fields =
            vec((text(), inner.clone()), 0..4).prop_map(|fields| Value::Map(fields.into_iter().collect()));
        prop_oneof![vec(inner, 0..4).prop_map(Value::List), fields]
    })
}

/// What kind of values there may be.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub bytes: bool,
}

impl Kind {
    /// Fields that are none of the listed ones of a message.
    fn extra(self, listed: &'static [&'static str]) -> impl Strategy<Value = Fields<'static>> {
        let name =
            prop_oneof![2 => text(), 1 => prop::sample::select(NAMES.to_vec()).prop_map(Cow::Borrowed)];
        let name = name.prop_filter("a field that is listed", |name| !listed.contains(&&**name));
        prop_oneof![2 => Just(Vec::new()), 1 => vec((name, value(self.bytes)), 0..4)]
            .prop_map(|fields| fields.into_iter().collect())
    }

    fn user(self) -> impl Strategy<Value = User<'static>> {
        (text(), self.extra(&["login"])).prop_map(|(login, extra)| {
            let mut user = User::new(login);
            user.extra = extra;
            user
        })
    }

    fn sender(self) -> impl Strategy<Value = Sender<'static>> {
        let sender = (text(), option::of(text()), self.extra(&["login", "in_conference"]));
        sender.prop_map(|(login, in_conference, extra)| {
            let mut sender = Sender::new(login);
            (sender.in_conference, sender.extra) = (in_conference, extra);
            sender
        })
    }

    fn message(self, listed: &'static [&'static str]) -> impl Strategy<Value = Message<'static>> {
        let entry = (option::of(position()), option::of(text()));
        (self.sender(), text(), text(), option::of(date()), entry, self.extra(listed)).prop_map(
            |(from, to, body, date, entry, extra)| {
                let mut message = Message::new("", to, body);
                (message.from, message.date, message.extra) = (from, date, extra);
                (message.position, message.key) = entry;
                message
            },
        )
    }

    pub fn server_message(self) -> BoxedStrategy<ServerMessage<'static>> {
        let challenge = (text(), vec(text(), 0..3), self.extra(&["type", "token", "extensions"])).prop_map(
            |(token, extensions, extra)| {
                let mut challenge = Challenge::new(token);
                (challenge.extensions, challenge.extra) = (extensions, extra);
                ServerMessage::CheckConnection(challenge)
            },
        );
        let sent = (position(), option::of(text()), self.extra(&["type", "position", "key"])).prop_map(
            |(position, key, extra)| {
                let mut sent = Sent::new(position);
                (sent.key, sent.extra) = (key, extra);
                ServerMessage::Sent(sent)
            },
        );
        let read = (text(), unsigned(), position(), self.extra(&["type", "login", "up_to", "position"]))
            .prop_map(|(login, up_to, position, extra)| {
                let mut read = ReadMark::new(login, up_to, position);
                read.extra = extra;
                ServerMessage::Read(read)
            });
        let notice = || {
            (text(), self.extra(&["type", "info"])).prop_map(|(info, extra)| {
                let mut notice = Notice::new(info);
                notice.extra = extra;
                notice
            })
        };
        let types = ["check_connection", "request", "show_message", "info", "error", "sent", "read"];
        let types = [&types[..], &["contact", "changed_user_data", "typing", "read_by"]].concat();
        let unknown = (unlisted(&types), any::<usize>());
        let unknown = (unknown, self.extra(&["type"])).prop_map(|((kind, at), extra)| {
            let mut fields: Vec<_> =
                extra.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            fields.insert(at % (fields.len() + 1), ("type".into(), Value::Text(kind.clone())));
            ServerMessage::Unknown { kind, message: fields.into_iter().collect() }
        });
        prop_oneof![
            1 => challenge,
            1 => notice().prop_map(ServerMessage::Info),
            1 => notice().prop_map(ServerMessage::Error),
            1 => sent,
            1 => read,
            4 => self.pushed(),
            2 => self.message(&["type", "from", "to", "body", "date", "position", "key"]).prop_map(ServerMessage::ShowMessage),
            1 => unknown,
            6 => self.answer().prop_map(ServerMessage::Answer),
        ]
        .boxed()
    }

    fn answer(self) -> impl Strategy<Value = AnswerMessage<'static>> {
        const OTHERS: [&str; 4] = ["type", "for", "id", "status"];
        let cursor = || {
            option::of((text(), unsigned(), unsigned()))
                .prop_map(|it| it.map(|(log, head, begin)| Cursor::new(log, head, begin)))
        };
        let signed_in = || {
            (text(), self.user(), cursor()).prop_map(|(session_id, user, cursor)| {
                let mut signed_in = SignedIn::new(session_id, user);
                signed_in.cursor = cursor;
                signed_in
            })
        };
        let messages = vec(self.message(&["from", "to", "body", "date", "position", "key"]), 0..4);
        let messages = (messages, option::of(any::<bool>())).prop_map(|(messages, more)| {
            let mut history = History::new(messages);
            history.more = more;
            history
        });
        let sign_in =
            || self.extra(&["type", "for", "id", "status", "session_id", "user", "log", "head", "begin"]);
        let other = (unlisted(&listed_requests()), self.extra(&OTHERS));
        let ok = |kind: &'static str| move |(answer, extra)| (Cow::Borrowed(kind), Ok(answer), extra);
        let outcome = prop_oneof![
            1 => (signed_in().prop_map(Answer::Authorized), sign_in()).prop_map(ok("authorize")),
            1 => (signed_in().prop_map(Answer::Restored), sign_in()).prop_map(ok("session_restore")),
            1 => (
                text().prop_map(|word| Answer::RegisterType(word.into())),
                self.extra(&["type", "for", "id", "status", "register_type"])
            )
                .prop_map(ok("register_type")),
            1 => (
                registration().prop_map(Answer::RegisterType),
                self.extra(&["type", "for", "id", "status", "register_type"])
            )
                .prop_map(ok("register_type")),
            1 => (
                vec(self.user(), 0..4).prop_map(|users| Answer::Contacts(users.into())),
                self.extra(&["type", "for", "id", "status", "data"])
            )
                .prop_map(ok("get_contacts")),
            1 => (
                messages.prop_map(Answer::History),
                self.extra(&["type", "for", "id", "status", "history", "more"])
            )
                .prop_map(ok("get_history")),
            1 => (
                (option::of(date()), option::of(position()))
                    .prop_map(|(date, position)| Answer::MessageSent { date, position }),
                self.extra(&["type", "for", "id", "status", "date", "position"])
            )
                .prop_map(ok("send_message")),
            1 => (Just(Answer::Read), self.extra(&["type", "for", "id", "status"])).prop_map(ok("read")),
            9 => self.answered().prop_map(|(kind, answer, extra)| (kind, Ok(answer), extra)),
            1 => other.prop_map(|(kind, fields)| (kind, Ok(Answer::Other(fields)), Fields::new())),
            1 => (kind(), refusal(), self.extra(&["type", "for", "id", "status", "info"]))
                .prop_map(|(kind, refusal, extra)| (kind, Err(refusal), extra)),
        ];
        (number(), outcome).prop_map(|(id, (kind, outcome, extra))| {
            let mut message = AnswerMessage::new(kind, id, outcome);
            message.extra = extra;
            message
        })
    }

    pub fn client_message(self) -> BoxedStrategy<ClientMessage<'static>> {
        let two = || (text(), text());
        let listed = [&*listed_requests(), &["ack", "typing"]].concat();
        let other = (unlisted(&listed), self.extra(&["type", "on_request"]));
        let request = prop_oneof![
            1 => (
                (two(), since(), any::<bool>()).prop_map(|((login, proof), (since, log), presence)| {
                    Request::Authorize { login, proof, since, log, presence }
                }),
                self.extra(&["type", "on_request", "login", "password", "since", "log", "presence"])
            ),
            1 => (
                prop_oneof![Just(Request::RegisterType), Just(Request::GetContacts)],
                self.extra(&["type", "on_request"])
            ),
            1 => (
                (text(), since(), any::<bool>()).prop_map(|(sid, (since, log), presence)| {
                    Request::SessionRestore { sid, since, log, presence }
                }),
                self.extra(&["type", "on_request", "sid", "since", "log", "presence"])
            ),
            1 => (
                (text(), page()).prop_map(|(login, page)| Request::GetHistory { login, page }),
                self.extra(&[
                    "type",
                    "on_request",
                    "login",
                    "before",
                    "after",
                    "before_date",
                    "after_date",
                    "limit"
                ])
            ),
            1 => (
                (two(), option::of(text())).prop_map(|((to, body), key)| Request::SendMessage {
                    to,
                    body,
                    key
                }),
                self.extra(&["type", "on_request", "to", "body", "key"])
            ),
            1 => (
                (text(), unsigned()).prop_map(|(login, up_to)| Request::Read { login, up_to }),
                self.extra(&["type", "on_request", "login", "up_to"])
            ),
            1 => (
                unsigned().prop_map(|position| Request::Ack { position }),
                self.extra(&["type", "on_request", "position"])
            ),
            8 => self.requested(),
            1 => (other.prop_map(|(kind, fields)| Request::Other { kind, fields }), Just(Fields::new())),
        ];
        let message = |(on_request, (request, extra)): (_, (Request<'static>, _))| {
            let mut message = ClientMessage::new(if request.is_one_way() { 0 } else { on_request }, request);
            message.extra = extra;
            message
        };
        (number(), request).prop_map(message).boxed()
    }
}

fn position() -> impl Strategy<Value = u64> {
    unsigned().prop_map(|number| number.max(1))
}

fn since() -> impl Strategy<Value = (Option<Since>, Option<Cow<'static, str>>)> {
    let since = prop_oneof![Just(Since::Head), unsigned().prop_map(Since::Position)];
    (option::of(since), option::of(text()))
}

fn page() -> impl Strategy<Value = Page> {
    let number = || option::of(unsigned());
    let date = || option::of(signed());
    (number(), number(), date(), date(), number()).prop_map(
        |(before, after, before_date, after_date, limit)| Page {
            before,
            after,
            before_date,
            after_date,
            limit,
        },
    )
}

/// The number of a request: often one that is under way in the tests of machines.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..8_u64, 1 => unsigned().prop_filter("at least 1", |number| *number > 0)]
}

fn kind() -> impl Strategy<Value = Cow<'static, str>> {
    let listed = RequestKind::LISTED.iter().map(|kind| Cow::Borrowed(kind.as_str())).collect::<Vec<_>>();
    prop_oneof![2 => prop::sample::select(listed), 1 => text()]
}

fn listed_requests() -> Vec<&'static str> {
    RequestKind::LISTED.iter().map(|kind| kind.as_str()).collect()
}

fn unlisted(kinds: &[&'static str]) -> impl Strategy<Value = Cow<'static, str>> + use<> {
    let kinds = kinds.to_vec();
    text().prop_filter("a type that is listed", move |kind| !kinds.contains(&&**kind))
}

fn date() -> impl Strategy<Value = Date<'static>> {
    prop_oneof![signed().prop_map(Date::Integer), float().prop_map(Date::Float), text().prop_map(Date::Text)]
}

fn registration() -> impl Strategy<Value = Registration<'static>> {
    prop_oneof![Just(Registration::Open), Just(Registration::Invitation), Just(Registration::Closed)]
}

/// Why a request is refused: everything but a status of success.
fn refusal() -> impl Strategy<Value = Refusal<'static>> {
    let status = prop_oneof![
        (1..1000_u16).prop_map(StatusCode::new),
        "[0-9]{0,7}[ a-z]{0,4}".prop_map(|text| Cow::<str>::Owned(text).into()),
        text().prop_map(StatusCode::from),
    ];
    let status = status.prop_filter("success", |status| !status.is_success());
    (option::of(status), text()).prop_map(|(status, info)| Refusal::new(status, info))
}
