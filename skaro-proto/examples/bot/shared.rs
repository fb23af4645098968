//! The bot's client where everything happens in one task: no lock is needed, and nobody waits for ends.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Instant;

use skaro_proto::Time;
use skaro_proto::client::{Client, CommandError, Mailbox, Options};
use skaro_proto::tungstenite::Access;

use crate::bot::Bot;

pub(crate) struct Shared {
    mailbox: RefCell<Mailbox<Infallible>>,
    start: Instant,
}

impl Shared {
    pub(crate) fn new(options: &Options) -> Shared {
        // A real client takes a random seed, which spreads reconnections over time.
        let client = Client::new(options.config.clone(), 1);
        Shared { mailbox: RefCell::new(Mailbox::new(client, options.events)), start: Instant::now() }
    }

    /// Lets the bot react to all that has happened.
    pub(crate) fn react(&self, bot: &Bot) -> Result<(), CommandError> {
        let now = self.now();
        self.with(|mailbox| {
            while let Some(event) = mailbox.next_event() {
                bot.react(&mut mailbox.client, now, &event)?;
            }
            Ok(())
        })
    }
}

impl Access for Shared {
    type Waiter = Infallible;

    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed())
    }

    fn with<T>(&self, call: impl FnOnce(&mut Mailbox<Infallible>) -> T) -> T {
        call(&mut self.mailbox.borrow_mut())
    }
}
