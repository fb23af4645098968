//! Finds all transitions of a machine by trying every input in every state that it can get into.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

/// A machine with one thing to do at a time, observed through its public interface only.
pub(crate) trait Machine: Sized {
    /// What can be done to it, in the words of the diagram.
    const INPUTS: &'static [&'static str];

    /// The state, as far as it can be seen from the outside.
    fn state(&self) -> &'static str;

    /// What else can be seen of it, and is not to be drawn.
    fn details(&self) -> String;

    /// A machine to which this was done besides; `None` if nobody would do that in this state.
    fn after(&self, input: &'static str) -> Option<Self>;
}

/// States in the order in which they were found, and what leads from one to another.
pub(crate) struct Diagram {
    states: Vec<&'static str>,
    /// From and to, by their places in the list of states, with the inputs by their places in the list of inputs.
    transitions: BTreeMap<(usize, usize), BTreeSet<usize>>,
    inputs: &'static [&'static str],
}

/// What can be seen of a machine now and after each of the next inputs.
fn outlook<M: Machine>(machine: &M, inputs: usize, seen: &mut String) {
    seen.push_str(machine.state());
    seen.push_str(&machine.details());
    if inputs == 0 {
        return;
    }
    for input in M::INPUTS {
        seen.push('(');
        if let Some(next) = machine.after(input) {
            outlook(&next, inputs - 1, seen);
        }
    }
}

/// Explores breadth-first. What a machine remembers can't be seen, so two machines count as being in the same state
/// if they look the same now and after whatever happens next, for so many inputs.
pub(crate) fn explore<M: Machine>(starts: impl IntoIterator<Item = M>, lookahead: usize) -> Diagram {
    let mut diagram = Diagram { states: Vec::new(), transitions: BTreeMap::new(), inputs: M::INPUTS };
    for start in starts {
        let mut known = BTreeSet::new();
        let mut queue = VecDeque::from([start]);
        while let Some(machine) = queue.pop_front() {
            let mut seen = String::new();
            outlook(&machine, lookahead, &mut seen);
            if !known.insert(seen) {
                continue;
            }
            let from = diagram.place(machine.state());
            for (place, input) in M::INPUTS.iter().enumerate() {
                let Some(next) = machine.after(input) else { continue };
                let to = diagram.place(next.state());
                diagram.transitions.entry((from, to)).or_default().insert(place);
                queue.push_back(next);
            }
        }
    }
    diagram
}

impl Diagram {
    fn place(&mut self, state: &'static str) -> usize {
        self.states.iter().position(|known| *known == state).unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() - 1
        })
    }

    /// Does so many things at random to a machine; tells of the first transition that is not in the diagram.
    pub(crate) fn lacks<M: Machine>(
        &self,
        mut machine: M,
        random: &mut fastrand::Rng,
        steps: u32,
    ) -> Option<String> {
        for _ in 0..steps {
            let place = random.usize(0..M::INPUTS.len());
            let (state, input) = (machine.state(), M::INPUTS[place]);
            let Some(next) = machine.after(input) else { continue };
            let is_known = self.transitions.iter().any(|((from, to), inputs)| {
                self.states[*from] == state && self.states[*to] == next.state() && inputs.contains(&place)
            });
            if state != next.state() && !is_known {
                return Some(format!("{state} --> {} : {input}", next.state()));
            }
            machine = next;
        }
        None
    }

    /// One line for each two states between which there is a transition; what changes nothing is left out.
    pub(crate) fn mermaid(&self) -> String {
        let mut text = format!("stateDiagram-v2\n    [*] --> {}\n", self.states[0]);
        let changes = || self.transitions.iter().filter(|((from, to), _)| from != to);
        for ((from, to), inputs) in changes() {
            let words: Vec<_> = inputs.iter().map(|place| self.inputs[*place]).collect();
            writeln!(text, "    {} --> {} : {}", self.states[*from], self.states[*to], words.join(", "))
                .unwrap();
        }
        for (place, state) in self.states.iter().enumerate() {
            if !changes().any(|((from, _), _)| *from == place) {
                writeln!(text, "    {state} --> [*]").unwrap();
            }
        }
        text
    }
}
