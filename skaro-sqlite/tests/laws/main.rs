//! Laws that every store keeps: each with the store in memory and with SQLite, fresh, and reopened between any two
//! operations. Random sequences of operations have the same outcomes in both.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod accounts;
#[path = "../audit/mod.rs"]
mod audit;
mod conferences;
mod messages;
mod operations;
mod operators;
mod people;
mod random;
mod readings;
mod registering;
mod retention;
mod sessions;
mod stand;

use libtest_mimic::{Arguments, Trial};

use stand::{Kind, Open};

/// A law: it fails by a panic.
type Law = fn(&Open<'_>);

fn main() {
    let arguments = Arguments::from_args();
    let laws = [
        accounts::LAWS,
        conferences::LAWS,
        messages::LAWS,
        operators::LAWS,
        people::LAWS,
        readings::LAWS,
        registering::LAWS,
        retention::LAWS,
        sessions::LAWS,
    ]
    .concat();
    let mut trials = Vec::new();
    for kind in [Kind::Memory, Kind::Sqlite] {
        for is_reopened in [false, true] {
            for (name, law) in laws.clone() {
                let how = if is_reopened { "reopened" } else { "fresh" };
                trials.push(Trial::test(format!("{kind:?}, {how}: {name}"), move || {
                    law(&|limits| stand::open(kind, is_reopened, limits));
                    Ok(())
                }));
            }
        }
    }
    for (name, law) in random::LAWS {
        trials.push(Trial::test(name, move || {
            law();
            Ok(())
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
