// The core as WebAssembly, in JavaScript's words: texts and objects instead of numbers and memory.

/** What the client is doing, in the order of the numbers that the core tells. */
const STATUS = [
  "offline", "waiting", "dialing", "greeting", "connected", "signing in", "signed in", "closing", "closed",
];
const HAS_CONNECTION = new Set(["greeting", "connected", "signing in", "signed in", "closing"]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Core {
  #core;

  /** Loads the core from this URL. */
  static async load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
    // Compiled from bytes, not from the stream: any static server will do, whatever type it gives the file.
    const { instance } = await WebAssembly.instantiate(await response.arrayBuffer());
    return new Core(instance.exports);
  }

  constructor(exports) {
    this.#core = exports;
    this.start();
  }

  /** Begins anew: nobody is signed in, and there is no connection. */
  start() {
    this.#core.skaro_start(...crypto.getRandomValues(new BigUint64Array(4)));
  }

  signIn(url, login, password) {
    this.#core.skaro_sign_in(now(), ...this.#texts(url, login, password));
  }

  /** Makes an account, and signs its user in. */
  register(url, login, password, invitation) {
    this.#core.skaro_register(now(), ...this.#texts(url, login, password, invitation));
  }

  /** Makes a request of the extension `people`: the fields are those of the protocol. */
  ask(request, fields = {}) {
    this.#core.skaro_ask(now(), ...this.#texts(JSON.stringify({ ask: request, ...fields })));
  }

  /** Tells that the user types: as often as you like, the core leaves most of it out. */
  typing(dialog) {
    this.#core.skaro_typing(now(), ...this.#texts(dialog));
  }

  signOut() {
    this.#core.skaro_sign_out(now());
  }

  open(dialog) {
    this.#core.skaro_open(now(), ...this.#texts(dialog));
  }

  /** Tells how far the user has read: the position of a message. */
  read(dialog, upTo) {
    this.#core.skaro_read(now(), ...this.#texts(dialog), upTo);
  }

  send(to, body, marker) {
    this.#core.skaro_send(now(), ...this.#texts(to, body), marker);
  }

  reconnect() {
    this.#core.skaro_reconnect(now());
  }

  handleConnected(isConfidential) {
    this.#core.skaro_handle_connected(now(), isConfidential ? 1 : 0);
  }

  /** A frame: a text, or an ArrayBuffer. */
  handleFrame(frame) {
    const isText = typeof frame === "string";
    const bytes = isText ? encoder.encode(frame) : new Uint8Array(frame);
    this.#input(bytes);
    this.#core.skaro_handle_frame(now(), isText ? 1 : 0, bytes.length);
  }

  handleClosed(wasOpen, code, reason) {
    this.#core.skaro_handle_closed(now(), wasOpen ? 1 : 0, code, ...this.#texts(reason));
  }

  handleTimeout() {
    this.#core.skaro_handle_timeout(now());
  }

  /** What to do with the WebSocket next: `{ frame }`, `{ close }`, or null. */
  pollTransmit() {
    const what = this.#core.skaro_poll_transmit(now());
    switch (what) {
      case 0: return null;
      case 1: return { frame: decoder.decode(this.#output()) };
      // A copy: the memory changes with the next call.
      case 2: return { frame: this.#output().slice() };
      default: return { close: what };
    }
  }

  /** What happened next, or null. */
  pollEvent() {
    return this.#core.skaro_poll_event() ? JSON.parse(decoder.decode(this.#output())) : null;
  }

  /** Milliseconds until the core wants to be called; infinity for never. */
  pollDelay() {
    return this.#core.skaro_poll_timeout() - now();
  }

  get status() {
    return STATUS[this.#core.skaro_status()];
  }

  /** Whether there is a connection: as long as that is so, and no longer, keep the WebSocket. */
  get hasConnection() {
    return HAS_CONNECTION.has(this.status);
  }

  /** Hands over texts; returns their lengths. */
  #texts(...texts) {
    const parts = texts.map((text) => encoder.encode(text));
    const lengths = parts.map((part) => part.length);
    const all = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
    this.#input(all);
    return lengths;
  }

  #input(bytes) {
    const at = this.#core.skaro_input(bytes.length);
    new Uint8Array(this.#core.memory.buffer, at, bytes.length).set(bytes);
  }

  #output() {
    const { skaro_output, skaro_output_length, memory } = this.#core;
    return new Uint8Array(memory.buffer, skaro_output(), skaro_output_length());
  }
}

/** The clock of the core: it never goes backwards. */
function now() {
  return performance.now();
}
