//! Laws of retention: limits of logs, dialogs and keys.

use skaro_proto::server::store::{Operation, Outcome};

use crate::Law;
use crate::stand::{Open, bodies, limits};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("a log keeps so many entries", a_log_keeps_so_many_entries),
    ("a log keeps so many bytes", a_log_keeps_so_many_bytes),
    ("nobody takes more than a share of a log", nobody_takes_more_than_a_share),
    ("what is given up is not unread", what_is_given_up_is_not_unread),
    ("keys live as long as their message, and a day", keys_live_as_long_as_their_message),
    ("a sender has so many keys", a_sender_has_so_many_keys),
    ("limits of nothing keep nothing", limits_of_nothing_keep_nothing),
];

fn a_log_keeps_so_many_entries(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_log_entries = 3));
    let [alice, bob, carol] = stand.add_three();
    for n in 0..3 {
        stand.send(alice, "bob", &format!("a{n}"));
    }
    assert_eq!(stand.begin_and_head("bob"), (0, 3));
    stand.send(carol, "bob", "c0");
    stand.mark(bob, "alice", 3);
    assert_eq!(stand.begin_and_head("bob"), (2, 5));
    assert_eq!(bodies(&stand.log(bob)), ["-", "-", "a2", "c0", "=3"]);
    // The other log has its own limit.
    assert_eq!(bodies(&stand.log(alice)), ["a0", "a1", "a2"]);
    assert_eq!(stand.page(bob, "alice", Default::default(), (10, 100)).0.len(), 1);
    // A mark that is replaced makes room, and is no loss.
    stand.mark(bob, "alice", 5);
    assert_eq!(stand.begin_and_head("bob"), (2, 6));
    assert_eq!(bodies(&stand.log(bob)), ["-", "-", "a2", "c0", "-", "=5"]);
    stand.send(carol, "bob", "c1");
    stand.send(carol, "bob", "c2");
    stand.send(carol, "bob", "c3");
    assert_eq!(stand.begin_and_head("bob"), (6, 9));
    // The mark went with its entry, and stays in force.
    assert_eq!(stand.marked(bob, "alice", 5), None);
}

fn a_log_keeps_so_many_bytes(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_log_bytes = 10));
    let [alice, bob, _] = stand.add_three();
    for body in ["1234", "56", "7890", "x"] {
        stand.send(alice, "bob", body);
    }
    for id in [alice, bob] {
        assert_eq!(bodies(&stand.log(id)), ["-", "56", "7890", "x"]);
    }
    stand.send(alice, "bob", "0123456789");
    assert_eq!(bodies(&stand.log(bob)), ["-", "-", "-", "-", "0123456789"]);
    stand.send(alice, "bob", "01234567890");
    assert_eq!(bodies(&stand.log(bob)), ["-"; 6]);
    assert_eq!(stand.begin_and_head("bob"), (6, 6));
}

fn nobody_takes_more_than_a_share(open: &Open<'_>) {
    let mut stand = open(limits(|limits| (limits.max_dialog_messages, limits.max_dialog_bytes) = (3, 9)));
    let [alice, bob, carol] = stand.add_three();
    stand.send(carol, "bob", "precious");
    for n in 0..5 {
        stand.send(alice, "bob", &format!("{n}"));
    }
    // What is gone behind older entries is no beginning.
    assert_eq!(stand.begin_and_head("bob"), (0, 6));
    assert_eq!(bodies(&stand.log(bob)), ["precious", "-", "-", "2", "3", "4"]);
    assert_eq!(stand.begin_and_head("alice"), (2, 5));
    stand.send(bob, "alice", "12345678");
    assert_eq!(bodies(&stand.log(bob)), ["precious", "-", "-", "-", "-", "4", "12345678"]);
    assert_eq!(stand.page(bob, "alice", Default::default(), (10, 100)).0.len(), 2);
    stand.send(carol, "bob", "precious");
    assert_eq!(stand.begin_and_head("bob"), (1, 8));
}

fn what_is_given_up_is_not_unread(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_dialog_messages = 3));
    let [alice, bob, _] = stand.add_three();
    let unread = |stand: &mut crate::stand::Stand| stand.contacts(bob, false, 0)[0].unread;
    for _ in 0..5 {
        stand.send(alice, "bob", "");
    }
    assert_eq!(unread(&mut stand), 3);
    stand.mark(bob, "alice", 4);
    assert_eq!(unread(&mut stand), 1);
    stand.send(alice, "bob", "");
    stand.send(alice, "bob", "");
    assert_eq!(unread(&mut stand), 3);
    stand.send(alice, "bob", "");
    assert_eq!(unread(&mut stand), 3);
    stand.send(bob, "alice", "");
    assert_eq!(unread(&mut stand), 2);
}

const DAY: i64 = 24 * 60 * 60 * 1000;

fn keys_live_as_long_as_their_message(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_dialog_messages = 1));
    let [alice, ..] = stand.add_three();
    let begin = stand.now;
    stand.append(alice, "bob", "1", Some("gone"));
    stand.append(alice, "bob", "2", Some("kept"));
    let is_known = |stand: &mut crate::stand::Stand, body: &str, key: &str| {
        matches!(stand.find_key(alice, "bob", body, key), Outcome::Appended(_))
    };
    for (age, is_gone_known) in [(0, true), (DAY, true), (DAY + 1, false), (100 * DAY, false)] {
        stand.now = begin + age;
        // They go when their sender adds another one.
        stand.execute(Operation::Expire { now: stand.now });
        stand.append(alice, "carol", "text", Some(&format!("{age}")));
        assert_eq!(is_known(&mut stand, "1", "gone"), is_gone_known, "after {age} ms");
        assert!(is_known(&mut stand, "2", "kept"));
    }
    stand.append(alice, "bob", "3", Some("third"));
    assert!(!is_known(&mut stand, "2", "kept"));
    assert!(is_known(&mut stand, "3", "third"));
}

fn a_sender_has_so_many_keys(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_keys = 2));
    let [alice, bob, _] = stand.add_three();
    for n in 0..4 {
        stand.append(alice, "bob", "text", Some(&format!("key {n}")));
        stand.append(bob, "alice", "text", Some("key"));
    }
    for n in 0..4 {
        let found = stand.find_key(alice, "bob", "text", &format!("key {n}"));
        assert_eq!(matches!(found, Outcome::Appended(_)), n >= 2, "{n}: {found:?}");
    }
    assert!(matches!(stand.find_key(bob, "alice", "text", "key"), Outcome::Appended(_)));
}

fn limits_of_nothing_keep_nothing(open: &Open<'_>) {
    let mut stand = open(limits(|limits| (limits.max_dialog_messages, limits.max_keys) = (0, 0)));
    let [alice, bob, _] = stand.add_three();
    for n in 1..4 {
        let Outcome::Appended(sent) = stand.append(alice, "bob", "text", Some("key")) else { panic!() };
        assert_eq!((sent.position, sent.is_repetition), (n, false));
        for id in [alice, bob] {
            assert_eq!(bodies(&stand.log(id)), vec!["-"; n as usize]);
        }
    }
    assert_eq!(stand.begin_and_head("bob"), (3, 3));
}
