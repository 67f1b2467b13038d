
// The list of breakers: made once for each, then only changed, so that focus and reading place stay.

const SHOWN_AT_MOST = 200;
const $ = (id) => document.getElementById(id);
const rows = new Map();

// What reverses a line or hides in it is shown as what it is.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;
const visible = (text) => String(text).replace(UNSEEN, (unseen) => `\\u{${unseen.codePointAt(0).toString(16)}}`);

/** An element with a text, or with others in it. */
function node(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.map((child) => typeof child === "string" ? visible(child) : child));
  return made;
}

function say(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

function picture() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "switch");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "use"));
  return svg;
}

const FACTS = ["Since", "Why", "Next probe", "Callers get", "Failures in the window", "Requests blocked", "Mode"];
const BUTTONS = { open: "Force open", close: "Close", reset: "Reset", mode: "Set mode", end: "End override" };

let made = 0;

class Row {
  constructor(breaker) {
    const id = `breaker-${made += 1}`;
    this.key = breaker.key;
    this.picture = picture();
    this.state = node("span", { className: "state" });
    this.tag = node("span", { className: "tag" });
    const model = breaker.model === null ? [] : [node("span", { className: "tag" }, `model ${breaker.model}`)];
    const name = node("span", { className: "name" }, breaker.cluster);
    this.title = node("button", { type: "button", className: "title" }, this.picture, this.state, name, ...model, this.tag);
    this.title.setAttribute("aria-controls", id);
    this.title.onclick = () => this.expand(this.body.hidden);
    this.lead = node("p", { className: "lead" });
    this.override = node("p", { className: "override" });
    this.fleet = node("p", { className: "soft" });
    this.facts = FACTS.map((fact) => [node("dt", {}, fact), node("span"), node("small")]);
    const facts = this.facts.map(([dt, dd, small]) => node("div", {}, dt, node("dd", {}, dd, small)));
    facts[1].className = "wide";
    this.events = node("ol", { className: "events" });
    this.events.setAttribute("role", "list");
    this.buttons = Object.entries(BUTTONS).map(([action, label]) => this.button(action, label, breaker));
    this.steer = node("div", { className: "steer" }, ...this.buttons);
    this.heard = node("summary");
    const heard = node("details", { open: innerWidth > 640 }, this.heard, this.events);
    this.body = node("div", { id, className: "body" }, this.override, node("dl", { className: "facts" }, ...facts),
      this.fleet, this.steer, heard);
    const head = node("div", { className: "head" }, node("h2", {}, this.title), this.lead);
    this.element = node("li", { className: "breaker" }, head, this.body);
  }

  button(action, label, breaker) {
    const button = node("button", { type: "button" }, label, node("span", { className: "sr" }, ` ${called(breaker)}`));
    button.onclick = () => ask(this.breaker, action);
    button.dataset.action = action;
    return button;
  }

  /** By a person, and that stays; else what is wrong is expanded. */
  expand(wanted) {
    this.wanted = wanted;
    this.show();
    tick();
  }

  show() {
    const expanded = this.wanted ?? ["down", "watch"].includes(this.level);
    this.body.hidden = !expanded;
    this.title.setAttribute("aria-expanded", expanded);
  }

  update(breaker, writes) {
    this.breaker = breaker;
    const { level, label, symbol } = condition(breaker);
    if (this.level !== level) this.element.dataset.level = this.level = level;
    this.picture.firstChild.setAttribute("href", `#${symbol}`);
    say(this.state, label);
    say(this.tag, breaker.mode === "shadow" ? "shadow" : "overridden");
    this.tag.hidden = breaker.mode !== "shadow" && !(breaker.override && breaker.mode === "enforce");
    this.steer.hidden = writes !== "token";
    for (const button of this.buttons) this.offer(button);
    const events = JSON.stringify(breaker.events);
    if (events !== this.told) this.tell(events);
    this.show();
  }

  offer(button) {
    const { override, mode } = this.breaker;
    const hidden = { end: !override, open: mode === "forced_open" }[button.dataset.action] ?? false;
    if (hidden && button === document.activeElement) this.title.focus();
    button.hidden = hidden;
  }

  tell(events) {
    this.told = events;
    const lines = this.breaker.events.map((event) => node("li", {},
      node("time", { dateTime: event.at }, clock(event.at)), node("span", {}, happened(event))));
    this.events.replaceChildren(...lines);
    say(this.heard, lines.length ? `${plural(lines.length, "recent event", "recent events")}, newest first` : "No event yet");
  }

  /** What changes as time passes; `age` is how many seconds old the answer is. */
  tick(age) {
    const { breaker } = this;
    say(this.lead, lead(breaker, age));
    this.override.hidden = !breaker.override;
    if (breaker.override) say(this.override, overridden(breaker, age));
    this.fleet.hidden = !breaker.fleet;
    if (breaker.fleet) say(this.fleet, heard(breaker, age));
    if (this.body.hidden) return;
    const [since, seconds] = beginning(breaker);
    const would = breaker.requests_would_block;
    const values = [
      [clock(since), `${span(seconds + age)} ago`],
      reasons(breaker),
      probe(breaker, age),
      gets(breaker),
      windowed(breaker),
      [breaker.requests_blocked.toLocaleString("en"), would ? `${would.toLocaleString("en")} would have been` : ""],
      [words(breaker.mode), [null, breaker.mode].includes(breaker.configured_mode) ? "" : `configured: ${words(breaker.configured_mode)}`],
    ];
    values.forEach(([value, more], at) => {
      say(this.facts[at][1], capital(value));
      say(this.facts[at][2], more);
    });
  }
}

/** Puts the rows in order without moving the one that has the focus: that would take it away. */
function arrange(elements) {
  const list = $("breakers");
  for (const element of [...list.children]) if (!elements.includes(element)) element.remove();
  if (elements.every((element, at) => list.children[at] === element)) return;
  const pivot = elements.findIndex((element) => element.contains(document.activeElement));
  elements.slice(0, Math.max(pivot, 0)).forEach((element) => elements[pivot].before(element));
  list.append(...elements.slice(pivot + 1));
}

function list({ breakers, writes }) {
  const wanted = $("filter").value.trim().toLowerCase();
  const matching = sorted(breakers).filter((breaker) => called(breaker).toLowerCase().includes(wanted));
  const shown = matching.slice(0, SHOWN_AT_MOST).map((breaker) => {
    if (!rows.has(breaker.key)) rows.set(breaker.key, new Row(breaker));
    const row = rows.get(breaker.key);
    row.update(breaker, writes);
    return row;
  });
  const gone = [...rows.values()].filter((row) => !shown.includes(row));
  if (gone.some((row) => row.element.contains(document.activeElement))) $("summary").focus();
  gone.forEach((row) => rows.delete(row.key));
  arrange(shown.map((row) => row.element));
  $("search").hidden = breakers.length < 8;
  $("more").hidden = matching.length === shown.length && breakers.length > 0;
  say($("more"), breakers.length ? `${matching.length - shown.length} more: filter by name.`
    : "A breaker appears with the first call to its cluster.");
}
