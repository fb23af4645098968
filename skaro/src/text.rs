//! The only way from a text to somebody's eyes.
//!
//! Names, messages, reasons and errors come from other people and other programs. What they contain must not move the
//! cursor, change colours, turn the writing direction, hide, or look like several lines. [`Shown`] is the one type that
//! the [outputs](crate::output) take, and each text that becomes part of one is cleaned.

use std::borrow::Cow;
use std::fmt::Write;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
    GeneralCategory, Ideographic, JoiningType, PrependedConcatenationMark,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const DIM: &str = "2";
const RED: &str = "31";
/// Colours that can be read on dark and on light backgrounds alike.
const NAMES: [&str; 10] = ["32", "33", "34", "35", "36", "92", "93", "94", "95", "96"];

/// Clean text, with colours.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown(Vec<Span>);

#[derive(Clone, Debug, PartialEq)]
struct Span {
    /// An ANSI colour (SGR).
    colour: Option<&'static str>,
    /// Clean, or a line feed of our own.
    text: String,
}

impl Shown {
    pub(crate) const fn new() -> Self {
        Shown(Vec::new())
    }

    /// A text of the program's own that has several lines.
    pub(crate) fn lines(text: &'static str) -> Self {
        let mut lines = text.lines();
        let first = Shown::from(lines.next().unwrap_or_default());
        lines.fold(first, |shown, line| shown.line().plain(line))
    }

    pub(crate) fn plain(self, text: &str) -> Self {
        self.push(None, text)
    }

    pub(crate) fn dim(self, text: &str) -> Self {
        self.push(Some(DIM), text)
    }

    pub(crate) fn red(self, text: &str) -> Self {
        self.push(Some(RED), text)
    }

    /// A name, always in the same colour.
    pub(crate) fn name(self, name: &str) -> Self {
        let sum = name.bytes().fold(5381_usize, |sum, byte| sum.wrapping_mul(33) ^ usize::from(byte));
        self.push(NAMES.get(sum % NAMES.len()).copied(), name)
    }

    /// What follows stands on a line of its own.
    pub(crate) fn line(mut self) -> Self {
        self.0.push(Span { colour: None, text: "\n".into() });
        self
    }

    pub(crate) fn append(mut self, other: Shown) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same in red.
    pub(crate) fn reddened(mut self) -> Self {
        self.0.iter_mut().for_each(|span| span.colour = Some(RED));
        self
    }

    /// The characters to write, with or without escape sequences for the colours.
    pub(crate) fn render(&self, colours: bool) -> String {
        let mut rendered = String::new();
        for Span { colour, text } in &self.0 {
            // Writing to a string can't fail.
            _ = match colour.filter(|_| colours) {
                Some(colour) => write!(rendered, "\x1b[{colour}m{text}\x1b[0m"),
                None => rendered.write_str(text),
            };
        }
        rendered
    }

    fn push(mut self, colour: Option<&'static str>, text: &str) -> Self {
        self.0.push(Span { colour, text: clean(text).into_owned() });
        self
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Shown::new().plain(text)
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Shown::from(&*text)
    }
}

/// Escapes in a JSON text what is harmful on a terminal; it means the same as before.
pub(crate) fn clean_json(json: &str) -> Cow<'_, str> {
    if is_plain(json) {
        return Cow::Borrowed(json);
    }
    let mut cleaned = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        // Outside of strings there is only ASCII, without control characters.
        if is_harmful(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                _ = write!(cleaned, "\\u{unit:04x}");
            }
        } else {
            cleaned.push(char);
        }
    }
    Cow::Owned(cleaned)
}

