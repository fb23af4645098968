//! What every adapter of the skaro protocol needs, without I/O.
#![forbid(unsafe_code)]

mod connection;
pub mod dial;
mod driver;
mod error;
pub mod http;
mod mailbox;
mod options;
mod proxy;
#[cfg(feature = "tls")]
pub mod tls;
mod url;
pub mod websocket;

pub use connection::{Connection, READ_AT_ONCE, Turn};
pub use driver::{Driver, Next};
pub use error::ConnectError;
pub use mailbox::{Mailbox, Waiter};
pub use options::Options;
pub use proxy::{Proxy, ProxyHandshake};
pub use url::Url;
