//! Synchronization, as the system's calls tell: kill -9 does not show that anything was synchronized.

use std::process::Command;

use tempfile::TempDir;

use crate::child;

/// Set where a missing strace is a failure.
const NEEDED: &str = "SKARO_NEEDS_STRACE";

/// Traces the calls of a process that appends messages one by one: between the begin of each and its answer SQLite's log is
/// written, and then synchronized.
pub(crate) fn answers_come_after_their_sync() -> Result<(), &'static str> {
    let place = TempDir::new().unwrap();
    let trace = place.path().join("trace");
    let child = child::command("one by one", place.path());
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o"]).arg(&trace);
    strace.arg(child.get_program()).envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Where processes can't be traced, nothing can be.
    let can_trace =
        Command::new("strace").args(["-o", "/dev/null", "true"]).output().is_ok_and(|it| it.status.success());
    if !can_trace && std::env::var_os(NEEDED).is_none() {
        return Err("there is no strace here, or it may not trace");
    }
    let output = strace.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let trace = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(answers(&trace), (20, 20), "{trace}");
    // The judge is not blind: without these calls it says so.
    let without: String =
        trace.lines().filter(|line| !line.contains("sync(")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(answers(&without), (20, 0));
    Ok(())
}

/// Returns how many answers there are in a trace, and how many of them come after a synchronization of what was written.
fn answers(trace: &str) -> (usize, usize) {
    let (mut all, mut synced) = (0, 0);
    let (mut is_written, mut is_durable) = (false, false);
    for line in trace.lines() {
        if line.contains("\"begun\\n\"") {
            (is_written, is_durable) = (false, false);
        } else if line.contains("\"answered\\n\"") {
            all += 1;
            synced += usize::from(is_written && is_durable);
        } else if line.contains("pwrite64(") && line.contains("store-wal>") {
            (is_written, is_durable) = (true, false);
        } else if line.contains("sync(") && line.contains("store-wal>") {
            is_durable = true;
        }
    }
    (all, synced)
}
