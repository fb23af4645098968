//! Futures of commands that are dropped: the end of each command comes all the same, as an event, and only once.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use skaro_async_std::ServerOptions;
use skaro_blocking::{Event, GetContacts, GetHistory, RegisterType, SendMessage};
use skaro_scenarios::adapters::{Adapter, Async};
use skaro_scenarios::cable::Cable;
use skaro_scenarios::servers::{Host, Served, serve};
use skaro_scenarios::world::{PATIENCE, machine, quick, sign_in, wait_for};

use crate::Alone;

pub(crate) fn all<R: Host>() -> Vec<Alone> {
    vec![
        ("before the end is there", before_the_end_is_there::<R>),
        ("when the end is there", when_the_end_is_there::<R>),
        ("some of many", some_of_many::<R>),
    ]
}

/// A server, what leads to it, and Alice.
fn alice<R: Host>() -> (Box<dyn Served>, Cable, Async<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve::<R>(listener, machine(|_| ()), ServerOptions::default());
    let cable = Cable::new(server.address());
    let alice = client::<R>(&cable, "alice");
    (server, cable, alice)
}

fn client<R: Host>(cable: &Cable, login: &str) -> Async<R> {
    let client = Async::<R>::connect(quick(format!("ws://{}/", cable.address))).unwrap();
    sign_in(&client, login);
    client
}

/// Waits for the end of a command; returns the command's type.
fn ended<R: Host>(alice: &Async<R>) -> String {
    wait_for(alice, "an end", |event| match event {
        Event::Ended(ended) => {
            assert!(ended.outcome.is_ok(), "{ended:?}");
            Some(ended.ticket.kind().as_str().to_owned())
        }
        _ => None,
    })
}

/// Closes the client, and checks that no event tells the end of any other command.
fn no_more_ends<R: Host>(alice: &Async<R>) {
    alice.close();
    while let Ok(event) = alice.next_event(PATIENCE) {
        assert!(!matches!(event, Event::Ended(_)), "{event:?}");
    }
}

fn before_the_end_is_there<R: Host>() {
    let (_server, cable, alice) = alice::<R>();
    cable.stall();
    // As if somebody else had been quicker.
    assert!(alice.client().request(GetContacts).now_or_never().is_none(), "nothing can be answered");
    cable.resume();
    assert_eq!(ended(&alice), "get_contacts");
    // Whoever waits gets the end, and no event.
    alice.request(RegisterType).unwrap();
    no_more_ends(&alice);
}

struct Tells(SyncSender<()>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        _ = self.0.send(());
    }
}

fn when_the_end_is_there<R: Host>() {
    let (_server, cable, alice) = alice::<R>();
    let (sender, woken) = sync_channel(16);
    let waker = Waker::from(Arc::new(Tells(sender)));
    cable.stall();
    let mut request = Box::pin(alice.client().request(GetHistory::new("bob")));
    assert!(request.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "nothing can be answered");
    cable.resume();
    woken.recv_timeout(PATIENCE).unwrap();
    drop(request);
    assert_eq!(ended(&alice), "get_history");
    no_more_ends(&alice);
}

/// Some give up at once, some soon, most do not.
fn some_of_many<R: Host>() {
    const THREADS: usize = 4;
    const EACH: usize = 100;
    let (_server, cable, alice) = alice::<R>();
    let bob = client::<R>(&cable, "bob");
    let start = Barrier::new(THREADS);
    let send = &|number: usize| {
        start.wait();
        let mut given_up = 0;
        for n in 0..EACH {
            let patience = match (n + number) % 10 {
                0 => Duration::ZERO,
                1 => Duration::from_micros(50),
                _ => PATIENCE,
            };
            let body = format!("{number} {n}");
            let message = pin!(alice.client().request(SendMessage::new("bob", &body)));
            let sent = if patience.is_zero() {
                message.now_or_never()
            } else {
                R::block_on(async {
                    let enough = pin!(R::sleep(patience));
                    match select(message, enough).await {
                        Either::Left((sent, _)) => Some(sent),
                        Either::Right(_) => None,
                    }
                })
            };
            match sent {
                Some(sent) => drop(sent.unwrap()),
                None => given_up += 1,
            }
        }
        given_up
    };
    let given_up: usize = thread::scope(|threads| {
        let senders: Vec<_> = (0..THREADS).map(|number| threads.spawn(move || send(number))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert!(given_up > 0, "nobody gave up");
    for _ in 0..given_up {
        assert_eq!(ended(&alice), "send_message");
    }
    no_more_ends(&alice);
    let heard: BTreeSet<String> = (0..THREADS * EACH)
        .map(|_| {
            wait_for(&bob, "a message", |event| match event {
                Event::Message(incoming) => Some(incoming.message.body.to_string()),
                _ => None,
            })
        })
        .collect();
    assert_eq!(heard.len(), THREADS * EACH, "each message was sent once");
}
