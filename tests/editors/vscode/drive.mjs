// Drives VS Code in a browser as a newcomer would, and prints one JSON line of what was seen.
//   node drive.mjs URL FOLDER-OF-SCREENSHOTS
import { createRequire } from "node:module";
const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");

const [, , url, shots] = process.argv;
const flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const seen = {};

const texts = (selector) =>
  page.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.textContent.trim()), selector);
const waitForText = (selector, text, timeout = 60_000) =>
  page.waitForFunction(
    ([s, t]) => [...document.querySelectorAll(s)].some((e) => e.textContent.includes(t)),
    [selector, text],
    { timeout },
  );
const ROW = ".quick-input-list .monaco-list-row";

async function command(title) {
  await page.keyboard.press("F1");
  await page.waitForSelector(".quick-input-widget input");
  await page.keyboard.type(title);
  await waitForText(ROW, title);
  await page.keyboard.press("Enter");
}

try {
  await page.goto(url);
  await page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
  await page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 60_000 });
  await waitForText(".notification-toast", "can index this workspace");
  await page.click('.notification-toast .monaco-button:has-text("Index This Workspace")');
  await waitForText(".statusbar-item", "units");
  seen.status = (await texts(".statusbar-item")).find((text) => text.includes("OASIS"));

  await page.keyboard.press("Control+Alt+f");
  await page.waitForFunction(
    () => document.querySelector(".quick-input-widget input")?.placeholder?.startsWith("Describe"),
  );
  const question = "retry with growing delays";
  await page.keyboard.type(question.slice(0, -1));
  await waitForText(ROW, "call_with_backoff");
  const times = [];
  for (let round = 0; round < 15; round += 1) {
    // From a typed character to a redrawn list: another question has other similarities in its rows.
    const shown = (await texts(ROW)).join();
    const began = Date.now();
    await page.keyboard.press(round % 2 ? "Backspace" : "s");
    await page
      .waitForFunction(
        ([s, before]) => {
          const now = [...document.querySelectorAll(s)].map((e) => e.textContent.trim()).join();
          return now.length > 0 && now !== before;
        },
        [ROW, shown],
        { timeout: 2_000, polling: 5 },
      )
      .then(() => times.push(Date.now() - began), () => undefined);
  }
  times.sort((a, b) => a - b);
  seen.redrawMs = times;
  await waitForText(ROW, "call_with_backoff");
  seen.rows = await page.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.ariaLabel), ROW);
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: `${shots}/vscode-search.png` });
  await page.keyboard.press("Enter");
  await waitForText(".tab.active", "retry.py");
  seen.opened = (await texts(".tab.active"))[0];

  await command("OASIS: Find Similar Code");
  await waitForText(".pane-body .monaco-list-row", "patiently");
  seen.similar = await texts(".pane-body .monaco-list-row");
  await page.click('.monaco-button:has-text("Find Duplicates")');
  await waitForText(".pane-body .monaco-list-row", "and 1 more");
  seen.duplicates = await texts(".pane-body .monaco-list-row");
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${shots}/vscode-similar.png` });
} catch (error) {
  await page.screenshot({ path: `${shots}/vscode-failed.png` });
  seen.error = String(error);
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
