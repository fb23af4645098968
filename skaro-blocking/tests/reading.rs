//! Two ways of reading events.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use async_std::task::block_on;
use skaro_async_std::Server;
use skaro_blocking::proto::server;
use skaro_blocking::{Client, Event, GetContacts, NoEvent};

const PATIENCE: Duration = Duration::from_secs(20);

/// The iterator, and the method with a time-out.
#[test]
fn both_ways_of_reading_share_one_order() {
    let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
    machine.add_user("alice", "correct horse").unwrap();
    let server = block_on(Server::bind("127.0.0.1:0", machine)).unwrap();
    let (client, mut events) = Client::connect(server.url()).unwrap();
    client.authorize("alice", "correct horse").unwrap();
    assert!(matches!(events.next(), Some(Event::Connected { .. })));
    assert!(matches!(events.next(), Some(Event::CaughtUp { .. })));
    for round in 0..20 {
        let given: Vec<_> = (0..10).map(|_| client.submit(GetContacts).unwrap()).collect();
        for (n, id) in given.into_iter().enumerate() {
            let by_iterator = (n + round) % 3 == 0;
            let event = if by_iterator { events.next() } else { events.next_event(PATIENCE).ok() };
            assert!(matches!(&event, Some(Event::Ended(ended)) if ended.ticket.id() == id), "{event:?}");
        }
    }
    client.close();
    assert!(matches!(events.next(), Some(Event::Disconnected(_))));
    assert_eq!((events.next(), events.next_event(PATIENCE)), (None, Err(NoEvent::Closed)));
}
