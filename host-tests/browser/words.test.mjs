// What the status page says, for each thing that the API can say: what no outage of a test brings about.
//
//     node --test host-tests/browser/words.test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

process.env.TZ = "UTC";
const source = readFileSync(new URL("../../filter/src/admin/page/facts.js", import.meta.url), "utf8");
const names = ["span", "sorted", "condition", "why", "reasons", "gets", "probe", "lead", "overridden", "windowed", "heard", "canReachFleet", "usualScope", "reach", "happened", "counts", "summary"];
const say = new Function(`${source}; return { ${names.join(", ")} };`)();

const SINCE = "2026-11-28T16:40:00.000Z";

function breaker(told = {}) {
  return {
    key: "c", cluster: told.key ?? "c", model: null, state: "closed", mode: "enforce", configured_mode: "enforce", override: null,
    since: SINCE, since_seconds: 60, reason: null, next_probe_at: null, open_remaining_seconds: 0, probes_in_flight: 0,
    trips: 0, window: { calls: 0, failures: 0, slow: 0, seconds: 60, max_calls: null }, consecutive_failures: 0,
    callers_get: ["reroute azure", "error"], requests_blocked: 0, requests_would_block: 0, events: [], ...told,
  };
}

const forced = { mode: "forced_open", since: SINCE, until: "2026-11-28T16:50:00.000Z", remaining_seconds: 540, user: "dana", reason: "x" };

test("durations have two units and no zero behind", () => {
  const told = [[0, "0 s"], [-1, "0 s"], [59.4, "59 s"], [60, "1 m"], [61, "1 m 1 s"], [3599, "59 m 59 s"], [3600, "1 h"],
    [3661, "1 h 1 m"], [86399, "23 h 59 m"], [86400, "1 d"], [90000, "1 d 1 h"], [86461, "1 d"], [2592000, "30 d"]];
  for (const [seconds, text] of told) assert.equal(say.span(seconds), text);
});

test("every cause is a phrase, and one that is new is still said", () => {
  const why = (cause, more) => say.why({ cause, measured: 5, category: "timeout", ended_by: "upstream", announced: false, ...more });
  assert.equal(why("consecutive_failures"), "5 failures in a row, the last: timeout");
  assert.equal(why("failure_rate", { measured: 0.625 }), "63 % of calls failed, the last: timeout");
  assert.equal(why("failure_rate", { measured: 0.5, threshold: 0.5 }), "50 % of calls failed (limit 50 %), the last: timeout");
  assert.equal(why("slow_rate", { measured: 1, category: "slow" }), "100 % of calls were slow");
  assert.equal(why("verdict", { category: "quota_exhausted", announced: true }), "one call was enough: quota_exhausted; the provider said how long");
  assert.equal(why("probe_failed", { ended_by: "envoy" }), "probe failed: timeout (Envoy's time-out)");
  assert.equal(why("probe_failed", { ended_by: "limit" }), "probe failed: timeout (a limit passed while it hung)");
  assert.equal(why("something_new", { category: null, ended_by: "someone" }), "something new");
});

test("what is wrong comes first, and of that what changed last", () => {
  const later = "2026-11-28T16:41:00.000Z";
  const all = [
    breaker({ key: "disabled", mode: "disabled", configured_mode: "disabled" }),
    breaker({ key: "well-b" }),
    breaker({ key: "well-a" }),
    breaker({ key: "failing", consecutive_failures: 1 }),
    breaker({ key: "kept closed", mode: "disabled", override: { ...forced, mode: "disabled" } }),
    breaker({ key: "half", state: "half_open" }),
    breaker({ key: "shadow", state: "open", mode: "shadow", since: later }),
    breaker({ key: "forced", mode: "forced_open", state: "open", override: forced }),
    breaker({ key: "old", state: "open" }),
    breaker({ key: "new", state: "open", since: later }),
  ];
  const order = ["new", "old", "forced", "shadow", "half", "kept closed", "failing", "well-a", "well-b", "disabled"];
  assert.deepEqual(say.sorted(all).map(({ key }) => key), order);
  assert.equal(say.counts(all), "2 open · 1 forced open · 1 would be open · 1 half-open · 1 switched off · 3 closed · 1 disabled");
  assert.equal(say.summary(all), "3 of 10 breakers are open");
  assert.equal(say.summary(all.slice(-1)), "new is open");
  assert.equal(say.summary(all.slice(0, 2)), "None of 2 breakers is open");
  assert.equal(say.summary([]), "No breaker yet");
});

