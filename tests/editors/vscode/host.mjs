// Keeps a window open until the tests in its extension host are done.
//   node host.mjs URL SHOTS FILE-OF-RESULTS
import { existsSync } from "node:fs";
import { more, session } from "./browser.mjs";

await session("host", async (window, seen) => {
  const end = Date.now() + 480_000;
  while (!existsSync(more[0]) && Date.now() < end) {
    await window.page.waitForTimeout(200);
  }
  seen.done = existsSync(more[0]);
});
