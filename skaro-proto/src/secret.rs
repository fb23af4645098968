//! Text that must not leak: wiped when dropped, never shown by `Debug`.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// A password, token or session id.
///
/// `Debug` shows only that there is one; the memory is wiped when it is dropped. [`Secret::expose`] is the one way
/// to the text, so that a search for it finds every place that handles it.
///
/// ```
/// let sid = skaro_proto::Secret::from("s-1");
/// assert_eq!(format!("{sid:?}"), "Secret(…)");
/// assert_eq!(sid.expose(), "s-1");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself: not for logs, errors or other people's eyes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(Zeroizing::new(text.into()))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
