
// Reads the API again and again, says how old its answer is, and lets no failure look like calm.

const INTERVAL = 2_000;
const REQUEST = () => ({ cache: "no-store", redirect: "error", signal: AbortSignal.timeout(8_000) });

let latest = null;
let received = 0;
let failure = null;
let failures = 0;
let timer = 0;
let shownAge = 0;
let isReading = false;
let isPaused = false;

const age = () => (performance.now() - received) / 1000;

function announce(text) {
  say($("said"), text);
}

async function refresh() {
  if (isReading) return;
  isReading = true;
  clearTimeout(timer);
  const began = performance.now();
  failure = await read();
  failures = failure ? failures + 1 : 0;
  isReading = false;
  show();
  // A long list takes a proxy some work: at most a fifth of its time.
  const pause = Math.max(INTERVAL * Math.min(1 + failures, 5), 4 * (performance.now() - began));
  if (!isPaused && !document.hidden) timer = setTimeout(refresh, Math.min(pause, 30_000));
}

/** Takes one answer; what is wrong, if something is. */
async function read() {
  let answer;
  try {
    answer = await fetch("api/v1/breakers", REQUEST());
  } catch (error) {
    return error.name === "TimeoutError" ? "no answer within 8 s" : "it does not answer";
  }
  if (!answer.ok) return `it answered ${answer.status}`;
  try {
    take(await answer.json());
    return null;
  } catch (error) {
    return `its answer cannot be read: ${error.message}`;
  }
}

function take(answer) {
  const before = latest && new Map(latest.breakers.map((breaker) => [breaker.key, condition(breaker).label]));
  latest = answer;
  received = performance.now();
  shownAge = 0;
  const was = (breaker) => before.get(breaker.key) ?? "Closed";
  const changed = before ? answer.breakers.filter((breaker) => was(breaker) !== condition(breaker).label) : [];
  if (changed.length > 3) announce(`${changed.length} breakers changed. ${summary(answer.breakers)}.`);
  else if (changed.length) announce(changed.map((breaker) => `${called(breaker)}: ${condition(breaker).label}`).join(". "));
  const down = answer.breakers.filter((breaker) => condition(breaker).level === "down").length;
  document.title = `${down ? `${down} open` : "none open"} – llm-breaker`;
  say($("summary"), summary(answer.breakers));
  say($("counts"), answer.breakers.length ? counts(answer.breakers) : "");
  const readOnly = answer.writes === "token" ? "" : "read-only: no admin token is configured";
  say($("node"), [answer.node && `on ${answer.node}`, readOnly].filter(Boolean).map((told) => `· ${told}`).join(" "));
}

function show() {
  if (latest) list(latest);
  $("stale").hidden = !failure;
  if (failure) {
    say($("stale-since"), latest ? `Stale since ${clock(latest.generated_at)}` : "Nothing read yet");
    say($("stale-why"), `: the proxy cannot be read (${failure}). Trying again.`);
    document.title = "stale – llm-breaker";
  }
  tick();
}

function tick() {
  if (!latest) return;
  // What is stale stands still: a countdown that nobody confirms would deceive.
  if (!failure && !isPaused) shownAge = age();
  for (const row of rows.values()) row.tick(shownAge);
  const at = clock(latest.generated_at);
  say($("fresh"), isPaused ? `Paused at ${at}` : failure ? `As of ${at}` : `As of ${at}, ${age() < 3 ? "live" : `${span(age())} ago`}`);
}

$("pause").onclick = () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", isPaused);
  if (isPaused) clearTimeout(timer);
  else refresh();
  tick();
};
$("filter").oninput = show;
document.onvisibilitychange = () => { if (!document.hidden && !isPaused) refresh(); };
say($("zone"), `Times are of ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
setInterval(tick, 1000);
refresh();
