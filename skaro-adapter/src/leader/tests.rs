//! All interleavings of a few callers, the background thread and outside events, by exhaustive search.

use std::collections::{HashMap, VecDeque};

use super::{Leader, Rest, Role, Wake};

const CALLERS: usize = 3;

/// The state of everything. In each step one thread acts while it holds the lock, or something happens outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    background: Background,
    callers: [Caller; CALLERS],
    /// Set after a call of the poll's waker.
    is_woken: bool,
    is_closing: bool,
    /// Set if a command was given without waiting, and the leader has not seen it.
    has_submitted: bool,
    /// Number of outside events that may still happen.
    closes: u8,
    submits: u8,
    timeouts: u8,
    machine: Machine,
}

type Machine = Leader<()>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Background {
    Lingering { is_notified: bool },
    Parked { is_notified: bool },
    Polling,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    /// Runs outside of the client, and will still wait this many times.
    Elsewhere(u8),
    /// Is the next leader, and waits for the baton.
    Appointed {
        left: u8,
        is_notified: bool,
        answer: Answer,
    },
    /// Leads, without the lock.
    Polling {
        left: u8,
        answer: Answer,
    },
    Following {
        left: u8,
        answer: Answer,
    },
}

/// The progress of a caller's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    /// The command is given, but not sent.
    Given,
    /// The server has received the command.
    Sent,
    /// The answer, or the news that there will be none, was delivered.
    Here,
}

impl Caller {
    fn answer(&mut self) -> Option<&mut Answer> {
        match self {
            Caller::Elsewhere(_) => None,
            Caller::Appointed { answer, .. }
            | Caller::Polling { answer, .. }
            | Caller::Following { answer, .. } => Some(answer),
        }
    }

    const fn left(self) -> u8 {
        match self {
            Caller::Elsewhere(left)
            | Caller::Appointed { left, .. }
            | Caller::Polling { left, .. }
            | Caller::Following { left, .. } => left,
        }
    }
}

fn new() -> Machine {
    let mut machine = Leader::new();
    _ = machine.put_back(());
    machine
}

impl World {
    fn new() -> World {
        World {
            background: Background::Lingering { is_notified: true },
            callers: [Caller::Elsewhere(2); CALLERS],
            is_woken: false,
            is_closing: false,
            has_submitted: false,
            closes: 1,
            submits: 1,
            timeouts: 1,
            machine: new(),
        }
    }

    /// Performs the wake-ups of a transition. A notification only reaches threads that wait for it.
    fn wake(&mut self, wake: Wake) {
        if matches!(wake, Wake::Leader) {
            self.is_woken = true;
        }
        if matches!(wake, Wake::Successor | Wake::Everybody) {
            let mut woken = 0;
            if let Background::Lingering { is_notified } | Background::Parked { is_notified } =
                &mut self.background
            {
                *is_notified = true;
                woken += 1;
            }
            for caller in &mut self.callers {
                if let Caller::Appointed { is_notified, .. } = caller {
                    *is_notified = true;
                    woken += 1;
                }
            }
            assert!(woken <= 1 || wake == Wake::Everybody, "it is not clear whom to wake: {self:#?}");
        }
        if matches!(wake, Wake::Everybody) {
            self.callers.iter_mut().filter_map(Caller::answer).for_each(|answer| *answer = Answer::Here);
        }
    }

    /// The leader drives the connection and sends commands. Returns whether the client is closed.
    fn drive(&mut self) -> bool {
        if self.is_closing {
            let wake = self.machine.finish();
            self.wake(wake);
            return true;
        }
        self.has_submitted = false;
        let answers = self.callers.iter_mut().filter_map(Caller::answer);
        answers.filter(|answer| **answer == Answer::Given).for_each(|answer| *answer = Answer::Sent);
        false
    }

    /// A step of a leading caller, which has the lock and the baton.
    fn lead(mut self, n: usize) -> World {
        let (left, is_closed) = (self.callers[n].left(), self.drive());
        if is_closed {
            self.machine.leave();
            self.callers[n] = Caller::Elsewhere(left);
            return self;
        }
        let answer = *self.callers[n].answer().expect("a caller that waits");
        if answer == Answer::Here {
            let wake = self.machine.leave_as_leader(Role::Caller, ());
            self.callers[n] = Caller::Elsewhere(left);
            self.wake(wake);
        } else {
            self.machine.begin_io();
            self.callers[n] = Caller::Polling { left, answer };
        }
        self
    }

    /// A step of the background thread, which has the lock and the baton.
    fn lead_in_background(mut self) -> World {
        if self.drive() {
            self.background = Background::Ended;
        } else if !self.machine.leads(Role::Background) {
            let wake = self.machine.put_back(());
            self.wake(wake);
            return self.rest(false);
        } else {
            self.machine.begin_io();
            self.background = Background::Polling;
        }
        self
    }

