// What somebody does who has just installed the extension: agrees, asks, opens, looks for copies; then runs
// the commands whose titles are given.
//   node newcomer.mjs URL SHOTS [TITLE ...]
import { ROW, more, session } from "./browser.mjs";

await session("newcomer", async (window, seen) => {
  const { page } = window;
  await page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 60_000 });
  await window.consent();
  seen.status = await window.waitForMatch(".statusbar-item", "OASIS: [0-9,]+ units");

  await window.openSearch();
  await page.keyboard.type("retry with growing delays");
  await window.waitForText(ROW, "call_with_backoff");
  seen.rows = await page.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.ariaLabel), ROW);
  await page.waitForTimeout(1_000);
  await window.shot("search");
  await page.keyboard.press("Enter");
  await window.waitForText(".tab.active", "retry.py");
  // The file takes the focus when it is shown, and would take it from a list that is opened too early.
  await page.waitForFunction(() => document.activeElement?.closest(".editor-instance"));
  await page.waitForTimeout(500);
  seen.opened = (await window.texts(".tab.active"))[0];

  await window.command("OASIS: Find Similar Code");
  await window.waitForText(".pane-body .monaco-list-row", "patiently");
  seen.similar = await window.texts(".pane-body .monaco-list-row");
  await page.click('.monaco-button:has-text("Find Duplicates")');
  await window.waitForText(".pane-body .monaco-list-row", "and 1 more");
  seen.duplicates = await window.texts(".pane-body .monaco-list-row");
  await page.waitForTimeout(500);
  await window.shot("similar");
  for (const title of more) {
    await window.command(title);
    await page.waitForTimeout(1_000);
  }
});
