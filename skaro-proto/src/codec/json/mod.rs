//! JSON (RFC 8259).

mod read;
mod write;

#[cfg(test)]
pub(super) use read::offset;
pub(super) use read::{Left, Reader, read};
pub(super) use write::Encoder;

/// Tests eight bytes at a time, as in "Bit Twiddling Hacks" (Sean Anderson), "Determine if a word has a byte less than
/// n".
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// Returns the number of bytes before the first quote, backslash or control character, or before the end.
#[inline]
pub(super) fn plain(text: &[u8]) -> usize {
    let (mut rest, mut count) = (text, 0);
    while let Some((eight, others)) = rest.split_first_chunk() {
        let found = specials(*eight);
        if found != 0 {
            return count + found.trailing_zeros() as usize / 8;
        }
        (rest, count) = (others, count + 8);
    }
    count + rest.iter().position(is_special).unwrap_or(rest.len())
}

fn is_special(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Returns a bit at the position of the first special byte, and perhaps false ones at later positions, set by a borrow.
#[inline]
fn specials(eight: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(eight);
    let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & HIGH
}

/// Returns whether the text has no special byte.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some((_, last)) = text.split_last_chunk() else { return !text.iter().any(is_special) };
    let (eights, _) = text.as_chunks();
    // The last eight bytes are tested as a whole, even if some of them were tested before.
    eights.iter().chain([last]).all(|eight| specials(*eight) == 0)
}
