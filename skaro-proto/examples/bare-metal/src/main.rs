//! The core on a microcontroller: it receives the challenge, proves the password, and is signed in. There is no
//! operating system, standard library or network: frames come on the command line, and leave through the debugger
//! (semihosting).
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

/// Size of the heap in bytes.
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

/// Signs in. The command line contains the server's two frames in hexadecimal, the login, and the password.
fn talk() -> Result<(), String> {
    let line = command_line()?;
    let mut words = line.splitn(4, ' ');
    let mut word = |name| words.next().ok_or_else(|| alloc::format!("no {name} on the command line"));
    let challenge = bytes(word("challenge")?)?;
    let answer = bytes(word("answer")?)?;
    let (login, password) = (word("login")?, word("password")?);

    // The example is short. A device that runs longer has a timer, and passes its time.
    let now = Time::ZERO;
    let used = HEAP.used();
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
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
    // SAFETY: `main` calls this once, before any allocation, and the memory has no other name.
    unsafe { HEAP.init(&raw mut MEMORY as usize, HEAP_SIZE) }
}

/// Reads the program's arguments from the debugger.
fn command_line() -> Result<String, String> {
    /// The parameters of SYS_GET_CMDLINE: the buffer, and its size.
    #[repr(C)]
    struct Block {
        buffer: *mut u8,
        length: usize,
    }
    const GET_CMDLINE: usize = 0x15;

    let mut buffer = alloc::vec![0_u8; 4096];
    let mut block = Block { buffer: buffer.as_mut_ptr(), length: buffer.len() };
    // SAFETY: the block has the form that this call requires, and its buffer lives on and has the given length.
    let failed = unsafe { cortex_m_semihosting::syscall1(GET_CMDLINE, &raw mut block as usize) };
    if failed != 0 {
        return Err("the debugger has no command line, or too long a one".into());
    }
    buffer.truncate(block.length);
    // Some debuggers count the terminating zero.
    while buffer.last() == Some(&0) {
        buffer.pop();
    }
    String::from_utf8(buffer).map_err(|error| error.to_string())
}

/// Reports a panic to the debugger. The core itself never panics.
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
