//! Clients over skaro's adapters.

use skaro_adapter::asynchronous::{self, Runtime};
use skaro_bench::samples::BODY;
use skaro_proto::client::{Event, SendMessage};

use crate::peer::FLOOD;
use crate::{AsyncClient, Client, TOGETHER};

const MESSAGE: SendMessage<'_> = SendMessage::new("bob", BODY);

pub struct Blocking {
    client: skaro_blocking::Client,
    events: skaro_blocking::Events,
}

impl Blocking {
    pub fn connect(port: u16) -> Self {
        let (client, mut events) =
            skaro_blocking::Client::connect(format!("ws://127.0.0.1:{port}/")).unwrap();
        assert!(matches!(events.next(), Some(Event::Connected { .. })));
        client.authorize("bob", "battery staple").unwrap();
        Blocking { client, events }
    }
}

impl Client for Blocking {
    fn round_trips(&mut self, count: u32) {
        for _ in 0..count {
            self.client.send_message("bob", BODY).unwrap();
        }
    }

    fn pipelined(&mut self, count: u32) {
        for _ in 0..count / TOGETHER {
            (0..TOGETHER).for_each(|_| _ = self.client.submit(MESSAGE).unwrap());
            (0..TOGETHER).for_each(|_| check_ended(self.events.next()));
        }
    }

    fn pushed(&mut self, count: u32) {
        self.client.send_message(FLOOD, &count.to_string()).unwrap();
        (0..count).for_each(|_| check_message(self.events.next()));
    }
}

pub struct Async<R> {
    client: asynchronous::Client<R>,
    events: asynchronous::Events,
}

impl<R: Runtime> Async<R> {
    pub async fn connect(port: u16) -> Self {
        let url = format!("ws://127.0.0.1:{port}/");
        let (client, mut events) = asynchronous::Client::connect(url).await.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        client.authorize("bob", "battery staple").await.unwrap();
        Async { client, events }
    }
}

impl<R: Runtime> AsyncClient for Async<R> {
    async fn round_trips(&mut self, count: u32) {
        for _ in 0..count {
            self.client.send_message("bob", BODY).await.unwrap();
        }
    }

    async fn pipelined(&mut self, count: u32) {
        for _ in 0..count / TOGETHER {
            (0..TOGETHER).for_each(|_| _ = self.client.submit(MESSAGE).unwrap());
            for _ in 0..TOGETHER {
                check_ended(self.events.next().await);
            }
        }
    }

    async fn pushed(&mut self, count: u32) {
        self.client.send_message(FLOOD, &count.to_string()).await.unwrap();
        for _ in 0..count {
            check_message(self.events.next().await);
        }
    }
}

fn check_ended(event: Option<Event<'static>>) {
    let is_success = matches!(&event, Some(Event::Ended(ended)) if ended.outcome.is_ok());
    assert!(is_success, "instead of the end of a command: {event:?}");
}

fn check_message(event: Option<Event<'static>>) {
    let is_right = matches!(&event, Some(Event::Message(incoming)) if incoming.message.body == BODY);
    assert!(is_right, "instead of a message: {event:?}");
}
