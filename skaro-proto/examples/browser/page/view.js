// What is shown. Everything that came from elsewhere becomes text, never markup.

import { STATE } from "./dialogs.js";

const $ = (id) => document.getElementById(id);

/** An element with these classes and this text. */
export function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}

/** A name that somebody chose, and always the login: the name may be anything. Neither changes how the other reads. */
export function nameWith(login, name) {
  const shown = element("bdi", "name", name || login);
  return name ? [shown, element("bdi", "login", login)] : [shown];
}

function initials(login) {
  return [...login].slice(0, 2).join("");
}

/** The avatar of a dialog or a user: letters of the login, since the name may be anything. */
function showAvatar(id, login) {
  $(id).textContent = initials(login);
}

/** A message's moment, if the server tells it in milliseconds since 1970, as this project's does. */
function moment(date) {
  return Number.isFinite(date) ? new Date(date) : null;
}

export function showDoor(problem = "") {
  $("door").hidden = false;
  $("chat").hidden = true;
  $("sign-in-error").textContent = problem;
  setSigningIn(false);
  $("notice").hidden = true;
  document.title = "skaro";
}

export function setSigningIn(isSigningIn) {
  for (const id of ["sign-in-button", "register-button"]) $(id).disabled = isSigningIn;
  $("sign-in-button").textContent = isSigningIn ? "Signing in…" : "Sign in";
}

/** There is a field for an invitation from now on. */
export function askForInvitation() {
  $("invitation-label").hidden = false;
  $("invitation").focus();
}

/** The user is in: what was needed for that is not kept. */
export function forgetSecrets() {
  for (const id of ["password", "invitation"]) $(id).value = "";
  $("invitation-label").hidden = true;
}

export function showChat(user) {
  $("door").hidden = true;
  $("chat").hidden = false;
  showAvatar("user-avatar", user);
}

export function showUser({ user, profile }) {
  update($("user"), nameWith(user, profile.name));
}

/** Forgets what was about the user who is leaving, and not about a dialog. */
export function forget() {
  for (const id of ["user", "user-avatar", "notice", "other-avatar"]) $(id).textContent = "";
  for (const id of ["stranger", "body"]) $(id).value = "";
  $("notice").hidden = true;
}

export function showStatus(text, isGood) {
  // The same text again would be read out again.
  if ($("status").textContent !== text) $("status").textContent = text;
  $("status").classList.toggle("good", isGood);
}

/** Says that there is no connection; nothing to say if there is one. */
export function showOffline(text) {
  $("offline").hidden = !text;
  if ($("offline-text").textContent !== text) $("offline-text").textContent = text;
}

let noticeTimer = 0;

export function showNotice(text) {
  clearTimeout(noticeTimer);
  $("notice").textContent = text;
  $("notice").hidden = false;
  noticeTimer = setTimeout(() => ($("notice").hidden = true), 8000);
}

/** The contacts, the open one selected; the one that had the focus keeps it. */
export function showContacts(dialogs, open) {
  const list = $("contacts");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.login : null;
  const listed = dialogs.all.filter((dialog) => dialog.isListed || dialog === open);
  const rows = listed.map((dialog) => contact(dialog, dialog === open));
  list.replaceChildren(...rows);
  // One stop for the Tab key: the open contact, or the first.
  const stop = rows.find((row) => row.ariaSelected === "true") ?? rows[0];
  if (stop) stop.tabIndex = 0;
  rows.find((row) => row.dataset.login === focused)?.focus();
  $("no-contacts").hidden = rows.length > 0;
  document.title = dialogs.unread ? `(${dialogs.unread}) skaro` : "skaro";
}

/** Whether there is room for the contacts beside the dialog, or they are shown instead of it. */
export function showsContacts() {
  return $("side").checkVisibility();
}

function contact(dialog, isOpen) {
  const row = element("li");
  row.role = "option";
  row.tabIndex = -1;
  row.ariaSelected = String(isOpen);
  row.dataset.login = dialog.login;
  const entry = element("div", "entry");
  const title = element("span", dialog.isOnline ? "title online" : "title");
  title.append(...nameWith(dialog.login, dialog.profile.name));
  const [news, isNews] = newsOf(dialog);
  entry.append(title, element("bdi", isNews ? "last news" : "last", news));
  const avatar = element("span", "avatar", initials(dialog.login));
  avatar.ariaHidden = "true";
  row.append(avatar, entry);
  if (dialog.unread) row.append(element("span", "badge", String(dialog.unread)));
  const unread = dialog.unread ? `, ${dialog.unread} unread` : "";
  const name = dialog.profile.name ? `${dialog.profile.name}, ` : "";
  row.ariaLabel = `${name}${dialog.login}${dialog.isOnline ? ", online" : ""}${unread}${isNews ? `, ${news}` : ""}`;
  row.classList.toggle("blocked", dialog.state === "blocked");
  return row;
}

