
// Asks before anything is changed, sends it, and shows what the API says against it.

const configured = ({ configured_mode: mode }) => mode ? `The configured mode, ${words(mode)},` : "The configured mode";
const CONSEQUENCES = {
  open: (breaker) => `Every call is refused from now on and gets: ${breaker.callers_get.join(", else ") || "error"}. No probe goes out until this ends.`,
  close: () => "Calls go to the provider again, at once; its window starts empty, and the next failures open it as ever. With a duration it cannot open for so long: every call passes.",
  reset: () => "Starts afresh: closed, with an empty window and no back-off. An override ends.",
  mode: (breaker) => `${configured(breaker)} is out of force until this ends.`,
  end: (breaker) => `${configured(breaker)} is in force again.`,
};
const MODES = {
  enforce: "enforce: open as its thresholds say",
  shadow: "shadow: decide and count, block nothing",
  disabled: "disabled: every call passes, nothing is counted",
  forced_open: "forced open: every call is refused",
};
const ENDLESS = { close: "Empty: closed now, and free to open again.", open: "Empty: until someone ends it.", mode: "Empty: until someone ends it." };
/** Actions and modes that block every call, or let every call through. */
const DANGEROUS = ["open", "close", "forced_open", "disabled"];

// The browser's store for this tab may be switched off; then the token lasts as long as the page.
const memory = {};
const kept = {
  read: (name) => { try { return sessionStorage.getItem(name) ?? ""; } catch { return memory[name] ?? ""; } },
  write: (name, value) => { try { sessionStorage.setItem(name, value); } catch { memory[name] = value; } },
};

let asked = null;

function ask(breaker, action) {
  asked = { breaker, action };
  say($("question"), `${BUTTONS[action]}?`);
  say($("target"), called(breaker));
  say($("consequence"), CONSEQUENCES[action](breaker));
  $("scope-field").hidden = !canReachFleet(breaker, action);
  $("scope").value = usualScope(breaker, action);
  $("mode-field").hidden = action !== "mode";
  $("duration-field").hidden = !(action in ENDLESS);
  say($("endless"), ENDLESS[action] ?? "");
  $("mode").value = breaker.mode;
  $("duration").value = $("reason").value = "";
  $("user").value = kept.read("user");
  $("token").value = kept.read("token");
  say($("error"), "");
  say($("confirm"), BUTTONS[action]);
  warn();
  sayReach();
  $("confirm").disabled = false;
  $("dialog").showModal();
}

function warn() {
  const chosen = asked.action === "mode" ? $("mode").value : asked.action;
  $("confirm").classList.toggle("danger", DANGEROUS.includes(chosen));
}

function sayReach() {
  if (!$("scope-field").hidden) say($("reach"), reach(asked.breaker, $("scope").value));
}

const isForFleet = () => !$("scope-field").hidden && $("scope").value === "fleet";

/** What is sent: only what was filled in. */
function order() {
  const { action } = asked;
  const body = {};
  const seconds = $("duration").valueAsNumber * Number($("unit").value);
  if (action === "end") body.mode = null;
  if (action === "mode") body.mode = $("mode").value;
  if (isForFleet()) body.scope = "fleet";
  if (action in ENDLESS && seconds) body.duration = `${seconds}s`;
  for (const name of ["user", "reason"]) {
    const text = $(name).value.trim();
    if (text) body[name] = text;
  }
  return body;
}

async function send() {
  const { breaker, action } = asked;
  const token = $("token").value;
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const path = `api/v1/breakers/${encodeURIComponent(breaker.key)}/${action === "end" ? "mode" : action}`;
  $("confirm").disabled = true;
  say($("error"), "");
  try {
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(order()), ...REQUEST() });
    if (!answer.ok) return refused(answer.status, await answer.json().catch(() => ({})));
    kept.write("token", token);
    kept.write("user", $("user").value.trim());
    $("dialog").close();
    announce(`${called(breaker)}: ${isForFleet() ? "asked of the fleet" : "done"}, ${BUTTONS[action].toLowerCase()}`);
    refresh();
  } catch {
    say($("error"), "The proxy did not answer. Whether the change was made, the list will show.");
  } finally {
    $("confirm").disabled = false;
  }
}

function refused(status, { error }) {
  const details = (error?.details ?? []).map(({ path, value, allowed }) => `${path}: ${JSON.stringify(value)}, allowed is ${allowed}.`);
  say($("error"), [error ? capital(error.message) : `The proxy answered ${status}.`, ...details].join(" "));
  if (status === 401) {
    kept.write("token", "");
    $("token").focus();
  }
}

$("mode").append(...Object.entries(MODES).map(([value, text]) => node("option", { value }, text)));
$("mode").onchange = warn;
$("scope").onchange = sayReach;
$("cancel").onclick = () => $("dialog").close();
$("form").onsubmit = (event) => {
  event.preventDefault();
  send();
};
