//! JSON (RFC 8259).

mod read;
mod write;

#[cfg(test)]
pub(super) use read::offset;
pub(super) use read::{Left, Reader, read};
pub(super) use write::Encoder;

/// For looking at eight bytes at a time, as in "Bit Twiddling Hacks" (Sean Anderson), "Determine if a word has a byte
/// less than n".
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// Returns how many bytes come before a quote, a backslash, a control character or the end.
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

/// Returns a bit in the place of the first special byte, and perhaps others in later places: a borrow may set those.
#[inline]
fn specials(eight: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(eight);
    let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & HIGH
}

/// Returns whether there is no special byte at all.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some((_, last)) = text.split_last_chunk() else { return !text.iter().any(is_special) };
    let (eights, _) = text.as_chunks();
    // What does not fill eight bytes at the end is looked at with some of those before it.
    eights.iter().chain([last]).all(|eight| specials(*eight) == 0)
}
