//! Operations at random, of few users and conferences, so that they meet.

use std::sync::Arc;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{
    AccountId, ContactChange, InvitationKey, KeptSessions, LogId, Login, MemberChange, Operation, Profile,
    SessionKey,
};
use skaro_proto::{Fields, Value};

/// The last one looks like the first.
pub(crate) const LOGINS: [&str; 5] =
    ["alice", "b\0b", "carol", "ddddddddddddddddddddddddddddddddddddddddddddddddd", "a1ice"];
/// The last one looks like the first.
pub(crate) const CONFERENCES: [&str; 3] = ["#x", "#team", "#X"];

const DAY: i64 = 24 * 60 * 60 * 1000;

fn login() -> impl Strategy<Value = Login> {
    select(&LOGINS[..]).prop_map(Login::from)
}

fn conference() -> impl Strategy<Value = Login> {
    prop_oneof![3 => Just(CONFERENCES[0]), 1 => select(&CONFERENCES[..])].prop_map(Login::from)
}

/// A user or a conference.
fn anybody() -> impl Strategy<Value = Login> {
    prop_oneof![2 => login(), 1 => conference()]
}

fn account() -> impl Strategy<Value = AccountId> {
    prop_oneof![3 => 0..3_u64, 1 => 3..9_u64].prop_map(AccountId)
}

fn session() -> impl Strategy<Value = SessionKey> {
    (0..5_u8).prop_map(|n| SessionKey([n; 16]))
}

fn keeps() -> impl Strategy<Value = KeptSessions> {
    prop_oneof![Just(KeptSessions::None), session().prop_map(KeptSessions::One), Just(KeptSessions::All)]
}

fn invitation() -> impl Strategy<Value = InvitationKey> {
    (0..3_u8).prop_map(|n| InvitationKey([n; 16]))
}

pub(crate) fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..400_i64, 1 => 0..3 * DAY, 1 => Just(i64::MIN), 1 => -5..5_i64]
}

fn body() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-c]{0,3}", "\0x", "x{12}"].prop_map(Arc::from)
}

fn message_key() -> impl Strategy<Value = Arc<str>> {
    "[k-n]{1}".prop_map(Arc::from)
}

fn changes() -> impl Strategy<Value = Fields<'static>> {
    let flag = || option::of(prop_oneof![3 => Just(Value::Bool(true)), 1 => Just(Value::Null)]);
    let name = option::of(prop_oneof![Just(Value::from("n")), Just("long name".into()), Just(Value::Null)]);
    (flag(), flag(), name).prop_map(|(public, tells_read, name)| {
        let fields = [("public", public), ("tells_read", tells_read), ("name", name)];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

fn page() -> impl Strategy<Value = Page> {
    let position = || option::weighted(0.3, prop_oneof![0..30_u64, Just(u64::MAX)]);
    let date = || option::weighted(0.2, time());
    (position(), position(), date(), date()).prop_map(|(before, after, before_date, after_date)| Page {
        before,
        after,
        before_date,
        after_date,
        limit: None,
    })
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![0..8_usize, Just(usize::MAX)]
}

fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![0..30_usize, Just(usize::MAX)]
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![3 => of_accounts(), 2 => of_sessions(), 7 => of_messages(), 5 => of_people(), 3 => readings()]
}

fn of_accounts() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => (login(), any::<u8>()).prop_map(|(login, n)| {
            let verifier = Verifier::new(&n.to_string());
            Operation::AddAccount { login, verifier, log: LogId([n; 16]) }
        }),
        2 => (login(), 0..3_u8, changes(), option::of(invitation()), time()).prop_map(
            |(login, n, profile, invitation, now)| {
                let (verifier, log) = (Verifier::new("password"), LogId([n; 16]));
                Operation::Register { login, verifier, log, profile: Profile::new(&profile), invitation, now }
            }
        ),
        // Those accounts are always there.
        2 => (option::of(0..3_u64), invitation(), time(), time(), 0..3_usize).prop_map(
            |(by, invitation, until, now, max_invitations)| {
                Operation::Invite { by: by.map(AccountId), invitation, until, now, max_invitations }
            }
        ),
        1 => (login(), 0..3_u8, option::of(0..3_u8), keeps()).prop_map(|(login, new, old, keeps)| {
            let verifier = |n: u8| Verifier::new(&n.to_string());
            Operation::SetVerifier { login, verifier: verifier(new), old: old.map(verifier), keeps }
        }),
        1 => anybody().prop_map(|login| Operation::RemoveAccount { login }),
        1 => (anybody(), any::<bool>())
            .prop_map(|(login, is_disabled)| Operation::SetDisabled { login, is_disabled }),
        1 => (anybody(), anybody()).prop_map(|(one, other)| Operation::Introduce { one, other }),
    ]
}