    fn rest(mut self, has_lingered: bool) -> World {
        match self.machine.rest(has_lingered) {
            Rest::Lead(()) => return self.lead_in_background(),
            Rest::Linger => self.background = Background::Lingering { is_notified: false },
            Rest::Park => self.background = Background::Parked { is_notified: false },
            Rest::End => self.background = Background::Ended,
        }
        self
    }

    /// Returns the states after each step of a caller.
    fn steps_of(&self, n: usize) -> Vec<World> {
        let mut steps = Vec::new();
        let mut world = self.clone();
        match self.callers[n] {
            Caller::Elsewhere(0) => (),
            // A closed client accepts no command.
            Caller::Elsewhere(_) if self.machine.is_over() => (),
            Caller::Elsewhere(left) => {
                let left = left - 1;
                world.callers[n] = Caller::Following { left, answer: Answer::Given };
                let (leads, wake) = world.machine.enter();
                world.wake(wake);
                if !leads {
                    let wake = world.machine.nudge();
                    world.wake(wake);
                    steps.push(world);
                } else if world.machine.take().is_some() {
                    steps.push(world.lead(n));
                } else {
                    world.callers[n] = Caller::Appointed { left, is_notified: false, answer: Answer::Given };
                    steps.push(world);
                }
            }
            Caller::Appointed { left, is_notified, .. } => {
                if is_notified && self.machine.is_over() {
                    world.machine.leave();
                    world.callers[n] = Caller::Elsewhere(left);
                    steps.push(world);
                } else if is_notified {
                    world.machine.take().expect("the baton is in its place");
                    steps.push(world.lead(n));
                }
            }
            Caller::Polling { .. } => {
                steps.extend(self.polled().into_iter().map(|world| world.lead(n)));
                if self.timeouts > 0 {
                    world.timeouts -= 1;
                    world.machine.end_io();
                    *world.callers[n].answer().expect("it waits") = Answer::Here;
                    steps.push(world.lead(n));
                }
            }
            Caller::Following { left, answer } => {
                if answer == Answer::Here || self.timeouts > 0 {
                    world.timeouts -= u8::from(answer != Answer::Here);
                    world.machine.leave();
                    world.callers[n] = Caller::Elsewhere(left);
                    steps.push(world);
                }
            }
        }
        steps
    }

    fn steps_of_background(&self) -> Vec<World> {
        match self.background {
            Background::Lingering { is_notified: true } => vec![self.clone().rest(false)],
            Background::Lingering { .. } => vec![self.clone().rest(true)],
            Background::Parked { is_notified: true } => vec![self.clone().rest(false)],
            Background::Parked { .. } | Background::Ended => Vec::new(),
            Background::Polling => self.polled().into_iter().map(World::lead_in_background).collect(),
        }
    }

    /// Returns the states in which the leader's poll has returned, because it was woken or an answer came.
    fn polled(&self) -> Vec<World> {
        let mut worlds = Vec::new();
        let mut back = self.clone();
        back.machine.end_io();
        if self.is_woken {
            worlds.push(World { is_woken: false, ..back.clone() });
        }
        for n in 0..CALLERS {
            let mut world = back.clone();
            if let Some(answer @ Answer::Sent) = world.callers[n].answer() {
                *answer = Answer::Here;
                worlds.push(world);
            }
        }
        worlds
    }

    fn steps_of_others(&self) -> Vec<World> {
        let mut steps = Vec::new();
        let mut push = |mut world: World| {
            let wake = world.machine.nudge();
            world.wake(wake);
            steps.push(world);
        };
        if self.closes > 0 {
            push(World { closes: self.closes - 1, is_closing: true, ..self.clone() });
        }
        if self.submits > 0 && !self.machine.is_over() {
            push(World { submits: self.submits - 1, has_submitted: true, ..self.clone() });
        }
        steps
    }

    fn steps(&self) -> Vec<World> {
        let mut steps = self.steps_of_background();
        steps.extend((0..CALLERS).flat_map(|n| self.steps_of(n)));
        steps.extend(self.steps_of_others());
        steps
    }

