//! What every adapter of the skaro protocol needs, without I/O.
#![forbid(unsafe_code)]

pub mod dial;
mod error;
pub mod http;
mod options;
mod proxy;
#[cfg(feature = "tls")]
pub mod tls;
mod url;
pub mod websocket;

pub use error::ConnectError;
pub use options::Options;
pub use proxy::{Proxy, ProxyHandshake};
pub use url::Url;
