//! Crashes, full disks, and synchronization: the process that works with the store is this one, run again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "kill -9, ulimit and strace are Unix's"))]

#[path = "../audit/mod.rs"]
mod audit;
mod child;
mod full;
mod kill;
mod sync;

use libtest_mimic::{Arguments, Completion, Trial};

/// A test: it fails by a panic, and says why if it can't run here.
type Test = fn() -> Result<(), &'static str>;

fn main() {
    if let Ok(role) = std::env::var(child::ROLE) {
        return child::run(&role);
    }
    let tests: &[(&str, Test)] = &[
        ("nothing acknowledged is lost or doubled by kill -9", kill::nothing_acknowledged_is_lost_or_doubled),
        ("a file that may not grow refuses, is read, and recovers", full::a_file_that_may_not_grow),
        ("a full disk refuses, is read, and recovers", full::a_full_disk),
        ("an answer comes after the synchronization that covers it", sync::answers_come_after_their_sync),
        ("a synchronization that fails ends the store", sync::a_failed_sync_ends_the_store),
    ];
    let trial = |&(name, test): &(&str, Test)| {
        Trial::ignorable_test(name, move || {
            Ok(test().map_or_else(Completion::ignored_with, |()| Completion::Completed))
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.iter().map(trial).collect()).exit();
}