test("an outage of several rounds is told from its beginning", () => {
  const open = { kind: "transition", from: "closed", to: "open", at: "2026-11-28T16:38:00.000Z", reason: "consecutive_failures", measured: 5, category: "server_error", ended_by: "upstream" };
  const again = { cause: "probe_failed", measured: null, category: "timeout", ended_by: "upstream", announced: false };
  const down = breaker({ state: "open", reason: again, trips: 3, open_remaining_seconds: 30, next_probe_at: "2026-11-28T16:41:30.000Z", events: [open] });
  assert.deepEqual(say.reasons(down), ["5 failures in a row, the last: server_error", "opened 3 times in a row, last: probe failed: timeout"]);
  assert.equal(say.lead(down, 5), "for 3 m 5 s, next probe in 25 s");
  assert.deepEqual(say.reasons({ ...down, events: [] }), ["probe failed: timeout", "opened 3 times in a row"]);
});

test("when the next probe goes out", () => {
  const open = breaker({ state: "open", open_remaining_seconds: 10, next_probe_at: SINCE });
  assert.equal(say.probe(open, 4)[0], "in 6 s");
  assert.equal(say.probe(open, 11)[0], "with the next call");
  assert.equal(say.probe(breaker({ state: "half_open" }), 0)[0], "with the next call");
  assert.equal(say.probe(breaker({ state: "half_open", probes_in_flight: 2 }), 0)[0], "2 probes in flight");
  assert.equal(say.probe(breaker(), 0)[0], "none needed");
  assert.equal(say.probe(breaker({ mode: "forced_open", override: { ...forced, until: null } }), 0)[1], "forced open until someone ends it");
});

test("what callers get depends on mode and state", () => {
  const get = (told) => say.gets(breaker(told))[0];
  assert.equal(get({ state: "open" }), "reroute azure, else error");
  assert.equal(get({ mode: "forced_open" }), "reroute azure, else error");
  assert.equal(get({ state: "half_open" }), "reroute azure, else error");
  for (const told of [{}, { state: "open", mode: "shadow" }, { state: "open", mode: "disabled" }]) {
    assert.equal(get(told), "the provider's answer");
  }
});

test("an override says who, why, for how long, and what it stands in for", () => {
  const told = say.overridden(breaker({ mode: "forced_open", override: forced }), 40);
  assert.match(told, /^Forced open by dana since .*16:40:00, 8 m 20 s left \(until .*16:50:00\): “x”\. Configured: enforce\.$/);
  const endless = { ...forced, until: null, remaining_seconds: null, user: null, reason: null };
  assert.match(say.overridden(breaker({ override: endless }), 0), /^Forced open since .*16:40:00, until someone ends it\. /);
});

test("windows by time and by number", () => {
  assert.deepEqual(say.windowed(breaker({ window: { calls: 1, failures: 1, slow: 0, seconds: 60, max_calls: null }, consecutive_failures: 1 })), ["1 of 1 call", "last 1 m, 1 in a row"]);
  assert.deepEqual(say.windowed(breaker({ window: { calls: 1200, failures: 3, slow: 12, seconds: null, max_calls: 2000 } })), ["3 of 1,200 calls", "last 2,000 calls, 12 slow"]);
});

test("a breaker of which no proxy left a word is shown all the same", () => {
  const unknown = breaker({ window: null, configured_mode: null, callers_get: [] });
  assert.equal(say.lead(unknown, 0), "");
  assert.deepEqual(say.windowed(unknown), ["–", ""]);
  assert.deepEqual(say.gets(unknown), ["the provider's answer", "when open: error"]);
});

