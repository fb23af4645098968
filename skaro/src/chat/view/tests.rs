//! The view without a terminal: reports and keys in, rows out.

use std::time::{Duration, Instant};

use skaro_proto::message::{Date, User};

use super::*;

fn view() -> View {
    let mut view = View::new(Names::default());
    view.show(&Report::Connected);
    view.show(&Report::Authorized { session_id: "s", user: &User::new("alice") });
    view
}

fn message<'a>(from: &'a str, body: &'a str, position: u64) -> Message<'a> {
    let mut message = Message::new(from, "alice", body);
    // Shown in quotes, whatever the time of day is.
    message.date = Some(Date::Text("12:00".into()));
    message.position = Some(position);
    message
}

fn arrives(view: &mut View, from: &str, body: &str, position: u64) {
    view.show(&Report::Message { dialog: from, message: &message(from, body, position) });
}

fn types(view: &mut View, text: &str) {
    text.chars().for_each(|char| _ = press(view, KeyCode::Char(char), KeyModifiers::NONE));
}

fn press(view: &mut View, code: KeyCode, modifiers: KeyModifiers) -> Reaction {
    view.handle(Event::Key(KeyEvent::new(code, modifiers)), true)
}

fn screen(view: &mut View, columns: usize, lines: usize) -> Vec<String> {
    let picture = view.draw(columns, lines);
    assert!(picture.rows.len() <= lines);
    let rows: Vec<_> = picture.rows.iter().map(|row| row.render(false)).collect();
    assert!(rows.iter().all(|row| crate::rows::width(row) <= columns), "{rows:#?}");
    rows.iter().map(|row| row.trim_end().to_owned()).collect()
}

fn history(view: &mut View, login: &str, positions: std::ops::Range<u64>, more: bool) {
    let bodies: Vec<_> = positions.clone().map(|number| format!("number {number}")).collect();
    let messages: Vec<_> =
        positions.zip(&bodies).map(|(position, body)| message(login, body, position)).collect();
    view.show(&Report::History { login, history: &messages, more: Some(more), id: None });
}

#[test]
fn a_wide_terminal_shows_contacts_and_a_dialog() {
    let mut view = view();
    arrives(&mut view, "bob", "hello", 1);
    arrives(&mut view, "carol", "hi", 2);
    assert!(view.open("bob"));
    history(&mut view, "bob", 0..1, false);
    assert!(!view.open("bob"));
    assert_eq!(view.take_seen(), Some(("bob".into(), 1)));
    types(&mut view, "half a li");
    assert_eq!(
        screen(&mut view, 60, 6),
        [
            "   carol 1     │",
            ">  bob         │",
            "               │ \"12:00\" bob: number 0",
            "               │ \"12:00\" bob: hello",
            " alice · unread: carol 1",
            "to bob> half a li",
        ]
    );
}

#[test]
fn a_narrow_terminal_shows_one_dialog_and_counts_the_rest() {
    let mut view = view();
    view.open("bob");
    arrives(&mut view, "bob", "a text that is longer than forty columns are wide", 1);
    (2..5).for_each(|position| arrives(&mut view, "carol", "hi", position));
    arrives(&mut view, "Donaudampfschifffahrtskapitänswitwe", "hi", 5);
    types(&mut view, "half a line that goes on and on and on");
    assert_eq!(
        screen(&mut view, 40, 6),
        [
            "",
            "\"12:00\" bob: a text that is longer than",
            "    forty columns are wide",
            " alice · unread: 4",
            "to bob> half a line that goes on and on",
            "and on",
        ]
    );
}

#[test]
fn what_is_typed_survives_messages_resizing_and_other_dialogs() {
    let mut view = view();
    view.open("bob");
    types(&mut view, "for bob");
    arrives(&mut view, "bob", "hello", 1);
    arrives(&mut view, "carol", "hi", 2);
    for lines in 1..8 {
        [12, 39, 60, 200].iter().for_each(|columns| _ = screen(&mut view, *columns, lines));
        // The terminal cuts what is too wide.
        [1, 2, 10].iter().for_each(|columns| _ = view.draw(*columns, lines));
    }
    assert!(matches!(press(&mut view, KeyCode::Tab, KeyModifiers::NONE), Reaction::Draw));
    view.open("carol");
    assert_eq!(view.line.text(), "");
    types(&mut view, "for carol");
    view.open("bob");
    assert_eq!(view.line.text(), "for bob");
    view.open("carol");
    assert_eq!(view.line.text(), "for carol");
}

