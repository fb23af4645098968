//! What a client should do that does not connect again by itself.

use std::collections::VecDeque;

use skaro_proto::client::{Awaited, Delivery, Status};
use skaro_proto::message::RequestKind;

use super::steps::Arriving;

/// Requests that may be under way at once.
pub const ROOM: usize = 4;

/// What the application is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Connected,
    /// The end of the command of this number, counted from 1.
    Ended(usize, RequestKind, How),
    Late(usize, RequestKind, How),
    Message,
    Info,
    Error,
    Unknown,
    Disconnected(Why),
    /// Nobody is signed in any more, as the user wanted, or because the connection is gone.
    SignedOut {
        wanted: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Answered,
    Refused,
    TimedOut,
    Lost(Delivery),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    Requested,
    SignedOut,
    Network,
    TimedOut(Awaited),
}

/// Why a frame or a command is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Nonsense,
    NoConnection,
    UnexpectedAnswer,
    WrongAnswer,
    UnexpectedChallenge,
    NotConnected,
    Closed,
    NotSignedIn,
    AlreadySignedIn,
    NotConfidential,
    TooManyRequests,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Offline,
    Greeting { until: u64 },
    Open(SignIn),
    Closing { until: u64 },
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum SignIn {
    No,
    Pending { number: usize },
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Request {
    number: usize,
    kind: RequestKind,
    until: u64,
}

pub struct Model {
    pub now: u64,
    link: Link,
    /// How many commands were taken so far: their numbers stand on the wire, too.
    pub commands: usize,
    under_way: Vec<Request>,
    late: Vec<Request>,
    /// What was written and has not left yet.
    output: VecDeque<Request>,
    /// Under which command the user signed in who is, or was, signed in.
    pub user: Option<usize>,
    /// Requests to sign out on this connection, neither answered nor refused.
    leaving: Vec<usize>,
    confidential: bool,
    /// What is told besides the event of the last frame.
    pub besides: Vec<Told>,
}

fn signs_in(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::Authorize | RequestKind::SessionRestore)
}

impl Model {
    pub fn new() -> Model {
        let (under_way, late, output) = (Vec::new(), Vec::new(), VecDeque::new());
        let (leaving, besides) = (Vec::new(), Vec::new());
        let (link, user, confidential) = (Link::Offline, None, false);
        Model { now: 0, link, commands: 0, under_way, late, output, user, leaving, confidential, besides }
    }

    pub fn status(&self) -> Status {
        match self.link {
            Link::Offline => Status::Offline,
            Link::Greeting { .. } => Status::Greeting,
            Link::Open(SignIn::No) => Status::Connected,
            Link::Open(SignIn::Pending { .. }) => Status::SigningIn,
            Link::Open(SignIn::Yes) => Status::SignedIn,
            Link::Closing { .. } => Status::Closing,
            Link::Closed => Status::Closed,
        }
    }

    pub fn pending(&self) -> usize {
        self.under_way.len()
    }

    pub fn deadline(&self) -> Option<u64> {
        let link = match self.link {
            Link::Greeting { until } | Link::Closing { until } => Some(until),
            Link::Offline | Link::Open(_) | Link::Closed => None,
        };
        self.under_way.iter().map(|request| request.until).chain(link).min()
    }

    /// The type of a request that was made.
    pub fn kind(&self, number: usize) -> Option<RequestKind> {
        let all = self.under_way.iter().chain(&self.late);
        all.filter(|request| request.number == number).map(|request| request.kind).next()
    }

    pub fn connected(&mut self) -> Vec<Told> {
        let told = self.disconnected(Why::Network);
        if self.link != Link::Closed {
            self.link = Link::Greeting { until: self.now + 15_000 };
            self.confidential = false;
        }
        told
    }

    pub fn disconnected(&mut self, why: Why) -> Vec<Told> {
        let why = match self.link {
            Link::Offline | Link::Closed => return Vec::new(),
            Link::Closing { .. } if why == Why::Network => Why::Requested,
            _ => why,
        };
        let is_closing = matches!(self.link, Link::Closing { .. });
        let wanted = !std::mem::take(&mut self.leaving).is_empty();
        if wanted {
            self.user = None;
        }
        // A user who has just signed out was told already.
        let was_signed_in = self.link == Link::Open(SignIn::Yes) && why != Why::SignedOut;
        let mut told = vec![Told::Disconnected(why)];
        if was_signed_in && wanted {
            told.push(Told::SignedOut { wanted });
        }
        self.link = if is_closing { Link::Closed } else { Link::Offline };
        self.late.clear();
        let unsent = std::mem::take(&mut self.output);
        let lost = self.under_way.drain(..).map(|request| {
            let delivery = if unsent.contains(&request) { Delivery::NotSent } else { Delivery::Unknown };
            Told::Ended(request.number, request.kind, How::Lost(delivery))
        });
        told.extend(lost);
        if was_signed_in && !wanted {
            told.push(Told::SignedOut { wanted });
        }
        told
    }

    pub fn close(&mut self) {
        self.link = match self.link {
            Link::Greeting { .. } | Link::Open(_) => Link::Closing { until: self.now + 5_000 },
            Link::Offline => Link::Closed,
            Link::Closing { .. } | Link::Closed => self.link,
        };
    }

