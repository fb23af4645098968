//! The client against a small model of what it should do, with a server that says anything at any time: no event
//! comes before its cause, and every command ends exactly once, as the model says.
//!
//! A failure prints the smallest list of steps that shows it, and a line `cc …` that goes into
//! `proptest-regressions/models/client/world.txt`: with that line there, the next run begins with the same steps.

mod model;
mod steps;
mod world;