/** What stands below a contact's name, and whether that is more than the last message. */
function newsOf(dialog) {
  const typing = whoTypes(dialog);
  if (typing) return [typing, true];
  if (dialog.state === "asks") return [dialog.isConference ? "invites you" : "asks to be a contact", true];
  if (dialog.state === "blocked") return ["blocked", false];
  return [dialog.messages.at(-1)?.body ?? (dialog.last || (dialog.profile.status_text ?? "")), false];
}

function whoTypes(dialog) {
  const typing = dialog.typing(performance.now());
  if (typing.length === 0) return "";
  if (!dialog.isConference) return "typing…";
  return typing.length > 2 ? "several are typing…" : `${typing.join(" and ")} typing…`;
}

function countOf(members, hasMore) {
  return members.length === 1 ? "1 member" : `${hasMore ? "more than " : ""}${members.length} members`;
}

/** What stands below the name of the open dialog. */
function aboutDialog(dialog) {
  const { isOnline, members, hasMoreMembers, profile } = dialog;
  const made = [];
  const typing = whoTypes(dialog);
  if (typing) made.push(element("bdi", "news", typing));
  else if (isOnline) made.push(element("bdi", "", "online"));
  else if (members) made.push(element("bdi", "", countOf(members, hasMoreMembers)));
  if (profile.status_text) made.push(element("bdi", "", profile.status_text));
  return made;
}

/** The open dialog, or that there is none. What was there already stays, so that only what is new is read out. */
export function showDialog(dialog, dialogs, onAgain) {
  const list = $("messages");
  $("chat").classList.toggle("in-dialog", Boolean(dialog));
  for (const id of ["messages", "other-avatar"]) $(id).hidden = !dialog;
  $("compose").hidden = !dialog || (dialog.isConference && (dialog.isMissing || !["", "listed"].includes(dialog.state)));
  $("details-button").hidden = !dialog || !dialogs.hasPeople || dialog.isMissing;
  $("empty").hidden = Boolean(dialog);
  update($("other"), dialog ? nameWith(dialog.login, dialog.profile.name) : []);
  update($("presence"), dialog ? aboutDialog(dialog) : []);
  if (!dialog) {
    list.replaceChildren();
    list.ariaLabel = "Messages";
    delete list.dataset.login;
    return;
  }
  showAvatar("other-avatar", dialog.login);
  const isOther = list.dataset.login !== dialog.login;
  const isAtEnd = isOther || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.dataset.login = dialog.login;
  list.ariaLabel = `Messages with ${dialog.login}`;
  // A whole history is not read out.
  list.ariaBusy = String(isOther || !dialog.isLoaded);
  update(list, rows(dialog, dialogs, onAgain));
  if (isAtEnd) list.scrollTop = list.scrollHeight;
  requestAnimationFrame(() => (list.ariaBusy = String(!dialog.isLoaded)));
}

/** Puts these rows into the list; equal ones stay as they are. */
export function update(list, rows) {
  rows.forEach((row, at) => {
    const before = list.children[at];
    if (!before) list.append(row);
    else if (!before.isEqualNode(row)) before.replaceWith(row);
  });
  while (list.children.length > rows.length) list.lastChild.remove();
}

function rows({ messages, readBy }, dialogs, onAgain) {
  const { user } = dialogs;
  const lastRead = messages.findLast(({ from, date }) => from === user && date !== null && date <= readBy);
  const made = [];
  let day = "";
  let from = null;
  for (const message of messages) {
    const date = moment(message.date);
    const its = date?.toLocaleDateString(undefined, { dateStyle: "long" }) ?? day;
    if (its !== day) {
      made.push(element("li", "day", its));
      day = its;
      from = null;
    }
    const names = message.from === from ? [] : nameWith(message.from, dialogs.nameOf(message.from));
    made.push(row(message, user, names, message === lastRead, onAgain));
    from = message.from;
  }
  return made;
}

/** A message; with its sender, if that is another one than before. */
function row(message, user, names, isLastRead, onAgain) {
  const classes = ["message"];
  if (message.from === user) classes.push("mine");
  if (names.length > 0) classes.push("first");
  if (message.state) classes.push(message.state);
  const made = element("li", classes.join(" "));
  // No two messages of the user are the same row: the button belongs to one of them.
  if (message.marker) made.dataset.marker = message.marker;
  const from = element("span", message.from === user ? "unseen" : "from");
  from.append(...names);
  if (names.length > 0) made.append(from);
  const when = about(message) + (isLastRead ? " · read" : "");
  made.append(element("span", "text", message.body), element("span", "about", when));
  if (message.state === STATE.failed || message.state === STATE.unknown) {
    const again = element("button", "quiet again", "Send again");
    again.addEventListener("click", () => onAgain(message));
    made.append(again);
  }
  return made;
}

/** When, or what became of it. */
function about({ date, state, reason }) {
  if (state === STATE.waiting) return "sending…";
  if (state === STATE.failed || state === STATE.unknown) return reason;
  const when = moment(date)?.toLocaleTimeString(undefined, { timeStyle: "short" });
  return when ?? (date === null ? "" : String(date));
}
