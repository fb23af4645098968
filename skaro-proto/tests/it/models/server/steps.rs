//! What may happen to a server, made up.

use proptest::prelude::*;
use skaro_proto::Format;

/// Something that happens, and when.
#[derive(Clone, Debug)]
pub struct Step {
    pub when: When,
    /// Whether the adapter tells the server the time before.
    pub ticks: bool,
    pub act: Act,
}

/// The moment of a step; at least a millisecond after the one before.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Soon,
    /// So many milliseconds later.
    Later(u64),
    /// So many milliseconds from the last moment at which a session, of those begun so far, can be restored.
    Border {
        session: usize,
        offset: i64,
    },
}

#[derive(Clone, Debug)]
pub enum Act {
    Connect {
        slot: usize,
        format: Format,
    },
    Disconnect {
        slot: usize,
    },
    Ask {
        slot: usize,
        format: Format,
        number: u64,
        ask: Ask,
    },
    /// A frame without sense; some have a readable number.
    Nonsense {
        slot: usize,
        number: Option<u64>,
    },
    TooLarge {
        slot: usize,
        read: bool,
    },
    Announce,
    Post {
        from: usize,
        to: usize,
    },
}

/// A request. Users are numbered; the last number is that of nobody.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Authorize { login: usize, password: usize, token: Token },
    Restore(Session),
    RegisterType,
    Contacts,
    History { with: usize },
    Send { to: usize, long: bool },
    Other,
}

/// What is proven to know a password for.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    /// This connection's token.
    Own,
    /// The token of any connection so far.
    Any(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Session {
    /// Any of the sessions begun so far, whosesoever.
    Any(usize),
    MadeUp,
}

pub const SLOTS: usize = 4;
pub const LOGINS: [&str; 4] = ["alice", "bob", "carol", "nobody"];
pub const PASSWORDS: [&str; 4] = ["correct horse", "battery staple", "tr0ub4dor", ""];

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Json), Just(Format::Cbor)]
}

fn ask() -> impl Strategy<Value = Ask> {
    // Mostly one of two, so that much happens to the same users.
    let login = prop_oneof![3 => 0..2_usize, 1 => 0..LOGINS.len()];
    let token = prop_oneof![1 => Just(Token::Own), 1 => any::<usize>().prop_map(Token::Any)];
    let right =
        login.clone().prop_map(|user| Ask::Authorize { login: user, password: user, token: Token::Own });
    prop_oneof![
        8 => right,
        2 => (login.clone(), login.clone(), token)
            .prop_map(|(login, password, token)| Ask::Authorize { login, password, token }),
        8 => any::<usize>().prop_map(|session| Ask::Restore(Session::Any(session))),
        1 => Just(Ask::Restore(Session::MadeUp)),
        1 => Just(Ask::RegisterType),
        3 => Just(Ask::Contacts),
        5 => login.clone().prop_map(|with| Ask::History { with }),
        8 => (login, prop::bool::weighted(0.1)).prop_map(|(to, long)| Ask::Send { to, long }),
        1 => Just(Ask::Other),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS;
    let number = || prop::sample::select(vec![1, 2, 7, u64::MAX]);
    let asks = (slot.clone(), format(), number(), ask()).prop_map(|(slot, format, number, ask)| Act::Ask {
        slot,
        format,
        number,
        ask,
    });
    let act = prop_oneof![
        5 => (slot.clone(), format()).prop_map(|(slot, format)| Act::Connect { slot, format }),
        4 => slot.clone().prop_map(|slot| Act::Disconnect { slot }),
        20 => asks,
        1 => (slot.clone(), prop::option::of(number())).prop_map(|(slot, number)| Act::Nonsense { slot, number }),
        1 => (slot, any::<bool>()).prop_map(|(slot, read)| Act::TooLarge { slot, read }),
        1 => Just(Act::Announce),
        1 => (0..LOGINS.len(), 0..LOGINS.len()).prop_map(|(from, to)| Act::Post { from, to }),
    ];
    let when = prop_oneof![
        10 => Just(When::Soon),
        2 => (1..10_000_u64).prop_map(When::Later),
        1 => (1..400_000_u64).prop_map(When::Later),
        3 => (any::<usize>(), -1..2_i64).prop_map(|(session, offset)| When::Border { session, offset }),
    ];
    (when, any::<bool>(), act).prop_map(|(when, ticks, act)| Step { when, ticks, act })
}
