// The adapter: the loop around the core. It owns the WebSocket and the timer, and decides nothing.

/** Bytes that the WebSocket may hold back before the core keeps the rest. */
const BUFFERED = 64 * 1024;

/** How soon to look again whether the WebSocket has sent them: no event tells. */
const LOOK_AGAIN = 50;

/** The longest time that a browser's timer can tell. */
const LONGEST = 2 ** 31 - 1;

/** Whether nobody on the way can read what is sent: TLS, or this very machine. */
function isConfidential(url) {
  const { protocol, hostname } = new URL(url);
  return protocol === "wss:" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

export class Connection {
  #core;
  #url = "";
  #socket = null;
  #timer = 0;
  #turning = false;
  #again = false;
  #onEvent;
  #onStatus;

  constructor(core, { onEvent, onStatus }) {
    this.#core = core;
    this.#onEvent = onEvent;
    this.#onStatus = onStatus;
  }

  /** Where to connect to. Another server than before means to begin anew, and so does a user who is still leaving. */
  to(url) {
    if (url !== this.#url || ["closing", "closed", "signed in"].includes(this.#core.status)) {
      this.#drop();
      this.#core.start();
    }
    this.#url = url;
  }

  /** Gives a command to the core, or tells it what happened, and does what follows. */
  call(what) {
    what(this.#core);
    this.#turn();
  }

  /** One turn of the loop: the time, send, tell, dial or drop, wait. */
  #turn() {
    // Whoever hears an event may give a command: then there is one more turn, not one within the other.
    this.#again = true;
    if (this.#turning) return;
    this.#turning = true;
    try {
      while (this.#again) {
        this.#again = false;
        // Each time: a flood of frames must not stop the clock.
        this.#core.handleTimeout();
        this.#send();
        for (let event; (event = this.#core.pollEvent()); ) this.#onEvent(event);
        this.#connect();
      }
    } finally {
      this.#turning = false;
    }
    this.#onStatus(this.#core.status);
    this.#wait();
  }

  #send() {
    while (!this.#holdsBack) {
      const next = this.#core.pollTransmit();
      if (!next) return;
      if (next.frame) this.#socket?.send(next.frame);
      else this.#socket?.close(next.close);
    }
  }

  get #holdsBack() {
    return this.#socket?.bufferedAmount > BUFFERED;
  }

  /** There is a socket exactly as long as the status says so. */
  #connect() {
    const isOpen = this.#socket?.readyState >= WebSocket.OPEN;
    if (this.#core.status === "dialing") {
      if (isOpen) this.#drop();
      if (!this.#socket) this.#dial();
    } else if (!this.#core.hasConnection) {
      this.#drop();
    }
  }

  #dial() {
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch {
      // The browser does not allow this URL: ws: from a page that came by https:, say.
      return this.call((core) => core.handleClosed(false, 1006, ""));
    }
    socket.binaryType = "arraybuffer";
    let wasOpen = false;
    // What a socket says that was dropped meanwhile is of no interest.
    const on = (name, what) =>
      socket.addEventListener(name, (event) => {
        if (socket === this.#socket) this.call((core) => what(core, event));
      });
    on("open", (core) => {
      wasOpen = true;
      core.handleConnected(isConfidential(this.#url));
    });
    on("message", (core, { data }) => core.handleFrame(data));
    on("close", (core, { code, reason }) => {
      this.#socket = null;
      core.handleClosed(wasOpen, code, reason);
    });
    this.#socket = socket;
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #wait() {
    clearTimeout(this.#timer);
    let delay = this.#core.pollDelay();
    if (this.#holdsBack) delay = Math.min(delay, LOOK_AGAIN);
    if (delay === Infinity) return;
    delay = Math.min(Math.max(Math.ceil(delay), 0), LONGEST);
    this.#timer = setTimeout(() => this.#turn(), delay);
  }
}
