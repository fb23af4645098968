//! The core on a microcontroller: it is challenged, proves that it knows the password, and is let in. There is no
//! operating system, no standard library and no network: the frames come on the command line, and leave by the
//! debugger's channel (semihosting).
#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use embedded_alloc::LlffHeap;
use skaro_proto::client::{Client, ClientConfig};
use skaro_proto::{Frame, Time, Transmit};

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

/// Bytes of the heap.
const HEAP_SIZE: usize = 16 * 1024;

#[entry]
fn main() -> ! {
    start_heap();
    match talk() {
        Ok(()) => debug::exit(debug::EXIT_SUCCESS),
        Err(problem) => {
            hprintln!("error: {}", problem);
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    halt()
}

/// Signs in: the command line has the server's two frames in hexadecimal, the login, and the password.
fn talk() -> Result<(), String> {
    let line = command_line()?;
    let mut words = line.splitn(4, ' ');
    let mut word = |name| words.next().ok_or_else(|| alloc::format!("no {name} on the command line"));
    let challenge = bytes(word("challenge")?)?;
    let answer = bytes(word("answer")?)?;
    let (login, password) = (word("login")?, word("password")?);

    // Nothing here takes long: a device that lives longer has a timer, and tells the time that it shows.
    let now = Time::ZERO;
    let used = HEAP.used();
    let mut client = Client::new(ClientConfig::default(), 1);
    client.handle_connected(now);
    client.handle_frame(now, Frame::Binary(&challenge)).map_err(|error| error.to_string())?;
    client.authorize(now, login, password).map_err(|error| error.to_string())?;
    while let Some(Transmit::Frame(frame)) = client.poll_transmit() {
        hprintln!("frame: {}", hex::encode(frame.as_bytes()));
    }
    client.handle_frame(now, Frame::Binary(&answer)).map_err(|error| error.to_string())?;
    hprintln!("signed in: {}", client.user().unwrap_or("nobody"));
    hprintln!("heap: {} bytes", HEAP.used() - used);
    Ok(())
}

fn bytes(word: &str) -> Result<Vec<u8>, String> {
    hex::decode(word).map_err(|error| alloc::format!("{word}: {error}"))
}

fn start_heap() {
    use core::mem::MaybeUninit;
    static mut MEMORY: [MaybeUninit<u8>; HEAP_SIZE] = [MaybeUninit::uninit(); HEAP_SIZE];
    // SAFETY: `main` calls this once, before anything is allocated; nobody else can name this memory.
    unsafe { HEAP.init(&raw mut MEMORY as usize, HEAP_SIZE) }
}

/// What the debugger was given as arguments of the program.
fn command_line() -> Result<String, String> {
    /// What SYS_GET_CMDLINE takes: where to write, and how much fits.
    #[repr(C)]
    struct Block {
        buffer: *mut u8,
        length: usize,
    }
    const GET_CMDLINE: usize = 0x15;

    let mut buffer = alloc::vec![0_u8; 4096];
    let mut block = Block { buffer: buffer.as_mut_ptr(), length: buffer.len() };
    // SAFETY: the block has the form that this call wants, and its buffer is as long as it says and lives on.
    let failed = unsafe { cortex_m_semihosting::syscall1(GET_CMDLINE, &raw mut block as usize) };
    if failed != 0 {
        return Err("the debugger has no command line, or too long a one".into());
    }
    buffer.truncate(block.length);
    // Some debuggers count the closing zero.
    while buffer.last() == Some(&0) {
        buffer.pop();
    }
    String::from_utf8(buffer).map_err(|error| error.to_string())
}

/// Nothing in the core panics; if anything else does, the debugger learns it.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    halt()
}

fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
