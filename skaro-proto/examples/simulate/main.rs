//! A server and many clients on a simulated network, for as many seeds as wanted.
//!
//! ```text
//! cargo run --release -p skaro-proto --example simulate -- --seeds 1000 --clients 50 --steps 2000
//! cargo run --release -p skaro-proto --example simulate -- --seconds 60
//! cargo run --release -p skaro-proto --example simulate -- --seed 17 --trace
//! ```
//!
//! Each seed is a network of its own, in one thread, without sockets, on a virtual clock: connections are cut, stall
//! and half-open, readers sleep, servers crash, adversaries do what they like. What is checked all the while stands in
//! `tests/network/mod.rs`. The same seed is two networks of logs, too, with the store inside of the server and outside: see
//! `tests/network/logs`. At the end comes a table of what was exercised, so that one can see that the faults really happened.
//!
//! # When a seed fails
//!
//! The program prints what is wrong, the last lines of the trace and the command that replays it, and ends with exit
//! code 1. A seed means the same run only with the same `--clients` and `--steps`, and the same code.
//!
//! # How to read a trace
//!
//! One line for each thing that happened, oldest first, with the time on the virtual clock:
//!
//! ```text
//!   338.344 s erin/4 gives command 15, message 134       the application of client 4, whose user is erin
//!   338.352 s carol/2 -> server: 19 send_message { … }   request 19 arrives at the server
//!   338.352 s server -> dave/3: message from carol …     the server puts a frame on dave's connection
//!   338.355 s alice/0 stops reading …                    a fault
//!   338.358 s the server knows that connection 8 …       the server's adapter sees the end of a connection
//!   338.359 s carol/2 learns: command 19 ended: …        the client's machine tells its application
//! ```
//!
//! The last line is what is wrong. Messages carry their number in the body (`~132~`), so a search for it finds a
//! message's whole life. A client's name is its user and its own number; several clients may be one user. A frame to
//! the server shows when it arrives, one from the server when it leaves: between that and `learns` lies the network.
//! `adversary/38` is a connection without a client's machine, with no network in between.
#![allow(clippy::disallowed_types, clippy::print_stdout, reason = "it is what the program is for")]

#[path = "../../tests/network/mod.rs"]
mod network;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use network::logs::Exercised;
use network::{Choices, Count, Failure, Plan, Report};

/// Simulates a network of skaro clients and a server, and checks the promises of both.
#[derive(Parser)]
struct Options {
    /// Number of seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// Runs seed after seed for this many seconds instead.
    #[arg(long, conflicts_with = "seeds")]
    seconds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Runs only this seed.
    #[arg(long, conflicts_with_all = ["seeds", "seconds", "first"])]
    seed: Option<u64>,
    /// Number of clients, besides the adversaries.
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Number of events in one run.
    #[arg(long, default_value_t = 2000)]
    steps: usize,
    /// Prints everything that happens (for one seed).
    #[arg(long, requires = "seed")]
    trace: bool,
}

/// Number of lines of the trace that are printed for a failed seed.
const LAST_LINES: usize = 60;

fn main() -> ExitCode {
    let options = Options::parse();
    let started = Instant::now();
    let plan = Plan { clients: options.clients.max(1), steps: options.steps, trace: options.trace };
    let first = options.seed.unwrap_or(options.first);
    let count = match (options.seed, options.seconds) {
        (Some(_), _) => 1,
        (None, Some(_)) => u64::MAX - first,
        (None, None) => options.seeds,
    };
    let limit = options.seconds.map(Duration::from_secs);
    let bar = progress_bar(&options);
    let (mut all, mut logs, mut done) = (Report::default(), Exercised::default(), 0);
    for seed in first..first + count {
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            break;
        }
        match run(seed, &plan) {
            Ok((report, of_logs)) => {
                report.trace.iter().for_each(|line| println!("{line}"));
                all.include(&report);
                of_logs.iter().for_each(|run| logs.include(run));
            }
            Err(failure) => {
                bar.finish_and_clear();
                explain(seed, &plan, failure);
                return ExitCode::FAILURE;
            }
        }
        done += 1;
        bar.set_position(if limit.is_some() { started.elapsed().as_secs() } else { done });
    }
    bar.finish_and_clear();
    let last = first + done.saturating_sub(1);
    println!("seeds {first} to {last}, {} clients, {} steps: all promises held", plan.clients, plan.steps);
    print_table(&all, started.elapsed());
    println!("in the networks of logs: {logs:#?}");
    ExitCode::SUCCESS
}

/// Runs a seed: the network, and those of logs, which keep no trace. A panic counts as a failure.
fn run(seed: u64, plan: &Plan) -> Result<(Report, [Exercised; 2]), Failure> {
    let fail = |what| Failure { step: 0, at: skaro_proto::Time::ZERO, what, trace: Vec::new() };
    let result = std::panic::catch_unwind(|| {
        let report = network::run(Choices::seeded(seed), plan)?;
        let devices = 3 + seed as usize % 5;
        let logs = network::logs::run(Choices::seeded(seed), devices, plan.steps);
        let logs = logs.map_err(|what| fail(format!("in the network of logs: {what}")))?;
        let stored = network::logs::run_with_store(Choices::seeded(seed), devices, plan.steps);
        let stored = stored.map_err(|what| fail(format!("in the network of logs with a store: {what}")))?;
        Ok((report, [logs, stored]))
    });
    result.unwrap_or_else(|_| Err(fail("something panicked: see above".into())))
}

fn progress_bar(options: &Options) -> ProgressBar {
    if options.seed.is_some() || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let (length, unit) = options.seconds.map_or((options.seeds, "seeds"), |seconds| (seconds, "seconds"));
    let template = format!("{{wide_bar}} {{pos}} of {{len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// Prints the failure, the events before it, and the command that replays it.
fn explain(seed: u64, plan: &Plan, failure: Failure) {
    let (clients, steps) = (plan.clients, plan.steps);
    // The same run again, with a trace.
    let traced = if plan.trace { Err(failure) } else { run(seed, &Plan { trace: true, ..plan.clone() }) };
    match traced {
        Ok(_) => println!("seed {seed} failed, but not a second time: the simulation is not deterministic"),
        Err(failure) => {
            let from = if plan.trace { 0 } else { failure.trace.len().saturating_sub(LAST_LINES) };
            failure.trace.iter().skip(from).for_each(|line| println!("{line}"));
            println!("\nseed {seed} fails in {failure}");
        }
    }
    println!("to see all of it: simulate --seed {seed} --clients {clients} --steps {steps} --trace");
}

fn print_table(report: &Report, took: Duration) {
    println!();
    for count in Count::ALL {
        println!("{:>14}  {}", report.get(*count), count.label());
    }
    let per_second = report.frames() as f64 / took.as_secs_f64();
    println!(
        "\n{} frames in {:.1} s: {per_second:.0} frames per second",
        report.frames(),
        took.as_secs_f64()
    );
}
