//! What a run has exercised, and what it says when it fails.

use std::fmt;

use skaro_proto::Time;

/// How large a run is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Clients with a machine; adversaries come in addition.
    pub clients: usize,
    /// Things that happen.
    pub steps: usize,
    /// Whether to write down everything, for people to read.
    pub trace: bool,
}

macro_rules! counted {
    ($($name:ident = $label:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count { $($name,)* }

        impl Count {
            pub const ALL: &[Count] = &[$(Count::$name,)*];

            pub const fn label(self) -> &'static str {
                match self { $(Count::$name => $label,)* }
            }
        }
    };
}

counted! {
    ToServer = "frames to the server",
    ToClients = "frames to clients",
    Bytes = "bytes in them",
    Pings = "pings and pongs",
    Connections = "connections",
    Unreachable = "dialing failed",
    Full = "connections refused: server full or shutting down",
    MadeRoom = "connections dropped to make room for a newcomer",
    SignIns = "sign-ins",
    Restorations = "sessions restored",
    Accepted = "messages accepted",
    Pushed = "messages shown to others",
    Histories = "histories compared",
    Answered = "commands answered",
    Refusals = "commands refused",
    TimeOuts = "commands timed out",
    Unknown = "commands lost, perhaps carried out",
    NotSent = "commands lost, not sent",
    Late = "late answers",
    Misuse = "commands that could not be taken",
    Cuts = "cuts",
    InsideFrame = "cuts inside a frame",
    HalfOpen = "half-open connections",
    Stalls = "stalls",
    Pauses = "readers that stopped reading",
    Narrow = "connections that take little",
    CutOffs = "slow readers cut off",
    DeadForServer = "connections found dead by the server",
    DeadForClient = "connections found dead by a client",
    Outages = "outages of the network",
    Crashes = "server crashes",
    Shutdowns = "server shutdowns",
    Borders = "deadlines hit to the nanosecond",
    Intruders = "adversaries",
    Garbage = "frames of garbage to the server",
    Nonsense = "frames of garbage to clients",
    WrongProofs = "wrong proofs",
    Replayed = "proofs replayed on another connection",
    Guessed = "guessed session ids",
    Stolen = "stolen session ids let in",
    Expired = "session ids refused as expired",
    OutOfOrder = "requests out of order",
    Floods = "floods",
    Oversized = "oversized frames",
    Closed = "connections closed by the server",
    Uncertain = "messages that may or may not have been taken",
}

/// What was exercised.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    counts: Vec<u64>,
    /// Everything that happened, if the plan wanted a trace.
    pub trace: Vec<String>,
}

impl Default for Report {
    fn default() -> Self {
        Report { counts: vec![0; Count::ALL.len()], trace: Vec::new() }
    }
}

impl Report {
    pub fn add(&mut self, count: Count, times: usize) {
        self.counts[count as usize] += times as u64;
    }

    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    pub fn frames(&self) -> u64 {
        self.get(Count::ToServer) + self.get(Count::ToClients)
    }

    /// Adds the counts of another run.
    pub fn include(&mut self, other: &Report) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In which step; the plan's number of steps while everybody leaves at the end.
    pub step: usize,
    /// When, on the virtual clock.
    pub at: Time,
    /// What is wrong.
    pub what: String,
    /// Everything that happened up to there, if the plan wanted a trace.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {}: {}", self.step, self.at, self.what)
    }
}
