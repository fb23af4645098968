//! A writer of JSON (RFC 8259) that takes every liberty which the format leaves.

use super::choices::Choices;
use super::tree::Plain;

pub fn write(value: &Plain, choices: &mut Choices<'_>) -> String {
    let mut writer = Writer { out: String::new(), choices };
    writer.value(value);
    writer.space();
    writer.out
}

struct Writer<'w, 'c> {
    out: String,
    choices: &'w mut Choices<'c>,
}

impl Writer<'_, '_> {
    /// White space, as before and after each token.
    fn space(&mut self) {
        const SPACES: [&str; 6] = ["", " ", "\n", "\t", "\r\n", "  \t "];
        self.out.push_str(SPACES[self.choices.pick(SPACES.len())]);
    }

    fn token(&mut self, token: &str) {
        self.space();
        self.out.push_str(token);
    }

    fn value(&mut self, value: &Plain) {
        match value {
            Plain::Null => self.token("null"),
            Plain::Bool(value) => self.token(&value.to_string()),
            Plain::Integer(number) => self.token(&number.to_string()),
            Plain::Float(number) => self.float(*number),
            Plain::Text(text) => self.text(text),
            Plain::Bytes(bytes) => self.list(bytes, |writer, byte| writer.token(&byte.to_string())),
            Plain::List(items) => self.list(items, Self::value),
            Plain::Map(fields) => {
                self.token("{");
                for (n, (name, value)) in fields.iter().enumerate() {
                    if n > 0 {
                        self.token(",");
                    }
                    self.text(name);
                    self.token(":");
                    self.value(value);
                }
                self.token("}");
            }
        }
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.token("[");
        for (n, it) in items.iter().enumerate() {
            if n > 0 {
                self.token(",");
            }
            item(self, it);
        }
        self.token("]");
    }

    /// A number with a fraction or an exponent: that makes it a floating-point number.
    fn float(&mut self, number: f64) {
        let written = match self.choices.pick(3) {
            0 => format!("{number:?}"),
            1 => format!("{number:e}"),
            _ => format!("{number:E}").replacen('E', "E+", 1).replace("E+-", "E-"),
        };
        self.token(&written);
    }

    fn text(&mut self, text: &str) {
        self.token("\"");
        for char in text.chars() {
            let needs_escape = matches!(char, '"' | '\\' | '\0'..='\x1f');
            match self.choices.pick(4) {
                0 | 1 if !needs_escape => self.out.push(char),
                0..=2 => self.short_escape(char),
                _ => self.code_units(char),
            }
        }
        self.out.push('"');
    }

    fn short_escape(&mut self, char: char) {
        let letter = match char {
            '"' | '\\' | '/' => char,
            '\x08' => 'b',
            '\x0c' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => return self.code_units(char),
        };
        self.out.extend(['\\', letter]);
    }

    /// UTF-16, so that what lies beyond U+FFFF is a pair of surrogates.
    fn code_units(&mut self, char: char) {
        for unit in char.encode_utf16(&mut [0; 2]) {
            match self.choices.pick(2) {
                0 => self.out.push_str(&format!("\\u{unit:04x}")),
                _ => self.out.push_str(&format!("\\u{unit:04X}")),
            }
        }
    }
}
