//! The messages of the extension `people`.

use super::*;
use skaro_proto::message::{
    ChangedUserData, ContactChange, ContactState, Invitation, ReadBy, SessionInfo, Typing,
};

fn state() -> impl Strategy<Value = ContactState<'static>> {
    prop_oneof![
        3 => prop::sample::select(vec!["listed", "asks", "blocked", "none", "owner"])
            .prop_map(|word| ContactState::from(Cow::Borrowed(word))),
        1 => text().prop_map(ContactState::from),
    ]
}

impl Kind {
    fn profile(self) -> impl Strategy<Value = Option<Fields<'static>>> {
        option::of(self.extra(&[]))
    }

    pub(super) fn pushed(self) -> impl Strategy<Value = ServerMessage<'static>> {
        let contact = (text(), state(), position(), self.extra(&["type", "login", "state", "position"]))
            .prop_map(|(login, state, position, extra)| {
                let mut change = ContactChange::new(login, state, position);
                change.extra = extra;
                ServerMessage::ContactChanged(change)
            });
        let changed = (
            self.user(),
            option::of(text()),
            option::of(state()),
            option::of(position()),
            self.extra(&["type", "user", "member", "state", "position"]),
        );
        let changed = changed.prop_map(|(user, member, state, position, extra)| {
            let mut changed = ChangedUserData::new(user);
            (changed.member, changed.state, changed.position, changed.extra) =
                (member, state, position, extra);
            ServerMessage::ChangedUserData(changed)
        });
        let typing = (self.sender(), self.extra(&["type", "from"])).prop_map(|(from, extra)| {
            let mut typing = Typing::new(from);
            typing.extra = extra;
            ServerMessage::Typing(typing)
        });
        let read_by =
            (text(), date(), self.extra(&["type", "login", "date"])).prop_map(|(login, date, extra)| {
                let mut read_by = ReadBy::new(login, date);
                read_by.extra = extra;
                ServerMessage::ReadBy(read_by)
            });
        prop_oneof![contact, changed, typing, read_by]
    }

    fn session(self) -> impl Strategy<Value = SessionInfo<'static>> {
        (text(), any::<bool>(), option::of(signed()), self.extra(&["session", "current", "until"])).prop_map(
            |(session, current, until, extra)| {
                let mut session = SessionInfo::new(session, current);
                (session.until, session.extra) = (until, extra);
                session
            },
        )
    }

    /// Answers with the types of their requests.
    pub(super) fn answered(
        self,
    ) -> impl Strategy<Value = (Cow<'static, str>, Answer<'static>, Fields<'static>)> {
        let plain = prop::sample::select(vec![
            ("register", Answer::Registered),
            ("add_contact", Answer::Contact),
            ("del_contact", Answer::Contact),
            ("update_my_data", Answer::Updated),
            ("sign_out", Answer::SignedOut),
        ]);
        let invitation =
            (text(), signed()).prop_map(|(text, until)| Answer::Invitation(Invitation::new(text, until)));
        let users = (vec(self.user(), 0..4), any::<bool>())
            .prop_map(|(users, more)| Answer::Users { users: users.into(), more });
        let sessions = vec(self.session(), 0..4).prop_map(Answer::Sessions);
        let answer = prop_oneof![
            plain,
            invitation.prop_map(|answer| ("invite", answer)),
            users.prop_map(|answer| ("search_contacts", answer)),
            self.user().prop_map(|user| ("get_user_data", Answer::User(user))),
            sessions.prop_map(|answer| ("get_sessions", answer)),
        ];
        let own = ["invitation", "until", "data", "more", "user", "sessions"];
        let extra = self.extra(&["type", "for", "id", "status"]).prop_map(move |extra| {
            let others = extra.iter().filter(|(name, _)| !own.contains(&&**name));
            others.collect::<Fields<'_>>().into_owned()
        });
        (answer, extra).prop_map(|((kind, answer), extra)| (kind.into(), answer, extra))
    }

    /// Requests with further fields.
    pub(super) fn requested(self) -> impl Strategy<Value = (Request<'static>, Fields<'static>)> {
        let one = || option::of(text());
        prop_oneof![
            (
                (text(), text(), one(), self.profile()).prop_map(|(login, password, invitation, profile)| {
                    Request::Register { login, password, invitation, profile }
                }),
                self.extra(&["type", "on_request", "login", "password", "invitation", "profile"])
            ),
            (
                prop_oneof![Just(Request::Invite), Just(Request::GetSessions)],
                self.extra(&["type", "on_request"])
            ),
            (
                (text(), any::<bool>(), one(), any::<bool>()).prop_map(|(login, blocked, member, owner)| {
                    Request::AddContact { login, blocked, member, owner }
                }),
                self.extra(&["type", "on_request", "login", "blocked", "member", "owner"])
            ),
            (
                (text(), one()).prop_map(|(login, member)| Request::DelContact { login, member }),
                self.extra(&["type", "on_request", "login", "member"])
            ),
            (
                (text(), option::of(unsigned()))
                    .prop_map(|(prefix, limit)| Request::SearchContacts { prefix, limit }),
                self.extra(&["type", "on_request", "prefix", "limit"])
            ),
            (
                text().prop_map(|login| Request::GetUserData { login }),
                self.extra(&["type", "on_request", "login"])
            ),
            (
                (one(), self.profile(), one(), one(), any::<bool>()).prop_map(
                    |(login, profile, password, old_password, end_sessions)| {
                        Request::UpdateMyData { login, profile, password, old_password, end_sessions }
                    }
                ),
                self.extra(&[
                    "type",
                    "on_request",
                    "login",
                    "profile",
                    "password",
                    "old_password",
                    "end_sessions"
                ])
            ),
            (
                (one(), any::<bool>()).prop_map(|(session, others)| Request::SignOut { session, others }),
                self.extra(&["type", "on_request", "session", "others"])
            ),
            (
                text().prop_map(|login| Request::Typing { login }),
                self.extra(&["type", "on_request", "login"])
            ),
        ]
    }
}
