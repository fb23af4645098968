//! The pictures in the READMEs: what one sees of the demo.

use std::fmt::Write as _;

use crate::process::PROGRAM;
use crate::view::{Tmux, compare, timeless};

/// The demo, as the README shows it.
#[test]
fn the_picture_in_the_readme_is_what_one_sees() {
    let Some(tmux) = Tmux::start(72, 18, &format!("'{PROGRAM}' chat")) else { return };
    tmux.shows("/help tells");
    for (typed, answer) in [
        ("Hello bob!", "Hello alice!"),
        ("I have tried it. It even breaks long lines between words 👍", "I like the sound"),
    ] {
        tmux.types(typed);
        tmux.press("Enter");
        tmux.shows(answer);
    }
    tmux.types("Half a li");
    tmux.shows("Half a li");
    compare_picture(&tmux, "screenshot.svg");
}

/// A conference in the demo, as the README shows it.
#[test]
fn the_picture_of_a_conference_is_what_one_sees() {
    let Some(tmux) = Tmux::start(72, 18, &format!("'{PROGRAM}' chat")) else { return };
    tmux.shows("/help tells");
    for (typed, answer) in [
        ("/join #library", "you are in #library"),
        ("/topic Saturday at ten", "the topic is"),
        ("/invite bob", "bob has joined"),
        ("Who brings the blue folder?", "bob: Good question."),
    ] {
        tmux.types(typed);
        tmux.press("Enter");
        tmux.shows(answer);
    }
    tmux.types("carol does");
    tmux.shows("carol does");
    compare_picture(&tmux, "conference.svg");
}

fn compare_picture(tmux: &Tmux, name: &str) {
    let screen = || timeless(&tmux.run(&["capture-pane", "-p", "-e", "-N"]));
    compare(&format!("../../../{name}"), || picture(&screen(), 72));
}

/// Makes a picture of a screen with SGR sequences.
fn picture(screen: &str, columns: usize) -> String {
    const PALETTE: [&str; 16] = [
        "#000000", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#dcdfe4", "#5c6370",
        "#ff7a85", "#b5e890", "#ffd787", "#7cc4ff", "#de8ff0", "#6fd3e0", "#ffffff",
    ];
    let lines: Vec<_> = screen.trim_end().lines().collect();
    let (width, height) = (columns * 9 + 24, lines.len() * 20 + 24);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#282c34\"/>\n\
         <g font-family=\"monospace\" font-size=\"15\">\n"
    );
    let (mut font, mut fill, mut is_reverse) = (String::new(), "#dcdfe4", false);
    for (number, line) in lines.iter().enumerate() {
        let y = number * 20 + 27;
        let mut column = 0;
        for (part, text) in line.split('\u{1b}').enumerate() {
            let text = if part == 0 {
                text
            } else {
                let (codes, text) = text.trim_start_matches('[').split_once('m').unwrap_or_default();
                let codes: Vec<_> = codes.split(';').map(|code| code.parse().unwrap_or(0)).collect();
                // Indexed colours: 38;5;NUMBER.
                let codes = match *codes {
                    [ref before @ .., 38, 5, index @ 0..=7] => [before, &[index + 30]].concat(),
                    [ref before @ .., 38, 5, index @ 8..=15] => [before, &[index + 82]].concat(),
                    _ => codes,
                };
                for code in codes {
                    match code {
                        0 => (font, fill, is_reverse) = (String::new(), "#dcdfe4", false),
                        1 => font.push_str(" font-weight=\"bold\""),
                        2 => font.push_str(" opacity=\"0.6\""),
                        7 => is_reverse = true,
                        30..=37 => fill = PALETTE[code - 30],
                        90..=97 => fill = PALETTE[code - 82],
                        39 => fill = "#dcdfe4",
                        _ => (),
                    }
                }
                text
            };
            let cells: usize = text.chars().map(|char| if char > '\u{1f000}' { 2 } else { 1 }).sum();
            let whole = text.len();
            let indent = text.len() - text.trim_start_matches(' ').len();
            let x = column * 9 + 12;
            if is_reverse {
                let (y, width) = (y - 15, cells * 9);
                _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"20\" fill=\"#dcdfe4\"/>"
                );
            }
            // Programs that draw the picture may leave spaces out.
            let seen = text.trim_matches(' ');
            let text = seen.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            if !text.is_empty() {
                let fill = if is_reverse { "#282c34" } else { fill };
                let length = (cells - indent - (whole - indent - seen.len())) * 9;
                let x = x + indent * 9;
                _ = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" fill=\"{fill}\"{font}>{text}</text>"
                );
            }
            column += cells;
        }
    }
    svg + "</g>\n</svg>\n"
}
