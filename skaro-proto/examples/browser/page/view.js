// What is shown. Everything that came from elsewhere becomes text, never markup.

import { STATE } from "./dialogs.js";

const $ = (id) => document.getElementById(id);

/** An element with these classes and this text. */
function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}

function initials(login) {
  return [...login].slice(0, 2).join("");
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
  document.title = "skaro";
}

export function setSigningIn(isSigningIn) {
  $("sign-in-button").disabled = isSigningIn;
  $("sign-in-button").textContent = isSigningIn ? "Signing in…" : "Sign in";
}

export function showChat(user) {
  $("door").hidden = true;
  $("chat").hidden = false;
  $("user").textContent = user;
  $("user-avatar").textContent = initials(user);
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
  const rows = dialogs.all.map((dialog) => contact(dialog, dialog === open));
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
  const name = element("span", dialog.isOnline ? "name online" : "name", dialog.login);
  entry.append(name, element("span", "last", dialog.messages.at(-1)?.body ?? ""));
  const avatar = element("span", "avatar", initials(dialog.login));
  avatar.ariaHidden = "true";
  row.append(avatar, entry);
  if (dialog.unread) row.append(element("span", "badge", String(dialog.unread)));
  const unread = dialog.unread ? `, ${dialog.unread} unread` : "";
  row.ariaLabel = `${dialog.login}${dialog.isOnline ? ", online" : ""}${unread}`;
  return row;
}

/** The open dialog, or that there is none. What was there already stays, so that only what is new is read out. */
export function showDialog(dialog, user, onAgain) {
  const list = $("messages");
  $("chat").classList.toggle("in-dialog", Boolean(dialog));
  for (const id of ["messages", "compose", "other-avatar"]) $(id).hidden = !dialog;
  $("empty").hidden = Boolean(dialog);
  $("other").textContent = dialog?.login ?? "";
  $("presence").textContent = dialog?.isOnline ? "online" : "";
  if (!dialog) {
    list.replaceChildren();
    list.ariaLabel = "Messages";
    delete list.dataset.login;
    return;
  }
  $("other-avatar").textContent = initials(dialog.login);
  const isOther = list.dataset.login !== dialog.login;
  const isAtEnd = isOther || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.dataset.login = dialog.login;
  list.ariaLabel = `Messages with ${dialog.login}`;
  // A whole history is not read out.
  list.ariaBusy = String(isOther || !dialog.isLoaded);
  update(list, rows(dialog.messages, user, onAgain));
  if (isAtEnd) list.scrollTop = list.scrollHeight;
  requestAnimationFrame(() => (list.ariaBusy = String(!dialog.isLoaded)));
}

/** Puts these rows into the list; equal ones stay as they are. */
function update(list, rows) {
  rows.forEach((row, at) => {
    const before = list.children[at];
    if (!before) list.append(row);
    else if (!before.isEqualNode(row)) before.replaceWith(row);
  });
  while (list.children.length > rows.length) list.lastChild.remove();
}

function rows(messages, user, onAgain) {
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
    made.push(row(message, user, message.from !== from, onAgain));
    from = message.from;
  }
  return made;
}

function row(message, user, isFirst, onAgain) {
  const classes = ["message"];
  if (message.from === user) classes.push("mine");
  if (isFirst) classes.push("first");
  if (message.state) classes.push(message.state);
  const made = element("li", classes.join(" "));
  // No two messages of the user are the same row: the button belongs to one of them.
  if (message.marker) made.dataset.marker = message.marker;
  const from = element("span", message.from === user ? "unseen" : "from", message.from);
  if (isFirst) made.append(from);
  made.append(element("span", "text", message.body), element("span", "about", about(message)));
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
