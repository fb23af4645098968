//! The user who answers each message in the demo.

use skaro_proto::message::Message;

use crate::text::Shown;

/// The bot's login, a hint for the user, and the number of answers to come.
pub(crate) struct EchoBot {
    pub(crate) login: String,
    pub(crate) hint: Shown,
    /// Number of messages to the bot, and from it.
    said: u64,
    heard: u64,
}

impl EchoBot {
    pub(crate) const fn new(login: String, hint: Shown) -> Self {
        EchoBot { login, hint, said: 0, heard: 0 }
    }

    pub(crate) fn handle_sent(&mut self, to: &str) {
        self.said += u64::from(self.login == to);
    }

    pub(crate) fn handle_message(&mut self, message: &Message<'_>) {
        self.heard += u64::from(self.login == message.from.login);
    }

    /// Returns whether some messages have no answer yet.
    pub(crate) const fn has_more_to_say(&self) -> bool {
        self.heard < self.said
    }
}
