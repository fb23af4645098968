//! Laws of messages: positions, dates, keys, read marks.

use skaro_proto::server::store::{Appended, Content, Outcome, StoreLimits};

use crate::Law;
use crate::stand::{Open, bodies};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("a message enters both logs, and positions have no holes", positions_have_no_holes),
    ("a note to oneself is one entry", a_note_to_oneself_is_one_entry),
    ("dates of a dialog increase if the clock goes back", dates_increase_if_the_clock_goes_back),
    ("a key delivers once", a_key_delivers_once),
    ("a refusal uses no key up", a_refusal_uses_no_key_up),
    ("read marks move forward, and count what is unread", read_marks_move_forward),
    ("bodies may be empty, long, and have any character", bodies_may_have_any_character),
];

fn positions_have_no_holes(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    for n in 0..5 {
        let sent = stand.send(alice, "bob", &format!("a{n}"));
        assert_eq!((sent.position, sent.their_position, sent.to), (2 * n + 1, 3 * n + 1, bob));
        stand.send(bob, "alice", &format!("b{n}"));
        stand.send(carol, "bob", &format!("c{n}"));
    }
    for (id, expected) in [(alice, "a0 b0 a1 b1 a2 b2"), (bob, "a0 b0 c0 a1 b1 c1 a2"), (carol, "c0 c1 c2")] {
        let log = stand.log(id);
        assert!(log.iter().map(|entry| entry.position).eq(1..=log.len() as u64));
        assert!(bodies(&log).join(" ").starts_with(expected), "{log:?}");
        for entry in &log {
            let Content::Message(message) = &entry.content else { panic!("{entry:?}") };
            let writer = [(alice, 'a'), (bob, 'b'), (carol, 'c')].into_iter().find(|(who, _)| *who == id);
            assert_eq!(message.is_own, message.body.starts_with(writer.unwrap().1));
        }
    }
    assert_eq!(stand.begin_and_head("bob"), (0, 15));
    assert!(matches!(stand.append(alice, "nobody", "", None), Outcome::NoSuchUser));
    assert_eq!(stand.begin_and_head("alice"), (0, 10));
}

fn a_note_to_oneself_is_one_entry(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    for n in 1..=2 {
        let sent = stand.send(alice, "alice", "note");
        assert_eq!((sent.position, sent.their_position), (n, n));
    }
    let Content::Message(message) = &stand.log(alice)[1].content else { panic!() };
    assert_eq!((&*message.with, message.is_own), ("alice", true));
}

fn dates_increase_if_the_clock_goes_back(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    let mut dates = Vec::new();
    for now in [5000, 5000, 9000, 100, -7, 9500, i64::MIN] {
        stand.now = now;
        dates.push(stand.send(alice, "bob", "").date);
        dates.push(stand.send(bob, "alice", "").date);
    }
    assert_eq!(dates[..8], [5000, 5001, 5002, 5003, 9000, 9001, 9002, 9003]);
    assert_eq!(dates[8..], [9004, 9005, 9500, 9501, 9502, 9503]);
    for id in [alice, bob] {
        let log = stand.log(id);
        let date = |content: &Content| match content {
            Content::Message(message) => message.date,
            other => panic!("{other:?}"),
        };
        assert!(log.iter().map(|entry| date(&entry.content)).eq(dates.iter().copied()));
    }
    // Another dialog has dates of its own.
    stand.now = 50;
    assert_eq!(stand.send(alice, "carol", "").date, 50);
}

