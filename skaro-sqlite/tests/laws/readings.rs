//! Laws of readings: windows of logs, pages of dialogs, last messages.

use skaro_proto::message::Page;
use skaro_proto::server::store::{AccountId, Operation, Outcome, StoreLimits};

use crate::Law;
use crate::stand::{Open, Stand, bodies};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("a log is read in windows", a_log_is_read_in_windows),
    ("a dialog is paged in both directions", a_dialog_is_paged_in_both_directions),
    ("a page keeps its limit of bytes", a_page_keeps_its_limit_of_bytes),
    ("contacts tell the last message, if it fits", contacts_tell_the_last_message),
];

fn window(stand: &mut Stand, after: u64, max_entries: usize, max_bytes: usize) -> String {
    let account = AccountId(0);
    match stand.execute(Operation::ReadLog { account, after, max_entries, max_bytes }) {
        Outcome::Entries(entries) => {
            assert!(entries.iter().map(|entry| entry.position).eq((after + 1..).take(entries.len())));
            bodies(&entries).join(" ")
        }
        other => panic!("{other:?}"),
    }
}

/// Fills a dialog of alice's with 1 to 9, dated 10, 20, …, between messages to somebody else.
fn filled(open: &Open<'_>) -> (Stand, AccountId) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    for n in 1..10 {
        stand.now = 10 * n;
        if n % 2 == 0 {
            stand.send(alice, "bob", &n.to_string());
        } else {
            stand.send(bob, "alice", &n.to_string());
        }
        stand.send(alice, "carol", "x");
    }
    (stand, alice)
}

fn a_log_is_read_in_windows(open: &Open<'_>) {
    let (mut stand, _) = filled(open);
    assert_eq!(window(&mut stand, 0, 3, 1000), "1 x 2");
    assert_eq!(window(&mut stand, 3, 100, 4), "x 3 x 4");
    // The first one always fits.
    assert_eq!(window(&mut stand, 3, 100, 0), "x");
    assert_eq!(window(&mut stand, 16, 100, 1000), "9 x");
    assert_eq!(window(&mut stand, 18, 100, 1000), "");
    assert_eq!(window(&mut stand, 0, 0, 1000), "");
    let account = AccountId(77);
    let reading = Operation::ReadLog { account, after: u64::MAX, max_entries: usize::MAX, max_bytes: 1 };
    assert!(matches!(stand.execute(reading), Outcome::Entries(entries) if entries.is_empty()));
}

fn a_dialog_is_paged_in_both_directions(open: &Open<'_>) {
    let (mut stand, alice) = filled(open);
    let mut read = |page: Page, max| {
        let (messages, more) = stand.page(alice, "bob", page, (max, 1000));
        let texts: Vec<_> = messages.iter().map(|message| &*message.message.body).collect();
        for message in &messages {
            let n: u64 = message.message.body.parse().unwrap();
            assert_eq!((message.position, message.message.date), (2 * n - 1, 10 * n as i64));
            assert_eq!(message.message.is_own, n.is_multiple_of(2));
        }
        (texts.join(" "), more)
    };
    let all = Page::default();
    let expect = |text: &str, more| (text.to_owned(), more);
    assert_eq!(read(all, 3), expect("7 8 9", true));
    assert_eq!(read(all, 9), expect("1 2 3 4 5 6 7 8 9", false));
    assert_eq!(read(all, 0), expect("", true));
    assert_eq!(read(Page { after: Some(3), ..all }, 3), expect("3 4 5", true));
    assert_eq!(read(Page { after: Some(4), ..all }, 3), expect("3 4 5", true));
    assert_eq!(read(Page { after: Some(13), ..all }, 3), expect("8 9", false));
    assert_eq!(read(Page { before: Some(13), ..all }, 2), expect("5 6", true));
    assert_eq!(read(Page { before: Some(5), ..all }, 2), expect("1 2", false));
    assert_eq!(read(Page { before: Some(13), after: Some(7), ..all }, 5), expect("5 6", false));
    assert_eq!(read(Page { before: Some(13), after: Some(3), ..all }, 2), expect("5 6", true));
    assert_eq!(read(Page { after_date: Some(70), ..all }, 5), expect("8 9", false));
    assert_eq!(read(Page { after_date: Some(35), ..all }, 2), expect("4 5", true));
    assert_eq!(read(Page { before_date: Some(50), ..all }, 2), expect("3 4", true));
    assert_eq!(read(Page { before_date: Some(50), after: Some(3), ..all }, 9), expect("3 4", false));
    assert_eq!(read(Page { before: Some(1), after: Some(9), ..all }, 2), expect("", false));
    assert_eq!(read(Page { after: Some(u64::MAX), ..all }, 2), expect("", false));
    assert_eq!(read(Page { before: Some(u64::MAX), ..all }, 1), expect("9", true));
}

fn a_page_keeps_its_limit_of_bytes(open: &Open<'_>) {
    let (mut stand, alice) = filled(open);
    for bytes in 0..12 {
        for page in [Page::default(), Page { after: Some(0), ..Page::default() }] {
            let (messages, more) = stand.page(alice, "bob", page, (100, bytes));
            assert_eq!((messages.len(), more), (bytes.min(9), bytes < 9));
        }
    }
    let (with, page) = ("nobody".into(), Page::default());
    let reading = Operation::ReadDialog { account: alice, with, page, max_messages: 1, max_bytes: 1 };
    assert!(matches!(stand.execute(reading), Outcome::NoSuchUser));
}

fn contacts_tell_the_last_message(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    stand.send(bob, "alice", "a long text");
    stand.send(carol, "alice", "short");
    let last = |stand: &mut Stand, room| {
        let contacts = stand.contacts(alice, false, room);
        let body = |contact: &skaro_proto::server::store::Contact| {
            contact.last.as_ref().map_or("-".to_owned(), |last| last.message.body.to_string())
        };
        contacts.iter().map(body).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(last(&mut stand, 0), "- -");
    assert_eq!(last(&mut stand, 4), "- -");
    assert_eq!(last(&mut stand, 10), "- short");
    assert_eq!(last(&mut stand, 15), "a long text -");
    assert_eq!(last(&mut stand, 16), "a long text short");
    stand.send(alice, "carol", "");
    assert_eq!(last(&mut stand, 16), "a long text ");
    let everybody = stand.contacts(bob, true, 100);
    assert_eq!(everybody[0].last.as_ref().unwrap().position, 1);
    assert_eq!(everybody[1].last, None);
    let listing = Operation::ListContacts {
        account: alice,
        all: false,
        with_states: false,
        max_contacts: 1,
        max_bytes: 0,
    };
    assert!(matches!(stand.execute(listing), Outcome::Contacts(contacts) if contacts.len() == 1));
}
