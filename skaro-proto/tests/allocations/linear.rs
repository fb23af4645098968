//! Memory and work are linear in a frame's length, whatever it holds, and no depth of it can exhaust a stack.
//!
//! Counted, not timed: bytes and pieces of memory that are asked for while a frame is handled, at lengths that
//! double. Work that asks for no memory is not seen here.

use allocation_counter::AllocationInfo;
use skaro_proto::client::{Client, ClientConfig};
use skaro_proto::message::ServerMessage;
use skaro_proto::server::{self, Server};
use skaro_proto::{Format, Frame, NESTING, Time};

const NOW: Time = Time::ZERO;

/// A frame of any length: a head, an item as often as it fits, a tail.
struct Frames {
    name: &'static str,
    format: Format,
    head: Vec<u8>,
    item: Vec<u8>,
    tail: Vec<u8>,
    /// Whether it makes sense.
    sense: bool,
}

fn json(name: &'static str, sense: bool, head: &str, item: &str, tail: &str) -> Frames {
    let [head, item, tail] = [head, item, tail].map(|part| part.as_bytes().to_vec());
    Frames { name, format: Format::Json, head, item, tail, sense }
}

fn cbor(name: &'static str, sense: bool, head: &[&[u8]], item: &[&[u8]], tail: &[u8]) -> Frames {
    let (head, item) = (head.concat(), item.concat());
    Frames { name, format: Format::Cbor, head, item, tail: tail.to_vec(), sense }
}

impl Frames {
    /// The frame with so many bytes, or a few less.
    fn with_length(&self, length: usize) -> Vec<u8> {
        let count = (length - self.head.len() - self.tail.len()) / self.item.len();
        [self.head.clone(), self.item.repeat(count), self.tail.clone()].concat()
    }

    fn frame<'b>(&self, bytes: &'b [u8]) -> Frame<'b> {
        match self.format {
            Format::Json => Frame::Text(std::str::from_utf8(bytes).unwrap()),
            Format::Cbor => Frame::Binary(bytes),
        }
    }
}

/// What memory a call asked for: bytes at its peak, bytes in total (of a list that grows, each of its places), and
/// pieces in total.
fn measured(run: impl FnOnce()) -> [u64; 3] {
    let AllocationInfo { bytes_max, bytes_total, count_total, .. } = allocation_counter::measure(run);
    [bytes_max, bytes_total, count_total]
}

