//! Prints how much heap is taken at most while a client catches up with a log of so many entries: by the server, and by the
//! client, each alone.

use peak_alloc::PeakAlloc;
use skaro_bench::client::{drain, signed_in_at};
use skaro_bench::samples::{BODY, DATE};
use skaro_bench::server::{NOW, sign_in_only};
use skaro_proto::client::Event;
use skaro_proto::message::{ClientMessage, Cursor, Date, Message, ServerMessage, Since};
use skaro_proto::server::{Server, ServerConfig};
use skaro_proto::{Format, Frame};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ENTRIES: [u64; 3] = [1_000, 10_000, 100_000];

fn main() {
    for entries in ENTRIES {
        println!("{entries}\t{}\t{}", of_server(entries), of_client(entries));
    }
}

/// Returns by how much the heap grew at most.
fn peak(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage().saturating_sub(before)
}

fn of_server(entries: u64) -> usize {
    let mut config = ServerConfig::default();
    (config.max_dialog_messages, config.max_dialog_bytes, config.frame_rate) = (usize::MAX, usize::MAX, None);
    let mut server = Server::new(config, [7; 32]);
    for login in ["alice", "bob"] {
        server.add_user(login, "correct horse").unwrap();
    }
    (0..entries).for_each(|_| _ = server.post(NOW, "alice", "bob", BODY).unwrap());
    let mut position = 0;
    let peak = peak(|| {
        let bob = sign_in_only(&mut server, Format::Cbor, "bob", "correct horse", Some(Since::Position(0)));
        while position < entries {
            while server.poll_transmit(bob).is_some() {
                position += 1;
            }
            let ack = ClientMessage::ack(position).encode(Format::Cbor);
            server.handle_frame(NOW, bob, Frame::Binary(&ack)).unwrap();
        }
    });
    assert_eq!(position, entries);
    peak
}

fn of_client(entries: u64) -> usize {
    let mut client = signed_in_at(Cursor::new("0123456789abcdef0123456789abcdef", entries, 0));
    let mut frame = Vec::new();
    let mut caught_up = None;
    let peak = peak(|| {
        for position in 1..=entries {
            let mut message = Message::new("alice", "bob", BODY);
            (message.date, message.position) = (Some(Date::Integer(DATE)), Some(position));
            frame.clear();
            ServerMessage::ShowMessage(message).encode_into(Format::Cbor, &mut frame);
            let event = client.handle_frame(NOW, Frame::Binary(&frame)).unwrap();
            assert!(matches!(event, Event::Message(_)));
            client.handle_taken(position);
            while let Some(event) = client.poll_event() {
                caught_up = event.position();
            }
            drain(&mut client);
        }
    });
    assert_eq!(caught_up, Some(entries));
    peak
}
