//! The server's log on standard error: lines for people, or JSON for machines.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::output;
use crate::text::{Shown, clean_json};

#[derive(Args)]
pub(crate) struct LogOptions {
    /// The form of the log on standard error.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: Format,
    /// The least important lines of the log: error, warn, info, or debug, which tells changes of each connection.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    log_level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogOptions {
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.log_format, Format::Json)
    }

    /// Returns the options as texts, for comparison.
    pub(crate) fn texts(&self) -> [String; 2] {
        [format!("{:?}", self.log_format), format!("{:?}", self.log_level)]
    }

    /// Starts the log, without ever waiting for its reader.
    ///
    /// Only the first call in a process has an effect.
    pub(crate) fn start(&self) {
        let level = match self.log_level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
        };
        let is_json = self.is_json();
        output::queue_complaints(move |lost| {
            let (now, lines) =
                (Timestamp::now(), format!("{lost} lines of the log were lost: nobody reads it"));
            if is_json {
                format!(r#"{{"timestamp":"{now}","level":"WARN","message":"{lines}"}}"#)
            } else {
                format!("{now}  WARN {lines}")
            }
        });
        // The core's own lines contain the same without addresses.
        let core = if level == LevelFilter::DEBUG { level } else { LevelFilter::OFF };
        let of_core = ["skaro_proto", "skaro_adapter"].map(|name| (name, core));
        let targets = Targets::new().with_target("skaro", level).with_targets(of_core);
        let registry = tracing_subscriber::registry().with(targets);
        let lines = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
        _ = if is_json {
            registry.with(lines.json().flatten_event(true).with_writer(Cleaned { is_json: true })).try_init()
        } else {
            registry.with(lines.with_writer(Cleaned { is_json: false })).try_init()
        };
    }
}

/// Standard error, for clean lines only.
///
/// Errors are ignored: there is no other place to report them.
struct Cleaned {
    is_json: bool,
}

impl MakeWriter<'_> for Cleaned {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { is_json: self.is_json }
    }
}

struct Line {
    is_json: bool,
}

impl Write for Line {
    /// Each event is written as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        let line = if self.is_json { clean_json(text).into_owned() } else { Shown::from(text).render(false) };
        output::complain_of(line);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
