//! Wakers are other people's code: whatever they do, the client stays in order.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::{Either, select};
use skaro_adapter::asynchronous::{Client, Events};
use skaro_async_std::ServerOptions;
use skaro_blocking::{CommandError, GetContacts, Options, RequestError, Status};
use skaro_scenarios::servers::{Host, Served, serve};
use skaro_scenarios::world::{PATIENCE, USERS, machine, until};

use crate::Alone;

pub(crate) fn all<R: Host>() -> Vec<Alone> {
    vec![
        ("one that panics at an event", one_that_panics_at_an_event::<R>),
        ("one that panics at an answer", one_that_panics_at_an_answer::<R>),
        ("one that calls the client", one_that_calls_the_client::<R>),
    ]
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

fn alice<R: Host>() -> (Box<dyn Served>, Client<R>, Events) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve::<R>(listener, machine(|_| ()), ServerOptions::default());
    let options = Options::new(format!("ws://{}/", server.address()));
    let (client, events) = R::block_on(Client::<R>::connect(options)).unwrap();
    R::block_on(client.authorize(USERS[0].0, USERS[0].1)).unwrap();
    (server, client, events)
}

/// Polls for events with a waker until there are none.
fn wait_with(events: &mut Events, waker: Waker) {
    let mut cx = Context::from_waker(&waker);
    while let Poll::Ready(event) = pin!(events.next()).poll(&mut cx) {
        event.unwrap();
    }
}

/// Gives a request and polls it with a waker; once more if the answer is there before the first poll ends.
fn wait_for_an_answer_with<R: Host>(client: &Client<R>, waker: Waker) -> impl Future + '_ {
    let mut cx = Context::from_waker(&waker);
    loop {
        let mut request = Box::pin(client.get_contacts());
        if request.as_mut().poll(&mut cx).is_pending() {
            return request;
        }
    }
}

/// Case 29: the client's task ends by that, and everybody is told.
fn one_that_panics_at_an_event<R: Host>() {
    let (server, client, mut events) = alice::<R>();
    wait_with(&mut events, Arc::new(Panics).into());
    server.with(|machine, now| machine.post(now, "bob", "alice", "hello").unwrap());
    check_closed(&client, &mut events);
}

fn one_that_panics_at_an_answer<R: Host>() {
    let (_server, client, mut events) = alice::<R>();
    {
        let _request = wait_for_an_answer_with(&client, Arc::new(Panics).into());
        until("the client is closed", || client.status() == Status::Closed);
    }
    check_closed(&client, &mut events);
}

fn check_closed<R: Host>(client: &Client<R>, events: &mut Events) {
    until("the client is closed", || client.status() == Status::Closed);
    let result = R::block_on(client.request(GetContacts)).map(drop);
    assert_eq!(result, Err(RequestError::Command(CommandError::Closed)));
    let end = async {
        while events.next().await.is_some() {}
        client.close().await;
    };
    R::block_on(async {
        let (end, timeout) = (pin!(end), pin!(R::sleep(PATIENCE)));
        let ended = select(end, timeout).await;
        assert!(matches!(ended, Either::Left(_)), "nobody tells that it is over");
    });
}

/// An executor may poll within `wake`, or drop what a task had.
fn one_that_calls_the_client<R: Host>() {
    struct Calls<R>(Client<R>, std::sync::mpsc::SyncSender<Status>);
    impl<R: Host> Wake for Calls<R> {
        fn wake(self: Arc<Self>) {
            _ = self.1.send(self.0.status());
        }
    }
    let (server, client, mut events) = alice::<R>();
    let (sender, woken) = std::sync::mpsc::sync_channel(16);
    wait_with(&mut events, Arc::new(Calls(client.clone(), sender.clone())).into());
    server.with(|machine, now| machine.post(now, "bob", "alice", "hello").unwrap());
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Status::SignedIn), "at an event");
    let _request = wait_for_an_answer_with(&client, Arc::new(Calls(client.clone(), sender)).into());
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Status::SignedIn), "at an answer");
}