#[test]
fn unread_dialogs_are_opened_one_after_the_other() {
    let mut view = view();
    view.open("bob");
    arrives(&mut view, "carol", "hi", 1);
    arrives(&mut view, "dave", "hi", 2);
    let mut opened = Vec::new();
    while let Reaction::Input(Input::Open(login)) = press(&mut view, KeyCode::Tab, KeyModifiers::NONE) {
        view.open(&login);
        view.take_seen();
        opened.push(login);
    }
    assert_eq!(opened, ["dave", "carol"]);
    let neighbour = |view: &mut View, key| match press(view, KeyCode::Char(key), KeyModifiers::CONTROL) {
        Reaction::Input(Input::Open(login)) => Some(login),
        _ => None,
    };
    view.show(&Report::Contacts { contacts: &vec![User::new("zoe")].into(), id: None });
    assert_eq!(neighbour(&mut view, 'p'), Some("dave".into()));
    assert_eq!(neighbour(&mut view, 'n'), Some("zoe".into()));
}

#[test]
fn older_messages_stay_in_sight_while_others_arrive() {
    let mut view = view();
    view.open("bob");
    history(&mut view, "bob", 20..40, true);
    screen(&mut view, 40, 7);
    press(&mut view, KeyCode::PageUp, KeyModifiers::NONE);
    let before = screen(&mut view, 40, 7);
    assert_eq!(before[4], "\"12:00\" bob: number 34");
    view.take_seen();
    arrives(&mut view, "bob", "a new one that takes two rows of the forty columns", 40);
    assert_eq!(screen(&mut view, 40, 7)[..5], before[..5]);
    // The message was not seen yet.
    assert_eq!(view.take_seen(), None);
    assert_eq!(screen(&mut view, 40, 7)[5], " alice · ▼ PageDown · unread: bob 1");
    (0..3).for_each(|_| _ = press(&mut view, KeyCode::PageDown, KeyModifiers::NONE));
    assert_eq!(view.take_seen(), Some(("bob".into(), 40)));
    // At the top the view requests older messages, once.
    let mut asked = 0;
    for _ in 0..20 {
        let reaction = press(&mut view, KeyCode::PageUp, KeyModifiers::NONE);
        asked += u32::from(matches!(reaction, Reaction::Input(Input::Older)));
        screen(&mut view, 40, 7);
    }
    assert_eq!((asked, view.oldest()), (1, Some(20)));
    let top = screen(&mut view, 40, 7);
    history(&mut view, "bob", 10..20, false);
    assert_eq!(screen(&mut view, 40, 7), top);
    assert_eq!(view.oldest(), None);
    press(&mut view, KeyCode::PageUp, KeyModifiers::NONE);
    assert_eq!(screen(&mut view, 40, 7)[4], "\"12:00\" bob: number 19");
}

#[test]
fn a_message_is_shown_before_its_answer_and_fails_in_red() {
    let mut view = view();
    view.open("bob");
    view.show_sending("bob", 1, "one");
    view.show_sending("bob", 2, "two");
    assert_eq!(screen(&mut view, 40, 4)[..2], ["…     alice: one", "…     alice: two"]);
    view.show(&Report::MessageSent {
        to: "bob",
        marker: 2,
        date: None,
        position: Some(1),
        id: None,
        from: "alice",
        body: "two",
    });
    view.show(&Report::TimedOut { request: "send_message", marker: Some(1), id: None });
    let picture = view.draw(60, 5);
    let row = picture.rows.iter().find(|row| row.render(false).contains("one")).unwrap();
    // The message is no longer being sent.
    assert!(row.render(false).contains("!     alice: one"), "{row:?}");
    assert!(row.render(true).contains("\u{1b}[31m"));
    assert!(screen(&mut view, 80, 5)[2].ends_with("send_message #1: no answer came in time"));
}

#[test]
fn each_attempt_to_connect_is_shown_instead_of_the_one_before() {
    let mut view = view();
    view.open("bob");
    history(&mut view, "bob", 20..40, true);
    view.show(&Report::Disconnected { reason: "gone".into() });
    let tries = |view: &mut View, after_ms| {
        view.show(&Report::Reconnecting { after_ms, reason: Some("refused".into()) });
    };
    (1..5).for_each(|number| tries(&mut view, number * 1000));
    assert_eq!(
        screen(&mut view, 40, 6),
        [
            "\"12:00\" bob: number 39",
            "disconnected: gone",
            "no connection: refused; connecting again",
            "    in 4.0 s",
            " not connected",
            "to bob>",
        ]
    );
    // The visible rows stay where they are.
    press(&mut view, KeyCode::PageUp, KeyModifiers::NONE);
    let before = screen(&mut view, 40, 6);
    tries(&mut view, 5000);
    assert_eq!(screen(&mut view, 40, 6), before);
    press(&mut view, KeyCode::PageDown, KeyModifiers::NONE);
    view.open("carol");
    tries(&mut view, 6000);
    view.show(&Report::Connected);
    assert_eq!(screen(&mut view, 40, 4)[..2], ["", "connected"]);
    view.open("bob");
    assert_eq!(screen(&mut view, 40, 4)[..2], ["\"12:00\" bob: number 39", "disconnected: gone"]);
}

