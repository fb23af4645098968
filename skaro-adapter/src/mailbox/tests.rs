use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use allocation_counter::measure;
use skaro_proto::client::{Authorize, ClientConfig, RegisterType, SendMessage};

/// A waiter: whether it still waits, and the requests that ended for it.
struct Waits(bool, Rc<RefCell<Vec<RequestId>>>);

impl Waiter for Waits {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        if !self.0 {
            return Err(ended);
        }
        self.1.borrow_mut().push(ended.ticket.id());
        Ok(())
    }
}

/// Returns whether to read, after the driver has looked.
fn reads(mailbox: &mut Mailbox<Waits>) -> bool {
    mailbox.update_pause(Time::ZERO);
    mailbox.wants_frames()
}

const GREETING: Frame<'_> = Frame::Text(r#"{"type":"check_connection","token":"t"}"#);

fn connected(limit: usize) -> Mailbox<Waits> {
    let mut mailbox = Mailbox::new(Client::new(ClientConfig::default(), [1; 32]), limit);
    mailbox.handle(|client| client.handle_connected(Time::ZERO));
    mailbox.handle_frame(Time::ZERO, GREETING);
    assert!(matches!(mailbox.next_event(), Some(Event::Connected { .. })));
    mailbox
}

#[test]
fn ends_go_to_those_who_wait_and_otherwise_to_the_events() {
    let mut mailbox = connected(10);
    let got = Rc::new(RefCell::new(Vec::new()));
    let waits = mailbox.request(Time::ZERO, RegisterType, Waits(true, got.clone())).unwrap();
    let left = mailbox.request(Time::ZERO, RegisterType, Waits(false, got.clone())).unwrap();
    for id in [1, 2] {
        let answer = format!(
            r#"{{"type":"request","for":"register_type","id":{id},"status":"200","register_type":"open"}}"#
        );
        mailbox.handle_frame(Time::ZERO, Frame::Text(&answer));
    }
    assert_eq!(*got.borrow(), [waits]);
    let Some(Event::Ended(ended)) = mailbox.next_event() else { panic!("nobody waits for {left}") };
    assert_eq!((ended.ticket.id(), mailbox.next_event()), (left, None));
    mailbox.return_end(ended.clone());
    assert_eq!(mailbox.next_event(), Some(Event::Ended(ended)));
}

