//! What every adapter does for its application, whatever the network does meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use skaro_blocking::{
    Answer, Authorize, Awaited, CommandError, Disconnect, Event, Failure, GetContacts, GetHistory, NoEvent,
    RegisterType, Registration, RequestError, SendMessage, SessionRestore, Status,
};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::world::{PATIENCE, World, sign_in, until, wait_for};

use crate::{InWorld, turns};

pub(crate) fn all<A: Adapter>() -> Vec<InWorld> {
    vec![
        ("everything on the API page", everything_on_the_api_page::<A>),
        ("refusals", refusals::<A>),
        ("a session goes on elsewhere", a_session_goes_on_elsewhere::<A>),
        ("200 pipelined messages", pipelined::<A>),
        ("8 threads send, one receives", eight_senders::<A>),
        ("a sender does not wait for messages", a_sender_does_not_wait::<A>),
        ("everybody takes turns", turns::everybody_takes_turns::<A>),
        ("what is submitted leaves", turns::what_is_submitted_leaves::<A>),
        ("own messages are told apart", own_messages::<A>),
        ("a cut is healed, and what was missed is told", a_cut_is_healed::<A>),
        ("what was under way is lost", lost::<A>),
        ("messages wait for the connection", offline_messages::<A>),
        ("a restarted server", a_restarted_server::<A>),
        ("a stalled connection is noticed", a_stall_is_noticed::<A>),
        ("a request times out", a_request_times_out::<A>),
        ("giving up", giving_up::<A>),
        ("closing", closing::<A>),
        ("dropping the last handle", dropping::<A>),
        ("closing while connecting again", closing_while_dialing::<A>),
        ("the server shuts down", shut_down::<A>),
        ("a slow application", a_slow_application::<A>),
        ("an answer behind 900 unread events", an_answer_behind_unread_events::<A>),
        ("a frame over the limit", a_frame_over_the_limit::<A>),
        ("texts are not shown", texts_are_not_shown::<A>),
    ]
}

fn send<A: Adapter>(client: &A, to: &str, body: &str) -> Result<(), RequestError> {
    client.request(SendMessage::new(to, body)).map(drop)
}

fn next_message<A: Adapter>(client: &A) -> (String, String) {
    wait_for(client, "a message", |event| match event {
        Event::Message(incoming) => Some((incoming.dialog().to_owned(), incoming.message.body.to_string())),
        _ => None,
    })
}

fn everything_on_the_api_page<A: Adapter>(world: &World) {
    let alice = A::connect(world.options()).unwrap();
    wait_for(&alice, "the connection", |event| matches!(event, Event::Connected { .. }).then_some(()));
    assert_eq!(alice.status(), Status::Connected);
    assert_eq!(alice.request(RegisterType), Ok(Registration::Closed));
    assert_eq!(alice.request(GetContacts).map(drop), Err(CommandError::NotSignedIn.into()));
    let signed_in = sign_in(&alice, "alice");
    assert_eq!(signed_in.user.login, "alice");
    let bob: A = world.client("bob", |_| ());
    let contacts = alice.request(GetContacts).unwrap();
    assert_eq!(contacts.iter().map(|user| &*user.login).collect::<Vec<_>>(), ["bob"]);
    let accepted = alice.request(SendMessage::new("bob", "hello")).unwrap();
    assert!(accepted.date.unwrap().as_integer().is_some());
    assert_eq!(accepted.position, Some(1));
    assert_eq!(next_message(&bob), ("alice".into(), "hello".into()));
    let history = bob.request(GetHistory::new("alice")).unwrap();
    assert_eq!(history.len(), 1);
    let other: A = world.client("alice", |_| ());
    send(&other, "bob", "copy").unwrap();
    assert_eq!(next_message(&alice), ("bob".into(), "copy".into()));
}

