//! Command-line program for the skaro instant-messaging protocol: `skaro chat`, `skaro serve`, `skaro send`.

#![warn(clippy::print_stderr)]

mod backup;
mod certificate;
mod chat;
mod config;
mod control;
mod exit;
mod invitation;
mod network;
mod output;
mod queue;
mod reload;
mod rows;
mod runtime;
mod secrets;
mod send;
mod serve;
mod session;
mod signals;
mod text;
mod time;
mod tty;
mod user;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Misunderstood;
use exit::{Exit, Fault};
use text::Shown;

/// A chat client and a server for the skaro protocol, with tools for scripts and operators.
#[derive(Parser)]
#[command(name = "skaro", version, after_help = exit::TABLE)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Chat(chat::ChatArgs),
    Serve(serve::ServeArgs),
    Send(send::SendArgs),
    User(user::UserArgs),
    Session(session::SessionArgs),
    Invitation(invitation::InvitationArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Check(backup::CheckArgs),
    Certificate(certificate::CertificateArgs),
    Reload(reload::ReloadArgs),
}

fn main() -> ExitCode {
    restore_on_panic();
    let line: Vec<_> = std::env::args_os().collect();
    let program = match config::parse(&line) {
        Ok(program) => program,
        Err(Misunderstood::Line(error)) => return misunderstood(&error).into(),
        Err(Misunderstood::File(fault)) => return failed(fault).into(),
    };
    let watching = signals::watch()
        .map_err(|error| Fault::new(Exit::System, format!("can't watch for signals: {error}")));
    let ended = watching.and_then(|()| match program.command {
        Command::Chat(args) => chat::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Send(args) => send::run(args),
        Command::User(args) => user::run(args),
        Command::Session(args) => session::run(args),
        Command::Invitation(args) => invitation::run(&args),
        Command::Backup(args) => backup::back_up(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Check(args) => backup::check(args),
        Command::Certificate(args) => certificate::run(&args),
        Command::Reload(args) => reload::run(&args),
    });
    let exit = ended.unwrap_or_else(failed);
    // Last, because the line editor's thread may change the settings until here.
    tty::restore();
    output::finish();
    exit.into()
}

/// Prints the reason of a failure.
fn failed(Fault { exit, reason }: Fault) -> Exit {
    output::complain(&Shown::from("skaro: ").append(reason));
    exit
}

/// Prints the requested help, or the error in the command line.
fn misunderstood(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        // The error repeats arguments, which may contain control characters.
        let text = error.render().to_string();
        text.trim_end().lines().for_each(|line| output::complain(&Shown::from(line)));
        return Exit::Usage;
    }
    // An error means that the output is closed, which is no failure.
    _ = error.print();
    Exit::Success
}

/// Restores the terminal and prints the message when the program panics.
fn restore_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let was_held = tty::is_held();
        tty::restore();
        // The message may contain any text, so it is cleaned too.
        output::complain(&Shown::from(panic.to_string()));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            backtrace.to_string().lines().for_each(|line| output::complain(&Shown::from(line)));
        }
        // Rust's own status for a panic of the main thread says nothing in sysexits.h.
        if was_held || std::thread::current().name() == Some("main") {
            output::finish();
            std::process::exit(Exit::Software as i32);
        }
    }));
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    const VARIABLE: &str = "SKARO_TEST_PANICS";

    /// Runs the next test, which panics, in a terminal.
    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        for (user, leaves) in [("prompt", ""), ("view", "\u{1b}[?1049l\u{1b}[?25h")] {
            let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/terminal.py");
            let mut python = Command::new("python3");
            python.args(["-B", driver, "[]"]).arg(std::env::current_exe().unwrap());
            python.args(["--exact", "tests::panics_if_asked", "--nocapture"]).env(VARIABLE, user);
            let ended = python.output().unwrap();
            let ended: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
            assert_eq!((&ended["echo"], &ended["status"]), (&true.into(), &70.into()), "{ended}");
            let output = ended["output"].as_str().unwrap();
            let (before, after) = output.split_once("on purpose").unwrap();
            assert!(before.contains(leaves) && !after.contains('\u{1b}'), "{ended}");
        }
    }

    #[test]
    fn panics_if_asked() {
        let Some(user) = std::env::var_os(VARIABLE) else { return };
        restore_on_panic();
        if user == "view" { tty::fill() } else { tty::hide() }.unwrap();
        panic!("on purpose");
    }
}
