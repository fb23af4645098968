//! How much memory an event keeps.

use std::borrow::Cow;

use skaro_proto::client::Event;
use skaro_proto::{Fields, Value};

/// What the largest answers keep for each byte of their frames: a contact of 30 bytes is a `User` of some 100.
const ANSWER_FACTOR: usize = 4;

/// Returns how many bytes an event keeps that came in a frame of this length. The fields that nobody has listed are
/// counted, except within answers; everything else is texts of the frame.
pub(super) fn kept_bytes(event: &Event<'_>, frame_bytes: usize) -> usize {
    let (factor, unlisted) = match event {
        Event::Unknown { message, .. } => (1, fields_bytes(message)),
        Event::Connected { extra } => (1, fields_bytes(extra)),
        Event::Info(notice) | Event::Error(notice) => (1, fields_bytes(&notice.extra)),
        Event::Message { message, .. } => (1, fields_bytes(&message.extra)),
        Event::Ended(ended) | Event::Late(ended) => (ANSWER_FACTOR, fields_bytes(&ended.extra)),
        _ => (1, 0),
    };
    size_of::<Event<'_>>() + factor * frame_bytes + unlisted
}

fn fields_bytes(fields: &Fields<'_>) -> usize {
    let own = room(fields.len()) * size_of::<(Cow<'_, str>, Value<'_>)>();
    own + fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum::<usize>()
}

fn value_bytes(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => {
            room(items.len()) * size_of::<Value<'_>>() + items.iter().map(value_bytes).sum::<usize>()
        }
        Value::Map(fields) => fields_bytes(fields),
        _ => 0,
    }
}

/// Returns for how many elements a vector may have room that has so many: it begins with four, and doubles.
fn room(length: usize) -> usize {
    if length == 0 { 0 } else { (2 * length).max(4) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocation_counter::measure;
    use skaro_proto::client::{Client, Config};
    use skaro_proto::{Frame, Time};

    /// Case 12.
    #[test]
    fn nested_maps_count_as_what_they_take() {
        let nested = format!("{}0{}", r#"{"a":[{},{},[0],"#.repeat(6), "]}".repeat(6));
        let many = vec![nested; 500].join(",");
        let lists = vec!["[[]]"; 5000].join(",");
        for frame in [
            format!(r#"{{"type":"news","x":[{many}]}}"#),
            format!(r#"{{"type":"news","x":[{lists}]}}"#),
            format!(r#"{{"type":"info","info":"","x":[{lists}]}}"#),
            format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(50_000)),
        ] {
            let mut client = Client::new(Config::default(), 1);
            client.handle_connected(Time::ZERO);
            let mut event = None;
            let taken = measure(|| {
                event = client.handle_frame(Time::ZERO, Frame::Text(&frame)).ok().map(Event::into_owned);
            });
            let (taken, counted) = (taken.bytes_current, kept_bytes(&event.unwrap(), frame.len()));
            let counted = i64::try_from(counted).unwrap();
            assert!(counted >= taken && counted <= 5 * taken + 1000, "{counted} for {taken}");
        }
    }
}
