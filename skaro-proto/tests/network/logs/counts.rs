//! What was exercised.

/// What was exercised.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exercised {
    pub messages: usize,
    pub repeated: usize,
    pub entries: usize,
    pub cuts: usize,
    pub half_dead: usize,
    pub restarts: usize,
    pub lost_logs: usize,
    pub full_windows: usize,
    pub read_marks: usize,
    pub postponed: usize,
    pub refused: usize,
    pub unknown: usize,
    /// With a store behind the server: crashes of the server, and times at which the store stopped.
    pub crashes: usize,
    pub stuck: usize,
    pub people: Counts,
}

/// What was exercised of conferences and contacts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Conferences that began, and that ended with their last member.
    pub founded: usize,
    pub ended: usize,
    pub joins: usize,
    pub leaves: usize,
    pub removals: usize,
    pub owners: usize,
    /// Those who were not let in.
    pub not_invited: usize,
    /// Messages to conferences that were taken.
    pub posts: usize,
    /// Messages that were refused: of no members, or blocked.
    pub refused: usize,
    pub blocks: usize,
    pub profiles: usize,
    /// Entries of contacts, members and profiles that devices have read.
    pub told: usize,
}

impl Exercised {
    /// Adds what another run has exercised.
    pub fn include(&mut self, run: &Exercised) {
        let mut run = *run;
        for (sum, of) in self.all().into_iter().zip(run.all()) {
            *sum += *of;
        }
        for (sum, of) in self.people.all().into_iter().zip(run.people.all()) {
            *sum += *of;
        }
    }

    fn all(&mut self) -> [&mut usize; 14] {
        [
            &mut self.messages,
            &mut self.repeated,
            &mut self.entries,
            &mut self.cuts,
            &mut self.half_dead,
            &mut self.restarts,
            &mut self.lost_logs,
            &mut self.full_windows,
            &mut self.read_marks,
            &mut self.postponed,
            &mut self.refused,
            &mut self.unknown,
            &mut self.crashes,
            &mut self.stuck,
        ]
    }
}

impl Counts {
    /// Returns the smallest number, of what was exercised least.
    pub fn least(mut self) -> usize {
        self.all().into_iter().map(|count| *count).min().unwrap_or(0)
    }

    fn all(&mut self) -> [&mut usize; 12] {
        [
            &mut self.founded,
            &mut self.ended,
            &mut self.joins,
            &mut self.leaves,
            &mut self.removals,
            &mut self.owners,
            &mut self.not_invited,
            &mut self.posts,
            &mut self.refused,
            &mut self.blocks,
            &mut self.profiles,
            &mut self.told,
        ]
    }
}
