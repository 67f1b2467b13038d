
"use strict";
// What the API's answer means, in words. Nothing here touches the page.

const CAUSES = {
  consecutive_failures: (measured) => `${measured} failures in a row`,
  failure_rate: (measured, limit) => `${percent(measured)} of calls failed${limit ? ` (limit ${percent(limit)})` : ""}`,
  slow_rate: (measured, limit) => `${percent(measured)} of calls were slow${limit ? ` (limit ${percent(limit)})` : ""}`,
  verdict: () => "one call was enough",
  announced_reset: () => "the provider announced a wait",
  open_time_ended: () => "the open time ended",
  mode_changed: () => "another mode",
  suspected: (measured) => `${measured} ${measured === 1 ? "failure" : "failures in a row"}, and another proxy sees some`,
  fleet_announced: () => "the provider announced a wait to another proxy",
  fleet_corroborated: () => "other proxies see it fail",
  fleet_closed: () => "another proxy found that it works",
};

/** Who ended the call, where it was not the provider. */
const ENDED_BY = { upstream: "", envoy: " (Envoy's time-out)", client: " (the client left)", limit: " (a limit passed while it hung)" };

const words = (name) => String(name).replace("half_open", "half-open").replaceAll("_", " ");
const percent = (rate) => `${Math.round(rate * 100)} %`;
const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The name for people; the key is the API's. */
const called = ({ cluster, model }) => model === null ? cluster : `${cluster}, model ${model}`;

/** "18 s", "4 m 5 s", "3 h 12 m", "2 d": the two largest units, without a zero behind. */
function span(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]].map(([unit, name]) => {
    const count = Math.floor(rest / unit);
    rest %= unit;
    return [count, name];
  });
  const first = parts.findIndex(([count]) => count);
  return parts.slice(first).slice(0, 2).filter(([count], at) => count || !at)
    .map(([count, name]) => `${count} ${name}`).join(" ");
}