test("an open breaker's window is empty, and why", () => {
  assert.deepEqual(say.windowed(breaker({ state: "open" })), ["0 of 0 calls", "last 1 m, empty since it opened"]);
});

test("what operators did is told as they gave it", () => {
  const event = { kind: "override", at: SINCE, action: "mode", mode: "shadow", user: "kim", reason: "<b>", duration_seconds: 600 };
  assert.equal(say.happened(event), "mode shadow for 10 m by kim: “<b>”");
  assert.equal(say.happened({ kind: "override", at: SINCE, action: "reset", user: null, reason: null }), "reset");
  assert.equal(say.happened({ kind: "override", at: SINCE, action: "expire", mode: "forced_open" }), "forced open ended: its time is over");
  assert.equal(say.happened({ kind: "reset_generation", at: SINCE, generation: 4 }), "reset generation 4");
  const closed = { kind: "transition", at: SINCE, from: "half_open", to: "closed", reason: "probes_succeeded", category: "success", ended_by: "upstream" };
  assert.equal(say.happened(closed), "half-open → closed: probes succeeded");
});

test("what other proxies say is told with who says it, for as long as it holds", () => {
  const report = { domain: "eu-1", node: "a", state: "open", basis: "announced", category: "quota_exhausted", remaining_seconds: 90 };
  const fleet = { connected: true, scope: "acme", domain: "eu-2", probes: null, override: null, reports: [], reports_left_out: 0 };
  const told = (more, age = 0) => say.heard(breaker({ fleet: { ...fleet, ...more } }), age);
  assert.equal(told({ connected: false }), "Fleet: out of touch with the others, this proxy is on its own.");
  assert.equal(told({}), "Fleet acme: nobody says anything.");
  assert.equal(told({ reports: [report], probes: "eu-1/a" }, 30), "Fleet acme: a (eu-1) has it open for 1 m: announced, quota exhausted; eu-1/a probes.");
  assert.equal(told({ reports: [report] }, 90), "Fleet acme: nobody says anything.");
  const closed = { ...report, state: "closed", basis: null, category: null };
  assert.equal(told({ reports: [closed], reports_left_out: 3 }), "Fleet acme: a (eu-1) says that it works; 3 more.");
  assert.match(told({ override: { mode: "forced_open", until: SINCE } }), /: forced open is ordered for all until .*16:40:00\.$/);
  const event = { kind: "override", at: SINCE, action: "fleet", mode: "shadow", duration_seconds: 60 };
  assert.equal(say.happened(event), "shadow as ordered for the fleet for 1 m");
  assert.equal(say.happened({ ...event, action: "fleet_release" }), "shadow ended: taken back for the fleet");
  assert.equal(say.happened({ ...event, action: "open", mode: "forced_open", scope: "fleet", user: "kim" }), "open for the fleet for 1 m by kim");
});

test("an order may be for the whole fleet, if there is one, and one of the fleet's is ended there", () => {
  const fleet = { connected: true, scope: "acme" };
  const alone = breaker();
  const member = breaker({ fleet });
  for (const action of ["open", "mode", "end"]) {
    assert.equal(say.canReachFleet(alone, action), false);
    assert.equal(say.canReachFleet(member, action), true);
  }
  for (const action of ["close", "reset"]) assert.equal(say.canReachFleet(member, action), false);
  const ordered = (scope) => breaker({ fleet, override: { ...forced, scope } });
  assert.equal(say.usualScope(member, "end"), "local");
  assert.equal(say.usualScope(ordered("local"), "end"), "local");
  assert.equal(say.usualScope(ordered("fleet"), "end"), "fleet");
  assert.equal(say.usualScope(ordered("fleet"), "open"), "local");
  assert.match(say.reach(member, "local"), /others .* as they are/);
  assert.match(say.reach(member, "fleet"), /all proxies of acme, this one included/);
  assert.match(say.reach(breaker({ fleet: { ...fleet, connected: false } }), "fleet"), /out of touch/);
  const nameless = { ...forced, user: null, scope: "fleet" };
  assert.match(say.overridden(breaker({ mode: "forced_open", override: nameless }), 0), /^Forced open for the fleet since /);
});
