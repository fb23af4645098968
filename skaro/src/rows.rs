//! Breaking of text into rows of a limited width, between words (UAX #14).

use std::borrow::Cow;

use icu_segmenter::options::LineBreakOptions;
use icu_segmenter::{GraphemeClusterSegmenter, LineSegmenter};
use unicode_width::UnicodeWidthStr;

use crate::text::{Colour, Shown, is_pictograph};

/// Columns by which each further row of a line is indented, so that it can't look like a new line.
const INDENT: usize = 4;

/// Minimum width of text in columns. On a narrower terminal, the terminal itself breaks the rows.
const NARROWEST: usize = 8;

/// Breaks a text into rows of this many columns. Further rows of a line are indented.
pub(crate) fn rows(text: &Shown, columns: usize) -> Vec<Shown> {
    let columns = columns.max(INDENT + NARROWEST);
    let mut rows = Vec::new();
    for line in text.spans().split(|span| span.text == "\n") {
        let whole: String = line.iter().map(|span| &*span.text).collect();
        for (number, (start, end)) in breaks(&whole, columns).into_iter().enumerate() {
            let mut row = Shown::new();
            if number > 0 {
                row.push_clean(None, &" ".repeat(INDENT));
            }
            let mut at = 0;
            for span in line {
                let length = span.text.len();
                let range = start.saturating_sub(at).min(length)..end.saturating_sub(at).min(length);
                push(&mut row, span.colour, span.text.get(range));
                at += length;
            }
            rows.push(row);
        }
    }
    rows
}

fn push(row: &mut Shown, colour: Option<Colour>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        row.push_clean(colour, text);
    }
}

/// Returns the ranges of a line's rows, without the spaces at which they are broken.
fn breaks(line: &str, columns: usize) -> Vec<(usize, usize)> {
    if width(line) <= columns {
        return vec![(0, line.len())];
    }
    let words = LineSegmenter::new_dictionary(LineBreakOptions::default());
    let (mut ranges, mut start, mut taken, mut at) = (Vec::new(), 0, 0, 0);
    for end in words.segment_str(line).skip(1) {
        let word = line.get(at..end).unwrap_or_default();
        let room = columns - if ranges.is_empty() { 0 } else { INDENT };
        if taken > 0 && taken + width(word.trim_end()) > room {
            ranges.push((start, at));
            (start, taken) = (at, 0);
        }
        // A word that is too long for a row goes on in the next one.
        for cluster in clusters(word) {
            let room = columns - if ranges.is_empty() { 0 } else { INDENT };
            if taken > 0 && taken + cluster.width() > room && !cluster.trim().is_empty() {
                ranges.push((start, at));
                (start, taken) = (at, 0);
            }
            taken += cluster.width();
            at += cluster.len();
        }
    }
    ranges.push((start, line.len()));
    let trimmed = |(start, end): (usize, usize)| {
        (start, start + line.get(start..end).unwrap_or_default().trim_end_matches(' ').len())
    };
    ranges.into_iter().map(trimmed).collect()
}

/// Returns the parts that are perceived as single characters (UAX #29).
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let segmenter = GraphemeClusterSegmenter::new();
    let ends: Vec<_> = segmenter.segment_str(text).collect();
    let pairs = ends.clone().into_iter().zip(ends.into_iter().skip(1));
    pairs.filter_map(move |(start, end)| text.get(start..end))
}

/// Returns the number of columns that a text takes.
///
/// Letters do not join into fewer columns, because terminals don't join them.
pub(crate) fn width(text: &str) -> usize {
    clusters(text).map(UnicodeWidthStr::width).sum()
}

/// Returns the beginning of a text that fits into this many columns, with an ellipsis if something is missing.
pub(crate) fn beginning(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut beginning = String::new();
    let mut left = columns.saturating_sub(1);
    for cluster in clusters(text) {
        match left.checked_sub(cluster.width()) {
            Some(less) => left = less,
            None => break,
        }
        beginning.push_str(cluster);
    }
    Cow::Owned(beginning + if columns > 0 { "…" } else { "" })
}

