//! The program as people and programs use them: processes that read lines and write JSON.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking; helpers outside of test functions are not recognized as tests"
)]

mod chat;
mod commands;
mod conference;
mod config;
mod data;
mod elsewhere;
mod files;
mod limits;
mod operators;
#[cfg(unix)]
mod page;
#[cfg(unix)]
mod people;
#[cfg(unix)]
mod picture;
mod process;
mod proxy;
mod relay;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod running;
mod send;
mod serve;
mod state;
#[cfg(unix)]
mod terminal;
mod tls;
mod unread;
#[cfg(unix)]
mod view;
