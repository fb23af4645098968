//! The core of skaro for a page in a browser, as WebAssembly: everything but the WebSocket, the clock, the dice and
//! what is shown.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod chat;
#[cfg(target_arch = "wasm32")]
mod exports;
mod news;
#[cfg(test)]
mod tests;

pub use chat::{Chat, Sending};