/// Simplifies sequences whose width differs between terminals, so that their width is the same everywhere.
///
/// Joined emoji stand side by side, without skin tones and variation selectors. Flags show the letters of their
/// regions.
pub(crate) fn settled(text: &str) -> Cow<'_, str> {
    let is_selector = |char| matches!(char, '\u{fe0e}' | '\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let is_tone = |char| matches!(char, '\u{1f3fb}'..='\u{1f3ff}');
    let is_flag = |char| matches!(char, '\u{1f1e6}'..='\u{1f1ff}' | '\u{e0020}'..='\u{e007f}');
    if !text.contains(|char| is_selector(char) || is_tone(char) || is_flag(char) || char == '\u{200d}') {
        return Cow::Borrowed(text);
    }
    let mut settled = String::with_capacity(text.len());
    for cluster in clusters(text) {
        // A joiner between letters is invisible, and changes their shape.
        let is_emoji = cluster.starts_with(is_pictograph);
        for (number, char) in cluster.chars().enumerate() {
            match char {
                '\u{200d}' if is_emoji => (),
                char if is_selector(char) => (),
                // The letter that a regional indicator or a tag stands for. The last tag has none.
                '\u{e007f}' => (),
                '\u{1f1e6}'..='\u{1f1ff}' => settled.extend(letter(char, 0x1f1e6, 'A')),
                '\u{e0020}'..='\u{e007e}' => settled.extend(letter(char, 0xe0020, ' ')),
                char if is_tone(char) && number > 0 && is_emoji => (),
                char if is_tone(char) => settled.extend(char.escape_unicode()),
                char => settled.push(char),
            }
        }
    }
    Cow::Owned(settled)
}

/// Returns the character at the same distance from `like` as `char` has from `first`.
fn letter(char: char, first: u32, like: char) -> Option<char> {
    char::from_u32(u32::from(char).checked_sub(first)? + u32::from(like))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str, columns: usize) -> Vec<String> {
        rows(&Shown::from(text), columns).iter().map(|row| row.render(false)).collect()
    }

    #[test]
    fn rows_end_between_words() {
        for (text, columns, rows) in [
            ("", 20, &[""][..]),
            ("short", 20, &["short"]),
            ("close the connection first", 20, &["close the connection", "    first"]),
            ("close  the  connection  first", 20, &["close  the", "    connection", "    first"]),
            ("well-kept things stay", 20, &["well-kept things", "    stay"]),
            // A word longer than a row.
            ("a Donaudampfschifffahrt", 14, &["a", "    Donaudampf", "    schifffahr", "    t"]),
            // Two columns each; ideographs may be broken anywhere.
            ("你好你好你好你", 12, &["你好你好你好", "    你"]),
            (
                "👩\u{200d}💻👩\u{200d}💻👩\u{200d}💻 👩\u{200d}💻👩\u{200d}💻",
                12,
                &["👩\u{200d}💻👩\u{200d}💻👩\u{200d}💻 👩\u{200d}💻👩\u{200d}💻"],
            ),
            // A dictionary is needed to find Thai words.
            ("สวัสดีครับสวัสดีครับสวัสดีครับ", 20, &["สวัสดีครับสวัสดีครับสวัสดี", "    ครับ"]),
        ] {
            assert_eq!(broken(text, columns), rows, "{text}");
        }
    }

    #[test]
    fn colours_stay_where_they_were_and_lines_are_separate() {
        let text = Shown::new().dim("12:00 ").name("bob").plain(": one two three").line().red("four");
        let rows = rows(&text, 14);
        let shown: Vec<_> = rows.iter().map(|row| row.render(false)).collect();
        assert_eq!(shown, ["12:00 bob: one", "    two three", "four"]);
        assert_eq!(rows[0].spans()[1], text.spans()[1]);
        assert_eq!(rows[2].spans(), &text.spans()[4..]);
    }

    /// For any text, only the first row of a line begins at the left.
    #[test]
    fn nothing_is_lost_and_no_row_is_too_wide() {
        let text =
            "Grüße, мир, שלום, नमस्ते, 你好, สวัสดี, e\u{301} 👍🏽 🇩🇪 http://example.org/a-very/long/path?of=words";
        for columns in 12..60 {
            let rows = broken(text, columns);
            assert!(rows.iter().all(|row| width(row) <= columns), "{columns}: {rows:?}");
            assert!(rows.iter().skip(1).all(|row| row.starts_with("    ")), "{rows:?}");
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&rows.concat()), letters(text));
        }
    }

    #[test]
    fn beginnings_fit() {
        for (text, columns, shown) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("你好你", 4, "你…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(beginning(text, columns), shown);
        }
    }

    #[test]
    fn what_terminals_do_not_agree_about_is_simplified() {
        for (text, shown) in [
            ("👩\u{200d}💻 👍🏽 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🇩🇪 🏽", "👩💻 👍 ❤ 1\u{20e3} DE \\u{1f3fd}"),
            (
                "مي\u{200c}خ क\u{94d}\u{200d}ष e\u{301} 葛\u{e0100}",
                "مي\u{200c}خ क\u{94d}\u{200d}ष e\u{301} 葛",
            ),
        ] {
            assert_eq!(settled(text), shown);
        }
    }
}
