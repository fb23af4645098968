// What the user does by the extension `people`, and what the core tells of it.

import { TYPING } from "./dialogs.js";
import * as panels from "./panels.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);

/** How long to wait for the next letter before a search, in milliseconds. */
const PAUSE = 250;

/**
 * Handlers of the core's events. The chat has the dialogs (`dialogs`), the one that is open (`open`), and can `ask` the
 * core for something, `choose` a dialog, `load` its history and what the server tells of it, and `refresh` what is shown.
 */
export function people(chat) {
  listen(chat);
  const tell = (login) => chat.ask("get_user_data", { login });
  /** Asks for what is not known of a dialog that is open, or was founded or joined. */
  const complete = (login) => (chat.dialogs.with(login).isLoaded ? tell(login) : chat.load(login));
  return {
    user({ user }) {
      chat.dialogs.learn(user);
      chat.refresh();
    },
    found({ users }) {
      const prefix = $("stranger").value.trim();
      panels.showFound(users.filter(({ login }) => prefix && login.startsWith(prefix)), (login) => {
        endSearch();
        chat.choose(login);
      });
    },
    sessions({ sessions }) {
      panels.showSessions(sessions, chat.ask);
    },
    contact({ login, state }) {
      chat.dialogs.with(login).becomes(state);
      // Profile and presence, which only contacts may know.
      tell(login);
      chat.refresh();
    },
    changed({ user, member }) {
      chat.dialogs.learn(user);
      if (member && chat.open?.login === user.login) tell(user.login);
      chat.refresh();
    },
    presence({ user }) {
      chat.dialogs.with(user.login).isOnline = user.online;
      chat.refresh();
    },
    typing({ dialog, from }) {
      chat.dialogs.with(dialog).isTyping(from, performance.now());
      chat.refresh();
      setTimeout(chat.refresh, TYPING + 100);
    },
    read_by({ dialog, date }) {
      chat.dialogs.with(dialog).readBy = date;
      chat.refresh();
    },
    done({ request, dialog }) {
      if (request === "sign_out") chat.ask("get_sessions");
      if (request === "add_contact" || request === "del_contact") complete(dialog);
    },
    failed({ request, dialog, reason, status }) {
      if (status === 404 && ["get_user_data", "get_history"].includes(request)) {
        // What can be done then is shown beside the dialog.
        chat.dialogs.with(dialog).isMissing = true;
        return chat.refresh();
      }
      // A search is worth no disturbance.
      if (request !== "search_contacts") view.showNotice(dialog ? `${dialog}: ${reason}` : reason);
    },
  };
}

/** Ends the search: what comes of it later is not shown. */
function endSearch() {
  $("stranger").value = "";
  panels.showFound([]);
}

function listen(chat) {
  let pause = 0;
  $("stranger").addEventListener("input", () => {
    clearTimeout(pause);
    const login = $("stranger").value.trim();
    if (!login) return panels.showFound([]);
    if (chat.dialogs.hasPeople) pause = setTimeout(() => chat.ask("search_contacts", { login }), PAUSE);
  });

  $("stranger").addEventListener("keydown", ({ key }) => {
    if (key === "Escape") endSearch();
    if (key === "ArrowUp") $("found").querySelector("li:last-child button")?.focus();
  });

  $("write-to").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(pause);
    const login = $("stranger").value.trim();
    endSearch();
    if (login) chat.choose(login);
  });

  $("account-button").addEventListener("click", () => {
    panels.openAccount(chat.dialogs);
    if (chat.dialogs.hasPeople) chat.ask("get_sessions");
  });

  $("profile").addEventListener("submit", (event) => {
    event.preventDefault();
    chat.ask("update_my_data", { profile: panels.editedProfile() });
    $("account").close();
  });

  $("details-button").addEventListener("click", () => {
    if (!chat.open) return;
    panels.showDetails(chat.open, chat.dialogs, chat.ask);
    chat.ask("get_user_data", { login: chat.open.login });
  });

  $("invite").addEventListener("submit", (event) => {
    event.preventDefault();
    chat.ask("add_contact", { login: $("details").dataset.login, member: $("guest").value.trim() });
    $("guest").value = "";
  });

  $("conference").addEventListener("submit", (event) => {
    event.preventDefault();
    chat.ask("update_my_data", { login: $("details").dataset.login, profile: panels.editedConference() });
    $("details").close();
  });

  for (const id of ["account", "details"]) $(`${id}-close`).addEventListener("click", () => $(id).close());
}
