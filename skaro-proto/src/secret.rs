//! Secret text, which is wiped when dropped and never shown by `Debug`.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// A password, token or session id.
///
/// `Debug` shows a placeholder; the memory is wiped on drop. [`Secret::expose`] is the only access to the text, so a
/// search for it finds every use.
///
/// ```
/// let sid = skaro_proto::Secret::from("s-1");
/// assert_eq!(format!("{sid:?}"), "Secret(…)");
/// assert_eq!(sid.expose(), "s-1");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the text itself. Do not log it or put it into errors.
    #[must_use]
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
