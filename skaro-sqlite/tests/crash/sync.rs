//! Synchronization, as the system's calls tell: kill -9 does not show that anything was synchronized.

use std::path::Path;
use std::process::Command;

use skaro_proto::server::store::{Operation, Outcome, Store};
use tempfile::TempDir;

use crate::audit::audit;
use crate::child;

/// Set where a missing strace is a failure.
const NEEDED: &str = "SKARO_NEEDS_STRACE";

/// Returns strace with options, for a process in a role; `None` where processes can't be traced.
fn strace(options: &[&str], role: &str, place: &Path) -> Option<Command> {
    let can_trace =
        Command::new("strace").args(["-o", "/dev/null", "true"]).output().is_ok_and(|it| it.status.success());
    if !can_trace && std::env::var_os(NEEDED).is_none() {
        return None;
    }
    let child = child::command(role, place);
    let mut strace = Command::new("strace");
    strace.args(options).arg("-o").arg(place.join("trace")).arg(child.get_program());
    strace.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(strace)
}

const CANNOT: &str = "there is no strace here, or it may not trace";

/// Traces the calls of a process that appends messages one by one: between the begin of each and its answer SQLite's log is
/// written, and then synchronized.
pub(crate) fn answers_come_after_their_sync() -> Result<(), &'static str> {
    let place = TempDir::new().unwrap();
    let options = ["-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync"];
    let output = strace(&options, "one by one", place.path()).ok_or(CANNOT)?.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = std::fs::read_to_string(place.path().join("trace")).unwrap();
    assert_eq!(answers(&trace), (20, 20), "{trace}");
    // The judge is not blind: without these calls it says so.
    let without: String =
        trace.lines().filter(|line| !line.contains("sync(")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(answers(&without), (20, 0));
    Ok(())
}

/// Lets one synchronization fail, and all others succeed: what it left is known only to those who open the store again.
pub(crate) fn a_failed_sync_ends_the_store() -> Result<(), &'static str> {
    for call in [60, 61, 75] {
        let place = TempDir::new().unwrap();
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={call}");
        let options = ["-f", "-e", "trace=fsync,fdatasync", "-e", &inject];
        let output = strace(&options, "until it fails", place.path()).ok_or(CANNOT)?.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let acknowledged: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(acknowledged > 0);
        // It was closed, and its log is still to be judged.
        assert!(place.path().join("store-wal").exists());
        let find = Operation::FindAccount { login: "user 0".into() };
        let Ok(Outcome::Account(Some(account))) = child::open(place.path()).execute(find) else { panic!() };
        assert!((acknowledged..=acknowledged + 1).contains(&account.head), "{acknowledged}: {account:?}");
        audit(&place.path().join("store"));
    }
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
