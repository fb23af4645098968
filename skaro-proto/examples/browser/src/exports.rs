//! The functions for JavaScript, with numbers as parameters and results. Texts and frames are passed in shared memory.
//!
//! JavaScript calls [`skaro_input`] for a buffer, writes texts there one after the other, and passes their lengths in
//! bytes. Results that are text or bytes are at [`skaro_output`] until the next call. Times are in milliseconds.
//!
//! Each instance has one chat. All unsafe code of this package is in this file: the exported names, and the assumption
//! of a single thread.

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

/// Ends the instance with an error in JavaScript after a panic. The core itself never panics.
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

// SAFETY: WebAssembly without atomics has a single thread, so this is never shared.
unsafe impl Sync for Single {}

static STATE: Single = Single(RefCell::new(None));

fn with<T>(call: impl FnOnce(&mut State) -> T) -> T {
    call(STATE.0.borrow_mut().get_or_insert_default())
}

/// Calls a function with texts of these lengths, and wipes them afterwards, since they may be secret.
fn with_texts<T, const N: usize>(lengths: [usize; N], call: impl FnOnce(&mut Chat, [&str; N]) -> T) -> T {
    with(|state| {
        let input = Zeroizing::new(mem::take(&mut state.input));
        let mut rest = input.as_slice();
        let texts = lengths.map(|length| {
            let (text, after) = rest.split_at_checked(length).unwrap_or_default();
            rest = after;
            // JavaScript's encoder only writes UTF-8.
            core::str::from_utf8(text).unwrap_or_default()
        });
        call(&mut state.chat, texts)
    })
}

fn time(millis: f64) -> Time {
    // Casts from floating-point numbers saturate, so an invalid time is harmless.
    Time::since_epoch(Duration::from_micros((millis * 1000.0) as u64))
}

/// Returns a buffer of this many bytes.
#[unsafe(no_mangle)]
extern "C" fn skaro_input(length: usize) -> *mut u8 {
    with(|state| {
        state.input.clear();
        state.input.resize(length, 0);
        state.input.as_mut_ptr()
    })
}

/// Returns the address of the last result.
#[unsafe(no_mangle)]
extern "C" fn skaro_output() -> *const u8 {
    with(|state| state.output.as_ptr())
}

/// Returns the length of the last result in bytes.
#[unsafe(no_mangle)]
extern "C" fn skaro_output_length() -> usize {
    with(|state| state.output.len())
}

/// Creates a new chat. The seed has to be random.
#[unsafe(no_mangle)]
extern "C" fn skaro_start(seed: u64, and: u64, then: u64, last: u64) {
    with(|state| *state = State { chat: Chat::new([seed, and, then, last]), ..State::default() });
}

/// Signs the user in, on a connection to this URL.
#[unsafe(no_mangle)]
extern "C" fn skaro_sign_in(now: f64, url: usize, login: usize, password: usize) {
    with_texts([url, login, password], |chat, [url, login, password]| {
        chat.sign_in(time(now), url, login, password);
    });
}

/// Makes an account, and signs its user in, on a connection to this URL. The invitation may be empty.
#[unsafe(no_mangle)]
extern "C" fn skaro_register(now: f64, url: usize, login: usize, password: usize, invitation: usize) {
    with_texts([url, login, password, invitation], |chat, [url, login, password, invitation]| {
        chat.register(time(now), url, login, password, invitation);
    });
}

/// Makes a request of the extension `people`: a JSON object with its type as `ask`, and its fields.
#[unsafe(no_mangle)]
extern "C" fn skaro_ask(now: f64, what: usize) {
    with_texts([what], |chat, [what]| chat.ask(time(now), what));
}

/// Tells that the user types in a dialog.
#[unsafe(no_mangle)]
extern "C" fn skaro_typing(now: f64, dialog: usize) {
    with_texts([dialog], |chat, [dialog]| chat.typing(time(now), dialog));
}

/// Signs the user out, and closes the connection for good.
#[unsafe(no_mangle)]
extern "C" fn skaro_sign_out(now: f64) {
    with(|state| state.chat.sign_out(time(now)));
}

/// Opens a dialog.
#[unsafe(no_mangle)]
extern "C" fn skaro_open(now: f64, dialog: usize) {
    with_texts([dialog], |chat, [dialog]| chat.open(time(now), dialog));
}

/// Tells how far the user has read a dialog: the position of a message.
#[unsafe(no_mangle)]
extern "C" fn skaro_read(now: f64, dialog: usize, up_to: f64) {
    with_texts([dialog], |chat, [dialog]| chat.read(time(now), dialog, up_to as u64));
}

/// Sends a message; news about it contains the marker.
#[unsafe(no_mangle)]
extern "C" fn skaro_send(now: f64, to: usize, body: usize, marker: u32) {
    with_texts([to, body], |chat, [to, body]| chat.send(time(now), to, body, marker));
}

/// Connects now, without waiting for the next attempt.
#[unsafe(no_mangle)]
extern "C" fn skaro_reconnect(now: f64) {
    with(|state| state.chat.reconnect(time(now)));
}

/// Reports that the WebSocket is open, and whether nobody on the way can read what is sent.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_connected(now: f64, is_confidential: bool) {
    with(|state| state.chat.handle_connected(time(now), is_confidential));
}

/// Reports a message from the WebSocket.
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

/// Reports that the WebSocket is closed, or could not be opened, with the code and reason of its `close` event.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_closed(now: f64, was_open: bool, code: u16, reason: usize) {
    with_texts([reason], |chat, [reason]| {
        let reason = match code {
            _ if !was_open => Disconnect::Failed("the server can't be reached".into()),
            // Codes of browsers for an end without closing handshake, and for a close without a code.
            1006 => Disconnect::Failed("the connection broke".into()),
            1005 => Disconnect::Closed { code: None, reason: String::new() },
            code => Disconnect::Closed { code: Some(code), reason: reason.into() },
        };
        chat.handle_disconnected(time(now), reason);
    });
}

/// Reports that the time of `skaro_poll_timeout` has come.
#[unsafe(no_mangle)]
extern "C" fn skaro_handle_timeout(now: f64) {
    with(|state| state.chat.handle_timeout(time(now)));
}

/// Returns the next action on the WebSocket: 0 for none, 1 to send the output as text, 2 to send it as bytes, any other
/// number to close the WebSocket with this code.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_transmit(now: f64) -> u32 {
    with(|state| match state.chat.poll_transmit(time(now), &mut state.output) {
        Sending::Nothing => 0,
        Sending::Text => 1,
        Sending::Binary => 2,
        Sending::Close(code) => code.into(),
    })
}

/// Returns whether there is news for the page; it is then in the output, as JSON.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_event() -> bool {
    with(|state| {
        let Some(news) = state.chat.poll_event() else { return false };
        state.output = news.into_bytes();
        true
    })
}

/// Returns the time for `skaro_handle_timeout`; infinity if there is none.
#[unsafe(no_mangle)]
extern "C" fn skaro_poll_timeout() -> f64 {
    with(|state| match state.chat.poll_timeout() {
        Some(time) => time.elapsed().as_secs_f64() * 1000.0,
        None => f64::INFINITY,
    })
}

/// Returns the state of the client, as an index into the list of names in core.js.
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
        // Closed is final; unknown future states are treated alike.
        _ => 8,
    })
}
