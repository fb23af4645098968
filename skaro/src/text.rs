//! Cleaning of text for output.
//!
//! Names, messages, reasons and errors come from other people and programs. They must not move the cursor, change
//! colours or the writing direction, be invisible, or look like several lines. The [outputs](crate::output) only accept
//! [`Shown`], and all text that becomes part of it is cleaned.

use std::borrow::Cow;
use std::fmt::Write;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
    GeneralCategory, GeneralCategoryGroup, Ideographic, JoiningType, PrependedConcatenationMark,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Colours of names as SGR numbers, readable on both dark and light backgrounds.
const NAMES: [u8; 10] = [32, 33, 34, 35, 36, 92, 93, 94, 95, 96];

/// Clean text, with colours.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown(Vec<Span>);

/// A part of a text, in one colour.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) colour: Option<Colour>,
    /// Cleaned text, or a line feed of the program itself.
    pub(crate) text: String,
}

/// A colour that the program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Dim,
    Red,
    Bold,
    /// Foreground and background exchanged.
    Reverse,
    /// One of the ANSI colours for names, as its number in SGR (ECMA-48).
    Name(u8),
}

impl Colour {
    /// Returns the parameter of SGR (ECMA-48, section 8.3.117).
    const fn sgr(self) -> u8 {
        match self {
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Bold => 1,
            Colour::Reverse => 7,
            Colour::Name(number) => number,
        }
    }
}

impl Shown {
    pub(crate) const fn new() -> Self {
        Shown(Vec::new())
    }

    /// Creates a text of the program itself, with several lines.
    pub(crate) fn lines(text: &'static str) -> Self {
        let mut lines = text.lines();
        let first = Shown::from(lines.next().unwrap_or_default());
        lines.fold(first, |shown, line| shown.line().plain(line))
    }

    pub(crate) fn plain(self, text: &str) -> Self {
        self.push(None, text)
    }

    pub(crate) fn dim(self, text: &str) -> Self {
        self.push(Some(Colour::Dim), text)
    }

    pub(crate) fn red(self, text: &str) -> Self {
        self.push(Some(Colour::Red), text)
    }

    /// Appends a [name], which always has the same colour.
    pub(crate) fn name(self, name: &str) -> Self {
        let sum = name.bytes().fold(5381_usize, |sum, byte| sum.wrapping_mul(33) ^ usize::from(byte));
        self.push(NAMES.get(sum % NAMES.len()).copied().map(Colour::Name), &self::name(name))
    }

    /// Starts a new line.
    pub(crate) fn line(mut self) -> Self {
        self.0.push(Span { colour: None, text: "\n".into() });
        self
    }

    pub(crate) fn append(mut self, other: Shown) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the same text in red.
    pub(crate) fn reddened(mut self) -> Self {
        self.0.iter_mut().for_each(|span| span.colour = Some(Colour::Red));
        self
    }

    /// Returns the text, with or without escape sequences for colours.
    pub(crate) fn render(&self, colours: bool) -> String {
        let mut rendered = String::new();
        for Span { colour, text } in &self.0 {
            // Writing to a string can't fail.
            _ = match colour.filter(|_| colours) {
                Some(colour) => write!(rendered, "\x1b[{}m{text}\x1b[0m", colour.sgr()),
                None => rendered.write_str(text),
            };
        }
        rendered
    }

    /// Returns the parts. A line feed is a part of its own.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Appends a part of a text that is clean already.
    pub(crate) fn push_clean(&mut self, colour: Option<Colour>, text: &str) {
        self.0.push(Span { colour, text: text.into() });
    }

    fn push(mut self, colour: Option<Colour>, text: &str) -> Self {
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

/// Returns a login as it is shown: in quotes, unless it consists of letters, digits and `-_.@+`, after the `#` of a
/// conference.
///
/// Without quotes a login might contain what the program itself writes around logins.
pub(crate) fn name(login: &str) -> Cow<'_, str> {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_plain = |char: char| {
        char.is_alphanumeric()
            || matches!(char, '-' | '_' | '.' | '@' | '+')
            || GeneralCategoryGroup::Mark.contains(categories.get(char))
    };
    let signless = login.strip_prefix('#').unwrap_or(login);
    if !signless.is_empty() && signless.chars().all(is_plain) {
        Cow::Borrowed(login)
    } else {
        Cow::Owned(quoted(login))
    }
}

