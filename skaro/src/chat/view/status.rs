//! The view's status line. If it does not fit, its parts are shortened, the least important first.

use super::{Contact, Link, View, name};
use crate::rows::{beginning, settled, width};
use crate::text::{Colour, Shown, quoted};

/// A part of the status line.
struct Part {
    /// The full text, and a shorter one, which may be empty.
    long: String,
    short: String,
    /// The part with the lowest number is shortened first.
    importance: u8,
}

impl View {
    /// Returns the status line.
    pub(super) fn status(&self) -> Shown {
        let columns = self.size.0;
        let mut parts = self.status_parts();
        let mut text = joined(&parts);
        for importance in 0..=HIGHEST {
            if width(&text) <= columns {
                break;
            }
            for part in parts.iter_mut().filter(|part| part.importance == importance) {
                part.long = std::mem::take(&mut part.short);
            }
            text = joined(&parts);
        }
        let text = beginning(&text, columns);
        let gap = " ".repeat(columns.saturating_sub(width(&text)));
        let mut bar = Shown::new();
        bar.push_clean(Some(Colour::Reverse), &(text.into_owned() + &gap));
        bar
    }

    fn status_parts(&self) -> Vec<Part> {
        let state = match self.link {
            Link::Down => "not connected".to_owned(),
            Link::Up => "not signed in".to_owned(),
            Link::SignedIn => name(&self.user).into_owned(),
        };
        let part = |long: String, short: &str, importance| Part { long, short: short.into(), importance };
        let mut parts = vec![part(state.clone(), &state, HIGHEST)];
        if self.scroll > 0 {
            parts.push(part("▼ PageDown".into(), "▼", 3));
        }
        let open = self.open.as_ref().and_then(|login| Some((login, self.contacts.get(login)?)));
        if let Some((login, Contact { is_online, about, .. })) = open {
            let presence = is_online.map(|is_online| if is_online { "online" } else { "offline" });
            if let Some(presence) = presence {
                parts.push(part(format!("{} {presence}", name(login)), presence, 2));
            }
            if let Some(about) = about {
                // Without presence no other part names the contact.
                let whose = if presence.is_some() { String::new() } else { format!("{} ", name(login)) };
                parts.push(part(whose + &quoted(about), "", 0));
            }
        }
        let typists: Vec<_> = self.typists().map(name).collect();
        if !typists.is_empty() {
            let verb = if typists.len() == 1 { "is" } else { "are" };
            parts.push(part(format!("{} {verb} typing…", typists.join(", ")), "typing…", 2));
        }
        let sorted = self.sorted();
        let unread: Vec<_> = sorted
            .iter()
            .filter(|(login, contact)| contact.unread > 0 && !self.shows(login))
            .map(|(login, contact)| (format!("{} {}", name(login), contact.unread), contact.unread))
            .collect();
        if !unread.is_empty() {
            let total: u64 = unread.iter().map(|(_, count)| count).sum();
            let named: Vec<_> = unread.iter().map(|(named, _)| named.as_str()).collect();
            parts.push(part(format!("unread: {}", named.join(", ")), &format!("unread: {total}"), 1));
        }
        parts
    }
}

/// The importance of a part that is never shortened.
const HIGHEST: u8 = 4;

fn joined(parts: &[Part]) -> String {
    let said: Vec<_> = parts.iter().map(|part| part.long.as_str()).filter(|text| !text.is_empty()).collect();
    let cleaned = Shown::from(format!(" {}", said.join(" · ")));
    let whole: String = cleaned.spans().iter().map(|span| &*span.text).collect();
    settled(&whole).into_owned()
}
