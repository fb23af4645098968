// The panels of the extension `people`: the account, the details of a contact or a conference, and what was found.

import { element, nameWith, update } from "./view.js";

const $ = (id) => document.getElementById(id);

/** A button with this text. */
function button(text, onClick, classes = "quiet") {
  const made = element("button", classes, text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

/** A row: what it is about, and what can be done. */
function row(about, ...buttons) {
  const made = element("li");
  made.append(about, ...buttons);
  return made;
}

/** Puts these rows into a panel's list. If what had the focus goes, the panel's last button has it, not the page behind. */
function fill(list, rows) {
  const hadFocus = list.contains(document.activeElement);
  update(list, rows);
  if (hadFocus && !list.contains(document.activeElement)) $(`${list.closest("dialog").id}-close`).focus();
}

/** What a contact or a conference is to the user, and what to do about it: a text and requests; null if nothing. */
function relation({ isConference, isMissing, state }) {
  const add = (label) => [label, "add_contact", {}];
  const remove = (label) => [label, "del_contact", {}];
  const block = ["Block", "add_contact", { blocked: true }];
  if (isMissing) return isConference ? ["There is no such conference.", add("Found it")] : ["There is no such user."];
  switch (state) {
    case "asks":
      return isConference
        ? ["You are invited.", add("Join"), remove("Decline")]
        : ["Asks to be your contact.", add("Accept"), block];
    case "blocked":
      return ["You take no messages from here.", remove("Unblock")];
    case "none":
      return isConference ? ["You are no member.", add("Join")] : ["This is not a contact of yours.", add("Add")];
    default:
      return null;
  }
}

/** What is to be decided about the open dialog; `ask` makes a request. */
export function showRelation(dialog, ask) {
  const [text, ...requests] = (dialog && relation(dialog)) ?? [];
  const shown = text && JSON.stringify([dialog.login, text]);
  if ($("relation").dataset.shown === shown) return;
  $("relation").hidden = !text;
  // A button that has done its work takes the focus along.
  if ($("relation").contains(document.activeElement)) $("body").focus();
  if (!text) {
    delete $("relation").dataset.shown;
    return $("relation").replaceChildren();
  }
  $("relation").dataset.shown = shown;
  const buttons = element("span", "buttons");
  buttons.append(...requests.map(([label, request, fields]) =>
    button(label, () => ask(request, { login: dialog.login, ...fields }))));
  $("relation").replaceChildren(element("span", "", text), buttons);
}

/** Who was found, while somebody looks for it. */
export function showFound(users, onChoose) {
  $("found").hidden = users.length === 0;
  $("found").replaceChildren(...users.map(({ login, profile }) => {
    const found = button("", () => onChoose(login));
    found.append(...nameWith(login, profile?.name));
    return row(found);
  }));
}

/** The user's own profile. */
export function openAccount({ user, profile, hasPeople }) {
  $("account-title").replaceChildren(...nameWith(user, profile.name));
  $("profile-name").value = profile.name ?? "";
  $("profile-status").value = profile.status_text ?? "";
  $("profile-public").checked = Boolean(profile.public);
  $("profile-tells-read").checked = Boolean(profile.tells_read);
  for (const id of ["profile", "sessions-part"]) $(id).hidden = !hasPeople;
  $("sessions").replaceChildren();
  $("account").showModal();
}

/** What the form says of the user's own profile. */
export function editedProfile() {
  return {
    name: $("profile-name").value.trim(),
    status_text: $("profile-status").value.trim(),
    public: $("profile-public").checked,
    tells_read: $("profile-tells-read").checked,
  };
}

export function showSessions(sessions, ask) {
  const rows = sessions.map(({ session, current, until }) => {
    if (current) return row(element("span", "", "This session"));
    const end = until && new Date(until).toLocaleTimeString(undefined, { timeStyle: "short" });
    return row(element("span", "", end ? `Disconnected, until ${end}` : "Connected"), button("End", () => ask("sign_out", { session })));
  });
  if (sessions.length > 2) rows.push(row(element("span"), button("End all others", () => ask("sign_out", { others: true }))));
  fill($("sessions"), rows);
}

/** The details of a dialog: anew if they are shown already. */
export function showDetails(dialog, dialogs, ask) {
  const isOwner = Boolean(dialog.members?.some(({ login, owner }) => owner && login === dialogs.user));
  const isNew = !$("details").open;
  if (isNew) {
    // Rows that look alike may belong to another conference.
    for (const id of ["members", "details-actions"]) $(id).replaceChildren();
    $("details").dataset.login = dialog.login;
  }
  update($("details-name"), nameWith(dialog.login, dialog.profile.name));
  const isPublic = dialog.isConference && dialog.profile.public;
  $("details-about").textContent = dialog.profile.status_text ?? (isPublic ? "Everybody can find and join it." : "");
  $("members-part").hidden = !dialog.members;
  for (const id of ["invite", "conference"]) $(id).hidden = !isOwner;
  const rows = (dialog.members ?? []).map((member) => memberRow(member, isOwner, dialog, dialogs, ask));
  if (dialog.hasMoreMembers) rows.push(element("li", "hint", "and more"));
  fill($("members"), rows);
  fill($("details-actions"), actions(dialog, ask));
  if (isNew) {
    $("guest").value = "";
    $("conference-name").value = dialog.profile.name ?? "";
    $("conference-public").checked = Boolean(dialog.profile.public);
    $("details").showModal();
  }
}

function memberRow({ login, owner }, isOwner, dialog, dialogs, ask) {
  const about = element("span", "member");
  about.append(...nameWith(login, dialogs.nameOf(login)));
  if (owner) about.append(element("span", "tag", "owner"));
  if (!isOwner || login === dialogs.user) return row(about);
  const change = (request, fields) => () => ask(request, { login: dialog.login, member: login, ...fields });
  const buttons = [button("Remove", change("del_contact"))];
  if (!owner) buttons.unshift(button("Make owner", change("add_contact", { owner: true })));
  // Several rows have buttons of the same text.
  for (const made of buttons) made.ariaLabel = `${made.textContent}: ${login}`;
  return row(about, ...buttons);
}

function actions({ login, isConference, state }, ask) {
  const act = (label, request, fields) => button(label, () => {
    $("details").close();
    ask(request, { login, ...fields });
  }, "plain");
  const made = [];
  if (state === "listed") made.push(act(isConference ? "Leave" : "Remove", "del_contact"));
  if (!isConference && state !== "blocked") made.push(act("Block", "add_contact", { blocked: true }));
  return made;
}

/** What the form says of a conference's profile. */
export function editedConference() {
  return { name: $("conference-name").value.trim(), public: $("conference-public").checked };
}

/** Closes the panels, and forgets what was in them. */
export function closePanels() {
  for (const id of ["account", "details"]) $(id).close();
  const lists = ["members", "sessions", "found", "relation", "details-actions"];
  for (const id of ["account-title", "details-name", "details-about", ...lists]) $(id).replaceChildren();
  for (const id of ["profile-name", "profile-status", "conference-name", "guest", "invitation"]) $(id).value = "";
  delete $("details").dataset.login;
  delete $("relation").dataset.shown;
}
