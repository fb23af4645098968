use std::io::{self, Read, Write};

use super::*;
use allocation_counter::measure;
use skaro_proto::CloseCode;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

const LIMIT: usize = 16 << 10;

/// Returns a client's frame, with a mask that changes nothing.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0x80, payload)
}

fn frame(first: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(mask | length as u8),
        126..65536 => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(vec![0; if mask == 0 { 0 } else { 4 }]);
    bytes.extend(payload);
    bytes
}

fn server() -> WebSocket {
    WebSocket::new(Role::Server, LIMIT)
}

fn taken(socket: &mut WebSocket) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.take_output(&mut bytes);
    bytes
}

/// Returns everything in the input as words.
fn receive(socket: &mut WebSocket, mut input: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match socket.receive(&mut input) {
            Ok(Some(Received::Message(Frame::Text(text)))) => all.push(text.to_owned()),
            Ok(Some(Received::Message(Frame::Binary(bytes)))) => all.push(format!("{} bytes", bytes.len())),
            Ok(Some(Received::SignOfLife)) => all.push("alive".into()),
            Ok(Some(Received::Closing(reason))) => all.push(reason.to_string()),
            Ok(None) => return all,
            Err(error) => all.push(error.close_code().code().to_string()),
        }
    }
}

#[test]
fn messages_of_all_sizes_arrive_in_pieces_of_all_sizes() {
    for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        for size in [0, 1, 7, 8, 125, 126, 127, 65_535, 65_536, 200_000] {
            for piece in [1, 2, 5, 1000, 16 << 10, 1 << 20] {
                let (mut sender, mut receiver) = (WebSocket::new(from, 1 << 20), WebSocket::new(to, 1 << 20));
                let text = "x".repeat(size);
                sender.send(Transmit::Frame(Frame::Text(&text)));
                sender.send(Transmit::Frame(Frame::Binary(&[7; 3])));
                let bytes = taken(&mut sender);
                if piece < 100 && size > 1000 {
                    continue;
                }
                let all: Vec<_> = bytes.chunks(piece).flat_map(|it| receive(&mut receiver, it)).collect();
                assert!(
                    all == [text, "3 bytes".into()],
                    "{size} in pieces of {piece}: {} messages",
                    all.len()
                );
            }
        }
    }
}

#[test]
fn a_client_masks_each_frame_with_another_key() {
    let mut client = WebSocket::new(Role::Client, LIMIT);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..8 {
        client.send(Transmit::Frame(Frame::Text("the same text")));
        let bytes = taken(&mut client);
        assert_eq!(bytes[1], 0x80 | 13);
        seen.insert(bytes);
    }
    assert_eq!(seen.len(), 8);
}

/// RFC 6455, sections 5 and 7.4.1.
#[test]
fn whoever_breaks_the_rules_is_told_the_code() {
    let text_with_error = masked(0x81, &[0xff]);
    let large = masked(0x82, &vec![0; LIMIT + 1]);
    let two = |first: &[u8], second: &[u8]| [first, second].concat();
    for (what, input, code) in [
        ("a frame without a mask", frame(0x81, 0, b"x"), "1002"),
        ("an opcode that means nothing", masked(0x83, b"x"), "1002"),
        ("a control opcode that means nothing", masked(0x8b, b"x"), "1002"),
        ("a reserved bit", masked(0xc1, b"x"), "1002"),
        ("a fragmented ping", masked(0x09, b"x"), "1002"),
        ("a ping of 126 bytes", masked(0x89, &[0; 126]), "1002"),
        ("a fragment of nothing", masked(0x80, b"x"), "1002"),
        ("a message within another", two(&masked(0x01, b"x"), &masked(0x81, b"y")), "1002"),
        ("a Close frame of one byte", masked(0x88, &[3]), "1002"),
        ("a text that is not UTF-8", text_with_error, "1007"),
        ("a fragmented text that is not", two(&masked(0x01, &[0xc3]), &masked(0x80, b"x")), "1007"),
        ("a text that ends within a character", two(&masked(0x01, &[0xc3]), &masked(0x80, &[])), "1007"),
        ("a reason that is not UTF-8", masked(0x88, &[3, 0xe8, 0xff]), "1007"),
        ("a frame over the limit", large.clone(), "1009"),
        ("its header alone", large[..8].to_vec(), "1009"),
    ] {
        for piece in [1, 100_000] {
            let mut socket = server();
            let told: Vec<_> = input.chunks(piece).flat_map(|it| receive(&mut socket, it)).collect();
            assert_eq!((told, socket.phase()), (vec![code.to_owned()], Phase::Failed), "{what}");
        }
    }
    let mut client = WebSocket::new(Role::Client, LIMIT);
    assert_eq!(receive(&mut client, &masked(0x81, b"x")), ["1002"], "a server that masks");
}