fn refusals<A: Adapter>(world: &World) {
    let alice = A::connect(world.options()).unwrap();
    let refusal = |result: Result<(), RequestError>| match result {
        Err(RequestError::Failure(Failure::Refused(refusal))) => refusal.info.into_owned(),
        other => panic!("{other:?}"),
    };
    let wrong = refusal(alice.request(Authorize { login: "alice", password: "wrong" }).map(drop));
    let unknown = refusal(alice.request(Authorize { login: "nobody", password: "wrong" }).map(drop));
    assert_eq!(wrong, unknown);
    sign_in(&alice, "alice");
    assert!(refusal(send(&alice, "nobody", "hello")).contains("no user"));
    assert_eq!(
        send(&alice, "bob", &"x".repeat(16 * 1024 + 1)).unwrap_err(),
        CommandError::TooLong { field: "body", length: 16 * 1024 + 1, limit: 16 * 1024 }.into()
    );
}

fn a_session_goes_on_elsewhere<A: Adapter>(world: &World) {
    let alice = A::connect(world.options()).unwrap();
    let session = sign_in(&alice, "alice").session_id.into_owned();
    alice.close();
    let again = A::connect(world.options()).unwrap();
    assert_eq!(again.request(SessionRestore { sid: &session }).unwrap().user.login, "alice");
    let third = A::connect(world.options()).unwrap();
    assert!(third.request(SessionRestore { sid: "made up" }).is_err());
}

fn pipelined<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = world.friends();
    for n in 0..200_u64 {
        alice.submit(SendMessage { marker: Some(n), ..SendMessage::new("bob", &n.to_string()) }).unwrap();
    }
    let mut markers = Vec::new();
    while markers.len() < 200 {
        markers.push(wait_for(&alice, "an answer", |event| match event {
            Event::Ended(ended) => Some(ended.outcome.is_ok().then_some(ended.ticket.marker()).flatten()),
            _ => None,
        }));
    }
    assert_eq!(markers, (0..200).map(Some).collect::<Vec<_>>());
    for n in 0..200 {
        assert_eq!(next_message(&bob).1, n.to_string());
    }
}

fn eight_senders<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = world.friends();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let alice = alice.clone();
            thread::spawn(move || {
                for n in 0..100 {
                    send(&alice, "bob", &format!("{sender} {n}")).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 8];
    for _ in 0..800 {
        let body = next_message(&bob).1;
        let (sender, n) = body.split_once(' ').unwrap();
        let sender: usize = sender.parse().unwrap();
        assert_eq!(n, next[sender].to_string());
        next[sender] += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

/// One thread waits for an event that never comes while another one sends.
fn a_sender_does_not_wait<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |_| ());
    wait_for(&alice, "the connection", |event| matches!(event, Event::Connected { .. }).then_some(()));
    let waiting = alice.clone();
    // Except that its own messages have their place in the log.
    let reader = thread::spawn(move || {
        loop {
            match waiting.next_event(Duration::from_secs(5)) {
                Ok(Event::Sent(_) | Event::CaughtUp { .. }) => (),
                other => return other,
            }
        }
    });
    let start = Instant::now();
    for _ in 0..10 {
        send(&alice, "bob", "hello").unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(5), "senders waited for the reader");
    alice.close();
    assert!(matches!(reader.join().unwrap(), Ok(Event::Disconnected(Disconnect::Requested))));
}

fn a_cut_is_healed<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = world.friends();
    send(&bob, "alice", "seen").unwrap();
    assert_eq!(next_message(&alice).1, "seen");
    world.cable.refuse(true);
    world.cable.cut();
    wait_for(&alice, "the cut", |event| matches!(event, Event::Disconnected(_)).then_some(()));
    world.with(|machine, now| machine.post(now, "bob", "alice", "missed").unwrap());
    world.cable.refuse(false);
    let restored = |event: &Event<'static>| match event {
        Event::Ended(ended) if ended.ticket.is_automatic() => {
            Some(matches!(ended.outcome, Ok(Answer::Restored(_))))
        }
        _ => None,
    };
    assert!(wait_for(&alice, "the restoration", restored));
    assert_eq!(next_message(&alice).1, "missed");
}

fn lost<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |_| ());
    world.cable.stall();
    let id = alice.submit(SendMessage { marker: Some(7), ..SendMessage::new("bob", "hello") }).unwrap();
    world.cable.cut();
    world.cable.resume();
    let (marker, outcome) = wait_for(&alice, "the end of the message", |event| match event {
        Event::Ended(ended) if ended.ticket.id() == id => {
            Some((ended.ticket.marker(), ended.outcome.clone()))
        }
        _ => None,
    });
    assert_eq!(marker, Some(7));
    assert!(matches!(outcome, Ok(Answer::MessageSent { .. })), "{outcome:?}");
    let history = alice.request(GetHistory::new("bob")).unwrap();
    assert_eq!(history.iter().map(|message| &*message.body).collect::<Vec<_>>(), ["hello"]);
}

