//! Threads that wait in turn, at once and not at all: whoever looks after the connection, nothing is left lying.

use std::thread;
use std::time::Duration;

use async_std::task::block_on;
use futures_util::StreamExt;
use skaro_blocking::{Event, Format, SendMessage};

use crate::adapters::{Adapter, Blocking, older_options};
use crate::world::{PATIENCE, USERS, World, until, wait_for};

const EACH: usize = 60;

/// Pauses of all sorts: none, shorter and longer than a thread of the client may wait for the next one who waits.
const PAUSES: [u64; 7] = [0, 0, 1, 0, 3, 12, 0];

fn pause(n: usize) {
    let pause = PAUSES[n % PAUSES.len()];
    if pause > 0 {
        thread::sleep(Duration::from_millis(pause));
    }
}

/// Some threads wait for answers, one for events, one for nothing.
pub(crate) fn everybody_takes_turns<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = (world.client("alice", |_| ()), world.client("bob", |_| ()));
    thread::scope(|threads| {
        for shift in 0..3 {
            let alice = &alice;
            threads.spawn(move || {
                for n in 0..EACH {
                    alice.request(SendMessage { to: "bob", body: "waited for", marker: None }).unwrap();
                    pause(n + shift);
                }
            });
        }
        threads.spawn(|| {
            for n in 0..EACH {
                alice.submit(SendMessage { to: "bob", body: "submitted", marker: None }).unwrap();
                pause(n);
            }
        });
        threads.spawn(|| {
            let is_end = |event: &Event<'_>| {
                matches!(event, Event::Ended(ended) if ended.outcome.is_ok()).then_some(())
            };
            (0..EACH).for_each(|_| wait_for(&alice, "the end of what was submitted", is_end));
        });
        // Bob looks in now and then, too.
        let mut messages = 0;
        for n in 0.. {
            if let Ok(Event::Message { .. }) = bob.next_event(Duration::from_millis(PAUSES[n % PAUSES.len()]))
            {
                messages += 1;
            }
            if messages == 4 * EACH {
                break;
            }
            assert!(n < 100_000, "only {messages} messages arrived");
        }
    });
}

/// Nobody waits at Alice's, so her client has to send by itself: just after somebody waited, and long after.
pub(crate) fn what_is_submitted_leaves<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = (world.client("alice", |_| ()), world.client("bob", |_| ()));
    for n in 0..20 {
        if n % 2 == 0 {
            alice.request(SendMessage { to: "bob", body: "waited for", marker: None }).unwrap();
        }
        pause(n);
        let body = n.to_string();
        alice.submit(SendMessage { to: "bob", body: &body, marker: None }).unwrap();
        wait_for(&bob, "what was submitted", |event| {
            matches!(event, Event::Message { message, .. } if message.body == *body).then_some(())
        });
    }
}

/// The blocking adapter's iterator takes several events at once.
pub(crate) fn both_ways_of_reading_share_one_order() {
    let world = World::new(Format::Json);
    let (client, mut events) = skaro_blocking::Client::connect(world.options()).unwrap();
    client.authorize(USERS[0].0, USERS[0].1).unwrap();
    assert!(matches!(events.next(), Some(Event::Connected { .. })));
    for round in 0..20 {
        let message = SendMessage { to: "bob", body: "hello", marker: None };
        let given: Vec<_> = (0..10).map(|_| client.submit(message).unwrap()).collect();
        // Some ends come together, some one by one.
        pause(round);
        for (n, id) in given.into_iter().enumerate() {
            let by_iterator = (n + round) % 3 == 0;
            let event = if by_iterator { events.next() } else { events.next_event(PATIENCE).ok() };
            assert!(matches!(&event, Some(Event::Ended(ended)) if ended.ticket.id() == id), "{event:?}");
        }
    }
    client.close();
    assert!(matches!(events.next(), Some(Event::Disconnected(_))));
    assert_eq!((events.next(), events.next_event(PATIENCE)), (None, Err(skaro_blocking::NoEvent::Closed)));
}

pub(crate) fn events_that_were_taken_are_not_shown() {
    const BODY: &str = "nobody's business";
    let world = World::new(Format::Json);
    let bob: Blocking = world.client("bob", |_| ());
    let send = || bob.request(SendMessage { to: "alice", body: BODY, marker: None }).unwrap();
    // What arrived is taken together with the first event.
    let (client, mut events) = skaro_blocking::Client::connect(world.options()).unwrap();
    client.authorize(USERS[0].0, USERS[0].1).unwrap();
    send();
    until("the message arrives", || client.with(|machine| machine.dialogs().next().is_some()));
    assert!(matches!(events.next(), Some(Event::Connected { .. })));
    assert!(!format!("{events:?}").contains(BODY), "{events:?}");
    let (client, mut events) =
        block_on(skaro_async_std::Client::connect(older_options(world.options()))).unwrap();
    block_on(client.authorize(USERS[0].0, USERS[0].1)).unwrap();
    send();
    until("the message arrives", || client.with(|machine| machine.dialogs().next().is_some()));
    assert!(matches!(block_on(events.next()), Some(Event::Connected { .. })));
    assert!(!format!("{events:?}").contains(BODY), "{events:?}");
}