#[test]
fn control_characters_are_shown_and_nothing_breaks_the_rows() {
    let mut view = view();
    view.open("bob");
    for (position, body) in
        ["\u{1b}[2J\u{7}\u{202e}", "שלום עולם", "👩\u{200d}💻👍🏽❤\u{fe0f}🇩🇪", "a\u{301}\u{301}"]
            .iter()
            .enumerate()
    {
        arrives(&mut view, "bob", body, position as u64 + 1);
    }
    types(&mut view, "\u{9b}");
    view.handle(Event::Paste("one\r\ntwo\u{1b}".into()), true);
    assert_eq!(
        screen(&mut view, 50, 6),
        [
            "\"12:00\" bob: \\u{1b}[2J\\u{7}\\u{202e}",
            "\"12:00\" bob: שלום עולם",
            "\"12:00\" bob: 👩💻👍❤DE",
            "\"12:00\" bob: a\u{301}\u{301}",
            " alice",
            "to bob> \\u{9b}one ⏎ two\\u{1b}",
        ]
    );
}

#[test]
fn a_password_is_asked_for_without_being_shown() {
    let mut view = view();
    view.open("bob");
    types(&mut view, "half");
    view.ask_password(Some("Password of alice: ".into()));
    types(&mut view, "horse");
    assert_eq!(screen(&mut view, 40, 3)[2], "Password of alice: *****");
    let Reaction::Input(Input::Password(password)) = press(&mut view, KeyCode::Enter, KeyModifiers::NONE)
    else {
        panic!("no password")
    };
    assert_eq!(password.expose(), "horse");
    assert_eq!(screen(&mut view, 40, 3)[2], "to bob> half");
}

#[test]
fn lines_wait_until_they_are_wanted() {
    let mut view = view();
    types(&mut view, "/help");
    let enter = Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert!(matches!(view.handle(enter.clone(), false), Reaction::Draw));
    assert_eq!(view.line.text(), "/help");
    assert!(matches!(view.handle(enter, true), Reaction::Input(Input::Line(line)) if line == "/help"));
    types(&mut view, "x");
    assert!(matches!(press(&mut view, KeyCode::Char('c'), KeyModifiers::CONTROL), Reaction::Draw));
    assert!(matches!(
        press(&mut view, KeyCode::Char('c'), KeyModifiers::CONTROL),
        Reaction::Input(Input::Interrupt)
    ));
}

fn contact(view: &mut View, login: &str, state: &str) {
    view.show(&Report::Contact { login, state, position: 9 });
}