fn of_sessions() -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => (anybody(), keeps()).prop_map(|(login, keeps)| Operation::EndSessions { login, keeps }),
        1 => (session(), option::of(login()))
            .prop_map(|(session, of)| Operation::EndSession { session, of }),
        2 => (account(), session())
            .prop_map(|(account, session)| Operation::BeginSession { account, login: "".into(), session }),
        2 => (session(), time()).prop_map(|(session, now)| Operation::TakeSession { session, now }),
        2 => (session(), 0..4_u64, time())
            .prop_map(|(session, epoch, now)| Operation::LeaveSession { session, epoch, now }),
        1 => time().prop_map(|now| Operation::Expire { now }),
    ]
}

fn of_messages() -> impl Strategy<Value = Operation> {
    let append =
        (account(), anybody(), body(), option::of(message_key()), option::weighted(0.1, Just(())), time());
    prop_oneof![
        16 => append.prop_map(|(from, to, body, key, contacts_only, now)| {
            let (sender, contacts_only) = ("".into(), contacts_only.is_some());
            Operation::Append { from, sender, to, body, key, contacts_only, now }
        }),
        1 => (account(), anybody(), body(), message_key())
            .prop_map(|(from, to, body, key)| Operation::FindKey { from, to, body, key }),
        4 => (account(), anybody(), 0..20_u64)
            .prop_map(|(account, with, up_to)| Operation::MoveMark { account, with, up_to }),
    ]
}

fn of_people() -> impl Strategy<Value = Operation> {
    let change = prop_oneof![
        4 => Just(ContactChange::List),
        1 => Just(ContactChange::Block),
        2 => Just(ContactChange::Remove),
    ];
    let members = select(vec![
        MemberChange::Invite,
        MemberChange::InviteContact,
        MemberChange::MakeOwner,
        MemberChange::Remove,
    ]);
    prop_oneof![
        3 => (account(), anybody(), change, any::<bool>()).prop_map(|(account, with, change, founds)| {
            let change = if founds && change == ContactChange::List { ContactChange::ListOrFound } else { change };
            Operation::ChangeContact { account, with, change }
        }),
        2 => (account(), anybody(), anybody(), members).prop_map(|(account, conference, member, change)| {
            Operation::ChangeMember { account, conference, member, change }
        }),
        2 => (account(), option::of(conference()), changes(), prop_oneof![4 => Just(100), 1 => 0..30_usize])
            .prop_map(|(account, of, changes, max_bytes)| {
                Operation::SetProfile { account, of, changes, max_bytes }
            }),
    ]
}

fn readings() -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => anybody().prop_map(|login| Operation::FindAccount { login }),
        1 => (option::of(anybody()), size())
            .prop_map(|(after, max_accounts)| Operation::ListAccounts { after, max_accounts }),
        1 => (option::of(anybody()), option::of(session()), size()).prop_map(
            |(login, after, max_sessions)| Operation::ListSessions { login, after, max_sessions }
        ),
        2 => (account(), 0..20_u64, size(), bytes()).prop_map(|(account, after, max_entries, max_bytes)| {
            Operation::ReadLog { account, after, max_entries, max_bytes }
        }),
        2 => (account(), anybody(), page(), size(), bytes())
            .prop_map(|(account, with, page, max_messages, max_bytes)| Operation::ReadDialog {
                account,
                with,
                page,
                max_messages,
                max_bytes
            }),
        1 => (account(), any::<bool>(), any::<bool>(), size(), bytes()).prop_map(
            |(account, all, with_states, max_contacts, max_bytes)| {
                Operation::ListContacts { account, all, with_states, max_contacts, max_bytes }
            }
        ),
        1 => (account(), anybody()).prop_map(|(account, login)| Operation::FindUser { account, login }),
        1 => (account(), select(vec!["", "a", "#", "#x", "\u{10ffff}"]), size()).prop_map(
            |(account, prefix, max_users)| {
                Operation::SearchUsers { account, prefix: prefix.into(), max_users }
            }
        ),
        1 => (account(), size())
            .prop_map(|(account, max_users)| Operation::ListKnown { account, max_users }),
    ]
}
