// Something stands in the way: what is said, how often, and whether the offered button does something.
//   node obstacle.mjs URL SHOTS
//     '{"name", "toast", "button", "then": SELECTOR, "text", "repair", "vanish", "patience": MS, "after": {"command", "toast"}}'
import { renameSync } from "node:fs";
import { ROW, TOAST, more, session } from "./browser.mjs";

const wanted = JSON.parse(more[0]);

async function ask(window) {
  await window.openSearch();
  await window.page.keyboard.type("retry with growing delays", { delay: 60 });
  await window.page.waitForTimeout(1_500);
}

await session(wanted.name, async (window, seen) => {
  const { page } = window;
  await window.consent();
  if (wanted.vanish) {
    await window.waitForMatch(".statusbar-item", "OASIS: [0-9,]+ units");
    renameSync(wanted.vanish, `${wanted.vanish}-gone`);
    await ask(window);
    await page.keyboard.press("Escape"); // no editor tells of it: it is noticed when the hits are to be read
  }
  await window.waitForText(TOAST, wanted.toast);
  // Whoever goes on typing is not told again with every letter.
  await ask(window);
  seen.rows = await window.texts(ROW);
  await page.keyboard.press("Escape");
  await page.waitForTimeout(500);
  seen.toasts = (await window.texts(`${TOAST} .notification-list-item-message`)).filter((text) => text.includes("OASIS"));
  seen.status = (await window.texts(".statusbar-item")).find((text) => text.includes("OASIS"));
  await window.shot(wanted.name);
  if (wanted.repair) {
    wanted.vanish ? renameSync(`${wanted.vanish}-gone`, wanted.vanish) : renameSync(wanted.repair[0], wanted.repair[1]);
  }
  await window.press(wanted.button);
  await window.waitForText(wanted.then, wanted.text, wanted.patience ?? 60_000);
  seen.then = true;
  if (wanted.after) {
    await ask(window);
    await window.waitForText(ROW, "call_with_backoff");
    seen.after = (await window.texts(ROW))[0];
    await page.keyboard.press("Escape");
    await window.command(wanted.after.command);
    await window.waitForText(TOAST, wanted.after.toast);
  }
});
