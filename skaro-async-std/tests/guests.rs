//! Futures that wait look after the connection; here are some that are woken for it and do nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_std::task::block_on;
use futures_util::{Stream, StreamExt};
use skaro_async_std::proto::client::{Event, RequestError};
use skaro_async_std::proto::message::Contacts;
use skaro_async_std::{Client, Events, Server, proto, random_seed};

const PATIENCE: Duration = Duration::from_secs(20);

fn server() -> Server {
    let mut config = proto::server::Config::default();
    config.open_directory = true;
    let mut machine = proto::server::Server::new(config, random_seed().unwrap());
    for login in ["alice", "bob"] {
        machine.add_user(login, "secret").unwrap();
    }
    block_on(Server::bind("127.0.0.1:0", machine)).unwrap()
}

fn sign_in(server: &Server, login: &str) -> (Client, Events) {
    let (client, mut events) = block_on(Client::connect(server.url())).unwrap();
    block_on(client.authorize(login, "secret")).unwrap();
    assert!(matches!(next(&mut events), Some(Event::Connected { .. })));
    // Signing in made the client's task watch for a while: that is over before a test begins.
    std::thread::sleep(Duration::from_millis(50));
    (client, events)
}

fn once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// Though none of Alice's futures does anything, her client hears what Bob says.
fn hears(alice: &Client, bob: &Client) {
    let has_heard = || alice.with(|machine| machine.dialogs().any(|login| login == "bob"));
    assert!(!has_heard());
    block_on(bob.send_message("alice", "hello")).unwrap();
    until("she hears", has_heard);
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn next(events: &mut Events) -> Option<Event<'static>> {
    block_on(async_std::future::timeout(PATIENCE, events.next())).unwrap()
}

/// A request that was polled once. It may be answered by then, but not each time.
fn waiting_request(client: &Client) -> impl Future<Output = Result<Contacts<'static>, RequestError>> {
    loop {
        let mut request = Box::pin(client.get_contacts());
        if once(|cx| request.as_mut().poll(cx)).is_pending() {
            return request;
        }
    }
}

#[test]
fn events_that_nobody_asks_for_any_more() {
    let server = server();
    let ((alice, mut events), (bob, _)) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    assert!(once(|cx| Pin::new(&mut events).poll_next(cx)).is_pending());
    hears(&alice, &bob);
    block_on(alice.get_contacts()).unwrap();
    assert!(matches!(next(&mut events), Some(Event::Message(_))));
    assert!(once(|cx| Pin::new(&mut events).poll_next(cx)).is_pending());
    block_on(alice.close());
    assert!(matches!(next(&mut events), Some(Event::Disconnected(_))));
}

#[test]
fn a_request_that_nobody_looks_at() {
    let server = server();
    let ((alice, _events), (bob, _)) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let request = waiting_request(&alice);
    hears(&alice, &bob);
    block_on(request).unwrap();
}

#[test]
fn a_request_that_is_dropped() {
    let server = server();
    let ((alice, mut events), (bob, _)) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let mut ends = || matches!(next(&mut events), Some(Event::Ended(ended)) if ended.outcome.is_ok());
    drop(waiting_request(&alice));
    assert!(ends());
    // The other way round: its end is there, and has not been looked at.
    let request = waiting_request(&alice);
    until("the request ends", || alice.with(|machine| machine.pending() == 0));
    drop(request);
    assert!(ends());
    hears(&alice, &bob);
}

#[test]
fn many_who_wait_in_turn_and_at_once() {
    let server = server();
    let ((alice, mut events), (_bob, mut heard)) = (sign_in(&server, "alice"), sign_in(&server, "bob"));
    let senders: Vec<_> = (0..4)
        .map(|sender: u64| {
            let alice = alice.clone();
            async_std::task::spawn(async move {
                let mut given_up = 0;
                for n in 0..100 {
                    // Some give up at once, some soon, most do not.
                    let patience = match (n + sender) % 10 {
                        0 => Duration::ZERO,
                        1 => Duration::from_micros(50),
                        _ => PATIENCE,
                    };
                    match async_std::future::timeout(patience, alice.send_message("bob", "hello")).await {
                        Ok(sent) => drop(sent.unwrap()),
                        Err(_) => given_up += 1,
                    }
                }
                given_up
            })
        })
        .collect();
    for _ in 0..400 {
        assert!(matches!(next(&mut heard), Some(Event::Message(_))));
    }
    // Whoever gave up finds the end among the events: each one, and each once.
    let given_up: u32 = senders.into_iter().map(block_on).sum();
    for _ in 0..given_up {
        assert!(matches!(next(&mut events), Some(Event::Ended(ended)) if ended.outcome.is_ok()));
    }
    block_on(alice.close());
    assert!(matches!(next(&mut events), Some(Event::Disconnected(_))));
    assert_eq!(next(&mut events), None);
}
