//! Encoders of JSON and CBOR that are independent of the library's, and cover all valid ways to write the same value.

use skaro_proto::{Fields, Value};

use super::Choices;

/// Writes fields as JSON; `style` decides about white space and escapes.
pub fn json(fields: &Fields<'_>, style: &mut Choices<'_>) -> String {
    let mut out = String::new();
    json_map(fields, style, &mut out);
    out
}

fn json_map(fields: &Fields<'_>, style: &mut Choices<'_>, out: &mut String) {
    out.push('{');
    for (n, (name, value)) in fields.iter().enumerate() {
        out.push_str(if n == 0 { "" } else { "," });
        json_text(&name, style, out);
        out.push(':');
        json_value(&value, style, out);
    }
    out.push('}');
}

fn json_value(value: &Value<'_>, style: &mut Choices<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Unsigned(number) => out.push_str(&number.to_string()),
        Value::Negative(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&format!("{number:?}")),
        Value::Text(text) => json_text(text, style, out),
        Value::Bytes(_) => panic!("JSON has no byte strings"),
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                json_value(item, style, out);
            }
            out.push(']');
        }
        Value::Map(fields) => json_map(fields, style, out),
    }
}

fn json_text(text: &str, style: &mut Choices<'_>, out: &mut String) {
    let style = style.byte();
    out.push_str(["", " ", "\n\t", "\r "][usize::from(style / 4 % 4)]);
    out.push('"');
    for character in text.chars() {
        let must = matches!(character, '"' | '\\' | '\0'..='\x1f');
        let short = "\"\\/\u{8}\u{c}\n\r\t".find(character).map(|at| &"\"\\/bfnrt"[at..=at]);
        match (style % 4, short) {
            (1, Some(letter)) => out.extend(["\\", letter]),
            (2, _) => json_escape(character, out),
            _ if must => json_escape(character, out),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn json_escape(character: char, out: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

/// Writes fields as CBOR; `style` decides about tags, the widths of heads, and indefinite lengths.
pub fn cbor(fields: &Fields<'_>, style: &mut Choices<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    cbor_map(fields, style, &mut out);
    out
}

const UNSIGNED: u8 = 0x00;
const NEGATIVE: u8 = 0x20;
const TEXT: u8 = 0x60;
const LIST: u8 = 0x80;
const MAP: u8 = 0xa0;
const TAG: u8 = 0xc0;
const INDEFINITE: u8 = 0x1f;
const BREAK: u8 = 0xff;

/// Writes an item's head with its number, at least as wide as requested: 0 for the narrowest form, 4 for 8 bytes.
fn head(kind: u8, number: u64, width: u8, out: &mut Vec<u8>) {
    let needed = match number {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 3,
        _ => 4,
    };
    let width = width.max(needed);
    out.push(if width == 0 { kind | number as u8 } else { kind | (23 + width) });
    if width > 0 {
        out.extend_from_slice(&number.to_be_bytes()[8 - (1 << (width - 1))..]);
    }
}

/// Begins an item: perhaps a tag, then a head, with a definite or indefinite length as the style says.
fn begin(kind: u8, number: u64, style: u8, out: &mut Vec<u8>) -> bool {
    if style & 0x40 != 0 {
        head(TAG, u64::from(style), 0, out);
    }
    let is_indefinite = matches!(kind, TEXT | LIST | MAP) && style & 0x20 != 0;
    if is_indefinite {
        out.push(kind | INDEFINITE);
    } else {
        head(kind, number, style % 5, out);
    }
    is_indefinite
}

fn cbor_map(fields: &Fields<'_>, style: &mut Choices<'_>, out: &mut Vec<u8>) {
    let is_indefinite = begin(MAP, fields.len() as u64, style.byte(), out);
    for (name, value) in fields.iter() {
        cbor_text(&name, style, out);
        cbor_value(&value, style, out);
    }
    out.extend(is_indefinite.then_some(BREAK));
}

fn cbor_value(value: &Value<'_>, style: &mut Choices<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(style.pick(&[0xf6, 0xf7])),
        Value::Bool(value) => out.push(0xf4 | u8::from(*value)),
        Value::Unsigned(number) => _ = begin(UNSIGNED, *number, style.byte(), out),
        Value::Negative(number) => _ = begin(NEGATIVE, (-1 - number) as u64, style.byte(), out),
        Value::Float(number) => cbor_float(*number, style.flag(), out),
        Value::Text(text) => cbor_text(text, style, out),
        Value::Bytes(_) => panic!("JSON has no byte strings"),
        Value::List(items) => {
            let is_indefinite = begin(LIST, items.len() as u64, style.byte(), out);
            items.iter().for_each(|item| cbor_value(item, style, out));
            out.extend(is_indefinite.then_some(BREAK));
        }
        Value::Map(fields) => cbor_map(fields, style, out),
    }
}

fn cbor_text(text: &str, style: &mut Choices<'_>, out: &mut Vec<u8>) {
    if !begin(TEXT, text.len() as u64, style.byte(), out) {
        return out.extend_from_slice(text.as_bytes());
    }
    for character in text.chars() {
        head(TEXT, character.len_utf8() as u64, 0, out);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(BREAK);
}

fn cbor_float(number: f64, narrow: bool, out: &mut Vec<u8>) {
    let single = number as f32;
    if narrow && f64::from(single) == number {
        out.push(0xfa);
        out.extend_from_slice(&single.to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}
