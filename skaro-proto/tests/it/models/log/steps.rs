//! What may happen.

use proptest::collection::vec;
use proptest::prelude::*;

/// Users, each with two devices.
pub const USERS: usize = 3;
pub const DEVICES: usize = 2 * USERS;
/// A conference that everybody may join, whose owner is the first user.
pub const CONFERENCE: usize = USERS;

/// Where a device's cursor is to begin.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// No cursor.
    Plain,
    Head,
    /// After what it has taken; before the first time, at the beginning.
    Handled,
    Beyond,
    OtherLog,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// The device's connection breaks, if it has one, and another one signs in.
    SignIn {
        device: usize,
        start: Start,
    },
    Cut {
        device: usize,
    },
    /// With one of a few keys, so that there are repetitions.
    Send {
        device: usize,
        to: usize,
        body: usize,
        key: Option<usize>,
    },
    /// Somebody writes much.
    Post {
        from: usize,
        to: usize,
        count: usize,
    },
    /// Joins the conference, or leaves it; its owner stays.
    Join {
        device: usize,
    },
    Leave {
        device: usize,
    },
    Read {
        device: usize,
        with: usize,
        back: u64,
    },
    /// Takes so many frames.
    Take {
        device: usize,
        count: usize,
    },
    /// Acknowledges all but so many of those taken.
    Ack {
        device: usize,
        but: u64,
    },
    /// Asks for a page.
    Page {
        device: usize,
        with: usize,
        limit: u64,
        is_forward: bool,
        at: u64,
    },
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (device, user, other) = (0..DEVICES, 0..USERS, 0..=CONFERENCE);
    let start = prop_oneof![
        1 => Just(Start::Plain),
        2 => Just(Start::Head),
        4 => Just(Start::Handled),
        1 => Just(Start::Beyond),
        1 => Just(Start::OtherLog),
    ];
    let count = prop_oneof![3 => 1..4_usize, 1 => 1..200_usize];
    let step = prop_oneof![
        3 => (device.clone(), start).prop_map(|(device, start)| Step::SignIn { device, start }),
        1 => device.clone().prop_map(|device| Step::Cut { device }),
        8 => (device.clone(), other.clone(), 0..3_usize, prop::option::of(0..4_usize))
            .prop_map(|(device, to, body, key)| Step::Send { device, to, body, key }),
        2 => (user.clone(), user, count.clone())
            .prop_map(|(from, to, count)| Step::Post { from, to, count }),
        2 => device.clone().prop_map(|device| Step::Join { device }),
        1 => (2..DEVICES).prop_map(|device| Step::Leave { device }),
        2 => (device.clone(), other.clone(), 0..6_u64)
            .prop_map(|(device, with, back)| Step::Read { device, with, back }),
        6 => (device.clone(), count).prop_map(|(device, count)| Step::Take { device, count }),
        4 => (device.clone(), 0..4_u64).prop_map(|(device, but)| Step::Ack { device, but }),
        1 => (device, other, 1..20_u64, any::<bool>(), 0..40_u64).prop_map(
            |(device, with, limit, is_forward, at)| Step::Page { device, with, limit, is_forward, at }
        ),
    ];
    vec(step, 0..60)
}