/// Replaces what is harmful by `\u{…}`, line feeds by ⏎, and tabs by spaces.
///
/// Some invisible characters are part of ordinary writing, and survive where they are:
/// * the joiner inside of an emoji sequence: 👩‍💻 (UAX #29, rule GB11);
/// * one variation selector after an emoji or an ideograph: ❤️, 葛󠄀;
/// * the tags of a flag: 🏴󠁧󠁢󠁥󠁮󠁧󠁿;
/// * joiners in scripts that write with them, as Persian and Hindi do: می‌خواهم (RFC 5892, appendices A.1 and A.2).
fn clean(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    let mut context = Context::default();
    for (at, char) in text.char_indices() {
        let rest = text.get(at + char.len_utf8()..).unwrap_or_default();
        let is_harmless = !is_harmful(char) || context.allows(char, rest);
        match char {
            '\t' => cleaned.push(' '),
            '\n' | '\u{2028}' | '\u{2029}' => cleaned.push_str(" ⏎ "),
            // Of a line's end, or to return to its beginning, which doesn't happen.
            '\r' => (),
            char if is_harmless => cleaned.push(char),
            char => cleaned.extend(char.escape_unicode()),
        }
        context.follow(char, is_harmless);
    }
    Cow::Owned(cleaned)
}

/// Whether it is all ASCII without control characters, as most text is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a character by itself does something else than being seen. Bidi_Control needs no look-up of its own: all
/// such characters are of the category Format.
fn is_harmful(char: char) -> bool {
    use GeneralCategory as Category;
    if char.is_ascii() {
        return char.is_ascii_control();
    }
    match CodePointMapData::<Category>::new().get(char) {
        Category::Control | Category::LineSeparator | Category::ParagraphSeparator => true,
        // Nobody knows how these look on somebody else's terminal.
        Category::Unassigned | Category::PrivateUse => true,
        // But for a few signs that enclose numbers, and are seen.
        Category::Format => !CodePointSetData::new::<PrependedConcatenationMark>().contains(char),
        _ => CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char),
    }
}

/// What came before a character, as far as that matters.
#[derive(Default)]
struct Context {
    /// The character before, unless it was escaped.
    before: Option<char>,
    /// Whether a pictograph stands there, perhaps with modifiers and a variation selector.
    after_pictograph: bool,
    /// Whether a letter stands there, perhaps with marks, that joins the next one in cursive writing.
    after_joining: bool,
    /// How many tags a flag may still have.
    tags: u8,
}

/// No flag in use has more: a region of two or three characters, a part of it of three, and the end.
const TAGS: u8 = 7;

impl Context {
    /// Whether a character that is harmful by itself is part of ordinary writing here.
    fn allows(&self, char: char, rest: &str) -> bool {
        let Some(before) = self.before else { return false };
        let next = rest.chars().next();
        match char {
            '\u{200d}' if self.after_pictograph => next.is_some_and(is_pictograph),
            '\u{200c}' | '\u{200d}' if is_virama(before) => true,
            '\u{200c}' => self.after_joining && joins_before(rest),
            '\u{fe0e}' | '\u{fe0f}' => CodePointSetData::new::<Emoji>().contains(before),
            '\u{e0100}'..='\u{e01ef}' => CodePointSetData::new::<Ideographic>().contains(before),
            '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}' | '\u{e007f}' => {
                self.tags > 0 && is_flag(char, rest)
            }
            _ => false,
        }
    }

    fn follow(&mut self, char: char, is_harmless: bool) {
        let joining = CodePointMapData::<JoiningType>::new().get(char);
        let extends = matches!(char, '\u{fe0e}' | '\u{fe0f}')
            || CodePointSetData::new::<EmojiModifier>().contains(char);
        self.before = is_harmless.then_some(char);
        self.after_pictograph = is_pictograph(char) || self.after_pictograph && extends && is_harmless;
        self.after_joining = match joining {
            JoiningType::LeftJoining | JoiningType::DualJoining => true,
            JoiningType::Transparent => self.after_joining && is_harmless,
            _ => false,
        };
        self.tags = match char {
            '\u{1f3f4}' => TAGS,
            '\u{e0030}'..='\u{e007a}' if is_harmless => self.tags.saturating_sub(1),
            _ => 0,
        };
    }
}

fn is_pictograph(char: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(char)
}

/// Whether it is the sign of Indic scripts that takes a consonant's vowel away.
fn is_virama(char: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(char) == CanonicalCombiningClass::Virama
}

