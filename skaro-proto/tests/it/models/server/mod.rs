//! The server against a small model of what it should do: whatever is asked in whatever order, by users and by
//! strangers who try other people's logins, tokens and sessions, each answer and each push is what the model says.
//!
//! A failure prints the smallest list of steps that shows it, and a line `cc …` that goes into
//! `proptest-regressions/models/server/world.txt`: with that line there, the next run begins with the same steps.

mod model;
mod steps;
mod world;