/// A user with these fields of a profile.
fn profiled(login: &'static str, fields: &[(&'static str, &'static str)]) -> User<'static> {
    let mut profile = skaro_proto::Fields::new();
    profile.extend(fields.iter().map(|(name, text)| (*name, skaro_proto::Value::from(*text))));
    let mut user = User::new(login);
    user.extra.push("profile", profile);
    user
}

fn presence(view: &mut View, login: &str, online: bool) {
    let mut user = User::new(login);
    user.extra.push("online", online);
    view.show(&Report::ChangedUserData { user: &user, member: None, state: None, position: None });
}

#[test]
fn the_list_tells_who_is_there_and_who_asks() {
    let mut view = view();
    view.names.call("bob", Some("Bob Miller"));
    for (login, state) in [("bob", "listed"), ("carol", "asks"), ("dave", "blocked"), ("#team", "listed")] {
        contact(&mut view, login, state);
    }
    presence(&mut view, "bob", true);
    presence(&mut view, "nobody", true);
    let rows = screen(&mut view, 80, 8);
    let listed: Vec<_> = rows[..4].iter().map(|row| row.split('│').next().unwrap().trim_end()).collect();
    assert_eq!(listed, ["   #team", " ● bob \"Bob Miller\"", " ? carol", " × dave"]);
    assert!(rows.concat().contains("/add carol accepts"), "{rows:#?}");
    presence(&mut view, "bob", false);
    contact(&mut view, "dave", "none");
    let rows = screen(&mut view, 80, 8);
    assert!(rows[1].starts_with(" ○ bob") && !rows.concat().contains("dave"), "{rows:#?}");
    // Without a connection the presence is unknown.
    view.show(&Report::Disconnected { reason: "gone".into() });
    assert!(screen(&mut view, 80, 8)[1].starts_with("   bob"));
}

#[test]
fn who_types_is_told_for_ten_seconds_or_until_the_message() {
    let (mut view, start) = (view(), Instant::now());
    let after = |seconds| start + Duration::from_secs(seconds);
    view.open("#team");
    contact(&mut view, "#team", "listed");
    view.handle_typing("#team", "bob", start);
    view.handle_typing("#team", "carol", after(1));
    view.handle_typing("dave", "dave", start);
    assert_eq!(screen(&mut view, 60, 4)[2], " alice · bob, carol are typing…");
    assert_eq!(screen(&mut view, 22, 4)[2], " alice · typing…");
    assert_eq!(view.typing_ends(), Some(after(10)));
    view.forget_typing(after(10));
    assert_eq!(screen(&mut view, 60, 4)[2], " alice · carol is typing…");
    let mut message = message("carol", "here it is", 1);
    message.from.in_conference = Some("#team".into());
    view.show(&Report::Message { dialog: "#team", message: &message });
    assert_eq!((screen(&mut view, 60, 4)[2].as_str(), view.typing_ends()), (" alice", None));
}

#[test]
fn a_conference_shows_its_topic_its_members_and_their_names() {
    let mut view = view();
    view.open("#team");
    view.meet_user(&profiled("#team", &[("status_text", "lunch")]));
    contact(&mut view, "#team", "listed");
    view.meet_user(&profiled("#team", &[("status_text", "lunch")]));
    let team = User::new("#team");
    let (member, state, position) = (Some("bob"), Some("listed"), Some(1));
    view.show(&Report::ChangedUserData { user: &team, member, state, position });
    let mut message = message("bob", "hi", 2);
    message.from.in_conference = Some("#team".into());
    view.show(&Report::Message { dialog: "#team", message: &message });
    view.names.call("bob", Some("Bob\u{1b}[2J"));
    view.show(&Report::ChangedUserData {
        user: &profiled("#team", &[("status_text", "dinner")]),
        member: None,
        state: None,
        position: Some(3),
    });
    assert_eq!(
        screen(&mut view, 50, 6),
        [
            "",
            "#team: bob has joined",
            "\"12:00\" bob \"Bob\\u{1b}[2J\": hi",
            "#team: the topic is \"dinner\"",
            " alice · #team \"dinner\"",
            "to #team>",
        ]
    );
}

#[test]
fn what_was_read_is_marked() {
    let mut view = view();
    view.open("bob");
    let (from, body, date) = ("alice", "hi", Date::Integer(5));
    let date = Some(&date);
    view.show(&Report::MessageSent { to: "bob", marker: 1, date, position: Some(1), id: None, from, body });
    let is_marked = |view: &mut View| screen(view, 50, 4)[1].ends_with("alice: hi (read)");
    view.show(&Report::ReadBy { login: "bob", date: &Date::Integer(4) });
    assert!(!is_marked(&mut view));
    view.show(&Report::ReadBy { login: "bob", date: &Date::Integer(5) });
    assert!(is_marked(&mut view));
}

#[test]
fn only_a_message_that_is_typed_counts_as_typing() {
    let mut view = view();
    types(&mut view, "to nobody");
    assert!(!view.take_typed());
    view.open("bob");
    types(&mut view, "x");
    assert!(view.take_typed() && !view.take_typed());
    press(&mut view, KeyCode::Enter, KeyModifiers::NONE);
    for (line, counts) in [("/to bob", false), ("//shrug", true), (" ", false), ("hi", true)] {
        types(&mut view, line);
        assert_eq!(view.take_typed(), counts, "{line}");
        press(&mut view, KeyCode::Enter, KeyModifiers::NONE);
    }
}

#[test]
fn a_dialog_with_nobody_is_closed_and_what_is_typed_stays() {
    let mut view = view();
    view.open("bbo");
    types(&mut view, "half");
    view.close("bbo");
    assert_eq!(screen(&mut view, 40, 3)[2], "> half");
}

#[test]
fn a_choice_is_listed_once() {
    let mut view = view();
    ["carol", "carl"].iter().for_each(|name| view.names.add(name));
    view.open("bob");
    types(&mut view, "/to car");
    (0..3).for_each(|_| _ = press(&mut view, KeyCode::Tab, KeyModifiers::NONE));
    let rows = screen(&mut view, 40, 6).concat();
    assert_eq!(rows.matches("carl  carol").count(), 1, "{rows}");
}