fn a_key_delivers_once(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    let Outcome::Appended(first) = stand.append(alice, "bob", "text", Some("k")) else { panic!() };
    stand.send(bob, "alice", "between");
    stand.now += 1000;
    for _ in 0..2 {
        let Outcome::Appended(again) = stand.append(alice, "bob", "text", Some("k")) else { panic!() };
        let mut expected = Appended::new(first.position, first.date, bob, 0);
        expected.is_repetition = true;
        assert_eq!(again, expected);
        let Outcome::Appended(found) = stand.find_key(alice, "bob", "text", "k") else { panic!() };
        assert_eq!(found, expected);
    }
    for (to, body) in [("carol", "text"), ("bob", "other"), ("nobody", "text"), ("alice", "text")] {
        assert!(matches!(stand.append(alice, to, body, Some("k")), Outcome::KeyTaken), "{to} {body}");
        assert!(matches!(stand.find_key(alice, to, body, "k"), Outcome::KeyTaken), "{to} {body}");
    }
    assert!(matches!(stand.find_key(alice, "bob", "text", "k2"), Outcome::NoSuchKey));
    // Each sender has keys of its own.
    assert!(matches!(stand.find_key(carol, "bob", "text", "k"), Outcome::NoSuchKey));
    assert!(
        matches!(stand.append(carol, "bob", "text", Some("k")), Outcome::Appended(sent) if !sent.is_repetition)
    );
    let log = stand.log(bob);
    assert_eq!(bodies(&log), ["text", "between", "text"]);
    let key = |entry: &skaro_proto::server::store::Entry| match &entry.content {
        Content::Message(message) => message.key.clone(),
        other => panic!("{other:?}"),
    };
    // Only the sender's log tells the key.
    assert_eq!(key(&log[0]), None);
    assert_eq!(key(&stand.log(alice)[0]).as_deref(), Some("k"));
}

fn a_refusal_uses_no_key_up(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    assert!(matches!(stand.append(alice, "dave", "text", Some("k")), Outcome::NoSuchUser));
    stand.add("dave");
    assert!(matches!(stand.append(alice, "dave", "text", Some("k")), Outcome::Appended(_)));
}

fn read_marks_move_forward(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    for n in 0..4 {
        stand.send(alice, "bob", &format!("{n}"));
    }
    stand.send(bob, "alice", "own");
    let unread = |stand: &mut crate::stand::Stand| stand.contacts(bob, false, 0)[0].unread;
    assert_eq!(unread(&mut stand), 4);
    assert!(matches!(stand.mark(bob, "alice", 6), Outcome::BeyondHead));
    assert!(matches!(stand.mark(bob, "alice", u64::MAX), Outcome::BeyondHead));
    assert!(matches!(stand.mark(bob, "nobody", 1), Outcome::NoSuchUser));
    assert_eq!(stand.marked(bob, "alice", 0), None);
    assert_eq!(stand.marked(bob, "alice", 2), Some(6));
    assert_eq!(unread(&mut stand), 2);
    assert_eq!(stand.marked(bob, "alice", 2), None);
    assert_eq!(stand.marked(bob, "alice", 1), None);
    assert_eq!(stand.marked(bob, "alice", 3), Some(7));
    assert_eq!(unread(&mut stand), 1);
    // Only the last mark is kept, and the place of the other one.
    assert_eq!(bodies(&stand.log(bob)), ["0", "1", "2", "3", "own", "-", "=3"]);
    stand.send(alice, "bob", "4");
    assert_eq!(unread(&mut stand), 2);
    assert_eq!(stand.marked(bob, "alice", 8), Some(9));
    assert_eq!(unread(&mut stand), 0);
    assert_eq!(stand.contacts(alice, false, 0)[0].unread, 1);
    // A mark may be of a dialog without messages.
    assert_eq!(stand.marked(bob, "carol", 1), Some(10));
    stand.execute(skaro_proto::server::store::Operation::Introduce {
        one: "bob".into(),
        other: "carol".into(),
    });
    assert_eq!(stand.contacts(bob, false, 0).len(), 2);
}

fn bodies_may_have_any_character(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    let texts = ["", "\0", "a\0b", "\u{10ffff}'\"\\", &"ä".repeat(50_000)];
    for text in texts {
        let key = if text.is_empty() { "empty" } else { &text[..text.len().min(64)] };
        assert!(matches!(stand.append(alice, "bob", text, Some(key)), Outcome::Appended(_)));
        assert!(matches!(stand.find_key(alice, "bob", text, key), Outcome::Appended(_)));
    }
    for id in [alice, bob] {
        assert_eq!(bodies(&stand.log(id)), texts);
    }
}
