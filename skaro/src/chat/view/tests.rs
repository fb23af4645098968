//! The view without a terminal: reports and keys in, rows out.

use skaro_proto::message::Date;

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
            " alice · unread: Donaudampfschifffahrts…",
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
    // It was not seen yet.
    assert_eq!(view.take_seen(), None);
    assert_eq!(screen(&mut view, 40, 7)[5], " alice · ▼ PageDown · unread: bob 1");
    (0..3).for_each(|_| _ = press(&mut view, KeyCode::PageDown, KeyModifiers::NONE));
    assert_eq!(view.take_seen(), Some(("bob".into(), 40)));
    // At the top it asks for what is older, once.
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
    // What is looked at stays where it is.
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
    view.ask_password(Some("alice"));
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
