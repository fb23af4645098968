// A chat in the browser: what the user does goes to the core, what the core tells is shown.

import { Connection } from "./connection.js";
import { Core } from "./core.js";
import { Dialogs, STATE } from "./dialogs.js";
import * as panels from "./panels.js";
import { people } from "./people.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);

/** What the user is told of each status; the others pass by too quickly. */
const WORDS = {
  "offline": "Offline",
  "waiting": "Reconnecting",
  "dialing": "Reconnecting",
  "greeting": "Reconnecting",
  "connected": "Not signed in",
  "signing in": "Reconnecting",
  "signed in": "Online",
};

let dialogs = new Dialogs();
let open = null;
/** Whether the chat is shown, and not the form for signing in. */
let isIn = false;

const connection = new Connection(await Core.load("core.wasm"), { onEvent, onStatus });

/** What the extension `people` needs of the chat. */
const chat = {
  get dialogs() {
    return dialogs;
  },
  get open() {
    return open;
  },
  ask(request, fields) {
    connection.call((core) => core.ask(request, fields));
  },
  choose(login) {
    choose(login);
    $("body").focus();
  },
  load(login) {
    connection.call((core) => core.open(login));
  },
  refresh,
};

const HANDLERS = {
  ...people(chat),
  signed_in({ login, has_people }) {
    if (dialogs.user !== login) {
      dialogs = new Dialogs();
      dialogs.user = login;
      open = null;
    }
    dialogs.hasPeople = has_people;
    view.forgetSecrets();
    view.showChat(login);
    // After a reconnection the user is in already, and perhaps about to write.
    if (!isIn) view.showDialog(null);
    isIn = true;
  },
  sign_in_failed({ reason }) {
    leave(reason);
    $("password").select();
  },
  invitation_needed() {
    leave("This server takes an invitation: enter it, and register again.");
    view.askForInvitation();
  },
  signed_out({ reason }) {
    forget(reason);
  },
  contacts({ contacts }) {
    const isFirst = dialogs.all.length === 0;
    dialogs.contacts(contacts);
    markRead();
    // Who has come and gone while there was no connection, no entry tells.
    if (open?.isConference) chat.ask("get_user_data", { login: open.login });
    refresh();
    if (isFirst) $("contacts").querySelector("[tabindex='0']")?.focus();
  },
  history(event) {
    dialogs.history(event.dialog, event);
    markRead();
    refresh();
  },
  message({ dialog, message }) {
    const isNew = !dialogs.all.some(({ login }) => login === dialog);
    dialogs.arrived(dialog, message);
    markRead();
    // Somebody whom the contacts did not list: what was said before?
    if (isNew) chat.load(dialog);
    refresh();
  },
  read({ dialog, up_to }) {
    dialogs.read(dialog, up_to);
    refresh();
  },
  log_changed() {
    dialogs.forgetPositions();
    view.showNotice("The server has lost messages: some may be missing here.");
  },
  sent({ dialog, marker, date }) {
    dialogs.ended(dialog, marker, { state: STATE.sent, date });
    refresh();
  },
  not_sent({ dialog, marker, reason, may_be_sent }) {
    dialogs.ended(dialog, marker, { state: may_be_sent ? STATE.unknown : STATE.failed, reason });
    refresh();
  },
  notice({ text }) {
    view.showNotice(text);
  },
  reconnecting({ after, reason }) {
    const seconds = Math.ceil(after / 1000);
    view.showOffline(`No connection: ${reason}. Next attempt in ${seconds} s.`);
  },
  gave_up() {
    view.showOffline("No connection.");
  },
};

function onEvent(event) {
  HANDLERS[event.event]?.(event);
}

function onStatus(status) {
  view.showStatus(WORDS[status] ?? "", status === "signed in");
  if (status === "signed in") view.showOffline("");
  if (status === "dialing") view.showOffline("No connection. Connecting again…");
}

function refresh() {
  if (!isIn) return;
  view.showUser(dialogs);
  view.showContacts(dialogs, open);
  view.showDialog(open, dialogs, sendAgain);
  panels.showRelation(dialogs.hasPeople ? open : null, chat.ask);
  if ($("details").open && open) panels.showDetails(open, dialogs, chat.ask);
}

/** Back to the form. */
function leave(problem) {
  isIn = false;
  panels.closePanels();
  view.showDoor(problem);
}

function choose(login) {
  open = dialogs.with(login);
  markRead();
  refresh();
  if (!open.isLoaded) chat.load(login);
}

/** What is open, where the user can see it, is read: the user's other devices shall know, and perhaps the other side. */
function markRead() {
  if (!open || document.hidden) return;
  open.unread = 0;
  const upTo = open.head;
  if (upTo <= open.readUpTo) return;
  open.readUpTo = upTo;
  const { login } = open;
  connection.call((core) => core.read(login, upTo));
}

function send(login, body) {
  const { marker } = dialogs.sending(login, body);
  connection.call((core) => core.send(login, body, marker));
  refresh();
}

function sendAgain(message) {
  dialogs.remove(message.to, message);
  send(message.to, message.body);
  $("body").focus();
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  view.showDoor();
  view.setSigningIn(true);
  const [url, login, password] = [$("url").value.trim(), $("login").value, $("password").value];
  connection.to(url);
  // Enter means the first button.
  if (event.submitter?.id !== "register-button") return connection.call((core) => core.signIn(url, login, password));
  const invitation = $("invitation").value.trim();
  connection.call((core) => core.register(url, login, password, invitation));
});

$("sign-out").addEventListener("click", () => {
  connection.call((core) => core.signOut());
  forget("");
});

/** Back to the form, with nothing left of what the user has seen. */
function forget(problem) {
  dialogs = new Dialogs();
  open = null;
  refresh();
  view.forget();
  leave(problem);
  $("login").focus();
}

$("contacts").addEventListener("click", (event) => {
  const row = event.target.closest("[data-login]");
  if (!row) return;
  choose(row.dataset.login);
  $("body").focus();
});

$("contacts").addEventListener("keydown", (event) => {
  const rows = [...$("contacts").children];
  const at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to !== undefined) {
    const row = rows[Math.min(Math.max(to, 0), rows.length - 1)];
    row?.focus();
    event.preventDefault();
  } else if (event.key === "Enter" || event.key === " ") {
    choose(document.activeElement.dataset.login);
    $("body").focus();
    event.preventDefault();
  }
});

$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = $("body").value;
  if (!open || !body.trim()) return;
  $("body").value = "";
  send(open.login, body);
  $("body").focus();
});

$("body").addEventListener("keydown", (event) => {
  // While an input method composes a letter, Enter belongs to it.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("compose").requestSubmit();
  } else if (event.key === "Escape") {
    toContacts();
  }
});

$("body").addEventListener("input", () => {
  if (open && $("body").value.trim()) connection.call((core) => core.typing(open.login));
});

document.addEventListener("visibilitychange", () => {
  markRead();
  refresh();
});

$("back").addEventListener("click", toContacts);

function toContacts() {
  // On a small screen there are either the contacts or a dialog.
  if (!view.showsContacts()) {
    open = null;
    refresh();
  }
  $("contacts").querySelector("[tabindex='0']")?.focus();
}

$("reconnect").addEventListener("click", () => connection.call((core) => core.reconnect()));
// The network is back: there is no point in waiting on.
addEventListener("online", () => isIn && connection.call((core) => core.reconnect()));
