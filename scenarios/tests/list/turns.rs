//! Threads that wait in turn, at once and not at all: whoever looks after the connection, nothing is left lying.

use std::thread;
use std::time::Duration;

use skaro_blocking::{Event, SendMessage};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::world::{World, wait_for};

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
    let (alice, bob): (A, A) = world.friends();
    thread::scope(|threads| {
        for shift in 0..3 {
            let alice = &alice;
            threads.spawn(move || {
                for n in 0..EACH {
                    alice.request(SendMessage::new("bob", "waited for")).unwrap();
                    pause(n + shift);
                }
            });
        }
        threads.spawn(|| {
            for n in 0..EACH {
                alice.submit(SendMessage::new("bob", "submitted")).unwrap();
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
            if let Ok(Event::Message(_)) = bob.next_event(Duration::from_millis(PAUSES[n % PAUSES.len()])) {
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
    let (alice, bob): (A, A) = world.friends();
    for n in 0..20 {
        if n % 2 == 0 {
            alice.request(SendMessage::new("bob", "waited for")).unwrap();
        }
        pause(n);
        let body = n.to_string();
        alice.submit(SendMessage::new("bob", &body)).unwrap();
        wait_for(&bob, "what was submitted", |event| {
            matches!(event, Event::Message(incoming) if incoming.message.body == *body).then_some(())
        });
    }
}