fn offline_messages<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| options.config.offline_messages = 10);
    let bob: A = world.client("bob", |_| ());
    world.cable.refuse(true);
    world.cable.cut();
    wait_for(&alice, "the cut", |event| matches!(event, Event::Disconnected(_)).then_some(()));
    for n in 0..5 {
        alice.submit(SendMessage { marker: Some(n), ..SendMessage::new("bob", &n.to_string()) }).unwrap();
    }
    wait_for(&bob, "the cut", |event| matches!(event, Event::Disconnected(_)).then_some(()));
    world.cable.refuse(false);
    for n in 0..5 {
        let marker = wait_for(&alice, "an answer", |event| match event {
            Event::Ended(ended) if !ended.ticket.is_automatic() => Some(ended.ticket.marker()),
            _ => None,
        });
        assert_eq!(marker, Some(n));
    }
    until("bob is back", || bob.status() == Status::SignedIn);
    let bodies = bob.request(GetHistory::new("alice")).unwrap();
    assert_eq!(bodies.iter().map(|message| &*message.body).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
}

fn a_restarted_server<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| options.config.keep_credentials = true);
    world.restart();
    let mut automatic = Vec::new();
    while automatic.last() != Some(&("authorize", true)) {
        automatic.push(wait_for(&alice, "signing in again", |event| match event {
            Event::Ended(ended) if ended.ticket.is_automatic() => {
                Some((ended.ticket.kind().as_str(), ended.outcome.is_ok()))
            }
            _ => None,
        }));
        assert!(automatic.len() < 9, "{automatic:?}");
    }
    assert!(automatic.contains(&("session_restore", false)), "{automatic:?}");
    send(&alice, "bob", "still here").unwrap();
}

fn a_stall_is_noticed<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| {
        // Enough for signing in on a busy machine.
        options.config.keep_alive = Some(Duration::from_secs(2));
    });
    world.cable.stall();
    let reason = wait_for(&alice, "noticing", |event| match event {
        Event::Disconnected(reason) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, Disconnect::TimedOut(Awaited::SignOfLife));
    world.cable.resume();
    until("alice is back", || alice.status() == Status::SignedIn);
}

fn a_request_times_out<A: Adapter>(world: &World) {
    // Enough for signing in on a busy machine.
    let alice: A = world.client("alice", |options| options.config.request_timeout = Duration::from_secs(2));
    world.cable.stall();
    assert_eq!(alice.request(GetContacts).map(drop), Err(Failure::TimedOut.into()));
    world.cable.resume();
    let late = wait_for(&alice, "the late answer", |event| match event {
        Event::Late(late) => Some(late.outcome.is_ok()),
        _ => None,
    });
    assert!(late);
    until("the connection works", || alice.request(GetContacts).is_ok());
}

fn giving_up<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| {
        options.config.reconnect.as_mut().unwrap().attempts = Some(2);
    });
    world.cable.refuse(true);
    world.cable.cut();
    let mut attempts = 0;
    wait_for(&alice, "giving up", |event| match event {
        Event::Reconnecting { .. } => {
            attempts += 1;
            None
        }
        event => matches!(event, Event::GaveUp).then_some(()),
    });
    assert_eq!(attempts, 2);
    assert_eq!(alice.request(GetContacts).map(drop), Err(CommandError::NotConnected.into()));
}

fn closing<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |_| ());
    alice.close();
    assert_eq!(alice.status(), Status::Closed);
    let reason = wait_for(&alice, "the end", |event| match event {
        Event::Disconnected(reason) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, Disconnect::Requested);
    assert_eq!(alice.next_event(PATIENCE), Err(NoEvent::Closed));
    assert_eq!(alice.request(GetContacts).map(drop), Err(CommandError::Closed.into()));
    until("the server has noticed", || world.with(|machine, _| machine.connections() == 0));
}