/// Case 23.
#[test]
fn a_large_message_in_fragments_is_refused_with_a_reason_and_the_rest_is_discarded() {
    let mut socket = server();
    let mut told = receive(&mut socket, &masked(0x01, &[b'x'; 1000]));
    for _ in 0..2000 {
        told.extend(receive(&mut socket, &masked(0x00, &[b'x'; 1000])));
    }
    assert_eq!((told, socket.phase()), (vec!["1009".to_owned()], Phase::Failed));
    socket.send(Transmit::Frame(Frame::Text("too large")));
    socket.send(Transmit::Close(CloseCode::TooBig));
    socket.send(Transmit::Frame(Frame::Text("nothing comes after a Close frame")));
    let mut client = WebSocket::new(Role::Client, LIMIT);
    let heard = receive(&mut client, &taken(&mut socket));
    assert_eq!(heard[0], "too large");
    assert!(heard.len() == 2 && heard[1].contains("1009"), "{heard:?}");
    // The client may be in the middle of a frame; its Close frame is noticed after it.
    receive(&mut socket, &masked(0x00, &[b'x'; 1000])[..500]);
    receive(&mut socket, &masked(0x00, &[b'x'; 1000])[500..]);
    assert_eq!(socket.phase(), Phase::Failed);
    receive(&mut socket, &taken(&mut client));
    assert_eq!(socket.phase(), Phase::Closed);
}

#[test]
fn a_closing_handshake_from_either_side() {
    for from in [Role::Client, Role::Server] {
        let to = if from == Role::Client { Role::Server } else { Role::Client };
        let (mut one, mut other) = (WebSocket::new(from, LIMIT), WebSocket::new(to, LIMIT));
        one.send(Transmit::Close(CloseCode::Normal));
        assert_eq!(one.phase(), Phase::Closing);
        // Messages on their way still arrive.
        other.send(Transmit::Frame(Frame::Text("an answer")));
        assert_eq!(receive(&mut one, &taken(&mut other)), ["an answer"]);
        let heard = receive(&mut other, &taken(&mut one));
        assert!(heard[0].contains("1000") && other.phase() == Phase::Closed, "{heard:?}");
        let heard = receive(&mut one, &taken(&mut other));
        assert!(heard[0].contains("1000") && one.phase() == Phase::Closed, "{heard:?}");
        one.close(1001);
        one.send(Transmit::Ping);
        assert!(taken(&mut one).is_empty() && taken(&mut other).is_empty());
    }
}

#[test]
fn close_frames_are_answered_with_their_code() {
    for (payload, answer) in [
        (&[][..], &[0x88, 0][..]),
        (&[0x03, 0xe9, b'b', b'y', b'e'], &[0x88, 2, 0x03, 0xe9]),
        // A code that must not be sent (RFC 6455, section 7.4.1).
        (&[0x03, 0xed], &[0x88, 2, 0x03, 0xea]),
    ] {
        let mut socket = server();
        receive(&mut socket, &masked(0x88, payload));
        assert_eq!((taken(&mut socket), socket.phase()), (answer.to_vec(), Phase::Closed));
        assert!(receive(&mut socket, &masked(0x81, b"late")).is_empty());
    }
}

#[test]
fn pings_are_answered_and_of_many_only_the_last_when_nothing_leaves() {
    let mut socket = server();
    assert_eq!(receive(&mut socket, &masked(0x89, b"here")), ["alive"]);
    assert_eq!(taken(&mut socket), [&[0x8a, 4][..], b"here"].concat());
    socket.send(Transmit::Frame(Frame::Binary(&[0; OUTPUT_AT_ONCE])));
    for content in ["one", "two", "six"] {
        receive(&mut socket, &masked(0x89, content.as_bytes()));
    }
    assert!(!socket.has_room());
    let first = taken(&mut socket);
    assert_eq!(first.len(), OUTPUT_AT_ONCE + 4);
    assert_eq!(taken(&mut socket), [&[0x8a, 3][..], b"six"].concat());
    assert!(socket.has_room());
}

#[test]
fn output_is_not_taken_before_the_last_one_has_left() {
    let mut socket = server();
    let mut bytes = b"unsent".to_vec();
    socket.send(Transmit::Ping);
    socket.take_output(&mut bytes);
    assert_eq!((&bytes[..], socket.output_len()), (&b"unsent"[..], 2));
}

#[test]
fn a_limit_that_is_raised_holds_for_the_next_message() {
    let mut socket = server();
    assert_eq!(receive(&mut socket, &masked(0x81, b"small")), ["small"]);
    socket.set_max_message_bytes(LIMIT * 2);
    assert_eq!(receive(&mut socket, &masked(0x82, &vec![0; LIMIT * 2])), ["32768 bytes"]);
    assert_eq!(receive(&mut socket, &masked(0x82, &vec![0; LIMIT * 2 + 1])), ["1009"]);
}

type Flood<'a> = &'a dyn Fn(&mut WebSocket);

/// Returns the maximum of allocated bytes, and those left after a while without messages.
fn costs(mut flood: impl FnMut(&mut WebSocket)) -> (u64, i64) {
    let mut socket = server();
    let most = measure(|| flood(&mut socket));
    let freed = measure(|| {
        socket.shrink();
        drop(taken(&mut socket));
        socket.shrink();
    });
    (most.bytes_max, most.bytes_current + freed.bytes_current)
}

