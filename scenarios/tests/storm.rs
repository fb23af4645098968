//! Fifty clients send messages to each other while their connections break after any byte: not one message is lost,
//! doubled, out of order or unknown.
//!
//! `BREAKS=20000 cargo test -p skaro-scenarios --test storm -- --nocapture blocking` makes the storm of one adapter
//! longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::proto::server::Server;
use skaro_scenarios::adapters::{Adapter, Async, Blocking};
use skaro_scenarios::cable::Cable;
use skaro_scenarios::devices::{DEVICES, Device, USERS, compare_logs, login, options, read_log};
use skaro_scenarios::servers::{Host, Served, serve};
use skaro_scenarios::world::machine;
use skaro_tokio::Tokio;

/// A connection breaks within so many bytes in either direction. Signing in takes some 600.
const WITHIN: usize = 8000;

/// Connections that break in a storm of the usual tests.
const BREAKS: usize = 1000;

#[test]
fn over_blocking() {
    storm::<Blocking, Tokio>("blocking");
}

#[test]
fn over_tokio() {
    storm::<Async<Tokio>, Tokio>("tokio");
}

#[test]
fn over_async_std() {
    storm::<Async<AsyncStd>, AsyncStd>("async-std");
}

fn storm<A: Adapter, R: Host>(adapter: &str) {
    let breaks = std::env::var("BREAKS").map_or(BREAKS, |breaks| breaks.parse().expect("a number"));
    let server = new_server::<R>();
    let cable = Cable::new(server.address());
    let mut devices: Vec<_> = (0..DEVICES).map(|n| Device::<A>::new(n, options(cable.address, n))).collect();
    cable.be_fragile(Some(WITHIN));
    cable.cut();

    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        for device in &mut devices {
            threads.spawn(|| device.chat(&is_over));
        }
        until_broken(&cable, breaks, &is_over);
    });

    let logs: Vec<_> = (0..USERS).map(|user| read_log::<A>(user, server.address())).collect();
    for device in &mut devices {
        device.compare(&logs[device.user]);
    }
    let messages: usize = devices.iter().map(|device| device.sent).sum();
    compare_logs(&logs, &devices);
    eprintln!("{adapter}: {messages} messages, {} connections broke", cable.breaks());
    devices.iter().for_each(|device| device.client.close());
    server.shut_down("that was it");
}

/// Waits for so many breaks; then nothing breaks any more.
fn until_broken(cable: &Cable, breaks: usize, is_over: &AtomicBool) {
    // A device that panics breaks nothing any more: whoever waits for breaks must not wait for ever.
    let (mut before, mut idle) = (0, 0);
    while cable.breaks() < breaks && idle < 200 {
        thread::sleep(Duration::from_millis(50));
        idle = if cable.breaks() == before { idle + 1 } else { 0 };
        before = cable.breaks();
    }
    cable.be_fragile(None);
    is_over.store(true, Ordering::Relaxed);
    assert!(cable.breaks() >= breaks, "only {} connections broke", cable.breaks());
}

fn new_server<R: Host>() -> Box<dyn Served> {
    let mut machine: Server = machine(|config| {
        // Nothing is pushed out.
        (config.max_dialog_messages, config.max_log_entries, config.max_keys) = (1 << 20, 1 << 20, 1 << 20);
    });
    for user in 0..USERS {
        machine.add_user(&login(user), &login(user)).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve::<R>(listener, machine, ServerOptions::default())
}
