// Whom the user knows, and what was said with whom: what the view shows.

/** A message on its way: what became of those that the user sent. */
export const STATE = { waiting: "waiting", sent: "sent", failed: "failed", unknown: "unknown" };

/** How long somebody is shown as typing who does not say so again, in milliseconds. */
export const TYPING = 10_000;

/** Whether a message follows one that the server has dated: dates of a dialog increase. */
function isLater(message, { date }) {
  return message.state === STATE.waiting || message.date > date;
}

/** A dialog: with a user, or in a conference. */
class Dialog {
  messages = [];
  unread = 0;
  /** The position up to which the server was told, or tells, that the user has read. */
  readUpTo = 0;
  /** Whether all of its history is here. */
  isLoaded = false;
  isOnline = false;
  /** What it is to the user: `listed`, `asks`, `blocked` or `none`; empty as long as the server has not told. */
  state = "";
  profile = {};
  /** The text of the last message, as the list of contacts told it. */
  last = "";
  /** The date up to which the other side has read. */
  readBy = 0;
  /** The members of a conference: a list of `{ login, owner }`; null if they are not known. */
  members = null;
  hasMoreMembers = false;
  /** Whether there is no such user or conference. */
  isMissing = false;
  /** Whether it is in the list: the server has told of it as a contact, or somebody has written. */
  isListed = false;
  /** Who is typing, with the time at which that is over. */
  #typing = new Map();

  constructor(login) {
    this.login = login;
  }

  get isConference() {
    return this.login.startsWith("#");
  }

  /** The last message's position, if the server tells positions. */
  get head() {
    return this.messages.reduce((head, { position }) => Math.max(head, position ?? 0), 0);
  }

  /** Takes over what the server tells of it; what is null it does not tell. */
  learn({ online, state, profile, read_date, members, more, last }) {
    this.isOnline = online ?? this.isOnline;
    this.state = state ?? this.state;
    this.profile = profile ?? {};
    this.readBy = read_date ?? this.readBy;
    this.last = last ?? this.last;
    if (members) Object.assign(this, { members, hasMoreMembers: more });
    this.isMissing = false;
    this.isListed ||= !["", "none"].includes(this.state);
  }

  /** It is something else to the user now. */
  becomes(state) {
    this.state = state;
    this.isListed = state !== "none";
    if (!this.isListed) this.members = null;
  }

  isTyping(login, now) {
    this.#typing.set(login, now + TYPING);
  }

  stopsTyping(login) {
    this.#typing.delete(login);
  }

  typing(now) {
    return [...this.#typing].filter(([, until]) => until > now).map(([login]) => login);
  }
}

export class Dialogs {
  #dialogs = new Map();
  #markers = 0;
  user = "";
  /** Whether the server has the extension `people`. */
  hasPeople = false;
  /** The user's own profile. */
  profile = {};

  /** The dialog with this login; a new one if there was none. */
  with(login) {
    if (!this.#dialogs.has(login)) this.#dialogs.set(login, new Dialog(login));
    return this.#dialogs.get(login);
  }

  get all() {
    return [...this.#dialogs.values()];
  }

  get unread() {
    return this.all.reduce((sum, dialog) => sum + dialog.unread, 0);
  }

  /** The name that somebody chose; empty if there is none, or it is not known. */
  nameOf(login) {
    const profile = login === this.user ? this.profile : this.#dialogs.get(login)?.profile;
    return profile?.name ?? "";
  }

  contacts(contacts) {
    for (const dialog of this.all) dialog.isOnline = false;
    for (const contact of contacts) {
      if (contact.login === this.user) continue;
      const dialog = this.with(contact.login);
      // A server without the extension lists contacts only.
      dialog.learn({ ...contact, state: contact.state ?? "listed" });
      dialog.isListed = true;
      dialog.unread = contact.unread ?? dialog.unread;
    }
  }

  /** The server tells of a user or a conference; of the user who is signed in, too. */
  learn(data) {
    if (data.login === this.user) this.profile = data.profile ?? {};
    else this.with(data.login).learn(data);
  }

  /** The user has read a dialog, on whichever device. */
  read(login, upTo) {
    const dialog = this.with(login);
    dialog.readUpTo = Math.max(dialog.readUpTo, upTo);
    dialog.unread = dialog.messages.filter(({ from, position }) => from !== this.user && position > upTo).length;
  }

  /** The server has another log: positions of before mean nothing. */
  forgetPositions() {
    for (const dialog of this.all) {
      dialog.readUpTo = 0;
      for (const message of dialog.messages) message.position = null;
    }
  }

  /** Somebody wrote; returns the dialog. What was missed during a break stands before what the user wrote meanwhile. */
  arrived(login, message) {
    const dialog = this.with(login);
    const place = dialog.messages.findLastIndex((other) => !isLater(other, message)) + 1;
    dialog.messages.splice(place, 0, message);
    dialog.stopsTyping(message.from);
    this.#introduce(dialog, message.from);
    if (message.from !== this.user) dialog.unread += 1;
    return dialog;
  }

  /** Who writes, or is written to, becomes a contact: no entry tells that. */
  #introduce(dialog, from) {
    dialog.isListed = true;
    if (dialog.isConference) return;
    const answers = from === this.user && dialog.state === "asks";
    if (answers || dialog.state === "none") dialog.state = "listed";
  }

  /** A history came; what is said from then on, or was missed meanwhile, comes by itself. */
  history(login, { messages }) {
    const dialog = this.with(login);
    if (dialog.isLoaded) return dialog;
    const unsettled = dialog.messages.filter((message) => message.state && message.state !== STATE.sent);
    dialog.messages = [...messages, ...unsettled];
    dialog.isLoaded = true;
    return dialog;
  }

  /** The user sends; returns the message, whose marker comes back with what became of it. */
  sending(login, body) {
    const message = { from: this.user, to: login, body, date: null, state: STATE.waiting, marker: ++this.#markers };
    const dialog = this.with(login);
    dialog.messages.push(message);
    dialog.isListed = true;
    return message;
  }

  /** A message's end; returns it, or nothing if it is not known. */
  ended(login, marker, change) {
    const dialog = this.with(login);
    if (change.state === STATE.sent) this.#introduce(dialog, this.user);
    const message = dialog.messages.find((message) => message.marker === marker);
    return message && Object.assign(message, change);
  }

  /** Takes a message out, to send it again. */
  remove(login, message) {
    const dialog = this.with(login);
    dialog.messages = dialog.messages.filter((other) => other !== message);
  }
}
