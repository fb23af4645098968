//! What may happen to a client, made up.

use proptest::prelude::*;
use skaro_proto::message::RequestKind;

/// Something that happens, so many milliseconds after what happened before.
#[derive(Clone, Debug)]
pub struct Step {
    pub after: u64,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Connected,
    Disconnected,
    Close,
    /// The adapter looks at the clock.
    Tick,
    /// The connection takes so many frames.
    Take(usize),
    Command(RequestKind),
    /// The adapter vouches for the connection.
    Confidential,
    Typing,
    Arrives(Arriving),
}

/// A frame from a server that need not know what it says.
#[derive(Clone, Debug)]
pub enum Arriving {
    Challenge,
    /// An answer to the request of this number, among those made so far and one more.
    Answer {
        number: usize,
        kind: Option<RequestKind>,
        ok: bool,
    },
    Message,
    Info,
    Error,
    Unknown,
    Nonsense,
}

pub const KINDS: [RequestKind; 10] = [
    RequestKind::Authorize,
    RequestKind::RegisterType,
    RequestKind::SessionRestore,
    RequestKind::GetContacts,
    RequestKind::GetHistory,
    RequestKind::SendMessage,
    RequestKind::Other("weather"),
    RequestKind::Register,
    RequestKind::AddContact,
    RequestKind::SignOut,
];

fn arriving() -> impl Strategy<Value = Arriving> {
    let kind = prop_oneof![8 => Just(None), 1 => prop::sample::select(KINDS.to_vec()).prop_map(Some)];
    // Mostly one of the last requests.
    let number = prop_oneof![4 => 0..4_usize, 1 => any::<usize>()];
    let answer = (number, kind, prop::bool::weighted(0.7)).prop_map(|(number, kind, ok)| Arriving::Answer {
        number,
        kind,
        ok,
    });
    prop_oneof![
        4 => Just(Arriving::Challenge),
        16 => answer,
        3 => Just(Arriving::Message),
        1 => Just(Arriving::Info),
        1 => Just(Arriving::Error),
        1 => Just(Arriving::Unknown),
        1 => Just(Arriving::Nonsense),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        4 => Just(Act::Connected),
        1 => Just(Act::Disconnected),
        1 => prop::bool::weighted(0.2).prop_map(|close| if close { Act::Close } else { Act::Tick }),
        3 => Just(Act::Tick),
        4 => (0..4_usize).prop_map(Act::Take),
        4 => prop::sample::select(KINDS[..3].to_vec()).prop_map(Act::Command),
        8 => prop::sample::select(KINDS.to_vec()).prop_map(Act::Command),
        1 => prop::sample::select(vec![Act::Confidential, Act::Typing]),
        12 => arriving().prop_map(Act::Arrives),
    ];
    // Time-outs are 5, 15 and 30 seconds.
    let after = prop_oneof![6 => Just(0), 2 => 0..3_000_u64, 1 => prop::sample::select(vec![4_999, 5_000, 14_999, 15_000, 29_999, 30_000])];
    (after, act).prop_map(|(after, act)| Step { after, act })
}
