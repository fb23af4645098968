//! Where all decisions of a run come from: a seed, or a string of bytes.

use std::time::Duration;

use fastrand::Rng;

/// A source of decisions. Whoever makes the same ones gets the same run.
pub enum Choices {
    /// As many as wanted, from a seed.
    Seed(Rng),
    /// As many as the bytes are good for; then all decisions are 0, which means "nothing special", and
    /// [`Choices::is_over`] ends the run.
    Bytes { bytes: Vec<u8>, next: usize },
}

impl Choices {
    pub fn seeded(seed: u64) -> Choices {
        Choices::Seed(Rng::with_seed(seed))
    }

    pub fn from_bytes(bytes: &[u8]) -> Choices {
        Choices::Bytes { bytes: bytes.into(), next: 0 }
    }

    /// Whether there is nothing left to decide by.
    pub fn is_over(&self) -> bool {
        matches!(self, Choices::Bytes { bytes, next } if *next >= bytes.len())
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n <= 1 {
            return 0;
        }
        match self {
            Choices::Seed(random) => random.usize(..n),
            Choices::Bytes { bytes, next } => {
                // As few bytes as the number needs, so that a fuzzer's bytes each mean something.
                let mut value = 0;
                let mut reach = 1;
                while reach < n {
                    value = value * 256 + bytes.get(*next).map_or(0, |byte| usize::from(*byte));
                    reach *= 256;
                    *next += 1;
                }
                value % n
            }
        }
    }

    /// Whether something happens that does so in this many cases of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn millis(&mut self, below: usize) -> Duration {
        Duration::from_millis(self.below(below) as u64)
    }
}