    fn check(&self) {
        let leads = |caller: &&Caller| matches!(caller, Caller::Polling { .. });
        let in_background = self.background == Background::Polling;
        let leaders = self.callers.iter().filter(leads).count() + usize::from(in_background);
        assert!(leaders <= 1, "two leaders: {self:#?}");
        let waiting = self.callers.iter().filter(|caller| !matches!(caller, Caller::Elsewhere(_))).count();
        assert_eq!(self.machine.waiting, waiting, "{self:#?}");
        if self.machine.is_over() {
            return assert_eq!((self.machine.role, self.machine.baton), (None, None), "{self:#?}");
        }
        assert_eq!(self.machine.baton.is_none(), leaders == 1, "the baton is lost, or doubled: {self:#?}");
        assert!(self.machine.role.is_some() || waiting == 0, "nobody leads those who wait: {self:#?}");
        // A polling leader will see every command and request.
        let is_given = |caller: &Caller| {
            matches!(
                caller,
                Caller::Appointed { .. }
                    | Caller::Following { answer: Answer::Given, .. }
                    | Caller::Polling { answer: Answer::Given, .. }
            )
        };
        let has_work = self.has_submitted || self.is_closing || self.callers.iter().any(is_given);
        if has_work && leaders == 1 {
            assert!(self.is_woken, "a leader sleeps though there is work: {self:#?}");
        }
        let is_appointed = |caller: &&Caller| matches!(caller, Caller::Appointed { .. });
        let appointed = self.callers.iter().filter(is_appointed).count();
        assert!(appointed <= 1, "two are to lead: {self:#?}");
        if leaders == 0 {
            let is_notified = |caller: &Caller| matches!(caller, Caller::Appointed { is_notified: true, .. });
            let is_due = match self.background {
                Background::Lingering { is_notified } => is_notified || waiting == 0,
                Background::Parked { is_notified } => is_notified,
                _ => false,
            };
            let is_due = is_due || self.callers.iter().any(is_notified);
            assert!(is_due, "nobody leads, nor is about to: {self:#?}");
        }
    }

    /// Returns whether nothing is left to do.
    fn is_done(&self) -> bool {
        let all_left = self.callers.iter().all(|caller| matches!(caller, Caller::Elsewhere(_)));
        let ended = self.background == Background::Ended;
        all_left && (ended || !self.has_submitted && !self.is_closing)
    }
}

#[test]
fn every_interleaving_keeps_the_promises_and_comes_to_an_end() {
    let mut numbers = HashMap::from([(World::new(), 0)]);
    let mut queue = VecDeque::from([World::new()]);
    // The predecessors of each state.
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut done = Vec::new();
    let mut takes_over = false;
    while let Some(world) = queue.pop_front() {
        world.check();
        takes_over |= matches!(world.callers[0], Caller::Appointed { .. });
        let number = numbers[&world];
        if world.is_done() {
            done.push(number);
        }
        for next in world.steps() {
            let new = before.len();
            let next_number = *numbers.entry(next.clone()).or_insert(new);
            if next_number == new {
                before.push(Vec::new());
                queue.push_back(next);
            }
            before[next_number].push(number);
        }
    }
    assert!(takes_over, "the search is not as wide as it should be");
    // Every state must lead to one in which nothing is left to do.
    let mut ends = vec![false; before.len()];
    while let Some(number) = done.pop() {
        if !std::mem::replace(&mut ends[number], true) {
            done.extend(&before[number]);
        }
    }
    let stuck = numbers.iter().find(|(_, number)| !ends[**number]);
    assert!(stuck.is_none(), "{stuck:#?} of {} worlds comes to no end", numbers.len());
    assert!(numbers.len() > 10_000, "{} worlds only", numbers.len());
}

#[test]
fn a_caller_leads_while_it_waits_alone() {
    let mut machine = new();
    assert_eq!(machine.enter(), (true, Wake::Nobody));
    machine.take().unwrap();
    assert_eq!(machine.enter(), (false, Wake::Nobody), "another one follows");
    assert_eq!(machine.leave_as_leader(Role::Caller, ()), Wake::Successor);
    assert_eq!(machine.enter(), (false, Wake::Nobody), "several wait: the background thread leads");
    machine.leave();
    machine.leave();
    assert_eq!(machine.enter(), (true, Wake::Nobody));
    assert!(machine.leads(Role::Caller));
}

#[test]
fn the_background_thread_parks_while_a_caller_leads_for_long() {
    let mut machine = new();
    assert_eq!(machine.enter(), (true, Wake::Nobody));
    machine.take().unwrap();
    assert_eq!((machine.rest(false), machine.rest(true)), (Rest::Linger, Rest::Park));
    assert_eq!(machine.leave_as_leader(Role::Caller, ()), Wake::Successor);
    assert_eq!(machine.rest(false), Rest::Linger);
    for _ in 0..3 {
        assert_eq!(machine.enter(), (true, Wake::Nobody));
        machine.take().unwrap();
        assert_eq!(machine.leave_as_leader(Role::Caller, ()), Wake::Nobody, "it lingers by itself");
    }
    assert_eq!(machine.rest(true), Rest::Lead(()));
}
