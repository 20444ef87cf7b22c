// Takes the pictures of the README: frames of a search while one types, and two still pictures.
//   node capture.mjs URL FOLDER-OF-PICTURES NAME-OF-THE-THEME
import { ROW, more, session, shots, url } from "./browser.mjs";

const [theme] = more;
const QUESTION = "delete a temporary directory when the with block ends";

await session("capture", async (window, seen) => {
  const { page } = window;
  await page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 60_000 });
  await window.consent();
  await window.waitForMatch(".statusbar-item", "OASIS: [0-9,]+ units");
  await page.waitForTimeout(1_000);
  const frames = [];
  const take = async (seconds) => {
    const file = `${shots}/frame-${theme}-${String(frames.length).padStart(3, "0")}.png`;
    await page.screenshot({ path: file });
    frames.push([file, seconds]);
  };
  await take(1);
  await window.openSearch();
  await take(0.6);
  for (const [place, letter] of [...QUESTION].entries()) {
    await page.keyboard.type(letter);
    if (letter === " " || place === QUESTION.length - 1) {
      await page.waitForTimeout(350);
      await take(0.35);
    }
  }
  await page.waitForTimeout(1_200);
  await take(1.6);
  await page.screenshot({ path: `${shots}/search-${theme}.png` });
  await page.keyboard.press("ArrowDown");
  await page.waitForTimeout(700);
  await take(1.2);
  await page.keyboard.press("ArrowUp");
  await page.waitForTimeout(700);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.closest(".editor-instance"));
  await page.waitForTimeout(800);
  await take(2);
  await window.command("OASIS: Find Similar Code");
  await window.waitForMatch(".pane-body .monaco-list-row", "similarity|▰|%");
  await page.waitForTimeout(1_000);
  await take(2.5);
  await page.screenshot({ path: `${shots}/similar-${theme}.png` });
  seen.frames = frames;
  seen.url = url;
  seen.rows = await window.texts(ROW);
}, { width: 1120, height: 680 });