/** A time of day, with the date unless it is today. */
function clock(at) {
  const date = new Date(at);
  const time = date.toLocaleTimeString("en-GB");
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** What a breaker does: its rank in the list (what is wrong first), how bad that is, in which words. */
function condition(breaker) {
  const { state, mode, override } = breaker;
  if (mode === "forced_open") return { rank: 1, level: "down", label: "Forced open", symbol: "open" };
  if (mode === "disabled" && override) return { rank: 3, level: "watch", label: "Switched off", symbol: "off" };
  if (mode === "disabled") return { rank: 6, level: "off", label: "Disabled", symbol: "off" };
  if (state === "open" && mode === "shadow") return { rank: 2, level: "watch", label: "Would be open", symbol: "open" };
  if (state === "open") return { rank: 0, level: "down", label: "Open", symbol: "open" };
  if (state === "half_open") return { rank: 2, level: "watch", label: "Half-open", symbol: "half_open" };
  if (override) return { rank: 3, level: "watch", label: "Closed", symbol: "closed" };
  return { rank: breaker.consecutive_failures ? 4 : 5, level: "fine", label: "Closed", symbol: "closed" };
}

/** What is wrong first; of the equally wrong, what changed last. */
function sorted(breakers) {
  const since = (breaker) => Date.parse(breaker.since) || 0;
  return [...breakers].sort((a, b) => condition(a).rank - condition(b).rank
    || (condition(a).rank < 4 ? since(b) - since(a) : 0)
    || called(a).localeCompare(called(b)));
}

function why({ cause, reason, measured, threshold, category, ended_by, announced }) {
  const name = cause ?? reason;
  const told = CAUSES[name]?.(measured, threshold) ?? words(name);
  const several = /failures|rate/.test(name);
  const last = category && !["success", "slow"].includes(category) ? `${several ? ", the last" : ""}: ${category}` : "";
  return told + last + (ENDED_BY[ended_by] ?? "") + (announced ? "; the provider said how long" : "");
}

const isByMode = ({ mode }) => mode === "forced_open" || mode === "disabled";

/** What began an outage, of which this may be a later round. */
function opening(breaker) {
  if (isByMode(breaker) || breaker.state === "closed") return undefined;
  return breaker.events.find(({ from, to }) => from === "closed" && to === "open");
}

/** Since when: the outage where there is one, else the state. And how many seconds ago that was. */
function beginning(breaker) {
  const at = opening(breaker)?.at ?? breaker.since;
  return [at, breaker.since_seconds + (Date.parse(breaker.since) - Date.parse(at)) / 1000];
}

function reasons(breaker) {
  const { override, reason, trips } = breaker;
  if (isByMode(breaker)) return [override ? `set${override.user ? ` by ${override.user}` : " by hand"}` : "set in the configuration", ""];
  const last = reason ? why(reason) : "–";
  const first = opening(breaker) ? why(opening(breaker)) : last;
  return [first, [trips > 1 && `opened ${trips} times in a row`, first !== last && `last: ${last}`].filter(Boolean).join(", ")];
}

function gets(breaker) {
  const chain = breaker.callers_get.join(", else ") || "error";
  const { state, mode } = breaker;
  if (mode === "forced_open") return [chain, ""];
  if (mode === "disabled") return ["the provider's answer", "the breaker is out of service"];
  if (mode === "shadow") return ["the provider's answer", "in shadow nothing is blocked"];
  if (state === "open") return [chain, ""];
  if (state === "half_open") return [chain, "probes: the provider's answer"];
  return ["the provider's answer", `when open: ${chain}`];
}

/** When the next probe goes out, and that in short. */
function probe(breaker, age) {
  const { state, mode, override, probes_in_flight: probing } = breaker;
  if (mode === "forced_open") return ["none", override?.until ? `forced open until ${clock(override.until)}` : "forced open until someone ends it"];
  if (mode === "disabled" || state === "closed") return ["none needed", ""];
  if (probing) return [`${plural(probing, "probe", "probes")} in flight`, ""];
  const left = breaker.open_remaining_seconds - age;
  if (state === "open" && left > 0) return [`in ${span(left)}`, `at ${clock(breaker.next_probe_at)}`];
  return ["with the next call", ""];
}

function lead(breaker, age) {
  const lasted = `for ${span(beginning(breaker)[1] + age)}`;
  const { mode, state, override, window } = breaker;
  if (override) return `${lasted}, ${left(override, age)}`;
  if (mode === "disabled") return "calls pass unwatched";
  if (mode === "forced_open") return `${lasted}, by configuration`;
  if (state === "closed" && !window) return "";
  if (state === "closed") return `${window.failures} of ${plural(window.calls, "call", "calls")} failed`;
  const next = probe(breaker, age)[0];
  return `${lasted}, ${next.endsWith("in flight") ? next : `next probe ${next}`}`;
}

const left = (override, age) => override.until
  ? `${span(override.remaining_seconds - age)} left` : "until someone ends it";

function overridden({ override, configured_mode }, age) {
  const who = override.user ? ` by ${override.user}` : override.scope === "fleet" ? " for the fleet" : "";
  const said = override.reason ? `: “${override.reason}”` : "";
  const until = override.until ? ` (until ${clock(override.until)})` : "";
  return `${capital(words(override.mode))}${who} since ${clock(override.since)}, ${left(override, age)}${until}${said}.${configured_mode ? ` Configured: ${words(configured_mode)}.` : ""}`;
}

function windowed({ state, window, consecutive_failures: run }) {
  if (!window) return ["–", ""];
  const over = window.max_calls ? `last ${plural(window.max_calls, "call", "calls")}` : `last ${span(window.seconds)}`;
  const more = [over, window.slow && `${window.slow} slow`, run && `${run} in a row`,
    state !== "closed" && !window.calls && "empty since it opened"].filter(Boolean);
  return [`${window.failures} of ${plural(window.calls, "call", "calls")}`, more.join(", ")];
}

function happened(event) {
  if (event.kind === "transition") {
    const held = event.open_seconds ? `, for ${span(event.open_seconds)}` : "";
    return `${words(event.from)} → ${words(event.to)}${held}: ${why(event)}`;
  }
  if (event.action === "fleet") return `${words(event.mode)} as ordered for the fleet${event.duration_seconds ? ` for ${span(event.duration_seconds)}` : ""}`;
  if (event.action === "fleet_release") return `${words(event.mode)} ended: taken back for the fleet`;
  if (event.action === "expire") return `${words(event.mode)} ended: its time is over`;
  const by = event.user ? ` by ${event.user}` : "";
  const held = event.duration_seconds ? ` for ${span(event.duration_seconds)}` : "";
  const mode = event.mode && event.action === "mode" ? ` ${words(event.mode)}` : "";
  return `${words(event.action ?? event.kind)}${event.generation ? ` ${event.generation}` : ""}${mode}${event.scope ? " for the fleet" : ""}${held}${by}${event.reason ? `: “${event.reason}”` : ""}`;
}

/** What other proxies say of it, and whether anybody hears them. */
function heard({ fleet }, age) {
  if (!fleet.connected) return "Fleet: out of touch with the others, this proxy is on its own.";
  const said = fleet.reports.filter(({ remaining_seconds: left }) => left > age).map(({ domain, node, state, basis, category, remaining_seconds: left }) =>
    `${node} (${domain}) ${state === "closed" ? "says that it works" : `has it open for ${span(left - age)}: ${words(basis)}${category ? `, ${words(category)}` : ""}`}`);
  if (fleet.reports_left_out) said.push(`${fleet.reports_left_out} more`);
  if (fleet.probes) said.push(`${fleet.probes} probes`);
  if (fleet.override) said.push(`${words(fleet.override.mode)} is ordered for all${fleet.override.until ? ` until ${clock(fleet.override.until)}` : ""}`);
  return `Fleet ${fleet.scope}: ${said.join("; ") || "nobody says anything"}.`;
}

/** Actions that may be for the whole fleet. */
const FOR_FLEETS = ["open", "mode", "end"];

/** Whether an action on a breaker may be for its whole fleet, and whom it is for unless that is chosen otherwise. */
const canReachFleet = ({ fleet }, action) => Boolean(fleet) && FOR_FLEETS.includes(action);
const usualScope = ({ override }, action) => action === "end" && override?.scope === "fleet" ? "fleet" : "local";

/** Whom an order reaches, and when. */
function reach({ fleet }, scope) {
  if (scope !== "fleet") return "The others of its fleet go on as they are.";
  if (!fleet.connected) return "This proxy is out of touch with the fleet: it will refuse.";
  return `It goes to all proxies of ${fleet.scope}, this one included, and each follows when it hears of it. What was ordered at a proxy itself comes first there.`;
}

/** "1 open · 2 closed", what is wrong first. */
function counts(breakers) {
  const labels = new Map();
  for (const breaker of sorted(breakers)) {
    const { label } = condition(breaker);
    labels.set(label, (labels.get(label) ?? 0) + 1);
  }
  return [...labels].map(([label, count]) => `${count} ${label.toLowerCase()}`).join(" · ");
}

function summary(breakers) {
  const down = sorted(breakers).filter((breaker) => condition(breaker).level === "down");
  if (!breakers.length) return "No breaker yet";
  if (down.length === 1) return `${called(down[0])} is ${condition(down[0]).label.toLowerCase()}`;
  if (down.length) return `${down.length} of ${breakers.length} breakers are open`;
  return breakers.length === 1 ? "The breaker is not open" : `None of ${breakers.length} breakers is open`;
}
