// What was said with whom: what the view shows.

/** A message on its way: what became of those that the user sent. */
export const STATE = { waiting: "waiting", sent: "sent", failed: "failed", unknown: "unknown" };

/** Whether a message follows one that the server has dated: dates of a dialog increase. */
function isLater(message, { date }) {
  return message.state === STATE.waiting || message.date > date;
}

class Dialog {
  messages = [];
  unread = 0;
  /** The position up to which the server was told, or tells, that the user has read. */
  readUpTo = 0;
  /** Whether all of its history is here. */
  isLoaded = false;
  isOnline = false;

  constructor(login) {
    this.login = login;
  }

  /** The last message's position, if the server tells positions. */
  get head() {
    return this.messages.reduce((head, { position }) => Math.max(head, position ?? 0), 0);
  }
}

export class Dialogs {
  #dialogs = new Map();
  #markers = 0;
  user = "";

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

  contacts(contacts) {
    for (const dialog of this.all) dialog.isOnline = false;
    for (const { login, online, unread } of contacts) {
      if (login === this.user) continue;
      const dialog = this.with(login);
      dialog.isOnline = online;
      dialog.unread = unread ?? dialog.unread;
    }
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
    if (message.from !== this.user) dialog.unread += 1;
    return dialog;
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
    this.with(login).messages.push(message);
    return message;
  }

  /** A message's end; returns it, or nothing if it is not known. */
  ended(login, marker, change) {
    const message = this.with(login).messages.find((message) => message.marker === marker);
    return message && Object.assign(message, change);
  }

  /** Takes a message out, to send it again. */
  remove(login, message) {
    const dialog = this.with(login);
    dialog.messages = dialog.messages.filter((other) => other !== message);
  }
}
