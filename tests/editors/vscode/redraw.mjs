// How long a list takes to show the answer to a letter that was just typed, while a large folder is indexed.
//   node redraw.mjs URL SHOTS
import { ROW, session } from "./browser.mjs";

const SENTENCES = ["where is the cache of compiled templates cleared", "read a configuration file and merge its sections"];

await session("redraw", async (window, seen) => {
  const { page } = window;
  await window.consent();
  // A twentieth of 38,000 files is more than 20,000 units.
  seen.before = await window.waitForMatch(".statusbar-item", "OASIS: indexing ([5-9]|[1-9][0-9]) %", 240_000);
  await window.openSearch();
  await page.keyboard.type("find ");
  await page.waitForFunction((s) => document.querySelector(s), ROW);
  seen.milliseconds = [];
  for (const letter of SENTENCES.join(" and ")) {
    const shown = (await window.texts(ROW)).join();
    const began = Date.now();
    await page.keyboard.press(letter === " " ? "Space" : letter);
    await page
      .waitForFunction(
        ([s, before]) => {
          const now = [...document.querySelectorAll(s)].map((e) => e.textContent.trim()).join();
          return now.length > 0 && now !== before;
        },
        [ROW, shown],
        { timeout: 1_000, polling: 5 },
      )
      // A space, or a letter that changes no answer, redraws nothing.
      .then(() => seen.milliseconds.push(Date.now() - began), () => undefined);
  }
  seen.after = await window.waitForMatch(".statusbar-item", "OASIS: ");
});