/// Whether this begins with a letter that joins the one before it, perhaps after marks.
fn joins_before(text: &str) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let mut types = text.chars().map(|char| joining.get(char));
    let first = types.find(|joining| *joining != JoiningType::Transparent);
    matches!(first, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Whether this tag, with those that follow, ends a flag.
fn is_flag(char: char, rest: &str) -> bool {
    let mut tags = std::iter::once(char).chain(rest.chars()).take(usize::from(TAGS));
    tags.find(|char| !matches!(char, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'))
        == Some('\u{e007f}')
}

#[cfg(test)]
mod tests {
    use icu_properties::props::BidiControl;

    use super::*;

    #[test]
    fn ordinary_writing_stays_as_it_is() {
        for text in [
            "Hello, world!",
            "Grüße, мир, שלום, नमस्ते, 你好, สวัสดี, e\u{301}",
            "👍 👍🏽 🇩🇪 1\u{fe0f}\u{20e3} ❤\u{fe0f} ☎\u{fe0e}",
            // Woman, computer; man, red hair; family; judge, with a tone; heart on fire.
            "👩\u{200d}💻 👨\u{200d}🦰 👨\u{200d}👩\u{200d}👧\u{200d}👦 👩🏽\u{200d}⚖\u{fe0f} ❤\u{fe0f}\u{200d}🔥",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            // Persian, with a mark between; Hindi; a Japanese name.
            "می\u{200c}خواهم می\u{64e}\u{200c}خ क्\u{200d}ष क्\u{200c}ष 葛\u{e0100}城",
            "\u{6dd}12",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_moves_hides_or_turns_is_escaped() {
        for (text, shown) in [
            ("\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("a\r\nb\tc\u{2028}d", "a ⏎ b c ⏎ d"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("ali\u{200b}ce ali\u{200d}ce ali\u{200c}ce", r"ali\u{200b}ce ali\u{200d}ce ali\u{200c}ce"),
            (
                "\u{ad}\u{feff}\u{2060}\u{3164}\u{e000}\u{378}",
                r"\u{ad}\u{feff}\u{2060}\u{3164}\u{e000}\u{378}",
            ),
            // Joiners, selectors and tags where they join and select nothing.
            ("\u{200d}💻 👩\u{200d} 👩\u{200d}\u{200d}💻", r"\u{200d}💻 👩\u{200d} 👩\u{200d}\u{200d}💻"),
            (
                "a\u{fe0f} ❤\u{fe0f}\u{fe0f} 葛\u{e0100}\u{e0101}",
                "a\\u{fe0f} ❤\u{fe0f}\\u{fe0f} 葛\u{e0100}\\u{e0101}",
            ),
            ("a\u{e0061}\u{e007f} 🏴\u{e0061}", r"a\u{e0061}\u{e007f} 🏴\u{e0061}"),
        ] {
            assert_eq!(clean(text), shown);
        }
        // Nothing long hides behind a flag.
        let hidden = format!("🏴{}\u{e007f}", "\u{e0061}".repeat(8));
        assert!(clean(&hidden).starts_with(r"🏴\u{e0061}"));
    }

    #[test]
    fn nothing_that_unicode_calls_invisible_or_turning_passes_by_itself() {
        let sets =
            [CodePointSetData::new::<BidiControl>(), CodePointSetData::new::<DefaultIgnorableCodePoint>()];
        for char in (0..=0x10_ffff).filter_map(char::from_u32) {
            if char.is_control() || sets.iter().any(|set| set.contains(char)) {
                let shown = clean(&format!("a{char}b")).into_owned();
                assert!(shown.is_ascii() || shown == "a ⏎ b", "{shown:?}");
            }
        }
    }

    #[test]
    fn json_means_the_same_as_before() {
        let text = "a\x1b\u{9b}\u{202e}\u{e0061}\"\\ü👩\u{200d}💻";
        let json = serde_json::to_string(text).unwrap();
        let cleaned = clean_json(&json);
        assert!(!cleaned.contains(is_harmful), "{cleaned}");
        assert_eq!(serde_json::from_str::<String>(&cleaned).unwrap(), text);
    }

    #[test]
    fn colours_are_around_what_is_clean() {
        let shown = Shown::new().red("a\x1b[0m").plain("b\nc").line().name("d");
        assert_eq!(shown.render(false), "a\\u{1b}[0mb ⏎ c\nd");
        assert_eq!(shown.render(true).matches('\x1b').count(), 4);
    }
}
