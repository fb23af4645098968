//! What JavaScript calls: numbers in, numbers out. Texts and frames lie in the memory that both sides see.
//!
//! JavaScript asks [`skaro_input`] for room, writes texts there one after the other, and calls with their lengths in
//! bytes. What comes back as text or bytes lies at [`skaro_output`] until the next call. Moments are milliseconds.
//!
//! There is one chat in an instance. The unsafe code of this package is in this file: the names that are exported, and
//! the promise that there is one thread.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem;
use core::time::Duration;

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::{Frame, Time};
use zeroize::Zeroizing;

use crate::chat::{Chat, Sending};

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Nothing in the core panics; if anything else does, the instance ends with an error that JavaScript sees.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[derive(Default)]
struct State {
    chat: Chat,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Single(RefCell<Option<State>>);

#[cfg(target_feature = "atomics")]
compile_error!("this is for instances with one thread");

// SAFETY: WebAssembly without atomics has one thread, so there is no other one to share this with.
unsafe impl Sync for Single {}

static STATE: Single = Single(RefCell::new(None));

fn with<T>(call: impl FnOnce(&mut State) -> T) -> T {
    call(STATE.0.borrow_mut().get_or_insert_default())
}

/// A call with texts of these lengths; they may be secret, so they are wiped afterwards.
fn with_texts<T, const N: usize>(lengths: [usize; N], call: impl FnOnce(&mut Chat, [&str; N]) -> T) -> T {
    with(|state| {
        let input = Zeroizing::new(mem::take(&mut state.input));
        let mut rest = input.as_slice();
        let texts = lengths.map(|length| {
            let (text, after) = rest.split_at_checked(length).unwrap_or_default();
            rest = after;
            // JavaScript's encoder writes nothing but UTF-8.
            core::str::from_utf8(text).unwrap_or_default()
        });
        call(&mut state.chat, texts)
    })
}

fn time(millis: f64) -> Time {
    // Casts from floating-point numbers saturate: a clock that makes no sense is one that stands still.
    Time::since_epoch(Duration::from_micros((millis * 1000.0) as u64))
}

/// Room for this many bytes.
#[unsafe(no_mangle)]
extern "C" fn skaro_input(length: usize) -> *mut u8 {
    with(|state| {
        state.input.clear();
        state.input.resize(length, 0);
        state.input.as_mut_ptr()
    })
}

/// Where the last result lies.
#[unsafe(no_mangle)]
extern "C" fn skaro_output() -> *const u8 {
    with(|state| state.output.as_ptr())
}

/// How many bytes it has.
#[unsafe(no_mangle)]
extern "C" fn skaro_output_length() -> usize {
    with(|state| state.output.len())
}

/// Begins anew, with another seed for each page.
#[unsafe(no_mangle)]
extern "C" fn skaro_start(seed: u64) {
    with(|state| *state = State { chat: Chat::new(seed), ..State::default() });
}

/// The user signs in, on a connection to this URL.
#[unsafe(no_mangle)]
extern "C" fn skaro_sign_in(now: f64, url: usize, login: usize, password: usize) {
    with_texts([url, login, password], |chat, [url, login, password]| {
        chat.sign_in(time(now), url, login, password);
    });
}

/// The user signs out: closes the connection for good.
#[unsafe(no_mangle)]
extern "C" fn skaro_sign_out(now: f64) {
    with(|state| state.chat.sign_out(time(now)));
}

/// The user looks at a dialog.
#[unsafe(no_mangle)]
extern "C" fn skaro_open(now: f64, dialog: usize) {
    with_texts([dialog], |chat, [dialog]| chat.open(time(now), dialog));
}

/// The user sends a message; the marker comes back with what became of it.
#[unsafe(no_mangle)]
extern "C" fn skaro_send(now: f64, to: usize, body: usize, marker: u32) {
    with_texts([to, body], |chat, [to, body]| chat.send(time(now), to, body, marker));
}

/// The user does not want to wait for the next attempt to connect.
#[unsafe(no_mangle)]
extern "C" fn skaro_reconnect(now: f64) {
    with(|state| state.chat.reconnect(time(now)));
}

/// The WebSocket is open.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_connected(now: f64) {
    with(|state| state.chat.handle_connected(time(now)));
}

/// A message has come through the WebSocket.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_frame(now: f64, is_text: bool, length: usize) {
    with(|state| {
        let input = mem::take(&mut state.input);
        let bytes = input.get(..length).unwrap_or_default();
        let frame = match core::str::from_utf8(bytes) {
            Ok(text) if is_text => Frame::Text(text),
            _ => Frame::Binary(bytes),
        };
        state.chat.handle_frame(time(now), frame);
    });
}

/// The WebSocket is closed, or could not be opened; the code and the reason as its `close` event has them.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_closed(now: f64, was_open: bool, code: u16, reason: usize) {
    with_texts([reason], |chat, [reason]| {
        let reason = match code {
            _ if !was_open => Disconnect::Failed("the server can't be reached".into()),
            // What browsers report if there was no closing handshake, and if it had no code.
            1006 => Disconnect::Failed("the connection broke".into()),
            1005 => Disconnect::Closed { code: None, reason: String::new() },
            code => Disconnect::Closed { code: Some(code), reason: reason.into() },
        };
        chat.handle_disconnected(time(now), reason);
    });
}

/// The moment of `skaro_poll_timeout` has come.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_timeout(now: f64) {
    with(|state| state.chat.handle_timeout(time(now)));
}

/// What to do with the WebSocket next: 0 nothing, 1 send the output as text, 2 send it as bytes, else close it with
/// this code.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_transmit(now: f64) -> u32 {
    with(|state| match state.chat.poll_transmit(time(now), &mut state.output) {
        Sending::Nothing => 0,
        Sending::Text => 1,
        Sending::Binary => 2,
        Sending::Close(code) => code.into(),
    })
}

/// Whether there is something to tell: then it is the output, as JSON.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_event() -> bool {
    with(|state| {
        let Some(news) = state.chat.poll_event() else { return false };
        state.output = news.into_bytes();
        true
    })
}

/// When to call `skaro_handle_timeout`; infinity for never.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_timeout() -> f64 {
    with(|state| match state.chat.poll_timeout() {
        Some(time) => time.elapsed().as_secs_f64() * 1000.0,
        None => f64::INFINITY,
    })
}

/// What the client is doing, as the place of its name in the list that core.js has.
#[unsafe(no_mangle)]
extern "C" fn skaro_status() -> u32 {
    with(|state| match state.chat.status() {
        Status::Offline => 0,
        Status::Waiting { .. } => 1,
        Status::Dialing => 2,
        Status::Greeting => 3,
        Status::Connected => 4,
        Status::SigningIn => 5,
        Status::SignedIn => 6,
        Status::Closing => 7,
        // Nothing comes after that; neither after what nobody knows yet.
        _ => 8,
    })
}
