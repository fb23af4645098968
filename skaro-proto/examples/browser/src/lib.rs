//! The core of skaro for a page in a browser, as WebAssembly: everything except the WebSocket, the clock, random
//! numbers and the display.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod chat;
#[cfg(target_arch = "wasm32")]
mod exports;
mod news;
mod people;
#[cfg(test)]
mod tests;

pub use chat::{Chat, Sending};
