//! Somebody who answers each message, so that one need not be alone to try the chat.

use skaro_proto::message::Message;

use crate::text::Shown;

/// Who answers, how to say so, and whether all has been answered.
pub(crate) struct EchoBot {
    pub(crate) login: String,
    pub(crate) hint: Shown,
    /// How many messages went there, and came from there.
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

    /// Whether there are answers to come.
    pub(crate) const fn has_more_to_say(&self) -> bool {
        self.heard < self.said
    }
}