    pub fn tick(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(first) = self.under_way.first().copied().filter(|first| first.until <= self.now) {
            self.under_way.remove(0);
            self.sign_in_failed(first.number);
            told.push(Told::Ended(first.number, first.kind, How::TimedOut));
            self.late.push(first);
        }
        let awaited = match self.link {
            Link::Greeting { until } if until <= self.now => Awaited::Greeting,
            Link::Closing { until } if until <= self.now => Awaited::Close,
            _ => return told,
        };
        told.extend(self.disconnected(Why::TimedOut(awaited)));
        told
    }

    /// The numbers and types of the next requests that the connection takes, ended or not.
    pub fn take(&mut self, count: usize) -> Vec<(usize, RequestKind)> {
        let count = count.min(self.output.len());
        self.output.drain(..count).map(|request| (request.number, request.kind)).collect()
    }

    pub fn command(&mut self, kind: RequestKind) -> Result<(), Fault> {
        let sign_in = match self.link {
            Link::Open(sign_in) => sign_in,
            Link::Offline | Link::Greeting { .. } => return Err(Fault::NotConnected),
            Link::Closing { .. } | Link::Closed => return Err(Fault::Closed),
        };
        match (kind, sign_in) {
            (RequestKind::RegisterType | RequestKind::Other(_), _) => (),
            (kind, SignIn::No) if signs_in(kind) => (),
            (RequestKind::Register, SignIn::No) if self.confidential => (),
            (RequestKind::Register, SignIn::No) => return Err(Fault::NotConfidential),
            (kind, _) if signs_in(kind) || kind == RequestKind::Register => {
                return Err(Fault::AlreadySignedIn);
            }
            (_, SignIn::Yes) => (),
            _ => return Err(Fault::NotSignedIn),
        }
        if self.under_way.len() >= ROOM {
            return Err(Fault::TooManyRequests);
        }
        self.commands += 1;
        let number = self.commands;
        let request = Request { number, kind, until: self.now + 30_000 };
        self.under_way.push(request);
        self.output.push_back(request);
        if signs_in(kind) {
            self.link = Link::Open(SignIn::Pending { number });
        }
        if kind == RequestKind::SignOut {
            self.leaving.push(number);
        }
        Ok(())
    }

    pub fn confidential(&mut self) {
        self.confidential = !matches!(self.link, Link::Offline | Link::Closed);
    }

    /// Whether the client says that the user is typing; it has no number, and is not answered.
    pub fn typing(&self) -> Result<(), Fault> {
        match self.link {
            Link::Offline | Link::Greeting { .. } => Err(Fault::NotConnected),
            Link::Closing { .. } | Link::Closed => Err(Fault::Closed),
            Link::Open(SignIn::Yes) if self.under_way.len() >= ROOM => Err(Fault::TooManyRequests),
            Link::Open(SignIn::Yes) => Ok(()),
            Link::Open(_) => Err(Fault::NotSignedIn),
        }
    }

    pub fn arrives(&mut self, arriving: &Arriving, number: usize) -> Result<Told, Fault> {
        if matches!(self.link, Link::Offline | Link::Closed) {
            return Err(Fault::NoConnection);
        }
        Ok(match *arriving {
            Arriving::Challenge => match self.link {
                Link::Greeting { .. } | Link::Open(SignIn::No) => {
                    self.link = Link::Open(SignIn::No);
                    Told::Connected
                }
                _ => return Err(Fault::UnexpectedChallenge),
            },
            Arriving::Answer { kind, ok, .. } => return self.answered(number, kind, ok),
            Arriving::Message => Told::Message,
            Arriving::Info => Told::Info,
            Arriving::Error => Told::Error,
            Arriving::Unknown => Told::Unknown,
            Arriving::Nonsense => return Err(Fault::Nonsense),
        })
    }

    fn answered(&mut self, number: usize, kind: Option<RequestKind>, ok: bool) -> Result<Told, Fault> {
        let asked = self.kind(number).ok_or(Fault::UnexpectedAnswer)?;
        if kind.is_some_and(|kind| kind != asked) {
            return Err(Fault::WrongAnswer);
        }
        let is_late = self.late.iter().any(|request| request.number == number);
        self.late.retain(|request| request.number != number);
        self.under_way.retain(|request| request.number != number);
        let leaves = self.leaving.contains(&number);
        self.leaving.retain(|leaving| *leaving != number);
        if !ok {
            self.sign_in_failed(number);
        } else if leaves {
            self.user = None;
            if matches!(self.link, Link::Open(_)) {
                self.besides = vec![Told::SignedOut { wanted: true }];
                let rest = self.disconnected(Why::SignedOut);
                self.besides.extend(rest);
            }
        } else if signs_in(asked) && matches!(self.link, Link::Open(_)) {
            self.link = Link::Open(SignIn::Yes);
            self.user = Some(number);
        }
        let how = if ok { How::Answered } else { How::Refused };
        Ok(if is_late { Told::Late(number, asked, how) } else { Told::Ended(number, asked, how) })
    }

    fn sign_in_failed(&mut self, number: usize) {
        if self.link == Link::Open(SignIn::Pending { number }) {
            self.link = Link::Open(SignIn::No);
        }
    }
}