fn dropping<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |_| ());
    let clone = alice.clone();
    drop(alice);
    send(&clone, "bob", "still here").unwrap();
    drop(clone);
    until("the server has noticed", || world.with(|machine, _| machine.connections() == 0));
}

fn closing_while_dialing<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |_| ());
    world.cable.stall();
    world.cable.cut();
    until("alice dials", || alice.status() == Status::Dialing);
    let start = Instant::now();
    alice.close();
    assert!(start.elapsed() < Duration::from_secs(5), "closing waited for the attempt to connect");
}

fn shut_down<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| options.config.reconnect = None);
    world.shut_down("good night");
    let info = wait_for(&alice, "the information", |event| match event {
        Event::Info(notice) => Some(notice.info.to_string()),
        _ => None,
    });
    assert_eq!(info, "good night");
    let reason = wait_for(&alice, "the end", |event| match event {
        Event::Disconnected(reason) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, Disconnect::Closed { code: Some(1001), reason: String::new() });
}

/// Who does not read events slows only itself down, and misses nothing.
fn a_slow_application<A: Adapter>(world: &World) {
    let slow: A = world.client("alice", |options| options.event_capacity = 4);
    let quick: A = world.client("alice", |_| ());
    let bob: A = world.client("bob", |_| ());
    for n in 0..500 {
        send(&bob, "alice", &n.to_string()).unwrap();
    }
    for n in 0..500 {
        assert_eq!(next_message(&quick).1, n.to_string());
    }
    for n in 0..500 {
        assert_eq!(next_message(&slow).1, n.to_string());
    }
    // Who drops the events altogether is not held up by them.
    slow.drop_events();
    for _ in 0..20 {
        send(&bob, "alice", "x").unwrap();
    }
    slow.request(GetContacts).unwrap();
}

fn a_frame_over_the_limit<A: Adapter>(world: &World) {
    let alice: A = world.client("alice", |options| {
        options.config.limits.max_frame_bytes = 2000;
        options.config.reconnect = None;
    });
    let bob: A = world.client("bob", |_| ());
    send(&bob, "alice", &"x".repeat(3000)).unwrap();
    let reason = wait_for(&alice, "the end", |event| match event {
        Event::Disconnected(reason) => Some(reason.to_string()),
        _ => None,
    });
    assert!(reason.contains("2000 bytes") || reason.contains("limit is 2000"), "{reason}");
}

/// Whoever answers messages by program must not answer these.
fn own_messages<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = world.friends();
    let other: A = world.client("alice", |_| ());
    send(&bob, "alice", "hello").unwrap();
    send(&other, "bob", "hello yourself").unwrap();
    let next = || {
        wait_for(&alice, "a message", |event| match event {
            Event::Message(incoming) => Some((incoming.dialog().to_owned(), incoming.is_own())),
            _ => None,
        })
    };
    assert_eq!([next(), next()], [("bob".to_owned(), false), ("bob".to_owned(), true)]);
}

/// Case 6: no answer waits behind events that nobody reads.
fn an_answer_behind_unread_events<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = world.friends();
    world.with(|machine, now| {
        // As many as a server keeps of a dialog, nearly.
        for n in 0..900 {
            machine.post(now, "alice", "bob", &n.to_string()).unwrap();
        }
    });
    // As in a bot's loop: one event, one answer to be waited for.
    for n in 0..900 {
        assert_eq!(next_message(&bob).1, n.to_string());
        if n % 100 == 0 {
            send(&bob, "alice", "yes?").unwrap();
        }
    }
    wait_for(&alice, "what bob says", |event| match event {
        Event::Message(incoming) => (!incoming.is_own()).then_some(()),
        _ => None,
    });
}

fn texts_are_not_shown<A: Adapter>(world: &World) {
    const BODY: &str = "nobody's business";
    let (alice, bob): (A, A) = world.friends();
    send(&alice, "bob", BODY).unwrap();
    send(&bob, "alice", "an answer comes after what arrived before it").unwrap();
    assert!(!bob.shown().contains(BODY), "{}", bob.shown());
    // The next event may be taken together with it.
    wait_for(&bob, "the connection", |event| matches!(event, Event::Connected { .. }).then_some(()));
    for text in [BODY, "correct horse", "battery staple"] {
        assert!(!bob.shown().contains(text), "{}", bob.shown());
    }
}