/// Case 1 and similar ones: the memory that a stranger can make a WebSocket use.
#[test]
fn floods_cost_little_memory_and_nothing_after_them() {
    let ping = masked(0x89, &[0; 125]).repeat(100);
    let pongs = masked(0x8a, &[0; 125]).repeat(100);
    let empty_fragments = [masked(0x01, b""), masked(0x00, b"").repeat(10_000)].concat();
    let fragments = [masked(0x01, b"x"), masked(0x00, &[b'x'; 1000]).repeat(16)].concat();
    let announced = masked(0x82, &[0; LIMIT]);
    let floods: [(&str, Flood<'_>); 6] = [
        ("pings", &|socket| (0..500).for_each(|_| drop(receive(socket, &ping)))),
        ("pongs", &|socket| (0..500).for_each(|_| drop(receive(socket, &pongs)))),
        ("empty fragments", &|socket| drop(receive(socket, &empty_fragments))),
        ("fragments", &|socket| {
            receive(socket, &fragments);
            receive(socket, &masked(0x80, b"the last one"));
        }),
        ("an announced message", &|socket| drop(receive(socket, &announced[..100]))),
        ("large messages", &|socket| (0..9).for_each(|_| drop(receive(socket, &announced)))),
    ];
    for (what, flood) in floods {
        let (most, left) = costs(flood);
        assert!(most < 96 << 10, "{what}: {most} bytes");
        let keeps = matches!(what, "empty fragments" | "an announced message");
        assert!(left < if keeps { 24 << 10 } else { 1 << 10 }, "{what}: {left} bytes are left");
    }
    assert!(size_of::<WebSocket>() < 256);
}

#[test]
fn a_megabyte_that_was_sent_is_given_back() {
    let mut socket = server();
    let mut buffer = Vec::new();
    let used = measure(|| {
        socket.send(Transmit::Frame(Frame::Binary(&[0; 1 << 20])));
        socket.take_output(&mut buffer);
        buffer.clear();
        socket.take_output(&mut buffer);
        socket.shrink();
    });
    assert!(used.bytes_current < 100, "{used:?}");
}

/// Input in memory, of which nothing follows.
struct Given<'a>(&'a [u8]);

impl Read for Given<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            result => result,
        }
    }
}

impl Write for Given<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what tungstenite makes of a server's input, in the same words, up to an error or the end.
fn judge(input: &[u8]) -> Vec<String> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let role = tungstenite::protocol::Role::Server;
    let mut socket = tungstenite::WebSocket::from_raw_socket(Given(input), role, Some(config));
    let mut all = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => all.push(text.to_string()),
            Ok(Message::Binary(bytes)) => all.push(format!("{} bytes", bytes.len())),
            Ok(Message::Close(frame)) => {
                let code = frame.as_ref().map(|frame| frame.code.into());
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                all.push(Disconnect::Closed { code, reason }.to_string());
                return all;
            }
            Ok(_) => all.push("alive".into()),
            Err(tungstenite::Error::Io(_)) => return all,
            Err(_) => {
                all.push("error".into());
                return all;
            }
        }
    }
}

/// Random bytes, half of them frames: no panic, the same result however they are split, and what tungstenite makes of
/// them.
#[test]
fn whatever_arrives_is_the_same_in_one_piece_and_in_many() {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let opcodes = [0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0xff, 0x03];
    let mut errors = 0;
    for _ in 0..2000 {
        let mut input = Vec::new();
        for _ in 0..random(8) {
            let payload: Vec<_> = (0..random(200)).map(|n| b'a' + (n % 26) as u8).collect();
            // Mostly allowed opcodes.
            let opcode =
                opcodes[usize::try_from(random(20) % 10).unwrap() % if random(4) == 0 { 10 } else { 7 }];
            input.extend(masked(opcode, &payload));
            if random(10) == 0 {
                input.push(random(256) as u8);
            }
        }
        let (mut one, mut other) = (server(), server());
        let whole = receive(&mut one, &input);
        let mut pieces = Vec::new();
        let mut rest = &input[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(1 + random(40) as usize));
            pieces.extend(receive(&mut other, piece));
            rest = after;
        }
        // It puts its own words in place of the reason for a code that must not be sent.
        let like = |word: &String| match &**word {
            "1002" | "1007" | "1009" => "error".to_owned(),
            word if word.contains("with code 1002") => "closed".to_owned(),
            word => word.to_owned(),
        };
        let judged: Vec<_> = judge(&input).iter().map(like).collect();
        let told: Vec<_> = whole.iter().map(like).collect();
        // It tells of a wrong first byte before the header is complete.
        let is_short = judged.strip_suffix(&["error".to_owned()]) == Some(&told);
        assert!(judged == told || is_short, "{judged:?} {told:?}");
        assert_eq!((whole, one.phase(), taken(&mut one)), (pieces, other.phase(), taken(&mut other)));
        errors += usize::from(one.phase() == Phase::Failed);
    }
    assert!((200..1800).contains(&errors), "{errors}");
}