/// Returns a text in quotes, with a backslash before quotes and backslashes inside of it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Escapes harmful characters in a JSON text, which does not change its meaning.
pub(crate) fn clean_json(json: &str) -> Cow<'_, str> {
    if is_plain(json) {
        return Cow::Borrowed(json);
    }
    let mut cleaned = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        // JSON is pure ASCII outside of strings, without harmful control characters.
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

/// Replaces harmful characters with `\u{…}`, line feeds with ⏎, and tabs with spaces.
///
/// Some invisible characters belong to ordinary text, and are kept in these places:
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
            // Carriage returns are dropped.
            '\r' => (),
            char if is_harmless => cleaned.push(char),
            char => cleaned.extend(char.escape_unicode()),
        }
        context.follow(char, is_harmless);
    }
    Cow::Owned(cleaned)
}

/// Returns whether a text is pure ASCII without control characters, as most text is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Returns whether a character does anything but show a visible glyph.
///
/// Bidi_Control needs no look-up of its own: all its characters have the category Format.
fn is_harmful(char: char) -> bool {
    use GeneralCategory as Category;
    if char.is_ascii() {
        return char.is_ascii_control();
    }
    match CodePointMapData::<Category>::new().get(char) {
        Category::Control | Category::LineSeparator | Category::ParagraphSeparator => true,
        // Their appearance on another terminal is unknown.
        Category::Unassigned | Category::PrivateUse => true,
        // Except for some visible signs that enclose numbers.
        Category::Format => !CodePointSetData::new::<PrependedConcatenationMark>().contains(char),
        _ => CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char),
    }
}

/// The relevant context before a character.
#[derive(Default)]
struct Context {
    /// The previous character, unless it was escaped.
    before: Option<char>,
    /// Set after a pictograph, perhaps with modifiers and a variation selector.
    after_pictograph: bool,
    /// Set after a letter that joins the next one in cursive writing, perhaps with marks.
    after_joining: bool,
    /// Number of tags that a flag may still have.
    tags: u8,
}

/// Maximum number of tags of a flag in use: a region of two or three characters, a subdivision of three, and the end.
const TAGS: u8 = 7;

impl Context {
    /// Returns whether an otherwise harmful character belongs to ordinary text here.
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

pub(crate) fn is_pictograph(char: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(char)
}

/// Returns whether this is a virama, the sign of Indic scripts that removes a consonant's vowel.
fn is_virama(char: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(char) == CanonicalCombiningClass::Virama
}

/// Returns whether the text begins with a letter that joins the previous one, perhaps after marks.
fn joins_before(text: &str) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let mut types = text.chars().map(|char| joining.get(char));
    let first = types.find(|joining| *joining != JoiningType::Transparent);
    matches!(first, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Returns whether this tag and those that follow complete a flag.
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
            // Joiners, selectors and tags in places where they have no effect.
            ("\u{200d}💻 👩\u{200d} 👩\u{200d}\u{200d}💻", r"\u{200d}💻 👩\u{200d} 👩\u{200d}\u{200d}💻"),
            (
                "a\u{fe0f} ❤\u{fe0f}\u{fe0f} 葛\u{e0100}\u{e0101}",
                "a\\u{fe0f} ❤\u{fe0f}\\u{fe0f} 葛\u{e0100}\\u{e0101}",
            ),
            ("a\u{e0061}\u{e007f} 🏴\u{e0061}", r"a\u{e0061}\u{e007f} 🏴\u{e0061}"),
        ] {
            assert_eq!(clean(text), shown);
        }
        // A long sequence of tags can't hide behind a flag.
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
    fn names_that_look_like_output_are_quoted() {
        for login in ["alice", "Søren_2.x@home", "नमस्ते", "123", "#team"] {
            assert_eq!(name(login), login);
        }
        for (login, shown) in [
            ("", r#""""#),
            ("#", r##""#""##),
            ("##a", r###""##a""###),
            ("12:00", r#""12:00""#),
            ("bob: hi", r#""bob: hi""#),
            ("bob]", r#""bob]""#),
            ("bob (online), carol", r#""bob (online), carol""#),
            (r#"a" "\"#, r#""a\" \"\\""#),
            ("bob\u{2800}", "\"bob\u{2800}\""),
            ("bob\u{a0}", "\"bob\u{a0}\""),
        ] {
            assert_eq!(name(login), shown);
        }
    }

    #[test]
    fn colours_are_around_what_is_clean() {
        let shown = Shown::new().red("a\x1b[0m").plain("b\nc").line().name("d");
        assert_eq!(shown.render(false), "a\\u{1b}[0mb ⏎ c\nd");
        assert_eq!(shown.render(true).matches('\x1b').count(), 4);
    }
}