/// A client that waits for answers to one request of each type, numbers 2 to 4.
fn client() -> Client {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(NOW);
    client.handle_frame(NOW, Frame::Text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
    client.authorize(NOW, "alice", "correct horse").unwrap();
    let answer = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#;
    client.handle_frame(NOW, Frame::Text(answer)).unwrap();
    client.get_contacts(NOW).unwrap();
    client.get_history(NOW, "bob").unwrap();
    client.request_other(NOW, "weather", Default::default()).unwrap();
    client
}

fn client_takes(frames: &Frames, length: usize) -> [u64; 3] {
    let bytes = frames.with_length(length);
    let mut client = client();
    measured(|| {
        let result = client.handle_frame(NOW, frames.frame(&bytes));
        assert_eq!(result.is_ok(), frames.sense, "{}: {result:.200?}", frames.name);
    })
}

/// Frames may be as large before somebody has signed in as afterwards, and come as fast as they like.
fn server_config() -> server::ServerConfig {
    let mut config = server::ServerConfig::default();
    (config.max_stranger_frame_bytes, config.frame_rate) = (config.limits.max_frame_bytes, None);
    config
}

fn server_takes(frames: &Frames, length: usize) -> [u64; 3] {
    let bytes = frames.with_length(length);
    let mut server = Server::new(server_config(), [7; 32]);
    let id = server.connect(NOW, Some(Format::Json)).unwrap();
    while server.poll_transmit(id).is_some() {}
    measured(|| {
        let result = server.handle_frame(NOW, id, frames.frame(&bytes));
        assert_eq!(result.is_ok(), frames.sense, "{}: {result:?}", frames.name);
        while server.poll_transmit(id).is_some() {}
    })
}

const CONTACTS: &str = r#"{"type":"request","for":"get_contacts","id":2,"status":"200","data":"#;
const HISTORY: &str = r#"{"type":"request","for":"get_history","id":3,"status":"200","history":"#;

/// `{"type":"info","info":"","x":` and `{"on_request":1,"type":"x","x":`, with maps of any length.
const INFO: &[&[u8]] = &[b"\xbf\x64type\x64info\x64info\x60\x61x"];
const ASK: &[&[u8]] = &[b"\xbf\x6aon_request\x01\x64type\x61x\x61x"];

/// What formats allow in any field, after the head of a JSON and of a CBOR message that lack a field's value.
fn anywhere(json_head: &str, cbor_head: &[&[u8]]) -> Vec<Frames> {
    let deep = format!("{}{},", "[".repeat(12), "]".repeat(12));
    let deep_cbor = [&[0x81; 12][..], &[0x80]].concat();
    let deep_maps = [b"\xa1\x60".repeat(12), b"\x00".to_vec()].concat();
    let in_json =
        |name, sense, head: &str, item, tail| json(name, sense, &[json_head, head].concat(), item, tail);
    let in_cbor = |name, sense, head: &[u8], item: &[u8], tail: &[u8]| {
        cbor(name, sense, &[cbor_head.concat().as_slice(), head], &[item], tail)
    };
    vec![
        in_json("spaces", true, "0", " ", "}"),
        in_json("text", true, "\"", "x", "\"}"),
        in_json("text of short escapes", true, "\"", "\\n", "\"}"),
        in_json("text of escapes", true, "\"", "\\u0041", "\"}"),
        in_json("text of pairs of surrogates", true, "\"", "\\ud83d\\ude00", "\"}"),
        in_json("digits", true, "0.", "1", "}"),
        in_json("number out of range", false, "1", "1", ".5}"),
        in_json("list of numbers", true, "[0", ",0", "]}"),
        in_json("list of lists", true, "[0", ",[]", "]}"),
        in_json("list of maps", true, "[0", ",{}", "]}"),
        in_json("list of texts with escapes", true, "[0", ",\"\\n\"", "]}"),
        in_json("list of deep lists", true, "[", &deep, "0]}"),
        in_json("unknown fields", true, "0", ",\"\":0", "}"),
        in_json("unknown fields with escapes in their names", true, "0", ",\"\\n\":0", "}"),
        in_json("repeated fields", true, "0", ",\"info\":\"\",\"type\":\"info\",\"body\":\"\"", "}"),
        in_json("fields of the wrong type", true, "0", ",\"to\":[0,0,0]", "}"),
        in_json("too deep", false, "", "[", ""),
        in_json("too deep maps", false, "", "{\"x\":", ""),
        in_json("cut list", false, "[0", ",0", ""),
        in_json("cut text", false, "\"", "x", ""),
        in_cbor("bytes", true, b"\x5f", b"\x58\x04beef", b"\xff\xff"),
        in_cbor("text of short chunks", true, b"\x7f", b"\x61x", b"\xff\xff"),
        in_cbor("text of empty chunks", true, b"\x7f", b"\x60", b"\xff\xff"),
        in_cbor("tags", true, b"", b"\xc0", b"\x00\xff"),
        in_cbor("list of numbers", true, b"\x9f", b"\x00", b"\xff\xff"),
        in_cbor("list of lists", true, b"\x9f", b"\x80", b"\xff\xff"),
        in_cbor("list of empty texts", true, b"\x9f", b"\x60", b"\xff\xff"),
        in_cbor("list of texts in chunks", true, b"\x9f", b"\x7f\x61x\xff", b"\xff\xff"),
        in_cbor("list of deep lists", true, b"\x9f", &deep_cbor, b"\xff\xff"),
        in_cbor("list of deep maps", true, b"\x9f", &deep_maps, b"\xff\xff"),
        in_cbor("unknown fields", true, b"\x00", b"\x60\x00", b"\xff"),
        in_cbor("map of maps", true, b"\xbf", b"\x60\xa0", b"\xff\xff"),
        in_cbor("repeated fields", true, b"\x00", b"\x64info\x60\x62to\x80", b"\xff"),
        in_cbor("too deep", false, b"", b"\x81", b""),
        in_cbor("too deep without lengths", false, b"", b"\x9f", b""),
        in_cbor("too deep maps", false, b"", b"\xbf\x60", b""),
        in_cbor(
            "list that claims to be endless",
            false,
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x00",
            b"",
        ),
        in_cbor(
            "map that claims to be endless",
            false,
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x60\x00",
            b"",
        ),
        in_cbor("text that claims to be endless", false, b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", b"x", b""),
        in_cbor("bytes that claim to be endless", false, b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", b"x", b""),
        in_cbor(
            "lists that claim to be endless",
            false,
            b"\x9f",
            b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
            b"",
        ),
        in_cbor(
            "chunk that claims to be endless",
            false,
            b"\x7f\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"x",
            b"",
        ),
    ]
}

fn to_client() -> Vec<Frames> {
    let with = |head: &str, rest: &str| [head, rest].concat();
    let map: &[u8] = b"\xbf\x64type\x67request\x63for\x6cget_contacts\x62id\x02\x66status\x63200\x64data\xbf";
    let mut all = anywhere(r#"{"type":"info","info":"","x":"#, INFO);
    all.extend([
        json("unknown type", true, r#"{"type":"x""#, ",\"\":0", "}"),
        json(
            "answer to an unknown request",
            true,
            r#"{"type":"request","for":"weather","id":4,"status":"200""#,
            ",\"\":0",
            "}",
        ),
        json(
            "long status",
            true,
            r#"{"type":"request","for":"get_contacts","id":2,"status":"404"#,
            "\\n",
            "\"}",
        ),
        json("contacts", true, &with(CONTACTS, r#"[{"login":""}"#), r#",{"login":""}"#, "]}"),
        json("contacts in a map", true, &with(CONTACTS, r#"{"":{}"#), r#","":{}"#, "}}"),
        cbor("contacts in a map", true, &[map], &[b"\x60\xa0"], b"\xff\xff"),
        json("bad contacts", false, &with(CONTACTS, r#"[{"login":""}"#), ",0", "]}"),
        json("contacts that are bad at the end", false, &with(CONTACTS, "["), r#"{"login":""},"#, "0]}"),
        json(
            "repeated contacts",
            true,
            &with(CONTACTS, "[]"),
            r#","data":[{"login":"x"},{"login":"y"}]"#,
            "}",
        ),
        json(
            "history",
            true,
            &with(HISTORY, "["),
            r#"{"from":{"login":""},"to":"","body":"","date":1},"#,
            r#"{"from":{"login":""},"to":"","body":""}]}"#,
        ),
        json("bad history", false, &with(HISTORY, "[0"), ",{}", "]}"),
        json("history of null", false, &with(HISTORY, "[null"), ",null", "]}"),
        json(
            "message",
            true,
            r#"{"type":"show_message","from":{"login":"bob"},"to":"alice","body":""#,
            "\\u0041",
            "\"}",
        ),
        json(
            "login",
            true,
            r#"{"type":"show_message","to":"alice","body":"","from":{"login":""#,
            "x",
            "\"}}",
        ),
        json(
            "unknown fields of a sender",
            true,
            r#"{"type":"show_message","to":"alice","body":"","from":{"login":"bob""#,
            r#","":0"#,
            "}}",
        ),
        json("token", false, r#"{"type":"check_connection","token":""#, "x", "\"}"),
    ]);
    all
}

/// A server refuses types of more than 256 bytes, since its answers repeat them.
fn to_server() -> Vec<Frames> {
    let mut all = anywhere(r#"{"type":"x","on_request":1,"x":"#, ASK);
    all.extend([
        json("long type", false, r#"{"on_request":1,"type":""#, "x", "\"}"),
        json("long type of escapes", false, r#"{"on_request":1,"type":""#, "\\u0001", "\"}"),
        cbor(
            "long type that needs escapes",
            false,
            &[b"\xbf\x6aon_request\x01\x64type\x7f"],
            &[b"\x61\x01"],
            b"\xff\xff",
        ),
        json("long login", true, r#"{"on_request":1,"type":"authorize","password":"","login":""#, "x", "\"}"),
        json("long proof", true, r#"{"on_request":1,"type":"authorize","login":"","password":""#, "0", "\"}"),
        json("long session id", true, r#"{"on_request":1,"type":"session_restore","sid":""#, "\\n", "\"}"),
        json("long body", true, r#"{"on_request":1,"type":"send_message","to":"bob","body":""#, "\\n", "\"}"),
        json("type of the wrong type", false, r#"{"on_request":1,"type":[0"#, ",0", "]}"),
    ]);
    all
}

/// Bytes at the peak, bytes in total and pieces, for each byte of a frame, at most. What costs most are
/// contacts in CBOR: of two bytes there becomes a contact of 32 bytes, in a list that doubles.
const EACH: [u64; 3] = [32, 40, 1];

/// So many there may be besides, whatever the length.
const BASE: [u64; 3] = [4 << 10, 4 << 10, 64];

fn check(frames: &Frames, lengths: [usize; 4], take: fn(&Frames, usize) -> [u64; 3]) {
    let name = format!("{}, {}", frames.format, frames.name);
    let all = lengths.map(|length| take(frames, length));
    for kind in 0..3 {
        let asked = all.map(|asked| asked[kind]);
        for (length, asked) in lengths.into_iter().zip(asked) {
            let limit = EACH[kind] * length as u64 + BASE[kind];
            assert!(asked <= limit, "{name}: {asked} is over {limit} for {length} bytes");
        }
        // Twice the length takes twice as much, and a little more where a list outgrows its place.
        for pair in asked.windows(2) {
            assert!(pair[1] <= pair[0] * 22 / 10 + BASE[kind], "{name}: {asked:?} for {lengths:?} bytes");
        }
    }
}

#[test]
fn what_a_client_spends_on_a_frame_is_linear_in_its_length() {
    for frames in to_client() {
        check(&frames, [16 << 10, 32 << 10, 64 << 10, 128 << 10], client_takes);
    }
}

#[test]
fn what_a_server_spends_on_a_frame_is_linear_in_its_length() {
    for frames in to_server() {
        check(&frames, [16 << 10, 32 << 10, 64 << 10, 128 << 10], server_takes);
    }
}

/// What an event held is gone with it: the machine keeps a few short texts.
#[test]
fn a_client_keeps_little_of_a_frame() {
    for frames in to_client() {
        let bytes = frames.with_length(128 << 10);
        let mut client = client();
        let info = allocation_counter::measure(|| _ = client.handle_frame(NOW, frames.frame(&bytes)));
        assert!(info.bytes_current <= 1024, "{}, {}: {info:?}", frames.format, frames.name);
    }
}

/// What waits for an application takes hardly more than it took in its frame, however deep or odd it is.
#[test]
fn fields_that_nobody_lists_take_little_more_than_their_frame() {
    let nested = format!("{}{}", r#"{"":"#.repeat(12), r#"{}"#) + &"}".repeat(12);
    for (name, item) in [("nested maps", nested.as_str()), ("maps", "{}"), ("lists", "[]"), ("numbers", "0")]
    {
        let list = vec![item; (128 << 10) / (item.len() + 1)].join(",");
        let frames = [
            format!(r#"{{"type":"info","info":"","x":[{list}]}}"#),
            format!(r#"{{"type":"changed","x":[{list}]}}"#),
            format!(r#"{{"type":"show_message","from":{{"login":"a","x":[{list}]}},"to":"b","body":"c"}}"#),
        ];
        for frame in frames {
            let info = allocation_counter::measure(|| {
                let message = ServerMessage::decode(Frame::Text(&frame)).unwrap().into_owned();
                std::mem::forget(message);
            });
            let limit = frame.len() as i64 * 11 / 10 + 512;
            assert!(info.bytes_current <= limit, "{name}: {} over {limit}: {frame:.40}", info.bytes_current);
        }
    }
}

/// What an application is told about the memory that a message takes is true, or a little more.
#[test]
fn messages_tell_how_much_memory_they_take() {
    let request = |kind: &str, rest: &str| {
        format!(r#"{{"type":"request","for":"{kind}","id":1,"status":"200",{rest}}}"#)
    };
    let message = r#"{"from":{"login":"alice"},"to":"bob","body":"Shall we meet at the bridge?","date":1}"#;
    let user = r#"{"login":"somebody","online":true,"more":{"a":[1,{"b":"c"}]}}"#;
    let frames = [
        r#"{"type":"show_message","from":{"login":"alice"},"to":"bob","body":"hello","date":1}"#.into(),
        r#"{"type":"show_message","from":{"login":"alice","in_conference":"all","x":1},"to":"bob","body":"a\nb","date":"today"}"#.into(),
        r#"{"type":"check_connection","token":"0123456789abcdef"}"#.into(),
        r#"{"type":"info","info":"hello","x":{"y":[{"z":[1,2,3]}]}}"#.into(),
        r#"{"type":"forecast","user":{"login":"bob","status":{"mood":"good"}}}"#.into(),
        r#"{"type":"request","for":"send_message","id":1,"status":"404 not found","info":"nobody"}"#.into(),
        request("send_message", r#""date":1"#),
        request("register_type", r#""register_type":"by post""#),
        request("authorize", &format!(r#""session_id":"s-1","user":{user}"#)),
        request("weather", r#""user":{"login":"bob"},"list":[[[[[]]]],[[[[]]]]]"#),
        request("get_history", &format!(r#""history":[{}]"#, vec![message; 500].join(","))),
        request("get_history", r#""history":[]"#),
        request("get_contacts", &format!(r#""data":[{}]"#, vec![user; 500].join(","))),
        request("get_contacts", &format!(r#""data":{{"a":{user},"b":{user}}}"#)),
    ];
    for frame in frames {
        let mut told = 0;
        let info = allocation_counter::measure(|| {
            let message = ServerMessage::decode(Frame::Text(&frame)).unwrap().into_owned();
            told = message.heap_bytes() as i64;
            std::mem::forget(message);
        });
        let taken = info.bytes_current;
        assert!(taken <= told && told * 2 <= taken * 3, "{told} told, {taken} taken: {frame:.100}");
    }
}

/// A value in so many lists, or maps, within a message.
fn nested(format: Format, depth: usize, maps: bool) -> Vec<u8> {
    match (format, maps) {
        (Format::Json, true) => [r#"{"x":"#.repeat(depth).as_str(), "0", &"}".repeat(depth)].concat().into(),
        (Format::Json, false) => ["[".repeat(depth).as_str(), "0", &"]".repeat(depth)].concat().into(),
        (Format::Cbor, true) => [b"\xa1\x61x".repeat(depth).as_slice(), b"\x00"].concat(),
        (Format::Cbor, false) => [&[0x9f].repeat(depth)[..], b"\x00", &[0xff].repeat(depth)].concat(),
    }
}

/// Messages to a client and to a server with such a value in an unlisted field and in one that should be text.
fn deep_messages(format: Format, depth: usize, maps: bool) -> [Vec<u8>; 4] {
    let value = nested(format, depth, maps);
    let parts: [(&[u8], &[u8]); 4] = match format {
        Format::Json => [
            (br#"{"type":"info","info":"","x":"#, b"}"),
            (br#"{"type":"info","info":"","login":"#, b"}"),
            (br#"{"type":"x","on_request":1,"x":"#, b"}"),
            (br#"{"type":"x","on_request":1,"login":"#, b"}"),
        ],
        Format::Cbor => [
            (b"\xa3\x64type\x64info\x64info\x60\x61x", b""),
            (b"\xa3\x64type\x64info\x64info\x60\x65login", b""),
            (b"\xa3\x64type\x61x\x6aon_request\x01\x61x", b""),
            (b"\xa3\x64type\x61x\x6aon_request\x01\x65login", b""),
        ],
    };
    parts.map(|(head, tail)| [head, &value, tail].concat())
}

/// A stack on which no depth that the input chooses would fit: reading one level takes some hundred bytes of it.
const STACK: usize = 48 << 10;

#[test]
fn no_depth_exhausts_a_small_stack() {
    let limit = usize::from(NESTING) - 1;
    let handled = move || {
        for (format, maps) in
            [Format::Json, Format::Cbor].into_iter().flat_map(|it| [(it, true), (it, false)])
        {
            for depth in [1, limit, limit + 1, 100, 1000, 18_000] {
                take_deep(&deep_messages(format, depth, maps), format, depth <= limit);
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(handled).unwrap().join().unwrap();
}

fn take_deep(messages: &[Vec<u8>; 4], format: Format, sense: bool) {
    for (n, bytes) in messages.iter().enumerate() {
        let frame = match format {
            Format::Json => Frame::Text(std::str::from_utf8(bytes).unwrap()),
            Format::Cbor => Frame::Binary(bytes),
        };
        let error = if n < 2 {
            // Whatever is done with the event may go as deep as its values do.
            let event = client().handle_frame(NOW, frame).map(|event| event.clone().into_owned());
            event
                .inspect(|event| assert!(!format!("{event:?}").is_empty()))
                .err()
                .map(|error| error.to_string())
        } else {
            let mut server = Server::new(server_config(), [7; 32]);
            let id = server.connect(NOW, None).unwrap();
            server.handle_frame(NOW, id, frame).err().map(|error| error.to_string())
        };
        let expected = (!sense).then(|| format!("the frame is nested deeper than {NESTING} levels"));
        assert_eq!(error, expected);
    }
}
