//! A chat message that arrives, with the dialog to which it belongs.

use crate::message::Message;

/// A message that someone sent, or that the user sent on another connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Incoming<'a> {
    /// The message.
    pub message: Message<'a>,
    is_own: bool,
}

impl<'a> Incoming<'a> {
    /// A message that arrives for this user.
    pub(super) fn new(message: Message<'a>, user: Option<&str>) -> Self {
        let is_own = user.is_some_and(|user| message.is_from(user));
        Incoming { message, is_own }
    }

    /// Returns the dialog to which the message belongs: the other user's login, or the conference. An answer goes
    /// there.
    #[must_use]
    pub fn dialog(&self) -> &str {
        self.message.dialog_if_own(self.is_own)
    }

    /// Returns whether the user has sent the message, on another connection. Programs should not answer these: two
    /// programs of the same user would answer each other without end.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.is_own
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Incoming<'static> {
        Incoming { message: self.message.into_owned(), is_own: self.is_own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialog_is_one_of_the_texts_and_own_messages_are_told_apart() {
        let message = Message::new("alice", "bob", "hello");
        let mut conference = message.clone();
        conference.from.in_conference = Some("rust".into());
        for (message, user, dialog, own) in [
            (&message, Some("alice"), "bob", true),
            (&message, Some("bob"), "alice", false),
            (&message, None, "alice", false),
            (&conference, Some("bob"), "rust", false),
            (&conference, Some("alice"), "bob", true),
        ] {
            let incoming = Incoming::new(message.clone(), user);
            assert_eq!(incoming.dialog(), message.dialog(user));
            let incoming = incoming.into_owned();
            assert_eq!((incoming.dialog(), incoming.is_own()), (dialog, own));
        }
    }
}