#[test]
fn whoever_waits_is_counted_and_let_go_at_the_end() {
    let mut mailbox = connected(10);
    assert!(!mailbox.has_news() && !mailbox.is_finished());
    let got = Rc::new(RefCell::new(Vec::new()));
    for waiting in 1..=2 {
        mailbox.request(Time::ZERO, RegisterType, Waits(true, got.clone())).unwrap();
        assert_eq!(mailbox.waiting(), waiting);
    }
    mailbox.handle_frame(Time::ZERO, Frame::Text(r#"{"type":"info","info":"x"}"#));
    assert!(mailbox.has_news() && !mailbox.is_finished());
    mailbox.finish();
    // What is left is the test's own.
    assert_eq!((mailbox.waiting(), Rc::strong_count(&got)), (0, 1));
    assert!(mailbox.next_event().is_some());
    assert!(mailbox.has_news() && mailbox.is_finished(), "that nothing will come any more is news");
    assert_eq!(mailbox.next_event(), None);
}

#[test]
fn why_there_is_no_connection_is_known_as_long_as_there_is_none() {
    let mut mailbox = Mailbox::<Waits>::new(Client::new(ClientConfig::default(), [1; 32]), 10);
    assert_eq!(mailbox.why_offline(), None);
    mailbox.handle(|client| client.handle_connected(Time::ZERO));
    mailbox.client.handle_disconnected(Time::ZERO, Disconnect::Failed("full".into()));
    mailbox.collect();
    assert_eq!(mailbox.why_offline(), Some(Disconnect::Failed("full".into())));
    mailbox.client.reconnect(Time::ZERO).unwrap();
    assert_eq!(mailbox.why_offline(), None);
}

#[test]
fn a_full_mailbox_pauses_until_it_is_half_empty() {
    let mut mailbox = connected(4);
    let info = Frame::Text(r#"{"type":"info","info":"x"}"#);
    for _ in 0..4 {
        assert!(reads(&mut mailbox));
        mailbox.handle_frame(Time::ZERO, info);
    }
    for left in [3, 2] {
        assert!(!reads(&mut mailbox));
        mailbox.next_event();
        assert_eq!(mailbox.has_room_again(), left == 2);
    }
    assert!(reads(&mut mailbox));
    for _ in 0..4 {
        mailbox.handle_frame(Time::ZERO, info);
    }
    assert!(!reads(&mut mailbox));
    mailbox.client.close(Time::ZERO);
    assert!(reads(&mut mailbox));
}

const TYPING: Frame<'_> = Frame::Text(r#"{"type":"typing","from":{"login":"bob"}}"#);

#[test]
fn presence_is_dropped_when_the_connection_breaks() {
    let mut mailbox = with_cursor(100);
    let contact = Frame::Text(r#"{"type":"contact","login":"bob","state":"asks","position":1}"#);
    let online = Frame::Text(r#"{"type":"changed_user_data","user":{"login":"bob","online":true}}"#);
    for frame in [TYPING, contact, INFO, online] {
        mailbox.handle_frame(Time::ZERO, frame);
    }
    assert!(matches!(mailbox.next_event(), Some(Event::Typing(_))));
    mailbox.handle(|client| client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into())));
    assert!(matches!(mailbox.next_event(), Some(Event::Info(_))));
    assert!(matches!(mailbox.next_event(), Some(Event::Disconnected(_))));
    assert_eq!(mailbox.client().log(), Some(("l", 0)), "the contact comes again");
}

/// With a cursor reading never pauses, and nothing but this bounds how much presence comes.
#[test]
fn presence_does_not_wait_behind_much_else() {
    let mut mailbox = with_cursor(4);
    (1..=3).for_each(|position| entry(&mut mailbox, position));
    (0..100).for_each(|_| mailbox.handle_frame(Time::ZERO, TYPING));
    entry(&mut mailbox, 4);
    let events: Vec<_> = std::iter::from_fn(|| mailbox.next_event()).collect();
    assert_eq!(events.iter().filter(|event| event.is_presence()).count(), 1);
    assert_eq!(events.iter().filter_map(Event::position).collect::<Vec<_>>(), [1, 2, 3, 4]);
    mailbox.handle_frame(Time::ZERO, TYPING);
    assert!(mailbox.next_event().is_some_and(|event| event.is_presence()), "there is room again");
}

#[test]
fn typing_is_told_once_and_not_after_the_end() {
    let mut mailbox = connected(10);
    assert_eq!(mailbox.typing(Time::ZERO, "bob"), Err(CommandError::NoExtension("people")));
    mailbox.finish();
    assert_eq!(mailbox.typing(Time::ZERO, "bob"), Err(CommandError::Closed));
}

#[test]
fn events_that_are_taken_together_count_no_more() {
    let mut mailbox = connected(2);
    let info = |text: &str| format!(r#"{{"type":"info","info":"{text}"}}"#);
    let hear = |mailbox: &mut Mailbox<Waits>, texts: [&str; 2]| {
        for text in texts {
            mailbox.handle_frame(Time::ZERO, Frame::Text(&info(text)));
        }
        assert!(!reads(mailbox));
    };
    let mut taken = VecDeque::new();
    hear(&mut mailbox, ["1", "2"]);
    mailbox.take_events(&mut taken);
    assert!(mailbox.has_room_again() && reads(&mut mailbox) && !mailbox.has_news());
    hear(&mut mailbox, ["3", "4"]);
    mailbox.take_events(&mut taken);
    hear(&mut mailbox, ["5", "6"]);
    taken.extend(core::iter::from_fn(|| mailbox.next_event()));
    let texts: Vec<_> = taken.iter().map(|event| format!("{event:?}")).collect();
    for (text, number) in texts.iter().zip(1..) {
        assert!(text.contains(&format!("\"{number}\"")), "{text} instead of {number}");
    }
    assert_eq!((texts.len(), mailbox.kept), (6, 0));
}

#[test]
fn a_few_large_frames_pause_too_and_whoever_reads_nothing_is_not_asked() {
    let mut mailbox = connected(1000);
    let large = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1 << 19));
    for _ in 0..8 {
        assert!(reads(&mut mailbox));
        mailbox.handle_frame(Time::ZERO, Frame::Text(&large));
    }
    assert!(!reads(&mut mailbox));
    while !mailbox.has_room_again() {
        assert!(mailbox.next_event().is_some());
    }
    assert_eq!(mailbox.events.len(), 3);
    let info = Frame::Text(r#"{"type":"info","info":"x"}"#);
    assert!(format!("{mailbox:?}").contains("waiting_events: 3"), "{mailbox:?}");
    mailbox.drop_events();
    assert_eq!(mailbox.next_event(), None);
    for _ in 0..9 {
        mailbox.handle_frame(Time::ZERO, info);
    }
    assert!(reads(&mut mailbox));
    assert_eq!(mailbox.next_event(), None);
}

#[test]
fn what_a_frame_causes_comes_after_it() {
    let mut config = ClientConfig::default();
    config.keep_credentials = true;
    let mut mailbox = Mailbox::<Waits>::new(Client::new(config, [1; 32]), 10);
    let answer =
        |id: u64, rest: &str| format!(r#"{{"type":"request","for":"authorize","id":{id},"status":{rest}}}"#);
    mailbox.handle(|client| client.handle_connected(Time::ZERO));
    mailbox.handle_frame(Time::ZERO, GREETING);
    mailbox.client.authorize(Time::ZERO, "alice", "correct horse").unwrap();
    let success = answer(1, r#""200","session_id":"s","user":{"login":"alice"}"#);
    mailbox.handle_frame(Time::ZERO, Frame::Text(&success));
    // Much later the session has expired, and the server can't sign anybody in.
    let late = Time::from_secs(1000);
    mailbox.client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    mailbox.client.handle_connected(late);
    mailbox.handle_frame(late, GREETING);
    while mailbox.next_event().is_some() {}
    mailbox.handle_frame(late, Frame::Text(&answer(2, r#""503""#)));
    let events: Vec<_> = core::iter::from_fn(|| mailbox.next_event()).collect();
    assert!(
        matches!(
            &events[..],
            [Event::Ended(refused), Event::Disconnected(_), Event::Reconnecting { .. }]
                if refused.ticket.is_automatic()
        ),
        "{events:?}"
    );
}

#[test]
fn nobody_waits_for_an_adapter_that_has_ended() {
    let mut mailbox = connected(4);
    mailbox.finish();
    let waits = Waits(true, Rc::default());
    assert_eq!(mailbox.request(Time::ZERO, RegisterType, waits), Err(CommandError::Closed));
    assert_eq!(mailbox.submit(Time::ZERO, RegisterType), Err(CommandError::Closed));
    assert_eq!((mailbox.waiting(), mailbox.client.pending()), (0, 0));
}

#[test]
fn nonsense_is_an_event_too() {
    let mut mailbox = connected(4);
    mailbox.handle_frame(Time::ZERO, Frame::Text("?"));
    assert!(matches!(mailbox.next_event(), Some(Event::ProtocolError(_))));
}

const INFO: Frame<'_> = Frame::Text(r#"{"type":"info","info":"x"}"#);

/// Case 6.
#[test]
fn whoever_waits_for_an_answer_behind_a_full_mailbox_gets_it() {
    let mut mailbox = connected(10);
    for _ in 0..10 {
        mailbox.handle_frame(Time::ZERO, INFO);
    }
    assert!(!reads(&mut mailbox));
    let got = Rc::new(RefCell::new(Vec::new()));
    let id = mailbox.request(Time::ZERO, RegisterType, Waits(true, got.clone())).unwrap();
    for _ in 0..3000 {
        assert!(reads(&mut mailbox));
        mailbox.handle_frame(Time::ZERO, INFO);
    }
    let answer = r#"{"type":"request","for":"register_type","id":1,"status":"200","register_type":"open"}"#;
    mailbox.handle_frame(Time::ZERO, Frame::Text(answer));
    assert_eq!(*got.borrow(), [id]);
    assert!(!reads(&mut mailbox), "nobody waits any more");
}

#[test]
fn the_machine_is_told_of_pauses_once_each() {
    let mut mailbox = connected(2);
    let deadline = mailbox.client.poll_timeout();
    (0..2).for_each(|_| mailbox.handle_frame(Time::ZERO, INFO));
    assert!(!reads(&mut mailbox));
    // While nothing is read, silence means nothing.
    assert_eq!((mailbox.client.poll_timeout(), deadline.is_some()), (None, true));
    mailbox.next_event();
    assert!(reads(&mut mailbox));
    assert!(mailbox.client.poll_timeout().is_some());
}

type Arrive<'a> = &'a dyn Fn(&mut Mailbox<Waits>);

/// Cases 2 and 12: in every state there is a limit, counted by what is kept.
#[test]
fn floods_end_with_a_reason_in_every_state() {
    let large = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1_000_000));
    let nested = format!(r#"{{"type":"news","x":[{}]}}"#, vec!["[[]]"; 100_000].join(","));
    let greeting = |mailbox: &mut Mailbox<Waits>| {
        mailbox.handle(|client| client.handle_connected(Time::ZERO));
    };
    let up = |mailbox: &mut Mailbox<Waits>| {
        mailbox.handle(|client| client.handle_connected(Time::ZERO));
        mailbox.handle_frame(Time::ZERO, GREETING);
    };
    let states: [(Status, Arrive<'_>); 4] = [
        (Status::Greeting, &greeting),
        (Status::Connected, &|mailbox| {
            up(mailbox);
            mailbox.request(Time::ZERO, RegisterType, Waits(true, Rc::default())).unwrap();
        }),
        (Status::SigningIn, &|mailbox| {
            up(mailbox);
            mailbox.handle(|client| client.authorize(Time::ZERO, "alice", "x")).unwrap();
        }),
        (Status::Closing, &|mailbox| {
            up(mailbox);
            mailbox.close(Time::ZERO);
        }),
    ];
    for (status, arrive) in states {
        for flood in [&large, &nested] {
            let mut mailbox = Mailbox::new(Client::new(ClientConfig::default(), [1; 32]), 10);
            arrive(&mut mailbox);
            assert_eq!(mailbox.client().status(), status);
            let used = measure(|| {
                for _ in 0..100 {
                    if !mailbox.client().status().has_connection() {
                        return;
                    }
                    assert!(reads(&mut mailbox));
                    mailbox.handle_frame(Time::ZERO, Frame::Text(flood));
                }
                panic!("there is no limit while {status:?}");
            });
            // What is kept, one frame beyond it, and queues that grow by doubling.
            assert!(used.bytes_max < 64 << 20, "{status:?}: {used:?}");
            let told = std::iter::from_fn(|| mailbox.next_event()).any(|event| match event {
                Event::Disconnected(reason) => matches!(reason, Disconnect::Overrun { .. }),
                _ => false,
            });
            assert!(told || status == Status::Closing, "{status:?}");
        }
    }
}

/// A mailbox whose connection has a cursor that begins at 0.
fn with_cursor(limit: usize) -> Mailbox<Waits> {
    let mut mailbox = Mailbox::new(Client::new(ClientConfig::default(), [1; 32]), limit);
    mailbox.handle(|client| client.handle_connected(Time::ZERO));
    mailbox.handle_frame(
        Time::ZERO,
        Frame::Text(r#"{"type":"check_connection","token":"t","extensions":["log"]}"#),
    );
    mailbox.handle(|client| client.authorize(Time::ZERO, "alice", "x")).unwrap();
    let answer = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"},"log":"l","head":0,"begin":0}"#;
    mailbox.handle_frame(Time::ZERO, Frame::Text(answer));
    while mailbox.next_event().is_some() {}
    while mailbox.client_mut().poll_transmit().is_some() {}
    mailbox
}

fn entry(mailbox: &mut Mailbox<Waits>, position: u64) {
    let entry = format!(r#"{{"type":"news","position":{position}}}"#);
    mailbox.handle_frame(Time::ZERO, Frame::Text(&entry));
}

#[test]
fn with_a_cursor_reading_never_pauses() {
    let mut mailbox = with_cursor(4);
    (1..=100).for_each(|position| entry(&mut mailbox, position));
    assert!(reads(&mut mailbox));
}

#[test]
fn entries_that_nobody_took_are_dropped_when_the_connection_breaks_and_nothing_else_is() {
    let mut mailbox = with_cursor(100);
    entry(&mut mailbox, 1);
    mailbox.handle_frame(Time::ZERO, INFO);
    (2..=3).for_each(|position| entry(&mut mailbox, position));
    assert_eq!(mailbox.next_event().and_then(|event| event.position()), Some(1));
    mailbox.handle(|client| client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into())));
    assert_eq!(mailbox.client().log(), Some(("l", 1)), "2 and 3 come again");
    let events: Vec<_> = std::iter::from_fn(|| mailbox.next_event()).collect();
    assert!(
        matches!(&events[..], [Event::Info(_), Event::Disconnected(_), Event::Reconnecting { .. }]),
        "{events:?}"
    );
    assert_eq!(mailbox.kept, 0);
}

#[test]
fn events_that_are_taken_together_are_acknowledged_together() {
    let mut mailbox = with_cursor(1000);
    (1..=256).for_each(|position| entry(&mut mailbox, position));
    assert!(!mailbox.has_room_again());
    let mut taken = VecDeque::new();
    mailbox.take_events(&mut taken);
    assert!(mailbox.has_room_again(), "an acknowledgement waits");
    assert_eq!((taken.len(), mailbox.client().log()), (256, Some(("l", 256))));
    assert!(reads(&mut mailbox) && !mailbox.has_room_again());
    assert!(mailbox.client_mut().poll_transmit().is_some() && mailbox.client_mut().poll_transmit().is_none());
}

/// A message that is given while the client waits for room would be answered only after somebody has read events.
#[test]
fn nobody_waits_for_an_answer_while_the_client_waits_for_room() {
    let mut config = ClientConfig::default();
    (config.keep_credentials, config.offline_messages) = (true, 2);
    let mut mailbox = Mailbox::new(Client::new(config, [1; 32]), 10);
    mailbox.handle(|client| client.handle_connected(Time::ZERO));
    mailbox.handle_frame(Time::ZERO, GREETING);
    let got = Rc::new(RefCell::new(Vec::new()));
    let sign_in = Authorize { login: "alice", password: "secret" };
    mailbox.request(Time::ZERO, sign_in, Waits(true, got.clone())).unwrap();
    let signed_in = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#;
    mailbox.handle_frame(Time::ZERO, Frame::Text(signed_in));
    assert_eq!((mailbox.client().status(), got.borrow().len()), (Status::SignedIn, 1));
    let large = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1_000_000));
    while mailbox.client().status().has_connection() {
        mailbox.handle_frame(Time::ZERO, Frame::Text(&large));
    }
    let message = SendMessage::new("bob", "hello");
    let request = |mailbox: &mut Mailbox<_>| mailbox.request(Time::ZERO, message, Waits(true, got.clone()));
    assert_eq!(request(&mut mailbox), Err(CommandError::NotConnected));
    mailbox.submit(Time::ZERO, message).unwrap();
    mailbox.take_events(&mut VecDeque::new());
    request(&mut mailbox).unwrap();
}
