// Drives Chromium over one page, as it is told. One JSON object a line, answered by one:
//
//     {"do": "open", "url": "…", "width": 390, "height": 844, "scheme": "dark"}
//     {"do": "click", "role": "button", "name": "…"}      → {"result": null} or {"failed": "…"}
//
// What a person does is found as a person finds it: by role and name, by label, by key.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";

// Far longer than anything takes, and less than what waits for this process.
const PATIENCE = 50_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What no single step looks for: errors, dialogs, requests that go elsewhere. */
const faults = [];
let context = null;
let page = null;
/** Answers that a test provokes; Chromium writes each to the console as an error. */
let refusals = 0;

const actions = {
  async open({ url, width, height, scheme, motion }) {
    await context?.close();
    context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: motion ?? "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
    });
    context.setDefaultTimeout(PATIENCE);
    page = await context.newPage();
    watch(page, url);
    await page.goto(url);
  },

  async reload() {
    await page.reload();
  },

  /** Waits until the text of the first element that fits contains all of `has`, and none of `lacks`. */
  async until({ css, within, has = [], lacks = [] }) {
    const found = element({ css, within }).first();
    const deadline = Date.now() + PATIENCE;
    let text = "";
    while (Date.now() < deadline) {
      text = await found.innerText({ timeout: deadline - Date.now() });
      if (has.every((part) => text.includes(part)) && !lacks.some((part) => text.includes(part))) return text;
      await page.waitForTimeout(50);
    }
    throw new Error(`${css} does not say ${JSON.stringify(has)}, or says ${JSON.stringify(lacks)}: ${text}`);
  },

  async click(what) {
    await element(what).click();
  },

  async fill({ label, value }) {
    await page.getByLabel(label, { exact: true }).fill(value);
  },

  async choose({ label, value }) {
    await page.getByLabel(label, { exact: true }).selectOption(value);
  },

  async type({ text }) {
    await page.keyboard.type(text);
  },

  /** Presses a key until what has the focus says `until`, or once. */
  async press({ key, until }) {
    for (let times = 0; times < 200; times += 1) {
      await page.keyboard.press(key);
      const focused = await focus();
      if (until === undefined || focused.name.includes(until)) return focused;
    }
    throw new Error(`${key} does not reach ${until}`);
  },

  focus,

  count: ({ css }) => page.locator(css).count(),

  text: (what) => element(what).first().innerText(),

  texts: ({ css }) => page.locator(css).allInnerTexts(),

  attribute: ({ name, ...what }) => element(what).first().getAttribute(name),

  title: () => page.title(),

  url: () => page.url(),

  /** What an expression in the page is. */
  evaluate: ({ expression }) => page.evaluate(expression),

  /** What axe finds against WCAG 2.2 AA and its own best practices. */
  async axe() {
    await page.evaluate(AXE);
    const { violations, passes } = await page.evaluate(() => axe.run());
    const found = violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => `${node.html} ${node.failureSummary}`) }));
    return { violations: found, passes: passes.length };
  },

  async picture({ file, whole }) {
    await page.screenshot({ path: file, fullPage: whole });
  },

  async offline({ offline }) {
    await context.setOffline(offline);
  },

  async faults({ refused = 0 }) {
    const unexpected = refusals === refused ? [] : [`${refusals} refusals in the console, not ${refused}`];
    const text = await page.locator("body").innerText();
    const slips = text.match(/.*(undefined|NaN|\bnull\b|\[object).*/g) ?? [];
    return [...faults, ...unexpected, ...slips];
  },
};

function element({ css, role, name, within }) {
  const base = within ? page.locator(within.css ?? ".breaker", { hasText: within.text }) : page;
  return css ? base.locator(css) : base.getByRole(role, { name, exact: true });
}

/** What has the focus, as a screen reader would say it, and whether one sees that. */
function focus() {
  return page.evaluate(() => {
    const at = document.activeElement;
    const label = at.labels?.[0]?.textContent ?? at.ariaLabel ?? at.textContent;
    return {
      tag: at.localName,
      name: label.trim(),
      outlined: getComputedStyle(at).outlineStyle !== "none",
      inDialog: Boolean(at.closest("dialog")),
    };
  });
}

function watch(page, url) {
  const { origin, protocol } = new URL(url);
  // A page in a file has no origin: it may ask for itself, and for nothing else.
  const isItsOwn = (asked) => protocol === "file:" ? asked === url : new URL(asked).origin === origin;
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("pageerror", (error) => faults.push(`an error: ${error}`));
  page.on("console", (message) => {
    const text = message.text();
    // The API refuses with 503 what it cannot do now.
    if (/status of (4\d\d|503)/.test(text)) refusals += 1;
    else if (["error", "warning"].includes(message.type()) && !text.includes("net::ERR_")) faults.push(`the console: ${text}`);
  });
  page.on("request", (request) => {
    if (!isItsOwn(request.url())) faults.push(`a request to ${request.url()}`);
  });
}

/** The browser of the machine: `CHROMIUM`, or what `PATH` has. */
function installed() {
  const names = process.env.PATH.split(":").map((folder) => join(folder, "chromium"));
  const found = [process.env.CHROMIUM, ...names].filter(Boolean).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error("chromium is missing: `make setup`");
  return found;
}

const browser = await chromium.launch({
  executablePath: installed(),
  env: process.env,
  timeout: PATIENCE,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
  ],
});
console.log(JSON.stringify({ result: "ready" }));
for await (const line of createInterface({ input: process.stdin })) {
  const { do: action, ...told } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await actions[action](told)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ failed: `${action} ${JSON.stringify(told)}: ${error.message}` }));
  }
}
await browser.close();
