//! The state diagrams in STATES.md are what the machines do: found out by trying every input in every state.

mod client;
mod explore;
mod server;

use explore::{Diagram, Machine, explore};

const COMMAND: &str = "UPDATE_DIAGRAMS=1 cargo test -p skaro-proto --test it diagrams";

/// How many inputs two machines must stand alike to count as being in the same state.
const LOOKAHEAD: usize = 1;

#[test]
fn the_diagrams_in_the_documentation_are_what_the_machines_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/STATES.md");
    let before = std::fs::read_to_string(path).unwrap();
    let diagrams = [
        ("client", explore(client::machines(), LOOKAHEAD)),
        ("server", explore(server::machines(), LOOKAHEAD)),
    ];
    let after =
        diagrams.iter().fold(before.clone(), |text, (name, diagram)| with_block(&text, name, diagram));
    if before == after {
        return;
    }
    if std::env::var_os("UPDATE_DIAGRAMS").is_some() {
        std::fs::write(path, after).unwrap();
        return;
    }
    for (name, diagram) in diagrams {
        assert!(
            with_block(&before, name, &diagram) == before,
            "the {name}'s diagram is now\n{}\n{COMMAND}\nrewrites it in STATES.md",
            diagram.mermaid()
        );
    }
}

/// The text with this diagram between its marks.
fn with_block(text: &str, name: &str, diagram: &Diagram) -> String {
    let (begin, end) = (format!("<!-- states of the {name}: {COMMAND} -->\n"), "<!-- end -->");
    let (head, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("STATES.md lacks {begin}"));
    let (_, tail) = rest.split_once(end).unwrap_or_else(|| panic!("STATES.md: {begin} has no {end}"));
    format!("{head}{begin}```mermaid\n{}```\n{end}{tail}", diagram.mermaid())
}

/// Nothing hides behind states that were taken for the same: long walks at random take no other transitions.
#[test]
fn random_walks_stay_within_the_diagrams() {
    walk(|| client::machines().into(), 3000, 50);
    walk(|| server::machines().into(), 50, 15);
}

fn walk<M: Machine>(machines: impl Fn() -> Vec<M>, walks: u64, steps: u32) {
    let diagram = explore(machines(), LOOKAHEAD);
    for seed in 0..walks {
        let mut random = fastrand::Rng::with_seed(seed);
        for machine in machines() {
            assert_eq!(diagram.lacks(machine, &mut random, steps), None, "seed {seed}");
        }
    }
}
